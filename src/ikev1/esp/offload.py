"""Offloads of a network card, for the TUN device: checksums, segmentation, coalescing.

With IFF_VNET_HDR, each packet follows a ``struct virtio_net_hdr`` (<linux/virtio_net.h>). The kernel may then pass up
to 64 KiB of a TCP stream as one packet, which is segmented here, and accepts such packets from us. In both directions
its stack runs once for some 45 packets, which saves half of the time of a packet.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Union

from ikev1.esp.checksum import complement, internet_checksum, ones_sum, pseudo_header, row_sums
from ikev1.esp.inner import TCP

_HEADER = struct.Struct("=BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
HEADER_SIZE = _HEADER.size
_IPV4 = struct.Struct("!2sHH4sH")  # version and service, length, identification, fragment to protocol, checksum
_TCP = struct.Struct("!I5sBHH2s")  # after the ports: sequence, acknowledgement and offset, flags, window, sum, urgent
_IP_VARIES = {4: 12, 6: 6}  # octets of the IP header that packets of one stream may differ in
_NO_OFFLOAD = bytes(HEADER_SIZE)
_NEEDS_CHECKSUM = 1  # VIRTIO_NET_HDR_F_NEEDS_CSUM: the field holds the pseudo-header's sum
_GSO_TCPV4, _GSO_TCPV6, _GSO_ECN = 1, 4, 0x80
_CHECKSUM_IN_TCP = 16
FIN, PSH, ACK, CWR = 0x01, 0x08, 0x10, 0x80  # RFC 9293 §3.1
LARGEST_PACKET = 65_535
_DONT_FRAGMENT = 0x40  # in octet 6
_LEAST_TCP_OFFSET = 0x50  # five words, in the upper half of the octet

Unit = Sequence[bytes | memoryview]  # the buffers of one `writev` to the device: header and packet
Bundle = Union[list[bytes], "LongSegment"]  # packets of one flow


def segments(data: bytes) -> Bundle:
    """The IP packets, with complete checksums, in ``data``, which one read of the device returned."""
    flags, gso_type, _, gso_size, checksum_start, checksum_offset = _HEADER.unpack_from(data)
    packet = data[HEADER_SIZE:]
    if gso_type & ~_GSO_ECN in (_GSO_TCPV4, _GSO_TCPV6) and gso_size:
        return LongSegment(packet, checksum_start, gso_size)
    if flags & _NEEDS_CHECKSUM:
        return [_with_checksum(packet, checksum_start, checksum_offset)]
    return [packet]


def _with_checksum(packet: bytes, start: int, offset: int) -> bytes:
    field = start + offset
    # 0 would mean "none" in UDP (RFC 768); as a sum 0xFFFF is the same number
    checksum = internet_checksum(memoryview(packet)[start:]) or 0xFFFF
    return packet[:field] + checksum.to_bytes(2) + packet[field + 2 :]


class LongSegment:
    """A TCP segment, at octet ``tcp`` of ``packet``, that is sent as several packets, over which it iterates.

    They carry ``size`` octets each, the last may carry less; ``start`` is where the payload begins.
    """

    __slots__ = ("packet", "size", "start", "tcp")

    def __init__(self, packet: bytes, tcp: int, size: int) -> None:
        self.packet = packet
        self.tcp = tcp
        self.size = size
        self.start = tcp + (packet[tcp + 12] >> 4) * 4

    def __len__(self) -> int:
        return -(-(len(self.packet) - self.start) // self.size)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.packets())

    @property
    def whole(self) -> int:
        """The number of packets of full size."""
        return (len(self.packet) - self.start) // self.size

    def packets(self, first: int = 0) -> list[bytes]:
        """The packets from the one with index ``first`` on.

        The sums of the headers are computed once, and updated by what differs in each header.
        """
        packet, tcp, start, size = self.packet, self.tcp, self.start, self.size
        payload = memoryview(packet)[start:]
        if first * size == len(payload):
            return []
        whole = self.whole * size
        payload_sums = row_sums(payload[first * size : whole], size)
        if whole < len(payload):
            payload_sums.append(ones_sum(payload[whole:]))
        sequence, acknowledged, flags, window, _, urgent = _TCP.unpack_from(packet, tcp + 4)
        options = packet[tcp + 20 : start]
        ip_header, middle = _ip_header(packet, tcp), packet[_IP_VARIES[packet[0] >> 4] : tcp + 4]
        fixed = packet[tcp : tcp + 4] + acknowledged + b"\0" + urgent + options
        constant = ones_sum(fixed) + window + pseudo_header(packet, TCP, start - tcp)
        cut, last = [], len(self) - 1
        for index, payload_sum in enumerate(payload_sums, first):
            piece = payload[index * size : (index + 1) * size]
            place = sequence + index * size & 0xFFFFFFFF
            # RFC 3168 §6.1.2: CWR goes on the first; what ends or pushes the stream, on the last
            mine = flags & ~(0 if index == last else FIN | PSH) & ~(CWR if index else 0)
            total = constant + payload_sum + len(piece) + (place >> 16) + (place & 0xFFFF) + mine
            tcp_header = _TCP.pack(place, acknowledged, mine, window, complement(total), urgent)
            cut.append(b"".join((ip_header(start + len(piece), index), middle, tcp_header, options, piece)))
        return cut


def _ip_header(packet: bytes, upper: int) -> Callable[[int, int], bytes]:
    """A function that returns the start of an IP header like that of ``packet``, up to the addresses or, in IPv6, the
    hop limit. Its arguments are the length of the packet, and its number, from 0.
    """
    if packet[0] >> 4 == 6:
        return lambda length, _: packet[:4] + (length - 40).to_bytes(2)
    service, fragment, identification = packet[:2], packet[6:10], packet[4] << 8 | packet[5]
    constant = ones_sum(service + fragment + packet[12:upper])

    def ipv4(length: int, later: int) -> bytes:
        mine = identification + later & 0xFFFF
        return _IPV4.pack(service, length, mine, fragment, complement(constant + length + mine))

    return ipv4


def coalesce(packets: Sequence[bytes]) -> list[Unit]:
    """The buffers to write to the device for ``packets``, in order. Runs of one TCP stream become one long segment.

    Each packet has the length of its IP header (`ikev1.esp.inner.parse`). A run could have been made by TSO: equal
    headers, sequence numbers without a gap, equal sizes except for the last. Its checksums are verified before its
    headers are replaced by one, so that no error is hidden.
    """
    units: list[Unit] = []
    start = 0
    while start < len(packets):
        end = _run_end(packets, start)
        if end - start > 1 and (merged := _merged(packets[start:end])) is not None:
            units.append(merged)
        else:
            units += [(_NO_OFFLOAD, packet) for packet in packets[start:end]]
        start = end
    return units


def _run_end(packets: Sequence[bytes], start: int) -> int:
    first = packets[start]
    tcp = plain_tcp(first)
    if not tcp:
        return start + 1
    data = tcp + (first[tcp + 12] >> 4) * 4
    size, end = len(first) - data, start + 1
    if size <= 0 or first[tcp + 13] != ACK:
        return end
    mask = equal_parts(tcp, data)
    same, sequence, total = int.from_bytes(first[:data]) & mask, int.from_bytes(first[tcp + 4 : tcp + 8]), len(first)
    while end < len(packets):
        packet = packets[end]
        sequence, more = sequence + size & 0xFFFFFFFF, len(packet) - data
        total += more
        if (
            not 0 < more <= size
            or total > LARGEST_PACKET
            or packet[tcp + 4 : tcp + 8] != sequence.to_bytes(4)
            or int.from_bytes(packet[:data]) & mask != same
            or packet[tcp + 13] & ~PSH != ACK
        ):
            return end
        end += 1
        if more < size or packet[tcp + 13] & PSH:
            return end
    return end


def plain_tcp(packet: bytes) -> int:
    """The offset of the TCP header in a packet without IP options, extension headers or fragments; else 0."""
    version = packet[0] >> 4
    tcp = 20 if version == 4 else 40
    if len(packet) < tcp + 20 or packet[tcp + 12] < _LEAST_TCP_OFFSET:
        return 0
    if version == 4:
        plain = packet[0] == 0x45 and packet[9] == TCP and not packet[6] & ~_DONT_FRAGMENT and not packet[7]
    else:
        plain = packet[6] == TCP
    return tcp if plain else 0


@cache
def equal_parts(tcp: int, data: int) -> int:
    """A mask of the bits that must be equal in the headers of a run, of ``data`` octets: all except lengths,
    identification, checksums, sequence number and flags.
    """
    mask = bytearray(b"\xff" * data)
    for start, end in [(2, 6), (10, 12)] if tcp == 20 else [(4, 6)]:
        mask[start:end] = bytes(end - start)
    mask[tcp + 4 : tcp + 8] = bytes(4)
    mask[tcp + 13] = 0
    mask[tcp + 16 : tcp + 18] = bytes(2)
    return int.from_bytes(mask)


def _merged(run: Sequence[bytes]) -> Unit | None:
    """One long packet in place of ``run``, or None if a checksum in it is wrong."""
    first, last = run[0], run[-1]
    tcp = plain_tcp(first)
    data = tcp + (first[tcp + 12] >> 4) * 4
    if not _all_right(run, tcp):
        return None
    length = data + sum(len(packet) - data for packet in run)
    return [long_packet(first, tcp, last[tcp + 13], length), *(memoryview(packet)[data:] for packet in run)]


def long_packet(first: bytes, tcp: int, flags: int, length: int) -> bytes:
    """What precedes the payload of a run in one packet of ``length`` octets: headers like those of ``first``."""
    data = tcp + (first[tcp + 12] >> 4) * 4
    gso_type = _GSO_TCPV4 if tcp == 20 else _GSO_TCPV6
    partial = complement(pseudo_header(first, TCP, length - tcp)) ^ 0xFFFF
    head = (
        _HEADER.pack(_NEEDS_CHECKSUM, gso_type, data, len(first) - data, tcp, _CHECKSUM_IN_TCP),
        _ip_header(first, tcp)(length, 0),
        first[_IP_VARIES[first[0] >> 4] : tcp + 13],
        bytes((flags,)),
        first[tcp + 14 : tcp + 16],
        partial.to_bytes(2),
        first[tcp + 18 : data],
    )
    return b"".join(head)


def _all_right(run: Sequence[bytes], tcp: int) -> bool:
    """Whether the checksums of TCP, and of IPv4, are right in every packet."""
    equal = run if len(run[-1]) == len(run[0]) else run[:-1]
    # A correct IPv4 header adds 0 to the sum (RFC 1071 §1), so whole packets may be summed; IPv6 has no checksum.
    skip = 0 if tcp == 20 else tcp
    sums = row_sums(b"".join(packet[skip:] for packet in equal), len(run[0]) - skip)
    if len(equal) < len(run):
        sums.append(ones_sum(run[-1][skip:]))
    addresses = pseudo_header(run[0], TCP, 0)
    return all((total + addresses + len(packet) - tcp) % 65535 == 0 for total, packet in zip(sums, run, strict=True))
