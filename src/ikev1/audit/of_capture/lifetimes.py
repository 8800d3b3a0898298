"""Lifetimes of keys, and perfect forward secrecy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.limits import LONGEST_PHASE1, LONGEST_PHASE2, duration
from ikev1.audit.parsed import ParsedConversation
from ikev1.audit.topics import topic
from ikev1.wire.payloads import KeyExchange
from ikev1.wire.registry import ProtocolId


def phase1_lifetimes(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """ISAKMP SAs with a lifetime of more than a day."""
    for conversation in conversations:
        if conversation.chosen is None:
            continue
        message, offer = conversation.chosen
        seconds = offer.phase1_seconds
        if seconds is not None and seconds > LONGEST_PHASE1:
            yield topic("phase1-lifetime").finding(
                Severity.LOW,
                f"the ISAKMP SA of {conversation.ends} has a lifetime of {duration(seconds)}",
                message.at(f"LIFE_DURATION = {seconds} s", offer.offset, offer.length),
                conversation=conversation.report.number,
            )


def phase2_lifetimes(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """IPsec SAs with a lifetime of more than eight hours."""
    for conversation in conversations:
        for message in conversation.labelled("QM2"):
            for offer in message.offers():
                seconds = offer.phase2_seconds
                if seconds is not None and seconds > LONGEST_PHASE2:
                    yield topic("phase2-lifetime").finding(
                        Severity.MEDIUM,
                        f"{ProtocolId(offer.proposal.protocol).name} between {conversation.ends} has a lifetime of "
                        f"{duration(seconds)}",
                        message.at(f"SA_LIFE_DURATION = {seconds} s", offer.offset, offer.length),
                        conversation=conversation.report.number,
                    )


def forward_secrecy(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """Decrypted Quick Modes without KE payload. The KE payloads of phase 1 do not count, and the sizes of encrypted
    messages prove nothing.
    """
    for conversation in conversations:
        for message in conversation.labelled("QM1"):
            if message.first(KeyExchange) is None:
                yield topic("no-pfs").finding(
                    Severity.MEDIUM,
                    f"the ESP keys of {conversation.ends} are derived from phase 1 alone: Quick Mode has no KE payload",
                    message.evidence("no KE payload"),
                    conversation=conversation.report.number,
                )
