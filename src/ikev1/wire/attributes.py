"""Data attributes: type and value, short or with a length (RFC 2408 §3.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple, Self

from ikev1.wire.errors import PayloadMalformed

__all__ = ["MAX_ATTRIBUTES", "Attribute", "build_attributes", "find", "parse_attributes"]

MAX_ATTRIBUTES = 128
"""Attributes in one transform or one mode config payload. IANA numbers 16; the largest mode config replies that real
gateways send carry some dozens (a subnet each)."""

TYPE_AND_VALUE = struct.Struct("!HH")
AF = 0x8000  # "If the AF bit is a one (1), then the Data Attributes are of the Type/Value form"


class Attribute(NamedTuple):
    """One attribute: ``type`` without the AF bit (0 to 32767), and the value.

    A value that is an int (0 to 65535) travels in the short form, TV; one that is bytes in the long form, TLV.
    """

    type: int
    value: int | bytes

    @property
    def number(self) -> int:
        """The value as a number, whichever form it came in: "Variable length attributes MAY be encoded as basic
        attributes if their value can fit into two octets" (RFC 2409 Appendix A).
        """
        return self.value if isinstance(self.value, int) else int.from_bytes(self.value, "big")

    @classmethod
    def of_number(cls, type: int, number: int) -> Self:
        """``number`` (0 to 2**32 - 1) in the short form if it fits there, else in four octets."""
        return cls(type, number if number < 1 << 16 else number.to_bytes(4, "big"))


def find(attributes: Iterable[Attribute], type: int) -> Attribute | None:
    """The first attribute of that type, or None."""
    for attribute in attributes:
        if attribute.type == type:
            return attribute
    return None


def parse_attributes(octets: bytes) -> tuple[Attribute, ...]:
    """Reads attributes until the octets end. Raises PayloadMalformed."""
    attributes: list[Attribute] = []
    position, end = 0, len(octets)
    while position < end:
        if len(attributes) == MAX_ATTRIBUTES:
            raise PayloadMalformed(f"at most {MAX_ATTRIBUTES} attributes", "more", position)
        if end - position < TYPE_AND_VALUE.size:
            raise PayloadMalformed("an attribute of at least 4 octets", end - position, position)
        kind, value = TYPE_AND_VALUE.unpack_from(octets, position)
        position += TYPE_AND_VALUE.size
        if kind & AF:
            attributes.append(Attribute(kind ^ AF, value))
        else:
            if value > end - position:
                raise PayloadMalformed(f"an attribute length of at most {end - position}", value, position - 2)
            attributes.append(Attribute(kind, octets[position : position + value]))
            position += value
    return tuple(attributes)


def build_attributes(attributes: Iterable[Attribute]) -> bytes:
    """The inverse of ``parse_attributes``. Raises struct.error where a type or a value does not fit."""
    octets = bytearray()
    for kind, value in attributes:
        if isinstance(value, int):
            octets += TYPE_AND_VALUE.pack(kind | AF, value)
        else:
            octets += TYPE_AND_VALUE.pack(kind, len(value)) + value
    return bytes(octets)
