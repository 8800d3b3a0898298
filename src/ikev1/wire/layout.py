"""How a payload's body lies on the wire: declared once, by the class that holds it; parser and builder come from that.

A payload is a NamedTuple whose annotations say what each field is on the wire::

    class Notification(NamedTuple):
        doi: UInt32
        protocol: UInt8
        spi: SizedBytes
        type: UInt16
        data: Rest

`Layout` compiles it. Every body is a head of fixed size followed by parts of variable size. Each field puts its
numbers, if any, into the head and its octets, if any, after it, both in the order of declaration: of ``spi``, the
size stands in the head, between protocol and type, and the SPI itself after the head, before the data.

A class may have a method ``check(self)`` that raises where the fields contradict one another.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, get_type_hints

from ikev1.wire.attributes import Attribute, build_attributes, parse_attributes
from ikev1.wire.errors import PayloadMalformed, WireError

__all__ = [
    "AttributeList",
    "Field",
    "Layout",
    "Number",
    "PayloadNumber",
    "Remaining",
    "Reserved",
    "Rest",
    "Sized",
    "SizedBytes",
    "Tail",
    "UInt8",
    "UInt16",
    "UInt32",
]

PayloadClass = TypeVar("PayloadClass", bound=tuple[Any, ...])


class Tail:
    """The octets after the head, taken from front to back."""

    __slots__ = ("octets", "position")

    def __init__(self, octets: bytes, position: int) -> None:
        self.octets = octets
        self.position = position

    def take(self, size: int, what: str) -> bytes:
        """The next ``size`` octets. Raises PayloadMalformed if there are fewer."""
        start, left = self.position, len(self.octets) - self.position
        if size > left:
            raise PayloadMalformed(f"{size} octets of {what}", left, start)
        self.position += size
        return self.octets[start : self.position]

    def rest(self) -> bytes:
        """All that is left."""
        start, self.position = self.position, len(self.octets)
        return self.octets[start:]


class Field:
    """A kind of field: its numbers in the head, and how its value and its octets become one another."""

    head: str = ""
    """The field's numbers in the head, each as one letter of `struct`."""

    def parse(self, numbers: tuple[int, ...], slot: int, tail: Tail) -> Any:
        """The value, from the head's numbers, of which this field's begin at ``slot``, and the octets of the tail."""
        raise NotImplementedError

    def build(self, value: Any) -> tuple[tuple[int, ...], bytes]:
        """The numbers for the head and the octets for the tail."""
        raise NotImplementedError


class Number(Field):
    """An unsigned number in the head."""

    def __init__(self, letter: str) -> None:
        self.head = letter

    def parse(self, numbers: tuple[int, ...], slot: int, tail: Tail) -> int:
        return numbers[slot]

    def build(self, value: int) -> tuple[tuple[int, ...], bytes]:
        return (value,), b""


class Remaining(Field):
    """Octets up to the end of the body: at least ``least``, at most ``most`` of them."""

    def __init__(self, least: int = 0, most: int = 0xFFFF) -> None:
        self.least = least
        self.most = most

    def parse(self, numbers: tuple[int, ...], slot: int, tail: Tail) -> bytes:
        start = tail.position
        octets = tail.rest()
        if not self.least <= len(octets) <= self.most:
            raise PayloadMalformed(f"{self.least} to {self.most} octets", len(octets), start)
        return octets

    def build(self, value: bytes) -> tuple[tuple[int, ...], bytes]:
        return (), value


class Sized(Field):
    """Octets in the tail whose number, one octet, stands in the head."""

    head = "B"

    def parse(self, numbers: tuple[int, ...], slot: int, tail: Tail) -> bytes:
        return tail.take(numbers[slot], "SPI")

    def build(self, value: bytes) -> tuple[tuple[int, ...], bytes]:
        return (len(value),), value


class DataAttributes(Field):
    """Data attributes up to the end of the body."""

    def parse(self, numbers: tuple[int, ...], slot: int, tail: Tail) -> tuple[Attribute, ...]:
        start = tail.position
        try:
            return parse_attributes(tail.rest())
        except WireError as error:
            error.offset += start
            raise

    def build(self, value: tuple[Attribute, ...]) -> tuple[tuple[int, ...], bytes]:
        return (), build_attributes(value)


class PayloadNumber(Field):
    """The payload's own type number, for a class that goes by several: it is not in the body."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def parse(self, numbers: tuple[int, ...], slot: int, tail: Tail) -> int:
        return self.number

    def build(self, value: int) -> tuple[tuple[int, ...], bytes]:
        return (), b""


class Reserved(NamedTuple):
    """So many octets in the head after the field it annotates, which are zero."""

    size: int


UInt8 = Annotated[int, Number("B")]
UInt16 = Annotated[int, Number("H")]
UInt32 = Annotated[int, Number("I")]
Rest = Annotated[bytes, Remaining()]
AttributeList = Annotated[tuple[Attribute, ...], DataAttributes()]
SizedBytes = Annotated[bytes, Sized()]


class Layout(Generic[PayloadClass]):
    """The compiled declaration of a payload class; ``number`` is the type number of a class that goes by several.

    ``parse(body)`` and ``build(payload)`` are each other's inverse. ``malformed`` is what a broken head raises.
    """

    def __init__(
        self, payload: Callable[..., PayloadClass], number: int = 0, malformed: type[WireError] = PayloadMalformed
    ) -> None:
        self._payload = payload
        self._malformed = malformed
        self._check: Callable[[PayloadClass], None] | None = getattr(payload, "check", None)
        self._fields: list[Field] = []
        self._slots: list[tuple[Field, int]] = []
        self._reserved: list[int] = []
        head, slot = "!", 0
        for hint in get_type_hints(payload, include_extras=True).values():
            for mark in hint.__metadata__:
                if isinstance(mark, Reserved):
                    start = struct.calcsize(head)
                    self._reserved += range(start, start + mark.size)
                    head += f"{mark.size}x"
                else:
                    field = PayloadNumber(number) if isinstance(mark, PayloadNumber) else mark
                    self._fields.append(field)
                    self._slots.append((field, slot))
                    head += field.head
                    slot += len(field.head)
        self._head = struct.Struct(head)

    def parse(self, body: bytes) -> PayloadClass:
        """Reads a whole body. Raises WireError."""
        size = self._head.size
        if len(body) < size:
            raise self._malformed(f"a body of at least {size} octets", len(body))
        for position in self._reserved:
            if body[position]:
                raise self._malformed("0 in a RESERVED field", body[position], position)
        numbers = self._head.unpack_from(body)
        tail = Tail(body, size)
        payload = self._payload(*[field.parse(numbers, slot, tail) for field, slot in self._slots])
        if tail.position != len(body):
            raise self._malformed("the end of the payload", f"{len(body) - tail.position} octets more", tail.position)
        if self._check is not None:
            self._check(payload)
        return payload

    def build(self, payload: PayloadClass) -> bytes:
        """The body. Raises struct.error where a value does not fit its field."""
        numbers: list[int] = []
        octets: list[bytes] = []
        for field, value in zip(self._fields, payload, strict=True):
            in_head, in_tail = field.build(value)
            numbers += in_head
            octets.append(in_tail)
        return self._head.pack(*numbers) + b"".join(octets)
