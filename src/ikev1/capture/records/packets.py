"""The packets that the reader extracts from a capture: ISAKMP datagrams and ESP packets."""

from __future__ import annotations

from typing import NamedTuple


class Datagram(NamedTuple):
    """One ISAKMP datagram: the UDP payload without the non-ESP marker (RFC 3948 §2.2).

    ``frames`` are frame numbers, counted from 1 as in Wireshark; a fragmented IP datagram has several. ``time`` is in
    seconds since the epoch. Addresses are text. ``marked`` is whether a non-ESP marker preceded the payload. A
    keepalive (RFC 3948 §2.3) has the payload ``b"\\xff"``. ``missing`` is the number of octets that the capture cut off
    the end of the payload.
    """

    frames: tuple[int, ...]
    time: float
    source: str
    source_port: int
    destination: str
    destination_port: int
    marked: bool
    payload: bytes
    missing: int = 0


class EspPacket(NamedTuple):
    """One ESP packet, starting at its SPI. The ports are 0 for IP protocol 50.

    ``payload`` are the captured octets, ``length`` is the number of octets on the wire.
    """

    frames: tuple[int, ...]
    time: float
    source: str
    source_port: int
    destination: str
    destination_port: int
    payload: bytes
    length: int


Packet = Datagram | EspPacket
