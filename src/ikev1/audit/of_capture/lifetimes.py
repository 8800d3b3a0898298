"""How long keys live, and whether each pair of IPsec SAs has keys of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.limits import LONGEST_PHASE1, LONGEST_PHASE2, duration
from ikev1.audit.reading import Reading
from ikev1.audit.topics import topic
from ikev1.wire.payloads import KeyExchange
from ikev1.wire.registry import ProtocolId


def phase1_lifetimes(readings: Iterable[Reading]) -> Iterator[Finding]:
    """ISAKMP SAs that live longer than a day."""
    for reading in readings:
        if reading.chosen is None:
            continue
        seen, offer = reading.chosen
        seconds = offer.phase1_seconds
        if seconds is not None and seconds > LONGEST_PHASE1:
            yield topic("phase1-lifetime").finding(
                Severity.LOW,
                f"the ISAKMP SA of {reading.ends} may live {duration(seconds)}",
                seen.at(f"LIFE_DURATION = {seconds} s", offer.offset, offer.length),
                conversation=reading.conversation.number,
            )


def phase2_lifetimes(readings: Iterable[Reading]) -> Iterator[Finding]:
    """Pairs of IPsec SAs that live longer than eight hours."""
    for reading in readings:
        for seen in reading.labelled("QM2"):
            for offer in seen.offers():
                seconds = offer.phase2_seconds
                if seconds is not None and seconds > LONGEST_PHASE2:
                    yield topic("phase2-lifetime").finding(
                        Severity.MEDIUM,
                        f"{ProtocolId(offer.proposal.protocol).name} between {reading.ends} may keep its keys for "
                        f"{duration(seconds)}",
                        seen.at(f"SA_LIFE_DURATION = {seconds} s", offer.offset, offer.length),
                        conversation=reading.conversation.number,
                    )


def forward_secrecy(readings: Iterable[Reading]) -> Iterator[Finding]:
    """Quick Modes without a Diffie-Hellman exchange of their own, where they could be decrypted: that of phase 1 is
    none of theirs, and the sizes of what is encrypted prove nothing.
    """
    for reading in readings:
        for seen in reading.labelled("QM1"):
            if seen.first(KeyExchange) is None:
                yield topic("no-pfs").finding(
                    Severity.MEDIUM,
                    f"the keys of the traffic between {reading.ends} follow from phase 1: Quick Mode brought no KE",
                    seen.evidence("no KE payload"),
                    conversation=reading.conversation.number,
                )
