"""Payload chains (RFC 2408 §3.2), field by field."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ikev1.wire.chain import GENERIC_HEADER, GENERIC_HEADER_SIZE
from ikev1.wire.dissect.payload_types import payload_about, payload_name
from ikev1.wire.dissect.tree import DissectedField, node, rest
from ikev1.wire.dissect.values import as_reserved, named
from ikev1.wire.registry import PayloadType

NEXT_PAYLOAD_ABOUT = "The type of the next payload; a payload does not contain its own type (RFC 2408 §3.2)."
RESERVED_ABOUT = "Kept for later, and zero until then."
next_payload_words = named(PayloadType)


class Body(NamedTuple):
    """A payload body: a summary, and its fields."""

    value: str
    fields: list[DissectedField]


def chain_fields(
    octets: bytes, position: int, end: int, first: int, most: int, read_body: Callable[[int, int, int], Body]
) -> tuple[list[DissectedField], int, bool]:
    """The payloads from ``position`` on, the first of type ``first``; where they end; and whether they are all there.

    ``read_body(type, start, end)`` reads a body. A payload whose length cannot be right is the last.
    """
    fields: list[DissectedField] = []
    kind = first
    while kind != PayloadType.NONE and len(fields) < most and end - position >= GENERIC_HEADER_SIZE:
        following, _, length = GENERIC_HEADER.unpack_from(octets, position)
        start = position + GENERIC_HEADER_SIZE
        if GENERIC_HEADER_SIZE <= length <= end - position:
            stop = position + length
            body = read_body(kind, start, stop)
        else:
            stop = end
            body = Body("malformed", rest(start, end))
        header = _generic_header(octets, position)
        fields.append(node(payload_name(kind), body.value, header + body.fields, payload_about(kind)))
        position, kind = stop, following
    return fields, position, kind == PayloadType.NONE


def _generic_header(octets: bytes, position: int) -> list[DissectedField]:
    following, _, length = GENERIC_HEADER.unpack_from(octets, position)
    next_payload = next_payload_words(following, {})
    return [
        DissectedField("Next Payload", next_payload, position, 1, NEXT_PAYLOAD_ABOUT),
        reserved_field(octets, position + 1, 1),
        DissectedField("Payload Length", f"{length} octets", position + 2, 2, "With these four octets of header."),
    ]


def reserved_field(octets: bytes, position: int, size: int) -> DissectedField:
    """A RESERVED field of ``size`` octets."""
    return DissectedField("Reserved", as_reserved(octets[position : position + size]), position, size, RESERVED_ABOUT)
