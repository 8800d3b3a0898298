"""Writing ISAKMP datagrams as pcapng blocks, with reconstructed IP and UDP headers.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html (source of the section numbers below)
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from ipaddress import ip_address

from ikev1.capture.read.link import RAW
from ikev1.capture.records.packets import Datagram
from ikev1.wire.header import NON_ESP_MARKER

SECTION_HEADER, INTERFACE, ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
BYTE_ORDER = 0x1A2B3C4D
END, COMMENT, NAME, APPLICATION, DIRECTION = 0, 1, 2, 4, 2  # options; the last is of packets (§4.3)
INBOUND, OUTBOUND = 1, 2
UDP, HOPS = 17, 64


def section_blocks(application: str, comment: str) -> bytes:
    """The Section Header Block (§4.1) and the Interface Description Block (§4.2) for raw IP packets.

    ``application`` and ``comment`` become options of the section.
    """
    options = [(COMMENT, comment.encode()), (APPLICATION, application.encode())]
    section = struct.pack("<IHHq", BYTE_ORDER, 1, 0, -1) + _options(options)
    interface = struct.pack("<HHI", RAW, 0, 0) + _options([(NAME, b"ikev1")])
    return _block(SECTION_HEADER, section) + _block(INTERFACE, interface)


def datagram_block(datagram: Datagram, *, sent: bool) -> bytes:
    """An Enhanced Packet Block (§4.3) with ``datagram``, marked as outbound if ``sent``, else as inbound."""
    packet = ip_packet(datagram)
    microseconds = round(datagram.time * 1e6)
    head = struct.pack("<IIIII", 0, microseconds >> 32, microseconds & 0xFFFFFFFF, len(packet), len(packet))
    direction = struct.pack("<I", OUTBOUND if sent else INBOUND)
    return _block(ENHANCED_PACKET, head + _padded(packet) + _options([(DIRECTION, direction)]))


def ip_packet(datagram: Datagram) -> bytes:
    """The IPv4 or IPv6 packet that carries ``datagram``, unfragmented."""
    source, destination = (ip_address(address).packed for address in (datagram.source, datagram.destination))
    payload = NON_ESP_MARKER + datagram.payload if datagram.marked else datagram.payload
    length = 8 + len(payload)
    header = struct.pack("!HHHH", datagram.source_port, datagram.destination_port, length, 0)
    pseudo = source + destination + struct.pack("!II", length, UDP)  # RFC 8200 §8.1; the sum is the same for IPv4
    checksum = _checksum(pseudo + header + payload) or 0xFFFF
    udp = header[:6] + struct.pack("!H", checksum) + payload
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, length, UDP, HOPS) + source + destination + udp
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, HOPS, UDP, 0) + source + destination
    return ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:] + udp


def _checksum(octets: bytes) -> int:
    """RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets[: len(octets) & ~1]))
    if len(octets) & 1:
        total += octets[-1] << 8
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _options(options: Iterable[tuple[int, bytes]]) -> bytes:
    parts = [struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options]
    return b"".join(parts) + struct.pack("<HH", END, 0)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length
