"""Negative catalogue: HASH corrupted, omitted, empty or elsewhere, in every message that has one, both roles."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dishonest import Change, drop, put
from ikev1.core.records.events import ChildUp, Code, IkeUp
from ikev1.wire.header import Header
from ikev1.wire.payloads import Hash, Payload
from ikev1.wire.registry import PayloadType
from negative import PHASE_2, QUICK, Scene, answers_to, from_sender, recovers, rewritten, scene

_PHASE_1 = ("MM5", "MM6", "AM2", "AM3")
_HASHED = (*_PHASE_1, *PHASE_2)

Plain = Callable[[Header, bytes], tuple[Header, bytes]]


def _hash_length(plain: bytes) -> int:
    return int.from_bytes(plain[2:4])


def _without_hash(header: Header, plain: bytes) -> tuple[Header, bytes]:
    rest = plain[_hash_length(plain) :]
    return header._replace(next_payload=plain[0]), rest or bytes(4)


def _empty_hash(header: Header, plain: bytes) -> tuple[Header, bytes]:
    return header, plain[:2] + (4).to_bytes(2) + plain[_hash_length(plain) :]


def _hash_last(header: Header, plain: bytes) -> tuple[Header, bytes]:
    """HASH behind all other payloads."""
    length = _hash_length(plain)
    own, rest = plain[:length], plain[length:]
    place, kind = 0, plain[0]
    while kind and rest[place]:
        place += int.from_bytes(rest[place + 2 : place + 4])
    end = place + int.from_bytes(rest[place + 2 : place + 4]) if kind else 0
    if not kind:
        return header, plain[:4] + bytes(length - 4)
    chain = rest[:place] + bytes([PayloadType.HASH]) + rest[place + 1 : end] + b"\0" + own[1:]
    return header._replace(next_payload=kind), chain


def _flipped(header: Header, plain: bytes) -> tuple[Header, bytes]:
    return header, plain[:4] + bytes([plain[4] ^ 1]) + plain[5:]


def _cut(header: Header, plain: bytes) -> tuple[Header, bytes]:
    """A HASH of 4 octets, which is right as far as it goes."""
    length = _hash_length(plain)
    return header, plain[:2] + (8).to_bytes(2) + plain[4:8] + plain[length:]


def _longer(header: Header, plain: bytes) -> tuple[Header, bytes]:
    """The right HASH and 4 octets behind it."""
    length = _hash_length(plain)
    return header, plain[:2] + (length + 4).to_bytes(2) + plain[4:length] + bytes(4) + plain[length:]


def _zeros(header: Header, plain: bytes) -> tuple[Header, bytes]:
    length = _hash_length(plain)
    return header, plain[:4] + bytes(length - 4) + plain[length:]


HASHES: dict[str, Plain] = {
    "one bit is wrong": _flipped,
    "omitted": _without_hash,
    "empty": _empty_hash,
    "behind the others": _hash_last,
    "four octets": _cut,
    "four octets more": _longer,
    "zeros": _zeros,
}


def _nothing_came_of(there: Scene, before: list[tuple[str, int]]) -> None:
    assert there.receiver.told_to_plane == before
    assert not [event for event in there.receiver.events if isinstance(event, (IkeUp, ChildUp))]
    assert Code.INTERNAL_ERROR not in there.receiver.failures


@pytest.mark.parametrize("label", PHASE_2)
@pytest.mark.parametrize("change", HASHES.values(), ids=HASHES)
def test_a_message_of_phase_2_without_its_hash_is_not_authentic(label: str, change: Plain) -> None:
    """RFC 2409 §5.5 and §5.7: HASH is the first payload, and covers all others."""
    there = scene(label)
    before = list(there.receiver.told_to_plane)
    there.receiver.events.clear()
    odd = rewritten(there, change)
    assert odd.octets != there.due.octets
    assert answers_to(there, odd) == []
    _nothing_came_of(there, before)
    if label in QUICK:
        recovers(there)
    else:
        there.network.deliver(there.due)
        assert there.receiver.told_to_plane != before or not there.receiver.engine.sas


def _corrupted(payloads: list[Payload]) -> list[Payload]:
    return [Hash(bytes([each.data[0] ^ 1]) + each.data[1:]) if isinstance(each, Hash) else each for each in payloads]


def _cut_payload(payloads: list[Payload]) -> list[Payload]:
    return [Hash(each.data[:4]) if isinstance(each, Hash) else each for each in payloads]


def _long_payload(payloads: list[Payload]) -> list[Payload]:
    return [Hash(each.data + bytes(4)) if isinstance(each, Hash) else each for each in payloads]


def _twice(payloads: list[Payload]) -> list[Payload]:
    return [*payloads, *(each for each in payloads if isinstance(each, Hash))]


PHASE_1_HASHES: dict[str, Change] = {
    "one bit is wrong": _corrupted,
    "omitted": drop(Hash),
    "empty": put(Hash, data=b""),
    "four octets": _cut_payload,
    "four octets more": _long_payload,
    "zeros": put(Hash, data=bytes(32)),
    "twice": _twice,
}


@pytest.mark.parametrize("label", _PHASE_1)
@pytest.mark.parametrize("change", PHASE_1_HASHES.values(), ids=PHASE_1_HASHES)
def test_a_peer_without_the_right_hash_is_not_authenticated(label: str, change: Change) -> None:
    there = scene(label)
    there.receiver.events.clear()
    assert len(answers_to(there, from_sender(there, change))) <= 1
    _nothing_came_of(there, [])
    assert not any(sa.is_up for sa in there.receiver.engine.sas.values())
    recovers(there)
