"""What Aggressive Mode gives away: a way to guess the pre-shared key, and identities."""

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
    """A HASH that lets anybody try pre-shared keys offline."""
    for reading in readings:
        if not reading.shares_secret:
            continue
        for seen in reading.labelled("AM2"):
            proof = seen.first(Hash)
            if proof is None:
                continue
            yield topic("aggressive-psk").finding(
                Severity.HIGH,
                f"{reading.conversation.responder.address} answered {reading.conversation.initiator.address} with "
                f"HASH_R, {len(proof.data)} octets in the clear: with it and what else the two messages hold, keys can "
                "be tried without asking anybody",
                seen.evidence("HASH_R", proof),
                conversation=reading.conversation.number,
            )


def exposed_identities(readings: Iterable[Reading]) -> Iterator[Finding]:
    """Identities of phase 1 that passed in the clear."""
    for reading in readings:
        exposed = [
            (seen, payload)
            for seen in reading.labelled("AM1", "AM2")
            if not seen.reported.encrypted and (payload := seen.first(Identification)) is not None
        ]
        if not exposed:
            continue
        names = " and ".join(f"{text_of(payload)} ({seen.reported.sender})" for seen, payload in exposed)
        known = all(_says_no_more_than_ip(seen, payload) for seen, payload in exposed)
        yield topic("identities-exposed").finding(
            Severity.INFO if known else Severity.MEDIUM,
            f"everybody on the way could read {names}"
            + (", which the addresses of the packets tell as well" if known else ""),
            *(seen.evidence(text_of(payload), payload) for seen, payload in exposed),
            conversation=reading.conversation.number,
        )


def _says_no_more_than_ip(seen: Seen, payload: Identification) -> bool:
    """Whether an identity is the very address that its packet came from."""
    address = seen.reported.source.rpartition("[")[0].partition("%")[0]
    return payload.id_type in _ADDRESSES and payload.data == ip_address(address).packed
