"""Declarative payload layouts: the parser and the builder are compiled from the fields of the payload class.

A payload is a NamedTuple whose annotations define the encoding of each field::

    class Notification(NamedTuple):
        doi: UInt32
        protocol: UInt8
        spi: SizedBytes
        type: UInt16
        data: Rest

`Layout` compiles it. Every body is a head of fixed size followed by parts of variable size. Each field contributes
numbers to the head, octets after it, or both, in the order of declaration: the size of ``spi`` is in the head between
protocol and type, and the SPI itself after the head, before the data.

A class may have a method ``check(self)`` that raises if its fields are inconsistent.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, get_type_hints

from ikev1.wire.attributes import Attribute, build_attributes, parse_attributes
from ikev1.wire.errors import WireError
from ikev1.wire.registry import NotifyType

PayloadClass = TypeVar("PayloadClass", bound=tuple[Any, ...])


def take(body: bytes, position: int, size: int, what: str) -> bytes:
    """``size`` octets of ``body`` at ``position``. Raises WireError if there are fewer."""
    if size > len(body) - position:
        raise WireError(f"{size} octets of {what}", len(body) - position, position)
    return body[position : position + size]


class Field(ABC):
    """A kind of field: its numbers in the head, and the conversion between its value and its octets."""

    head: str = ""
    """The field's numbers in the head, each as one letter of `struct`."""

    @abstractmethod
    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[Any, int]:
        """Parse the value; return it and the position after its octets.

        ``numbers`` are all the head's, this field's begin at ``slot``; its octets begin at ``position`` of ``body``.
        """

    @abstractmethod
    def build(self, value: Any) -> tuple[tuple[int, ...], bytes]:
        """The numbers for the head and the octets for what follows it."""


class Number(Field):
    """An unsigned number in the head."""

    def __init__(self, letter: str) -> None:
        self.head = letter

    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[int, int]:
        return numbers[slot], position

    def build(self, value: int) -> tuple[tuple[int, ...], bytes]:
        return (value,), b""


class Remaining(Field):
    """Octets up to the end of the body: at least ``least``, at most ``most`` of them."""

    def __init__(self, least: int = 0, most: int = 0xFFFF) -> None:
        self.least = least
        self.most = most

    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[bytes, int]:
        end = len(body)
        if not self.least <= end - position <= self.most:
            raise WireError(f"{self.least} to {self.most} octets", end - position, position)
        return body[position:], end

    def build(self, value: bytes) -> tuple[tuple[int, ...], bytes]:
        return (), value


class Sized(Field):
    """Octets whose length is one octet in the head."""

    head = "B"

    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[bytes, int]:
        size = numbers[slot]
        return take(body, position, size, "SPI"), position + size

    def build(self, value: bytes) -> tuple[tuple[int, ...], bytes]:
        return (len(value),), value


class DataAttributes(Field):
    """Data attributes up to the end of the body."""

    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[Any, int]:
        return parse_attributes(body, position), len(body)

    def build(self, value: tuple[Attribute, ...]) -> tuple[tuple[int, ...], bytes]:
        return (), build_attributes(value)


class PaddedAttributes(DataAttributes):
    """The same, with zeros behind them that make the length of the payload a multiple of 4, as libreswan sends it."""

    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[Any, int]:
        return parse_attributes(body, position, padded=True), len(body)


class PayloadNumber(Field):
    """The type number of the payload, for a class with several; it is not in the body."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def parse(self, numbers: tuple[int, ...], slot: int, body: bytes, position: int) -> tuple[int, int]:
        return self.number, position

    def build(self, value: int) -> tuple[tuple[int, ...], bytes]:
        return (), b""


class Reserved(NamedTuple):
    """The number of RESERVED octets in the head after the annotated field."""

    size: int


UInt8 = Annotated[int, Number("B")]
UInt16 = Annotated[int, Number("H")]
UInt32 = Annotated[int, Number("I")]
Rest = Annotated[bytes, Remaining()]
AttributeList = Annotated[tuple[Attribute, ...], DataAttributes()]
SizedBytes = Annotated[bytes, Sized()]


class Layout(Generic[PayloadClass]):
    """The compiled declaration of a payload class; ``number`` is the type number of a class that goes by several.

    ``parse(body)`` and ``build(payload)`` are each other's inverse. ``malformed`` is the error for a broken head.
    """

    def __init__(
        self, payload: type[PayloadClass], number: int = 0, malformed: NotifyType = NotifyType.PAYLOAD_MALFORMED
    ) -> None:
        # A NamedTuple's own constructor is a Python function around this one.
        self._new: Callable[[Iterable[Any]], PayloadClass] = partial(tuple.__new__, payload)
        self._check: Callable[[PayloadClass], None] | None = getattr(payload, "check", None)
        self._malformed = malformed
        self._reserved: list[int] = []
        self._leading = 0  # so many fields at the start are plain numbers, taken over as they are
        self._fields: list[tuple[Field, int]] = []
        head, slot = "!", 0
        hints = get_type_hints(payload, include_extras=True).values()
        for mark in [mark for hint in hints for mark in hint.__metadata__]:
            if isinstance(mark, Reserved):
                start = struct.calcsize(head)
                self._reserved += range(start, start + mark.size)
                head += f"{mark.size}x"
                continue
            if type(mark) is Number and not self._fields:
                self._leading += 1
            else:
                self._fields.append((PayloadNumber(number) if isinstance(mark, PayloadNumber) else mark, slot))
            head += mark.head
            slot += len(mark.head)
        self._head = struct.Struct(head)

    def parse(self, body: bytes) -> PayloadClass:
        """Parse a whole body. Raises WireError."""
        position = self._head.size
        if len(body) < position:
            raise WireError(f"a body of at least {position} octets", len(body), notify=self._malformed)
        for reserved in self._reserved:
            if body[reserved]:
                raise WireError("0 in a RESERVED field", body[reserved], reserved, notify=self._malformed)
        numbers = self._head.unpack_from(body)
        values: list[Any] = [*numbers[: self._leading]]
        for field, slot in self._fields:
            value, position = field.parse(numbers, slot, body, position)
            values.append(value)
        if position != len(body):
            raise WireError(
                "the end of the payload", f"{len(body) - position} octets more", position, notify=self._malformed
            )
        payload = self._new(values)
        if self._check is not None:
            self._check(payload)
        return payload

    def build(self, payload: PayloadClass) -> bytes:
        """Build the body. Raises struct.error if a value does not fit its field."""
        numbers: list[int] = [*payload[: self._leading]]
        octets: list[bytes] = []
        for (field, _), value in zip(self._fields, payload[self._leading :], strict=True):
            in_head, after_head = field.build(value)
            numbers += in_head
            octets.append(after_head)
        return self._head.pack(*numbers) + b"".join(octets)


class PlainLayout(Layout[PayloadClass]):
    """The layout of a class whose fields are numbers, if any, and then octets up to the end of the body.

    Most payloads of most messages are of this kind: they are spared the walk over their fields.
    """

    def __init__(self, payload: type[PayloadClass], number: int = 0) -> None:
        super().__init__(payload, number)
        octets = self._fields[0][0]
        assert isinstance(octets, Remaining)
        self._shortest = self._head.size + octets.least
        self._longest = self._head.size + octets.most
        self._number = tuple([field.number for field, _ in self._fields if isinstance(field, PayloadNumber)])
        self._is_opaque = not self._leading and self._check is None  # octets, and nothing else

    def parse(self, body: bytes) -> PayloadClass:
        """Parse a whole body. Raises WireError."""
        size = len(body)
        if size < self._shortest or size > self._longest:
            return super().parse(body)  # which raises the error
        if self._is_opaque:
            return self._new((body, *self._number))
        payload = self._new((*self._head.unpack_from(body), body[self._head.size :], *self._number))
        if self._check is not None:
            self._check(payload)
        return payload

    def build(self, payload: PayloadClass) -> bytes:
        """Build the body. Raises struct.error if a value does not fit its field."""
        octets: bytes = payload[self._leading]
        return self._head.pack(*payload[: self._leading]) + octets
