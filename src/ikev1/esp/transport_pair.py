"""A pair of IPsec SAs in transport mode: ESP protects the payload of the IP packet (RFC 4303 §3.1.1).

The kernel builds the IP header of the ESP packet for our sockets, so the header of the original packet is not sent: the
peer sees the addresses of the path, the TTL of a new packet, and no options. Received packets get a new IP header with
the addresses of the path. Fragments are refused, because an SA in transport mode carries whole datagrams (RFC 4303
§3.3.4); the kernel fragments the ESP packet instead.

Checksums of TCP, UDP, UDP-Lite and ICMPv6 cover the addresses, which a NAT changes. If the peer has sent the original
addresses (NAT-OA, RFC 3947 §5.2), the checksum is updated incrementally, else recomputed (RFC 3948 §3.1.2). An IPv4
UDP checksum of 0, which means none, is not changed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from ikev1.core.records.child_sa import ChildSa
from ikev1.esp.checksum import complement, internet_checksum, ones_sum, pseudo_header
from ikev1.esp.inner import CHECKSUM_AT, ICMP_V6, IPV4, IPV6, UDP, UDP_LITE, InnerPacketError
from ikev1.esp.networks import packed
from ikev1.esp.plane import Listener
from ikev1.esp.sa_pair import Outbound, SaPair
from ikev1.esp.transforms import PADDING

_IPV4_HEADER = struct.Struct("!BBHHHBBH4s4s")  # RFC 791 §3.1
_IPV6_HEADER = struct.Struct("!IHBB16s16s")  # RFC 8200 §3
_PLAIN_VERSION_4, _VERSION_6 = 0x45, 6 << 28
_DONT_FRAGMENT = 0x4000
_TTL = 64
_LARGEST_PACKET = 65_535
_COVERS_ADDRESSES = {**CHECKSUM_AT, ICMP_V6: 2}
_MORE_OR_OFFSET = 0x3F  # in octet 6 of an IPv4 header
_NOT_END_TO_END = frozenset({0, 43, 44})  # IPv6: hop-by-hop options, routing, fragment (RFC 4303 §3.1.1)


class TransportPair(SaPair):
    """Like `SaPair`, for IP packets between the two ends of the path of ``child``.

    Raises:
        UnsupportedError: the suite is not supported, or a key has the wrong size.
    """

    __slots__ = ("_difference", "_ends")

    def __init__(self, child: ChildSa, mtu: int, random: Callable[[int], bytes], listener: Listener) -> None:
        super().__init__(child, mtu, random, listener)
        self._look_at(child)

    def move(self, child: ChildSa, mtu: int) -> None:
        super().move(child, mtu)
        self.forget_flows()
        self._look_at(child)

    def seal(self, packets: Iterable[bytes], now: float) -> list[bytes]:
        """As `SaPair.seal`. Packets that cannot be sent in transport mode are counted as refused."""
        given = list(packets)
        whole = [packet for packet in given if _is_whole(packet)]
        self.refused_out += len(given) - len(whole)
        return super().seal(whole, now)

    def _look_at(self, child: ChildSa) -> None:
        """Store the addresses of the path, and their difference to the original ones in a checksum."""
        self._ends = packed(child.path.remote_host), packed(child.path.local_host)
        original = child.original_addresses
        if not child.udp_encapsulation:
            self._difference: int | None = 0
        elif original is None or len(original.peer) != len(self._ends[0]):
            self._difference = None
        else:
            self._difference = (ones_sum(b"".join(self._ends)) - ones_sum(original.peer + original.ours)) % 65535

    def _framed(self, packet: bytes, outbound: Outbound) -> bytes:
        if packet[0] >> 4 == 4:
            start, next_header = (packet[0] & 15) * 4, packet[9]
        else:
            start, next_header = 40, packet[6]
        pad = -(len(packet) - start + 2) % outbound.alignment
        return packet[start:] + PADDING[:pad] + bytes((pad, next_header))

    def _unframed(self, packet: bytes, next_header: int) -> bytes:
        if next_header in (IPV4, IPV6):
            raise InnerPacketError("an IP packet in transport mode")
        if next_header == UDP and len(packet) >= 8:
            length = packet[4] << 8 | packet[5]
            if 8 <= length < len(packet):
                packet = packet[:length]  # TFC padding goes (RFC 4303 §2.7)
        source, destination = self._ends
        if len(source) == 16:
            if len(packet) > _LARGEST_PACKET:
                raise InnerPacketError(f"a payload of {len(packet)} octets")
            return _IPV6_HEADER.pack(_VERSION_6, len(packet), next_header, _TTL, source, destination) + packet
        length = _IPV4_HEADER.size + len(packet)
        if length > _LARGEST_PACKET:
            raise InnerPacketError(f"a payload of {len(packet)} octets")
        fields = (_PLAIN_VERSION_4, 0, length, 0, _DONT_FRAGMENT, _TTL, next_header)
        bare = _IPV4_HEADER.pack(*fields, 0, source, destination)
        return _IPV4_HEADER.pack(*fields, internet_checksum(bare), source, destination) + packet

    def _admitted(self, packet: bytes, flow: bytes, upper: int) -> bytes | None:
        return super()._admitted(self._mended(packet, flow[0], upper), flow, upper)

    def _mended(self, packet: bytes, protocol: int, upper: int) -> bytes:
        """The packet with a checksum for the addresses that it has here."""
        offset = _COVERS_ADDRESSES.get(protocol)
        if self._difference == 0 or offset is None or not upper or upper + offset + 2 > len(packet):
            return packet
        place = upper + offset
        checksum = packet[place] << 8 | packet[place + 1]
        if protocol == UDP and not checksum and packet[0] >> 4 == 4:
            return packet
        if self._difference is None:
            pseudo = pseudo_header(packet, protocol, len(packet) - upper)
            checksum = internet_checksum(packet[upper:place] + b"\0\0" + packet[place + 2 :], pseudo)
        else:
            checksum = complement((~checksum & 0xFFFF) + self._difference)  # RFC 1624 §3, equation 3
        if not checksum and protocol in (UDP, UDP_LITE):
            checksum = 0xFFFF  # RFC 768: 0 would say that there is none
        return packet[:place] + checksum.to_bytes(2) + packet[place + 2 :]


def _is_whole(packet: bytes) -> bool:
    """Whether the packet is not a fragment, and has no hop-by-hop or routing header."""
    if packet[0] >> 4 == 4:
        return not packet[6] & _MORE_OR_OFFSET and not packet[7]
    return packet[6] not in _NOT_END_TO_END
