"""The fields of an inner packet that ESP needs: length, addresses, protocol and ports.

`parse` returns a plain tuple because it runs for every packet. The *flow* in it is a short key, equal for all packets
that the same selectors match, by which the SA is looked up:
``protocol (1 octet) | source | destination | source port | destination port``. It has no ports if the packet has none:
for protocols without ports, and for fragments other than the first.
"""

from __future__ import annotations

import socket
from typing import NamedTuple

from ikev1.core.records.selector import Selector
from ikev1.errors import RemoteError

IPV4, IPV6 = 4, 41  # the protocol numbers of IP in IP, ESP's next header in tunnel mode (RFC 4303 §2.6)
TCP, UDP, _SCTP, UDP_LITE = 6, 17, 132, 136
WITH_PORTS = frozenset({TCP, UDP, _SCTP, UDP_LITE})  # as the first four octets of their headers
ICMP_V6 = 58
CHECKSUM_AT = {TCP: 16, UDP: 6, UDP_LITE: 6}  # octet of the header where there is a checksum that covers the addresses
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AH, _DESTINATION = 0, 43, 44, 51, 60
_EXTENSIONS = frozenset({_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AH, _DESTINATION})
_MOST_EXTENSIONS = 8  # headers; RFC 8200 §4.1 knows of seven in a sensible packet


class InnerPacketError(RemoteError, ValueError):
    """It is not an IPv4 or IPv6 packet, or is shorter than its length field says."""

    code = "malformed"


class Flow(NamedTuple):
    """A decoded flow; the ports are None if the packet has none."""

    protocol: int
    source: bytes
    destination: bytes
    source_port: int | None
    destination_port: int | None

    def __str__(self) -> str:
        family = socket.AF_INET if len(self.source) == 4 else socket.AF_INET6
        source, destination = (socket.inet_ntop(family, address) for address in (self.source, self.destination))
        if self.source_port is None:
            return f"{source} -> {destination}, protocol {self.protocol}"
        return f"{source}[{self.source_port}] -> {destination}[{self.destination_port}], protocol {self.protocol}"


def parse(packet: bytes) -> tuple[bytes, int, int]:
    """The flow, the offset of the upper layer header (0: not in this packet), and the length of the packet in octets.

    Octets after that length do not belong to the packet (RFC 4303 §2.7).

    Raises:
        InnerPacketError: it is not an IP packet, or truncated.
    """
    size = len(packet)
    if size < 20:
        raise InnerPacketError(f"not an IP packet: {size} octets")
    version = packet[0] >> 4
    if version == 4:
        upper, length, protocol = (packet[0] & 15) * 4, packet[2] << 8 | packet[3], packet[9]
        if not 20 <= upper <= length <= size:
            raise InnerPacketError(
                f"IPv4 packet with a header of {upper} octets and a length of {length}, found {size} octets"
            )
        flow = packet[9:10] + packet[12:20]
        if packet[6] & 0x1F or packet[7]:
            return flow, 0, length
    elif version == 6:
        length = 40 + (packet[4] << 8 | packet[5])
        if length > size:
            raise InnerPacketError(f"IPv6 packet with a length of {length}, found {size} octets")
        protocol, upper = packet[6], 40
        if protocol in _EXTENSIONS:
            protocol, upper = _skip_extensions(packet, length)
        flow = bytes((protocol,)) + packet[8:40]
        if not upper:
            return flow, 0, length
    else:
        raise InnerPacketError(f"IP version {version}")
    if protocol in WITH_PORTS and upper + 4 <= length:
        return flow + packet[upper : upper + 4], upper, length
    return flow, upper, length


def _skip_extensions(packet: bytes, length: int) -> tuple[int, int]:
    """The upper layer protocol and its offset, 0 for a fragment other than the first (RFC 8200 §4)."""
    protocol, offset = packet[6], 40
    for _ in range(_MOST_EXTENSIONS):
        if protocol not in _EXTENSIONS:
            return protocol, offset
        if offset + 8 > length:
            raise InnerPacketError(f"IPv6 extension header {protocol} is malformed at octet {offset} of {length}")
        following = packet[offset]
        if protocol == _FRAGMENT:
            if packet[offset + 2] or packet[offset + 3] & 0xF8:
                return following, 0
            offset += 8
        elif protocol == _AH:
            offset += (packet[offset + 1] + 2) * 4  # RFC 4302 §2.2
        else:
            offset += (packet[offset + 1] + 1) * 8
        protocol = following
    raise InnerPacketError(f"more than {_MOST_EXTENSIONS} IPv6 extension headers")


def decode(flow: bytes) -> Flow:
    """The fields of a flow that `parse` returned."""
    width = 4 if len(flow) <= 13 else 16
    source, destination, ports = flow[1 : 1 + width], flow[1 + width : 1 + 2 * width], flow[1 + 2 * width :]
    if not ports:
        return Flow(flow[0], source, destination, None, None)
    return Flow(flow[0], source, destination, ports[0] << 8 | ports[1], ports[2] << 8 | ports[3])


def matches(flow: Flow, source: Selector, destination: Selector) -> bool:
    """Whether a packet of ``flow`` goes from ``source`` to ``destination``.

    A selector with a port does not match packets without ports (RFC 4301 §7.1), because their ports are unknown.
    """
    return (
        len(flow.source) == len(source.first)
        and source.first <= flow.source <= source.last
        and len(flow.destination) == len(destination.first)
        and destination.first <= flow.destination <= destination.last
        and source.protocol in (0, flow.protocol)
        and destination.protocol in (0, flow.protocol)
        and source.port in (0, flow.source_port)
        and destination.port in (0, flow.destination_port)
    )
