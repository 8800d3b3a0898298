"""Fragment payload (MS-IKEE §2.2.3.1)."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from ikev1.wire.layout import Field, Rest, UInt8, UInt16

LAST_FRAGMENT = 1


class LastFragment(Field):
    """The flags: "All other bits of the Flags field MUST be set to zero [...] and ignored on the responder"."""

    head = "B"

    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[bool, int]:
        return bool(numbers[slot] & LAST_FRAGMENT), position

    def build(self, value: bool) -> tuple[tuple[int, ...], bytes]:
        return (LAST_FRAGMENT if value else 0,), b""


class Fragment(NamedTuple):
    """One piece of an ISAKMP message, its header included: ``id`` is the same in all pieces, ``number`` counts from 1,
    ``last`` marks the final one.
    """

    id: UInt16
    number: UInt8
    last: Annotated[bool, LastFragment()]
    data: Rest
