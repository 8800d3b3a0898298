"""Packets as a file of pcap, each in one frame of bare IPv4."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

from ikev1.capture.records.packets import Datagram, Packet

_LINKTYPE_RAW = 101
_UDP, _ESP = 17, 50


def pcap(packets: Iterable[Packet]) -> bytes:
    """The file."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _LINKTYPE_RAW)
    return header + b"".join(_frame(packet.time, _ip(packet)) for packet in packets)


def _frame(time: float, octets: bytes) -> bytes:
    return struct.pack("<IIII", int(time), round(time % 1 * 1e6) % 1_000_000, len(octets), len(octets)) + octets


def _ip(packet: Packet) -> bytes:
    marker = bytes(4) if isinstance(packet, Datagram) and packet.marked else b""
    payload, protocol = marker + packet.payload, _ESP
    if packet.source_port:
        payload = struct.pack("!HHHH", packet.source_port, packet.destination_port, 8 + len(payload), 0) + payload
        protocol = _UDP
    addresses = socket.inet_aton(packet.source) + socket.inet_aton(packet.destination)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0) + addresses + payload
