"""The result types of a dissection."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.wire.errors import WireError


class DissectedField(NamedTuple):
    """A field of a message: ``length`` octets at ``offset``, counted from the first octet of the message.

    ``value`` is printable text, ``about`` is the meaning of the field, or empty. ``fields`` are consecutive and cover
    the whole field; bits of a number have the position of that number.
    """

    name: str
    value: str
    offset: int
    length: int
    about: str = ""
    fields: tuple[DissectedField, ...] = ()


class Dissection(NamedTuple):
    """All fields of a message, which cover all its octets, and the error of the parser, if any."""

    fields: tuple[DissectedField, ...]
    error: WireError | None


def node(name: str, value: str, fields: list[DissectedField], about: str = "") -> DissectedField:
    """A field that consists of ``fields``, which must not be empty."""
    offset = fields[0].offset
    return DissectedField(name, value, offset, end_of(fields, offset) - offset, about, tuple(fields))


def bits(field: DissectedField, parts: list[tuple[str, str, str]]) -> DissectedField:
    """Add the bits of ``field``, each with name, value and meaning."""
    return field._replace(
        fields=tuple([DissectedField(name, value, field.offset, field.length, about) for name, value, about in parts])
    )


def end_of(fields: list[DissectedField], start: int) -> int:
    """The end of ``fields``, which begin at ``start`` and may be empty."""
    return fields[-1].offset + fields[-1].length if fields else start


def rest(offset: int, end: int) -> list[DissectedField]:
    """A field for octets that could not be parsed; none if there are no octets."""
    if offset >= end:
        return []
    about = "The message is malformed here, so these octets could not be parsed."
    return [DissectedField("Not Understood", f"{end - offset} octets", offset, end - offset, about)]
