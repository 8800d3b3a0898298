"""The positions of payload fields, from the declaration that the parser is compiled from."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any, NamedTuple, get_type_hints

from ikev1.wire.layout import Field


class Number(NamedTuple):
    """A number in the head of a body: where, and of how many octets."""

    offset: int
    size: int


class Part(NamedTuple):
    """A declared field: its numbers in the head, the octets after them that are RESERVED, and its kind."""

    name: str
    kind: Field
    numbers: tuple[Number, ...]
    reserved: int


class Plan(NamedTuple):
    """The head's size, and the fields in the order of their declaration."""

    head: int
    parts: tuple[Part, ...]


@lru_cache(maxsize=64)
def plan_of(payload: type[tuple[Any, ...]]) -> Plan:
    """The plan of a payload class."""
    parts: list[Part] = []
    offset = 0
    for name, hint in get_type_hints(payload, include_extras=True).items():
        kind, *more = hint.__metadata__
        numbers: list[Number] = []
        for letter in kind.head:
            size = struct.calcsize(f"!{letter}")
            numbers.append(Number(offset, size))
            offset += size
        reserved = sum(mark.size for mark in more)
        parts.append(Part(name, kind, tuple(numbers), reserved))
        offset += reserved
    return Plan(offset, tuple(parts))
