"""Captures made by hand, octet by octet: frames of every link type, pcap and pcapng of every kind."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from ikev1.capture.read import Capture

ETHERNET, RAW, COOKED, COOKED_2, NULL, LOOP, PPP, PPP_ETHERNET = 1, 101, 113, 276, 0, 108, 9, 51
UDP, ESP, AH, TCP, FRAGMENT = 17, 50, 51, 6, 44
A, B = "192.0.2.1", "192.0.2.2"
A6, B6 = "2001:db8::1", "2001:db8::2"
MACS = bytes.fromhex("020000000001020000000002")

ISAKMP = struct.pack("!8s8sBBBBII", b"initiate", b"response", 8, 0x10, 5, 1, 0xCAFE, 60) + bytes(range(32))
"""An encrypted message of 60 octets."""


def udp(payload: bytes, source: int = 500, destination: int = 500, length: int | None = None) -> bytes:
    """A UDP datagram; its length may lie."""
    return struct.pack("!HHHH", source, destination, 8 + len(payload) if length is None else length, 0) + payload


def ipv4(
    payload: bytes,
    protocol: int = UDP,
    *,
    source: str = A,
    options: bytes = b"",
    fragment: int = 0,
    identification: int = 1,
    length: int | None = None,
) -> bytes:
    """An IPv4 packet; ``fragment`` is the field of flags and offset, the total length may lie."""
    first = 0x45 + len(options) // 4
    total = 20 + len(options) + len(payload) if length is None else length
    head = struct.pack("!BBHHHBBH", first, 0, total, identification, fragment, 64, protocol, 0)
    return head + ip_address(source).packed + ip_address(B).packed + options + payload


def ipv6(payload: bytes, protocol: int = UDP, length: int | None = None) -> bytes:
    """An IPv6 packet; its length may lie."""
    head = struct.pack("!IHBB", 6 << 28, len(payload) if length is None else length, protocol, 64)
    return head + ip_address(A6).packed + ip_address(B6).packed + payload


def fragments(payload: bytes, size: int, protocol: int = UDP, identification: int = 1) -> list[bytes]:
    """``payload`` as IPv4 fragments of ``size`` octets, which eight divides."""
    return [
        ipv4(
            payload[start : start + size],
            protocol,
            fragment=start // 8 | (0x2000 if start + size < len(payload) else 0),
            identification=identification,
        )
        for start in range(0, len(payload), size)
    ]


def fragment6(piece: bytes, offset: int, more: bool, identification: int = 1) -> bytes:
    """A UDP fragment in IPv6."""
    return ipv6(struct.pack("!BBHI", UDP, 0, offset | more, identification) + piece, FRAGMENT)


def ethernet(packet: bytes, *tags: int) -> bytes:
    """An Ethernet frame with a packet of IP, behind VLAN tags of these EtherTypes."""
    tagged = b"".join([struct.pack("!HH", tag, 7) for tag in tags])
    return MACS + tagged + ether_type(packet) + packet


def ether_type(packet: bytes) -> bytes:
    """0x0800 or 0x86dd."""
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


def pcap(
    frames: Iterable[bytes],
    link_type: int = ETHERNET,
    *,
    order: str = "<",
    magic: int = 0xA1B2C3D4,
    cut: int = 0xFFFF,
    fraction: int = 250_000,
) -> bytes:
    """A pcap file, with a frame each second from 1000000000 on; ``cut`` is how much of each is kept."""
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, cut, link_type)]
    more = struct.pack(f"{order}IHBB", 0, 0, 0, 0) if magic == 0xA1B2CD34 else b""
    for number, frame in enumerate(frames):
        kept = frame[:cut]
        header = struct.pack(f"{order}IIII", 1_000_000_000 + number, fraction, len(kept), len(frame))
        parts += header, more, kept
    return b"".join(parts)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{order}I", 12 + len(body))
    return struct.pack(f"{order}I", kind) + length + body + length


def option(code: int, value: bytes, order: str = "<") -> bytes:
    """An option of a block."""
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<") -> bytes:
    """A Section Header Block."""
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link_type: int = ETHERNET, *options: bytes, order: str = "<", longest: int = 0) -> bytes:
    """An Interface Description Block."""
    end = option(0, b"", order) if options else b""
    return block(1, struct.pack(f"{order}HHI", link_type, 0, longest) + b"".join(options) + end, order)


def enhanced(frame: bytes, time: int = 0, number: int = 0, order: str = "<", length: int | None = None) -> bytes:
    """An Enhanced Packet Block; ``time`` in units of the interface."""
    length = len(frame) if length is None else length
    head = struct.pack(f"{order}IIIII", number, time >> 32, time & 0xFFFFFFFF, len(frame), length)
    return block(6, head + frame, order)


def old_packet(frame: bytes, time: int = 0, number: int = 0, order: str = "<") -> bytes:
    """A Packet Block, as pcapng had it before."""
    head = struct.pack(f"{order}HHIIII", number, 0, time >> 32, time & 0xFFFFFFFF, len(frame), len(frame))
    return block(2, head + frame, order)


def simple(frame: bytes, order: str = "<", length: int | None = None) -> bytes:
    """A Simple Packet Block."""
    return block(3, struct.pack(f"{order}I", len(frame) if length is None else length) + frame, order)


def pcapng(frames: Sequence[bytes], link_type: int = ETHERNET, order: str = "<") -> bytes:
    """A pcapng file of one interface, with a frame each second from 1000000000 on."""
    packets = [enhanced(frame, (1_000_000_000 + number) * 10**6, order=order) for number, frame in enumerate(frames)]
    return section(order) + interface(link_type, order=order) + b"".join(packets)


def noted(capture: Capture) -> tuple[tuple[str, int, int], ...]:
    """The problems of a capture: code, number of frames, first frame."""
    return tuple((problem.code, problem.frames, problem.first) for problem in capture.problems())
