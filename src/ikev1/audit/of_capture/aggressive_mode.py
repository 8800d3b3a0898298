"""What Aggressive Mode reveals: a HASH for offline guessing of the pre-shared key, and the identities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.parsed import ParsedConversation, ParsedMessage
from ikev1.audit.topics import topic
from ikev1.core.peer.identity import text_of
from ikev1.wire.payloads import Hash, Identification
from ikev1.wire.registry import IdType

_ADDRESSES = frozenset({IdType.IPV4_ADDR, IdType.IPV6_ADDR})


def guessable(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """A HASH that allows offline guessing of the pre-shared key."""
    for conversation in conversations:
        if not conversation.shares_secret:
            continue
        for message in conversation.labelled("AM2"):
            proof = message.first(Hash)
            if proof is None:
                continue
            yield topic("aggressive-psk").finding(
                Severity.HIGH,
                f"{conversation.report.responder.address} sent HASH_R ({len(proof.data)} octets) in the clear to "
                f"{conversation.report.initiator.address}: the two messages allow offline guessing of the key",
                message.evidence("HASH_R", proof),
                conversation=conversation.report.number,
            )


def exposed_identities(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """Identities of phase 1 that were sent in the clear."""
    for conversation in conversations:
        exposed = [
            (message, payload)
            for message in conversation.labelled("AM1", "AM2")
            if not message.report.encrypted and (payload := message.first(Identification)) is not None
        ]
        if not exposed:
            continue
        names = " and ".join(f"{text_of(payload)} ({message.report.sender})" for message, payload in exposed)
        known = all(_is_source_address(message, payload) for message, payload in exposed)
        yield topic("identities-exposed").finding(
            Severity.INFO if known else Severity.MEDIUM,
            f"anyone on the path could read {names}" + (", the same as the packet addresses" if known else ""),
            *(message.evidence(text_of(payload), payload) for message, payload in exposed),
            conversation=conversation.report.number,
        )


def _is_source_address(message: ParsedMessage, payload: Identification) -> bool:
    """Whether an identity equals the source address of its packet."""
    address = message.report.source.rpartition("[")[0].partition("%")[0]
    return payload.id_type in _ADDRESSES and payload.data == ip_address(address).packed
