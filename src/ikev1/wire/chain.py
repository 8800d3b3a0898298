"""Payload chaining: the generic header that every payload has (RFC 2408 §3.2), read and written here alone."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ikev1.wire.errors import PayloadMalformed, UnequalPayloadLengths, WireError
from ikev1.wire.registry import PayloadType

__all__ = ["GENERIC_HEADER_SIZE", "Link", "join_chain", "split_chain"]

GENERIC_HEADER = struct.Struct("!BBH")
GENERIC_HEADER_SIZE = GENERIC_HEADER.size
NONE = PayloadType.NONE.value


Link = tuple[int, int, int]
"""One payload of a chain: its type, and where its body begins and ends in the octets."""


def split_chain(
    octets: bytes, first: int, most: int, malformed: type[WireError] = PayloadMalformed
) -> tuple[list[Link], int]:
    """Finds the payloads in ``octets``, of which ``first`` is the type of the first and at most ``most`` may follow.

    Returns them and the offset after the last one. Raises ``malformed`` for a generic header that is broken, and
    UnequalPayloadLengths for a payload that reaches beyond the end.
    """
    links: list[Link] = []
    position, end = 0, len(octets)
    payload_type = first
    while payload_type != NONE:
        if len(links) == most:
            raise malformed(f"at most {most} payloads in a row", "more", position)
        if end - position < GENERIC_HEADER_SIZE:
            named = f"the {PayloadType(payload_type).name} payload that Next Payload announces"
            raise malformed(named, f"{end - position} octets", position)
        next_payload, reserved, length = GENERIC_HEADER.unpack_from(octets, position)
        if reserved:  # "If the value in the RESERVED field is not zero, the message is discarded" (RFC 2408 §5.3)
            raise malformed("0 in the RESERVED field", reserved, position + 1)
        if length < GENERIC_HEADER_SIZE:  # "including the generic payload header": a smaller one would loop
            raise malformed(f"a payload length of at least {GENERIC_HEADER_SIZE}", length, position + 2)
        if length > end - position:
            raise UnequalPayloadLengths(f"a payload length of at most {end - position}", length, position + 2)
        links.append((payload_type, position + GENERIC_HEADER_SIZE, position + length))
        position += length
        payload_type = next_payload
    return links, position


def join_chain(payloads: Sequence[tuple[int, bytes]]) -> bytes:
    """Puts the generic headers before the bodies of ``payloads``, each a type and a body.

    Raises struct.error for a body over 65,531 octets.
    """
    following = [payload_type for payload_type, _ in payloads[1:]]
    following.append(NONE)
    octets: list[bytes] = []
    for next_payload, (_, body) in zip(following, payloads, strict=True):
        octets += GENERIC_HEADER.pack(next_payload, 0, GENERIC_HEADER_SIZE + len(body)), body
    return b"".join(octets)
