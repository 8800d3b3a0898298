"""What Aggressive Mode reveals: a HASH for offline guessing of the pre-shared key, and the identities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.reading import Reading, Seen
from ikev1.audit.topics import topic
from ikev1.core.peer.identity import text_of
from ikev1.wire.payloads import Hash, Identification
from ikev1.wire.registry import IdType

_ADDRESSES = frozenset({IdType.IPV4_ADDR, IdType.IPV6_ADDR})


def guessable(readings: Iterable[Reading]) -> Iterator[Finding]:
    """A HASH that allows offline guessing of the pre-shared key."""
    for reading in readings:
        if not reading.shares_secret:
            continue
        for seen in reading.labelled("AM2"):
            proof = seen.first(Hash)
            if proof is None:
                continue
            yield topic("aggressive-psk").finding(
                Severity.HIGH,
                f"{reading.conversation.responder.address} sent HASH_R ({len(proof.data)} octets) in the clear to "
                f"{reading.conversation.initiator.address}: the two messages allow offline guessing of the key",
                seen.evidence("HASH_R", proof),
                conversation=reading.conversation.number,
            )


def exposed_identities(readings: Iterable[Reading]) -> Iterator[Finding]:
    """Identities of phase 1 that were sent in the clear."""
    for reading in readings:
        exposed = [
            (seen, payload)
            for seen in reading.labelled("AM1", "AM2")
            if not seen.reported.encrypted and (payload := seen.first(Identification)) is not None
        ]
        if not exposed:
            continue
        names = " and ".join(f"{text_of(payload)} ({seen.reported.sender})" for seen, payload in exposed)
        known = all(_is_source_address(seen, payload) for seen, payload in exposed)
        yield topic("identities-exposed").finding(
            Severity.INFO if known else Severity.MEDIUM,
            f"anyone on the path could read {names}" + (", the same as the packet addresses" if known else ""),
            *(seen.evidence(text_of(payload), payload) for seen, payload in exposed),
            conversation=reading.conversation.number,
        )


def _is_source_address(seen: Seen, payload: Identification) -> bool:
    """Whether an identity equals the source address of its packet."""
    address = seen.reported.source.rpartition("[")[0].partition("%")[0]
    return payload.id_type in _ADDRESSES and payload.data == ip_address(address).packed
