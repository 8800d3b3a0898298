"""IPv4 and IPv6 headers, options and extension headers (RFC 791 §3.1, RFC 8200 §3, §4)."""

from __future__ import annotations

import struct
from socket import AF_INET, AF_INET6, inet_ntop
from typing import NamedTuple

from ikev1.capture.read.problems import Unreadable

UDP, ESP, AH = 17, 50, 51
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS = 0, 43, 44, 60
SKIPPED = frozenset((HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS))
EXTENSION_HEADERS = SKIPPED | {FRAGMENT}
MOST_HEADERS = 8

IPV4 = struct.Struct("!BxHHHxB2x4s4s")
IPV6 = struct.Struct("!4xHBx16s16s")
FRAGMENT_HEADER = struct.Struct("!BxHI")
MORE_FRAGMENTS, OFFSET = 0x2000, 0x1FFF
IPV4_FRAGMENT = MORE_FRAGMENTS | OFFSET
"""Every fragment has at least one of these bits set."""


class IpPacket(NamedTuple):
    """An IP packet. ``payload`` are the captured octets of the ``length`` octets after all headers.

    ``offset`` (in octets), ``more`` and ``identification`` describe a fragment; they are 0, False, 0 otherwise.
    """

    source: str
    destination: str
    protocol: int
    payload: bytes
    length: int
    offset: int = 0
    more: bool = False
    identification: int = 0

    @property
    def fragmented(self) -> bool:
        """Whether the packet is a fragment."""
        return self.more or self.offset > 0


def parse_ip(octets: bytes, start: int) -> IpPacket:
    """Parse the IP packet that begins at ``start``. Raises Unreadable."""
    if start >= len(octets):
        raise Unreadable("truncated", "truncated before the IP header")
    version = octets[start] >> 4
    if version == 4:
        return _parse_ipv4(octets, start)
    if version == 6:
        return _parse_ipv6(octets, start)
    raise Unreadable("unsupported", f"unknown IP version {version}")


def _parse_ipv4(octets: bytes, start: int) -> IpPacket:
    if len(octets) - start < IPV4.size:
        raise Unreadable("truncated", "truncated in the IPv4 header")
    first, total, identification, fragment, protocol, source, destination = IPV4.unpack_from(octets, start)
    header = 4 * (first & 0x0F)
    total = total or len(octets) - start  # 0 with segmentation offload
    if header < IPV4.size or total < header:
        raise Unreadable("malformed", "the lengths in the IPv4 header are inconsistent")
    packet = IpPacket(
        inet_ntop(AF_INET, source),
        inet_ntop(AF_INET, destination),
        protocol,
        octets[start + header : start + total],
        total - header,
    )
    if not fragment & IPV4_FRAGMENT:
        return packet
    return packet._replace(
        offset=8 * (fragment & OFFSET), more=bool(fragment & MORE_FRAGMENTS), identification=identification
    )


def _parse_ipv6(octets: bytes, start: int) -> IpPacket:
    if len(octets) - start < IPV6.size:
        raise Unreadable("truncated", "truncated in the IPv6 header")
    length, protocol, source, destination = IPV6.unpack_from(octets, start)
    after = start + IPV6.size
    length = length or len(octets) - after
    packet = IpPacket(
        inet_ntop(AF_INET6, source),
        inet_ntop(AF_INET6, destination),
        protocol,
        octets[after : after + length],
        length,
    )
    return skip_headers(packet)


def skip_headers(packet: IpPacket) -> IpPacket:
    """Skip the extension headers of ``packet``, up to a fragment header. Raises Unreadable."""
    for _ in range(MOST_HEADERS):
        protocol, payload = packet.protocol, packet.payload
        if protocol in SKIPPED:
            size = 8 + 8 * payload[1] if len(payload) >= 8 else 8  # RFC 8200 §4.3, §4.4, §4.6
        elif protocol == AH:
            size = 8 + 4 * payload[1] if len(payload) >= 8 else 8  # RFC 4302 §2.2: 32-bit words, less 2
        elif protocol == FRAGMENT:
            packet = _fragment(packet)
            if packet.fragmented:
                return packet
            continue  # an atomic fragment (RFC 6946)
        else:
            return packet
        if size > len(payload):
            raise Unreadable("truncated", "truncated in an extension header")
        packet = packet._replace(protocol=payload[0], payload=payload[size:], length=packet.length - size)
    raise Unreadable("malformed", f"more than {MOST_HEADERS} extension headers")


def _fragment(packet: IpPacket) -> IpPacket:
    """RFC 8200 §4.5."""
    if len(packet.payload) < FRAGMENT_HEADER.size:
        raise Unreadable("truncated", "truncated in the fragment header")
    protocol, offset_and_more, identification = FRAGMENT_HEADER.unpack_from(packet.payload)
    return packet._replace(
        protocol=protocol,
        payload=packet.payload[FRAGMENT_HEADER.size :],
        length=packet.length - FRAGMENT_HEADER.size,
        offset=offset_and_more & ~7,
        more=bool(offset_and_more & 1),
        identification=identification,
    )
