"""Payload chains: parsing and building the generic payload headers (RFC 2408 §3.2)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TypeVar

from ikev1.wire.errors import WireError
from ikev1.wire.registry import NotifyType, PayloadType

GENERIC_HEADER = struct.Struct("!BBH")
GENERIC_HEADER_SIZE = GENERIC_HEADER.size
NONE = PayloadType.NONE.value

Parsed = TypeVar("Parsed")


def parse_chain(
    octets: bytes,
    first: int,
    most: int,
    parse: Callable[[int, bytes], Parsed],
    malformed: NotifyType = NotifyType.PAYLOAD_MALFORMED,
) -> tuple[list[Parsed], list[bytes], int]:
    """Parse the payloads at the start of ``octets``: ``parse(type, body)`` each, the first of type ``first``.

    Returns what ``parse`` returned, the bodies, and the offset after the last payload. Raises what ``parse`` raises;
    WireError with ``malformed`` for a broken generic header and for more than ``most`` payloads, with
    UNEQUAL_PAYLOAD_LENGTHS for a payload that reaches beyond the end.
    """
    payloads: list[Parsed] = []
    bodies: list[bytes] = []
    position, end = 0, len(octets)
    payload_type = first
    while payload_type != NONE:
        start = position
        try:
            if len(bodies) == most:
                raise WireError(f"at most {most} payloads in a row", "more", notify=malformed)
            if end - position < GENERIC_HEADER_SIZE:
                raise WireError(
                    "this payload, which Next Payload announces", f"{end - position} octets", notify=malformed
                )
            next_payload, reserved, length = GENERIC_HEADER.unpack_from(octets, position)
            if reserved:  # "If the value in the RESERVED field is not zero, the message is discarded" (RFC 2408 §5.3)
                raise WireError("0 in the RESERVED field", reserved, 1, notify=malformed)
            if length < GENERIC_HEADER_SIZE:  # "including the generic payload header": a smaller one would loop
                raise WireError(f"a payload length of at least {GENERIC_HEADER_SIZE}", length, 2, notify=malformed)
            if length > end - position:
                raise WireError(
                    f"a payload length of at most {end - position}",
                    length,
                    2,
                    notify=NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
                )
            start += GENERIC_HEADER_SIZE
            body = octets[start : position + length]
            payloads.append(parse(payload_type, body))
        except WireError as error:
            error.within(PayloadType(payload_type).name, start)
            raise
        bodies.append(body)
        position += length
        payload_type = next_payload
    return payloads, bodies, position


def join_chain(payloads: Sequence[tuple[int, bytes]]) -> bytes:
    """Add the generic headers to the bodies of ``payloads``, pairs of type and body.

    Raises struct.error for a body over 65,531 octets.
    """
    octets: list[bytes] = []
    next_payload: int = NONE
    for payload_type, body in reversed(payloads):
        octets += body, GENERIC_HEADER.pack(next_payload, 0, GENERIC_HEADER_SIZE + len(body))
        next_payload = payload_type
    octets.reverse()
    return b"".join(octets)
