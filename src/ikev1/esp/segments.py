"""Many UDP datagrams by one system call: segmentation (UDP_SEGMENT) when sending, coalescing (UDP_GRO) when receiving.

The network stack of the kernel runs once for up to 64 datagrams of one size instead of once for each. See udp(7).
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator, Sequence

_SOL_UDP, _UDP_SEGMENT, _UDP_GRO = 17, 103, 104  # <linux/udp.h>
_MOST_SEGMENTS = 64  # UDP_MAX_SEGMENTS of older kernels
_MOST_OCTETS = 65_000  # of one call: below the longest IP packet with all its headers

ANCILLARY_SIZE = socket.CMSG_SPACE(4)  # octets that `recvmsg` needs for UDP_GRO's control message

Ancillary = Sequence[tuple[int, int, bytes]]
_SPI = 4  # octets

Datagram = bytes | memoryview
Address = tuple[str, int] | tuple[str, int, int, int]


def enable_coalescing(udp: socket.socket) -> None:
    """Let one `recvmsg` return many datagrams, to be separated by `split`. No effect on kernels before 5.0."""
    with contextlib.suppress(OSError):
        udp.setsockopt(_SOL_UDP, _UDP_GRO, 1)


class Run:
    """Datagrams that one `recvmsg` returned: in ``data``, ``size`` octets each, only the last may be shorter.

    ``spi`` is with what all of them begin: an SPI (RFC 4303 §2.1), or 0, with which ISAKMP messages begin (RFC 3948
    §2.2); 0 if they do not begin alike.
    """

    __slots__ = ("data", "size", "spi")

    def __init__(self, data: bytes, size: int) -> None:
        self.data = data
        self.size = size
        begin = data[:_SPI]
        starts = range(size, len(data), size)
        alike = len(begin) == _SPI and all(data[start : start + _SPI] == begin for start in starts)
        self.spi = int.from_bytes(begin) if alike else 0

    def __len__(self) -> int:
        return -(-len(self.data) // self.size)

    def __iter__(self) -> Iterator[memoryview]:
        view, size = memoryview(self.data), self.size
        return (view[start : start + size] for start in range(0, len(view), size))


def split(data: bytes, ancillary: Ancillary) -> Run | tuple[bytes]:
    """The datagrams that one `recvmsg` returned."""
    for level, kind, value in ancillary:
        if level == _SOL_UDP and kind == _UDP_GRO:
            (size,) = struct.unpack("=i", value[:4])
            if 0 < size < len(data):
                return Run(data, size)
    return (data,)


def runs(datagrams: Sequence[Datagram]) -> Iterator[Run | Sequence[Datagram]]:
    """Runs of datagrams that were received one by one, in order."""
    for run in _runs(datagrams):
        yield Run(b"".join(run), len(run[0])) if len(run) > 1 and len(run[0]) else run


def send(udp: socket.socket, datagrams: Sequence[Datagram], ancillary: Ancillary, address: Address) -> int:
    """Send each of ``datagrams`` to ``address``, in order. Returns the number of those that were not accepted."""
    return sum(_send_run(udp, run, ancillary, address) for run in _runs(datagrams))


def _send_run(udp: socket.socket, run: Sequence[Datagram], ancillary: Ancillary, address: Address) -> int:
    if len(run) > 1:
        try:
            udp.sendmsg(run, [*ancillary, (_SOL_UDP, _UDP_SEGMENT, struct.pack("=H", len(run[0])))], 0, address)
        except BlockingIOError:
            return len(run)
        except OSError:
            pass  # a kernel or device that cannot, or a path with a smaller MTU: one by one, in fragments if need be
        else:
            return 0
    lost = 0
    for datagram in run:
        try:
            udp.sendmsg((datagram,), ancillary, 0, address)
        except OSError:
            lost += 1
    return lost


def _runs(datagrams: Sequence[Datagram]) -> Iterator[Sequence[Datagram]]:
    """The longest runs for one call: datagrams of one size, and possibly a shorter one at the end."""
    sizes = list(map(len, datagrams))
    start = 0
    while start < len(sizes):
        size = sizes[start]
        most = min(len(sizes), start + max(1, min(_MOST_SEGMENTS, _MOST_OCTETS // (size or 1))))
        end = start + 1
        while end < most and sizes[end] == size:
            end += 1
        if end < most and 0 < sizes[end] < size:
            end += 1
        yield datagrams[start:end]
        start = end
