"""Lifetimes of keys, and perfect forward secrecy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.limits import LONGEST_PHASE1, LONGEST_PHASE2, duration
from ikev1.audit.reading import Reading
from ikev1.audit.topics import topic
from ikev1.wire.payloads import KeyExchange
from ikev1.wire.registry import ProtocolId


def phase1_lifetimes(readings: Iterable[Reading]) -> Iterator[Finding]:
    """ISAKMP SAs with a lifetime of more than a day."""
    for reading in readings:
        if reading.chosen is None:
            continue
        seen, offer = reading.chosen
        seconds = offer.phase1_seconds
        if seconds is not None and seconds > LONGEST_PHASE1:
            yield topic("phase1-lifetime").finding(
                Severity.LOW,
                f"the ISAKMP SA of {reading.ends} has a lifetime of {duration(seconds)}",
                seen.at(f"LIFE_DURATION = {seconds} s", offer.offset, offer.length),
                conversation=reading.conversation.number,
            )


def phase2_lifetimes(readings: Iterable[Reading]) -> Iterator[Finding]:
    """IPsec SAs with a lifetime of more than eight hours."""
    for reading in readings:
        for seen in reading.labelled("QM2"):
            for offer in seen.offers():
                seconds = offer.phase2_seconds
                if seconds is not None and seconds > LONGEST_PHASE2:
                    yield topic("phase2-lifetime").finding(
                        Severity.MEDIUM,
                        f"{ProtocolId(offer.proposal.protocol).name} between {reading.ends} has a lifetime of "
                        f"{duration(seconds)}",
                        seen.at(f"SA_LIFE_DURATION = {seconds} s", offer.offset, offer.length),
                        conversation=reading.conversation.number,
                    )


def forward_secrecy(readings: Iterable[Reading]) -> Iterator[Finding]:
    """Decrypted Quick Modes without KE payload. The KE payloads of phase 1 do not count, and the sizes of encrypted
    messages prove nothing.
    """
    for reading in readings:
        for seen in reading.labelled("QM1"):
            if seen.first(KeyExchange) is None:
                yield topic("no-pfs").finding(
                    Severity.MEDIUM,
                    f"the ESP keys of {reading.ends} are derived from phase 1 alone: Quick Mode has no KE payload",
                    seen.evidence("no KE payload"),
                    conversation=reading.conversation.number,
                )
