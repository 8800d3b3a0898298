"""Certificates in a capture: in the clear in Aggressive Mode, decrypted in Main Mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikev1.audit.certificates import judge
from ikev1.audit.finding import Finding
from ikev1.audit.parsed import ParsedConversation
from ikev1.wire.payloads import Certificate
from ikev1.wire.registry import CertificateEncoding


def certificates(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """Findings about the certificates in messages, judged at the time of the message."""
    for conversation in conversations:
        for message in conversation.messages:
            for payload in message.wire.all(Certificate):
                if payload.encoding != CertificateEncoding.X509_SIGNATURE:
                    continue
                for judgement in judge(payload.data, message.report.time):
                    yield judgement.topic.finding(
                        judgement.severity,
                        judgement.reason,
                        message.evidence("CERT", payload),
                        conversation=conversation.report.number,
                    )
