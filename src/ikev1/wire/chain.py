"""Payload chains: parsing and building the generic payload headers (RFC 2408 §3.2)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NoReturn, TypeVar

from ikev1.wire.errors import WireError
from ikev1.wire.registry import NotifyType, PayloadType

GENERIC_HEADER = struct.Struct("!BBH")
GENERIC_HEADER_SIZE = GENERIC_HEADER.size
NONE = PayloadType.NONE.value

_pack, _unpack = GENERIC_HEADER.pack, GENERIC_HEADER.unpack_from

Parsed = TypeVar("Parsed")
ParseAll = Callable[[list[int], list[bytes]], Iterable[Parsed]]
"""Parses payloads one after another, given their types and bodies."""


def walk_chain(
    octets: bytes, first: int, most: int, malformed: NotifyType = NotifyType.PAYLOAD_MALFORMED
) -> tuple[list[int], list[bytes], int]:
    """Walk the payloads at the start of ``octets``, the first of type ``first``.

    Returns:
        The types and the bodies of the payloads, and the offset after the last payload.

    Raises:
        WireError: with ``malformed`` for a broken generic header and for more than ``most`` payloads, with
            UNEQUAL_PAYLOAD_LENGTHS for a payload that reaches beyond the end.
    """
    types: list[int] = []
    bodies: list[bytes] = []
    position, end, payload_type = 0, len(octets), first
    try:
        for _ in range(most):
            if payload_type == NONE:
                break
            next_payload, reserved, length = _unpack(octets, position)
            following = position + length
            if reserved or length < GENERIC_HEADER_SIZE or following > end:
                _refuse_header(reserved, length, end - position, malformed)
            types.append(payload_type)
            bodies.append(octets[position + GENERIC_HEADER_SIZE : following])
            position, payload_type = following, next_payload
        if payload_type != NONE:
            raise WireError(f"at most {most} payloads in a row", "more", notify=malformed)
    except struct.error:  # there is not even a header
        left = f"{end - position} octets"
        missing = WireError("this payload, which Next Payload announces", left, notify=malformed)
        missing.within(PayloadType(payload_type).name, position)
        raise missing from None
    except WireError as error:
        error.within(PayloadType(payload_type).name, position)
        raise
    return types, bodies, position


def _refuse_header(reserved: int, length: int, left: int, malformed: NotifyType) -> NoReturn:
    if reserved:  # "If the value in the RESERVED field is not zero, the message is discarded" (RFC 2408 §5.3)
        raise WireError("0 in the RESERVED field", reserved, 1, notify=malformed)
    if length < GENERIC_HEADER_SIZE:  # "including the generic payload header": a smaller one would loop
        raise WireError(f"a payload length of at least {GENERIC_HEADER_SIZE}", length, 2, notify=malformed)
    raise WireError(f"a payload length of at most {left}", length, 2, notify=NotifyType.UNEQUAL_PAYLOAD_LENGTHS)


def parse_bodies(types: list[int], bodies: list[bytes], parse: ParseAll[Parsed]) -> list[Parsed]:
    """Return what ``parse`` yields for the payloads that `walk_chain` found. Raises what ``parse`` raises."""
    payloads: list[Parsed] = []
    try:
        payloads.extend(parse(types, bodies))
    except WireError as error:
        at = len(payloads)  # those before the malformed one are in the list
        start = sum(map(len, bodies[:at])) + GENERIC_HEADER_SIZE * (at + 1)
        error.within(PayloadType(types[at]).name, start)
        raise
    return payloads


def parse_chain(
    octets: bytes,
    first: int,
    most: int,
    parse: Callable[[int, bytes], Parsed],
    malformed: NotifyType = NotifyType.PAYLOAD_MALFORMED,
) -> tuple[list[Parsed], list[bytes], int]:
    """Walk the payloads and parse them: `walk_chain`, then `parse_bodies`.

    Returns what ``parse`` returned, the bodies, and the offset after the last payload. Raises what the two raise.
    """
    types, bodies, end = walk_chain(octets, first, most, malformed)
    return parse_bodies(types, bodies, partial(map, parse)), bodies, end


def join_chain(payloads: Sequence[tuple[int, bytes]]) -> bytes:
    """Add the generic headers to the bodies of ``payloads``, pairs of type and body.

    Raises struct.error for a body over 65,531 octets.
    """
    chain: list[bytes] = []
    following = NONE
    for payload_type, body in reversed(payloads):
        chain += body, _pack(following, 0, GENERIC_HEADER_SIZE + len(body))
        following = payload_type
    chain.reverse()
    return b"".join(chain)
