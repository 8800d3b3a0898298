"""VICI on the wire: segments, packets and messages (strongSwan's README.md of the vici plugin).

A segment is a length of four octets and one packet; a packet is a type, a name where the type has one, and a message;
a message is a flat run of keys, lists and sections. Clients are local, but their packets are not trusted: anything
that does not parse raises `PacketError`, in time linear to its size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple, Union

from ikev1.errors import RemoteError

SEGMENT_LIMIT = 512 * 1024  # octets of one packet, in either direction
NAME_LIMIT, VALUE_LIMIT, DEPTH_LIMIT = 0xFF, 0xFFFF, 32

Section = Mapping[str, Union[str, bytes, Sequence[str], "Section"]]
"""A message to be sent: text, octets, lists of text, and sections, in the order in which they are sent."""

Received = dict[str, Union[bytes, list[bytes], "Received"]]
"""A received message: values are octets, because only the command knows which of them are text."""


class PacketError(RemoteError):
    """A client sent a malformed packet or message; the text says where."""

    code = "malformed"


class PacketType(IntEnum):
    """The first octet of every packet."""

    CMD_REQUEST = 0
    CMD_RESPONSE = 1
    CMD_UNKNOWN = 2
    EVENT_REGISTER = 3
    EVENT_UNREGISTER = 4
    EVENT_CONFIRM = 5
    EVENT_UNKNOWN = 6
    EVENT = 7


class Element(IntEnum):
    """The first octet of every element of a message."""

    SECTION_START = 1
    SECTION_END = 2
    KEY_VALUE = 3
    LIST_START = 4
    LIST_ITEM = 5
    LIST_END = 6


class Packet(NamedTuple):
    """A received packet: ``name`` is empty for types without one, ``body`` is not parsed yet."""

    type: PacketType
    name: str
    body: bytes


_NAMED = frozenset({PacketType.CMD_REQUEST, PacketType.EVENT_REGISTER, PacketType.EVENT_UNREGISTER, PacketType.EVENT})


def printable(text: str) -> str:
    """``text`` in printable ASCII: swanctl treats values with other octets as absent."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(chr(octet) if 0x20 <= octet <= 0x7E else f"\\x{octet:02x}" for octet in text.encode())


def segment(packet: bytes) -> bytes:
    """``packet`` behind its length, ready for the stream."""
    return len(packet).to_bytes(4) + packet


def build_packet(kind: PacketType, name: str = "", message: Section | None = None) -> bytes:
    """A packet of the given type; ``name`` and ``message`` only where the type has them."""
    head = bytes((kind,)) + (_name(name) if kind in _NAMED else b"")
    return head + _build_message(message) if message else head


def _name(name: str) -> bytes:
    octets = printable(name).encode("ascii")[:NAME_LIMIT]
    return bytes((len(octets),)) + octets


def _value(value: str | bytes) -> bytes:
    octets = value if isinstance(value, bytes) else printable(value).encode("ascii")[:VALUE_LIMIT]
    if len(octets) > VALUE_LIMIT:
        raise PacketError(f"a value of {len(octets)} octets, which VICI cannot carry")
    return len(octets).to_bytes(2) + octets


def _build_message(message: Section) -> bytes:
    parts: list[bytes] = []
    for key, value in message.items():
        if isinstance(value, str | bytes):
            parts += b"\x03", _name(key), _value(value)
        elif isinstance(value, Mapping):
            parts += b"\x01", _name(key), _build_message(value), b"\x02"
        else:
            parts += b"\x04", _name(key), *(b"\x05" + _value(item) for item in value), b"\x06"
    return b"".join(parts)


def parse_packet(octets: bytes) -> Packet:
    """The packet in a segment.

    Raises:
        PacketError: it is empty, of unknown type, or its name runs past its end or is not ASCII.
    """
    if not octets:
        raise PacketError("empty packet")
    if octets[0] > PacketType.EVENT:
        raise PacketError(f"unknown packet type {octets[0]}")
    kind = PacketType(octets[0])
    if kind not in _NAMED:
        return Packet(kind, "", octets[1:])
    name, end = _Reader(octets, 1).name(), 2 + octets[1]
    return Packet(kind, name, octets[end:])


def parse_message(octets: bytes) -> Received:
    """The message in the body of a packet. Of equal keys in a section the last one counts.

    Raises:
        PacketError: an element runs past the end, is of unknown type, or stands where it must not.
    """
    reader = _Reader(octets)
    root: Received = {}
    open_sections = [root]
    while reader.position < len(octets):
        element = reader.octet()
        section = open_sections[-1]
        if element == Element.KEY_VALUE:
            key = reader.name()
            section[key] = reader.value()
        elif element == Element.LIST_START:
            key = reader.name()
            section[key] = reader.items()
        elif element == Element.SECTION_START:
            if len(open_sections) > DEPTH_LIMIT:
                raise PacketError(f"sections are nested more than {DEPTH_LIMIT} deep")
            inner: Received = {}
            section[reader.name()] = inner
            open_sections.append(inner)
        elif element == Element.SECTION_END and len(open_sections) > 1:
            open_sections.pop()
        else:
            raise PacketError(f"unexpected element {element} at offset {reader.position - 1}")
    if len(open_sections) > 1:
        raise PacketError("the message ends within a section")
    return root


class _Reader:
    """Reads a message from front to back, and never past its end."""

    def __init__(self, octets: bytes, position: int = 0) -> None:
        self._octets = octets
        self.position = position

    def _take(self, length: int) -> bytes:
        start, self.position = self.position, self.position + length
        if self.position > len(self._octets):
            raise PacketError(f"expected {length} octets at offset {start}, found {len(self._octets) - start}")
        return self._octets[start : self.position]

    def octet(self) -> int:
        return self._take(1)[0]

    def name(self) -> str:
        octets = self._take(self.octet())
        if not octets.isascii():
            raise PacketError(f"the name that ends at offset {self.position} is not ASCII")
        return octets.decode("ascii")

    def value(self) -> bytes:
        return self._take(int.from_bytes(self._take(2)))

    def items(self) -> list[bytes]:
        items = []
        while (element := self.octet()) == Element.LIST_ITEM:
            items.append(self.value())
        if element != Element.LIST_END:
            raise PacketError(f"unexpected element {element} in a list at offset {self.position - 1}")
        return items
