"""Data attributes: type and value, short or with a length (RFC 2408 §3.3)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple, Self

from ikev1.wire.errors import WireError
from ikev1.wire.registry import SECRET_ATTRIBUTES

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

    def __repr__(self) -> str:
        value = "<secret>" if self.type in SECRET_ATTRIBUTES else repr(self.value)
        return f"Attribute(type={self.type}, value={value})"

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


# A NamedTuple's own constructor is a Python function around this one; most parsed values are attributes.
new_attribute: Callable[[tuple[int, int | bytes]], Attribute] = partial(tuple.__new__, Attribute)


def find(attributes: Iterable[Attribute], type: int) -> Attribute | None:
    """The first attribute of this type, or None."""
    for attribute in attributes:
        if attribute.type == type:
            return attribute
    return None


def parse_attributes(octets: bytes, position: int = 0, *, padded: bool = False) -> tuple[Attribute, ...]:
    """Parse attributes from ``position`` to the end of the octets, or with ``padded`` up to three zeros before it.

    Raises:
        WireError: an attribute is cut short, or there are too many.
    """
    attributes: list[Attribute] = []
    end, unpack, add = len(octets), TYPE_AND_VALUE.unpack_from, attributes.append
    left = MAX_ATTRIBUTES
    while position < end:
        if not left:
            raise WireError(f"at most {MAX_ATTRIBUTES} attributes", "more", position)
        if end - position < 4:
            if padded and not any(octets[position:]):
                break
            raise WireError("an attribute of at least 4 octets", end - position, position)
        kind, length = unpack(octets, position)
        position += 4
        left -= 1
        if kind & AF:
            add(new_attribute((kind ^ AF, length)))
            continue
        if length > end - position:
            raise WireError(f"an attribute length of at most {end - position}", length, position - 2)
        add(new_attribute((kind, octets[position : position + length])))
        position += length
    return tuple(attributes)


def build_attributes(attributes: Iterable[Attribute]) -> bytes:
    """The inverse of ``parse_attributes``. Raises struct.error if a type or a value does not fit."""
    return b"".join(
        [
            TYPE_AND_VALUE.pack(kind | AF, value)
            if isinstance(value, int)
            else TYPE_AND_VALUE.pack(kind, len(value)) + value
            for kind, value in attributes
        ]
    )
