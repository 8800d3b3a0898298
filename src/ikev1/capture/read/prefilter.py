"""A fast check of a few octets at fixed offsets, which skips most frames of a large capture.

A prefilter accepts every frame that it cannot classify. `link`, `network` and `transport` parse the accepted frames.
"""

from __future__ import annotations

import struct
from collections.abc import Set

from ikev1.capture.read import link
from ikev1.capture.read.frame import Wanted
from ikev1.capture.read.network import AH, ESP, EXTENSION_HEADERS, IPV4_FRAGMENT, UDP

# First octet, flags and fragment offset, protocol, both ports of UDP. The upper octet of the
# fragment offset in IPv4 is at the position of the next header in IPv6.
IPV4 = struct.Struct("!B5xHxB10xHH")
PORTS = struct.Struct("!HH")

IPV6_HEADER = 40
WITHOUT_OPTIONS = 0x45
WITHOUT_PORTS = frozenset((ESP, AH))
AFTER_IPV6 = WITHOUT_PORTS | EXTENSION_HEADERS


def prefilter_for(link_type: int, ports: Set[int]) -> Wanted:
    """The prefilter for frames of ``link_type`` (a LINKTYPE of tcpdump.org)."""
    ip = _ip(ports)
    if link_type in link.ETHER_TYPE_AND_IP:
        return _after_ether_type(*link.ETHER_TYPE_AND_IP[link_type], ip)
    if link_type in link.RAW_IP:
        return ip
    if link_type in link.LOOPBACK:
        return lambda buffer, start: ip(buffer, start + 4)
    return lambda buffer, start: True


def _ip(ports: Set[int]) -> Wanted:
    fields, ports_at = IPV4.unpack_from, PORTS.unpack_from

    def wanted(buffer: bytearray, start: int) -> bool:
        first, fragment, protocol, source, destination = fields(buffer, start)
        if first >> 4 == 4:
            if protocol != UDP:
                return protocol in WITHOUT_PORTS
            if first != WITHOUT_OPTIONS or fragment & IPV4_FRAGMENT:
                return True
        else:
            following = fragment >> 8
            if following != UDP:
                return following in AFTER_IPV6
            source, destination = ports_at(buffer, start + IPV6_HEADER)
        return source in ports or destination in ports

    return wanted


def _after_ether_type(ether_type_at: int, ip_at: int, ip: Wanted) -> Wanted:
    tag = ip_at + 2  # the EtherType of a VLAN tag, if present

    def wanted(buffer: bytearray, start: int) -> bool:
        at = start + ether_type_at
        ether_type = buffer[at] << 8 | buffer[at + 1]
        if ether_type in link.IP:
            return ip(buffer, start + ip_at)
        if ether_type in link.VLAN_TAGS:
            at = start + tag
            ether_type = buffer[at] << 8 | buffer[at + 1]
            if ether_type in link.IP:
                return ip(buffer, at + 2)
        return ether_type in link.CARRIERS

    return wanted
