"""What a reader of captures gives to those who understand them: ISAKMP datagrams and ESP packets, as values."""

from __future__ import annotations

from typing import NamedTuple


class Datagram(NamedTuple):
    """One ISAKMP message as it travelled: the payload of UDP, without the non-ESP marker (RFC 3948 §2.2).

    ``frames`` are the numbers of its frames in the capture, counted from 1 as Wireshark counts; IP fragments make them
    several. ``time`` is seconds since the epoch. Addresses are text. ``marked`` is whether the non-ESP marker stood
    before it. A keepalive (RFC 3948 §2.3) has the payload ``b"\\xff"``. ``missing`` is how many octets the capture has
    cut off the end of the payload: usually none.
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
    """One ESP packet, from its SPI on. The ports are 0 where it travelled as IP protocol 50.

    ``payload`` is what the capture has of it, ``length`` what it had on the wire: captures are often cut.
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
