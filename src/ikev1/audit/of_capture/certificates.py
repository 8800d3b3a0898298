"""Certificates in a capture: in the clear in Aggressive Mode, decrypted in Main Mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikev1.audit.certificates import judge
from ikev1.audit.finding import Finding
from ikev1.audit.reading import Reading
from ikev1.wire.payloads import Certificate
from ikev1.wire.registry import CertificateEncoding


def certificates(readings: Iterable[Reading]) -> Iterator[Finding]:
    """Findings about the certificates in messages, judged at the time of the message."""
    for reading in readings:
        for seen in reading.messages:
            for payload in seen.message.all(Certificate):
                if payload.encoding != CertificateEncoding.X509_SIGNATURE:
                    continue
                for judgement in judge(payload.data, seen.reported.time):
                    yield judgement.topic.finding(
                        judgement.severity,
                        judgement.reason,
                        seen.evidence("CERT", payload),
                        conversation=reading.conversation.number,
                    )
