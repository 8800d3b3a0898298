"""ESP as IP protocol 50, by raw sockets (RFC 4303 §2): for paths without NAT."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from ikev1.core.records.path import UdpPath
from ikev1.esp.networks import host_of, socket_address
from ikev1.esp.plane import PlaneError, Reader
from ikev1.esp.segments import Datagram, runs

_ESP = 50
_IP_PKTINFO = 8  # <linux/in.h>; Python's socket module has the name since 3.14
_LARGEST_PACKET = 65_535
_BATCH = 64  # packets per call of a reader

Receive = Callable[[Iterable[Datagram], UdpPath], None]


class RawSockets:
    """A raw socket for each IP version that the machine supports; received packets are passed to ``receive``.

    Raises:
        PlaneError: this process may not open them.
    """

    available = True

    def __init__(self, receive: Receive, prepare: Callable[[socket.socket], None]) -> None:
        self._receive = receive
        self._sockets: dict[int, socket.socket] = {}
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                raw = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, _ESP)
            except OSError as error:
                if error.errno == errno.EAFNOSUPPORT:
                    continue
                self.close()
                raise PlaneError(
                    f"cannot open a raw socket for ESP: {error.strerror} (CAP_NET_RAW is required)"
                ) from error
            self._sockets[family] = raw
            prepare(raw)

    def send(self, path: UdpPath, packets: Sequence[bytes | memoryview]) -> int:
        """Send ESP packets from the path's local to its remote address. Returns the number of those not accepted."""
        family = socket.AF_INET6 if ":" in path.remote_host else socket.AF_INET
        raw = self._sockets.get(family)
        if raw is None:
            return len(packets)
        source, to = [_packet_info(family, path.local_host)], socket_address(path.remote_host, 0)
        lost = 0
        for packet in packets:
            try:
                raw.sendmsg([packet], source, 0, to)
            except OSError:
                lost += 1
        return lost

    def readers(self) -> list[Reader]:
        """The sockets, and the functions to call when they are readable."""
        readers: list[Reader] = []
        if socket.AF_INET in self._sockets:
            readers.append((self._sockets[socket.AF_INET].fileno(), self._read_ipv4))
        if socket.AF_INET6 in self._sockets:
            readers.append((self._sockets[socket.AF_INET6].fileno(), self._read_ipv6))
        return readers

    def close(self) -> None:
        """Close the sockets."""
        for raw in self._sockets.values():
            raw.close()

    def _read_ipv4(self) -> None:
        def received(packet: bytes, address: Any) -> tuple[Datagram, UdpPath]:
            header_size = (packet[0] & 15) * 4  # the kernel delivers the IPv4 header, too: raw(7)
            return memoryview(packet)[header_size:], UdpPath(socket.inet_ntoa(packet[16:20]), 0, address[0], 0)

        self._read(socket.AF_INET, received)

    def _read_ipv6(self) -> None:
        self._read(socket.AF_INET6, lambda packet, address: (packet, UdpPath("::", 0, host_of(address), 0)))

    def _read(self, family: int, received: Callable[[bytes, Any], tuple[Datagram, UdpPath]]) -> None:
        packets: list[tuple[Datagram, UdpPath]] = []
        with contextlib.suppress(OSError):  # no more packets, or an error that reading has cleared
            for _ in range(_BATCH):
                packets.append(received(*self._sockets[family].recvfrom(_LARGEST_PACKET)))  # noqa: PERF401  kept on errors
        for path, group in groupby(packets, key=itemgetter(1)):
            for run in runs([packet for packet, _ in group]):
                self._receive(run, path)


def _packet_info(family: int, source: str) -> tuple[int, int, bytes]:
    """The control message that chooses the source address: ip(7), ipv6(7)."""
    if family == socket.AF_INET:
        return socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("=i4s4s", 0, socket.inet_aton(source), bytes(4))
    return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, struct.pack("=16si", socket.inet_pton(family, source), 0)
