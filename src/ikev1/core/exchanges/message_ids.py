"""Message IDs of phase 2 (RFC 2408 §3.1): which are ours, and which the peer used before.

No HASH identifies the sender of a message, so an attacker could reflect our own exchange as one of the peer. Message
IDs distinguish the two without a list: ours are the numbers 0, 1, 2, ... under a permutation of all 32-bit numbers that
depends on the keys. They look random and never repeat, and their count shows whether a message ID is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2s

from ikev1.core.exchanges.protection import keys_of
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.record import replace

_REMEMBERED = 1024  # message IDs of the peer's notifications, except DPD and Deletes, which may repeat
_SIZE = 4  # octets of a message ID
_ROUNDS = 4  # of a Feistel network: a strong pseudorandom permutation
_HALF = 0xFFFF
_KEY = 32  # octets: the maximum key of BLAKE2s
_PERSON = {Role.INITIATOR: b"M-ID i", Role.RESPONDER: b"M-ID r"}  # both peers have the same keys


def fresh_message_id(sa: IkeSa) -> tuple[IkeSa, int]:
    """Allocate an unused message ID other than 0, which is for phase 1; return the new ``sa`` and the message ID.

    Raises:
        Refusal: ``sa`` has no keys yet.
    """
    while True:
        message_id = _permuted(sa, sa.own_message_ids, range(_ROUNDS))
        sa = replace(sa, own_message_ids=sa.own_message_ids + 1)
        if message_id and message_id not in sa.spent_message_ids and not was_heard(sa, message_id):
            return sa, message_id


def is_own(sa: IkeSa, message_id: int) -> bool:
    """Whether `fresh_message_id` has returned ``message_id`` for ``sa``."""
    if not sa.own_message_ids:
        return False
    swapped = message_id >> 16 | (message_id & _HALF) << 16
    number = _permuted(sa, swapped, reversed(range(_ROUNDS)))
    return (number >> 16 | (number & _HALF) << 16) < sa.own_message_ids


def _permuted(sa: IkeSa, number: int, rounds: Iterable[int]) -> int:
    key, person = keys_of(sa).SKEYID_a[:_KEY], _PERSON[sa.role]
    left, right = number >> 16, number & _HALF
    for step in rounds:
        mask = blake2s(bytes((step, right >> 8, right & 0xFF)), digest_size=2, key=key, person=person)
        left, right = right, left ^ int.from_bytes(mask.digest())
    return left << 16 | right


def was_heard(sa: IkeSa, message_id: int) -> bool:
    """Whether ``message_id`` is among the remembered message IDs of the peer's notifications."""
    heard, octets = sa.heard_message_ids, message_id.to_bytes(_SIZE)
    at = heard.find(octets)
    while at % _SIZE and at != -1:
        at = heard.find(octets, at + 1)
    return at != -1


def with_heard(sa: IkeSa, message_id: int) -> IkeSa:
    """``sa`` with ``message_id`` among the remembered message IDs of the peer's notifications."""
    kept = sa.heard_message_ids[_SIZE * (1 - _REMEMBERED) :]
    return replace(sa, heard_message_ids=kept + message_id.to_bytes(_SIZE))
