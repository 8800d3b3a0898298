"""Runs of TCP segments as matrices of octets: long segments become rows, and rows become long segments.

The rows are the plaintexts of ESP packets (`ikev1.esp.run_ciphers`), trailers included. The results are the same as
those of `ikev1.esp.offload`, which processes segment by segment. Requires NumPy.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

from ikev1.esp.checksum import numpy, ones_sum, pseudo_header
from ikev1.esp.inner import TCP
from ikev1.esp.offload import (
    ACK,
    CWR,
    FIN,
    LARGEST_PACKET,
    PSH,
    LongSegment,
    Unit,
    equal_parts,
    long_packet,
    plain_tcp,
)
from ikev1.esp.transforms import PADDING

Matrix = Any  # as in `ikev1.esp.run_ciphers`


def lay_out(rows: Matrix, segment: LongSegment, trailer: bytes) -> None:
    """Write the first packets of ``segment``, of full size, into ``rows``, with ``trailer`` behind each."""
    tcp, start, size = segment.tcp, segment.start, segment.size
    count, length = len(rows), start + size
    header = bytearray(segment.packet[:start])
    sequence, flags = int.from_bytes(header[tcp + 4 : tcp + 8]), header[tcp + 13]
    header[tcp + 13] = flags & ~(FIN | PSH | CWR)
    header[tcp + 16 : tcp + 18] = bytes(2)
    index = numpy.arange(count, dtype=numpy.uint32)
    if header[0] >> 4 == 4:
        identification = int.from_bytes(header[4:6])
        header[2:6] = length.to_bytes(2) + bytes(2)
        header[10:12] = bytes(2)
        rows[:, :start] = numpy.frombuffer(header, numpy.uint8)
        numbers = index + identification & 0xFFFF
        rows[:, 4:6].view(">u2")[:, 0] = numbers
        rows[:, 10:12].view(">u2")[:, 0] = _complement(numbers + ones_sum(header[:tcp]))
    else:
        header[4:6] = (length - 40).to_bytes(2)
        rows[:, :start] = numpy.frombuffer(header, numpy.uint8)
    rows[:, tcp + 4 : tcp + 8].view(">u4")[:, 0] = index * numpy.uint32(size) + numpy.uint32(sequence)
    rows[:, start:length] = numpy.frombuffer(segment.packet, numpy.uint8, count * size, start).reshape(count, size)
    rows[:, length:] = numpy.frombuffer(trailer, numpy.uint8)
    rows[0, tcp + 13] |= flags & CWR  # as in `LongSegment`
    if start + count * size == len(segment.packet):
        rows[-1, tcp + 13] |= flags & (FIN | PSH)
    sums = _sums(rows, tcp, length, trailer) + _swapped(pseudo_header(header, TCP, length - tcp) % 65535)
    rows[:, tcp + 16 : tcp + 18].view("<u2")[:, 0] = _complement(sums)


def stretches(rows: Matrix, length: int, trailer: bytes) -> list[tuple[int, int, bytes]]:
    """Begin and end of stretches of ``rows``, which together are all of them, and the first packet of each longer one.

    A stretch is a single packet; or segments of one stream, without a gap, that TSO could have made, whose checksums
    are right. Each packet has ``length`` octets, and ``trailer`` behind it.
    """
    first = rows[0, :length].tobytes()
    tcp = plain_tcp(first)
    start = tcp + (first[tcp + 12] >> 4) * 4 if tcp else length
    size = length - start
    if size <= 0:
        return [(at, at + 1, b"") for at in range(len(rows))]
    flags, headers = rows[:, tcp + 13], rows[:, :start]
    sequence = rows[:, tcp + 4 : tcp + 8].view(">u4")[:, 0].astype(numpy.uint32)
    joins = (flags[:-1] == ACK) & (flags[1:] | PSH == ACK | PSH) & (sequence[1:] - sequence[:-1] == size)
    joins &= ~((headers[1:] ^ headers[:-1]) & _same(tcp, start)).any(axis=1)
    # a correct IPv4 header adds 0 to the sum (RFC 1071 §1), and IPv6 has no checksum
    skip, addresses = (0, slice(12, 20)) if tcp == 20 else (tcp, slice(8, 40))
    pseudo = numpy.add.reduce(rows[:, addresses].view("<u4"), axis=1, dtype=numpy.uint64)
    right = (_sums(rows, skip, length, trailer) + pseudo + _swapped(TCP + length - tcp)) % 65535 == 0
    joins &= right[1:] & right[:-1]
    most = (LARGEST_PACKET - start) // size  # not 0: each was in a datagram
    found = []
    for begin, end in pairwise([0, *(numpy.flatnonzero(~joins) + 1).tolist(), len(rows)]):
        if end - begin == 1:
            found.append((begin, end, b""))
            continue
        packet = rows[begin, :length].tobytes()
        # not all stretches have headers like those of the first
        whole = plain_tcp(packet) == tcp and packet[tcp + 12] >> 4 == first[tcp + 12] >> 4
        step = most if whole else 1
        found += [(at, min(at + step, end), packet) for at in range(begin, end, step)]
    return found


def merged(rows: Matrix, first: bytes) -> Unit:
    """One long packet in place of a stretch of several packets, the first of which is ``first``."""
    tcp = plain_tcp(first)
    start = tcp + (first[tcp + 12] >> 4) * 4
    payload = rows[:, start : len(first)].tobytes()
    return [long_packet(first, tcp, int(rows[-1, tcp + 13]), start + len(payload)), payload]


def trailer_of(rows: Matrix) -> bytes | None:
    """Padding, pad length and next header, if they are valid (RFC 4303 §2.4) and equal in all rows."""
    pad_length = int(rows[0, -2])
    start = rows.shape[1] - 2 - pad_length
    if start <= 0:
        return None
    trailer: bytes = rows[0, start:].tobytes()
    if trailer[:-2] != PADDING[:pad_length] or (rows[:, start:] != rows[0, start:]).any():
        return None
    return trailer


def _sums(rows: Matrix, begin: int, length: int, trailer: bytes) -> Matrix:
    """The sums of each row's octets from ``begin`` to ``length``, as words in the order of octets that is fastest:
    little-endian (RFC 1071 §2(B)); greater than 0.
    """
    behind = ones_sum(bytes(length & 1) + trailer) % 65535
    sums = numpy.add.reduce(rows[:, begin:].view("<u4"), axis=1, dtype=numpy.uint64)
    return sums + numpy.uint64(65535 - _swapped(behind))


def _swapped(total: int) -> int:
    return (total & 0xFF) << 8 | total >> 8


def _complement(totals: Matrix) -> Matrix:
    """As `ikev1.esp.checksum.complement`, of numbers greater than 0."""
    return 65534 - (totals - 1) % 65535


@cache
def _same(tcp: int, start: int) -> Matrix:
    """A mask of the octets that must be equal in the headers of a run, of packets of one length."""
    mask = bytearray(equal_parts(tcp, start).to_bytes(start))
    length_at = 2 if tcp == 20 else 4
    mask[length_at : length_at + 2] = b"\xff\xff"
    return numpy.frombuffer(bytes(mask), numpy.uint8)
