"""VICI on the wire: segments, packets and messages (strongSwan's README.md of the vici plugin).

A segment is a length of four octets and one packet; a packet is a type, a name where the type has one, and a message;
a message is a flat run of keys, lists and sections. Clients are local, but their packets are not trusted: anything
that does not parse raises `PacketError`, in time linear to its size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
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


# The first octet of each element of a message
_SECTION_START, _SECTION_END, _KEY_VALUE, _LIST_START, _LIST_ITEM, _LIST_END = 1, 2, 3, 4, 5, 6


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


@lru_cache(maxsize=512)
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
    end = 2 + octets[1] if len(octets) > 1 else 2
    if end > len(octets) or not octets[2:end].isascii():
        raise PacketError("the name of the packet runs past its end, or is not ASCII")
    return Packet(kind, octets[2:end].decode("ascii"), octets[end:])


def parse_message(octets: bytes) -> Received:
    """The message in the body of a packet. Of equal keys in a section the last one counts.

    Raises:
        PacketError: an element runs past the end, is of unknown type, or stands where it must not.
    """
    root: Received = {}
    section, outer = root, list[Received]()
    position, end = 0, len(octets)
    try:
        while position < end:
            element = octets[position]
            if element == _SECTION_END and outer:
                section = outer.pop()
                position += 1
                continue
            start = position + 2
            position = start + octets[position + 1]
            key = octets[start:position].decode("ascii")
            if element == _KEY_VALUE:
                start = position + 2
                position = start + (octets[position] << 8) + octets[position + 1]
                section[key] = octets[start:position]
            elif element == _LIST_START:
                section[key], position = _items(octets, position)
            elif element == _SECTION_START and len(outer) < DEPTH_LIMIT:
                outer.append(section)
                inner: Received = {}
                section[key] = section = inner
            else:
                raise PacketError(
                    f"unexpected element {element} before offset {start}, or too many sections in another"
                )
            if position > end:
                raise IndexError
    except IndexError:
        raise PacketError(f"an element runs past the end, which is at offset {end}") from None
    except UnicodeDecodeError:
        raise PacketError(f"the name before offset {position} is not ASCII") from None
    if outer:
        raise PacketError("the message ends within a section")
    return root


def _items(octets: bytes, position: int) -> tuple[list[bytes], int]:
    """The items of the list that begins at ``position``, and where it ends."""
    items = []
    while octets[position] == _LIST_ITEM:
        start = position + 3
        position = start + (octets[position + 1] << 8) + octets[position + 2]
        items.append(octets[start:position])
    if octets[position] != _LIST_END:
        raise PacketError(f"unexpected element {octets[position]} in a list at offset {position}")
    return items, position + 1
