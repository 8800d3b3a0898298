"""A UDP socket that reports the local address of each datagram, and sends from a given one.

A gateway listens on every address, but a peer accepts a reply only from the address that it has sent to, and NAT-D
hashes contain that address (RFC 3947 §3.2). ``IP_PKTINFO`` (ip(7), ipv6(7)) gets and sets it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import sys
from collections.abc import Sequence

from ikev1.core.records.path import UdpPath
from ikev1.daemon.net.first_message_queue import steer
from ikev1.esp import segments
from ikev1.esp.networks import host_of, socket_address
from ikev1.esp.routes import MARK
from ikev1.esp.xfrm.sockets import bypass_policies

DATAGRAM_LIMIT = 65_535  # octets
IP_PKTINFO = 8  # <linux/in.h>; the socket module of Python 3.11 does not name it
_PKTINFO4 = struct.Struct("@i4s4s")  # struct in_pktinfo: interface index, local address, destination address
_PKTINFO6 = struct.Struct("@16si")  # struct in6_pktinfo: address, interface index
_ANCILLARY_SIZE = socket.CMSG_SPACE(_PKTINFO6.size) + segments.ANCILLARY_SIZE
_SO_RCVBUFFORCE = 33  # linux/asm-generic/socket.h
_RECEIVE_BUFFER = 4 << 20  # octets; the size of a burst before it is read
_STRANGERS_BUFFER = 1 << 20  # lost messages are retransmitted, so a longer queue would not help


class UdpSocket:
    """A bound, non-blocking UDP socket. ``host`` may be a wildcard (``0.0.0.0``, ``::``).

    With ``coalesce``, `receive` can return a run of datagrams, which is faster for ESP traffic. With ``beside``, it
    shares that socket's port and receives the first messages of unknown peers (`ikev1.daemon.net.first_message_queue`);
    with ``marker``, these begin with the non-ESP marker.

    Raises:
        OSError: the address cannot be bound, or the port not shared.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        coalesce: bool = False,
        beside: UdpSocket | None = None,
        marker: bool = False,
    ) -> None:
        self._coalesces = coalesce
        self.of_strangers = beside is not None
        address = ipaddress.ip_address(host)
        self.version = address.version
        self.wildcard = address.is_unspecified
        self.socket = socket.socket(socket.AF_INET if self.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        try:
            if self.version == 4:
                self.socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            else:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            _make_room(self.socket, _STRANGERS_BUFFER if self.of_strangers else _RECEIVE_BUFFER)
            if coalesce:
                segments.enable_coalescing(self.socket)
            self.socket.setblocking(False)
            if beside is None:
                self.socket.bind(socket_address(host, port))
            else:
                steer(beside.socket, self.socket, socket_address(host, port), marker=marker)
        except OSError:
            self.socket.close()
            raise
        name, self.port = self.socket.getsockname()[:2]
        self.host = name.partition("%")[0]

    def receive(self) -> tuple[segments.Run | tuple[bytes], UdpPath]:
        """The next datagrams of one path: one, or a run of them if coalescing is enabled.

        Raises:
            BlockingIOError: no datagram is waiting.
        """
        data, ancillary, _, remote = self.socket.recvmsg(DATAGRAM_LIMIT, _ANCILLARY_SIZE)
        local_host = self.host
        # interned: each of thousands of SAs keeps a path, and they have few local addresses
        for level, kind, value in ancillary:
            if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
                local_host = sys.intern(socket.inet_ntoa(_PKTINFO4.unpack(value)[2]))
            elif level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
                local_host = sys.intern(socket.inet_ntop(socket.AF_INET6, _PKTINFO6.unpack(value)[0]))
        datagrams = segments.split(data, ancillary) if self._coalesces else (data,)
        return datagrams, UdpPath(local_host, self.port, host_of(remote), remote[1])

    def _ancillary(self, path: UdpPath) -> list[tuple[int, int, bytes]]:
        """Control messages for ``sendmsg`` that set the source address to ``path.local_host``."""
        if not self.wildcard:
            return []
        if self.version == 4:
            info = _PKTINFO4.pack(0, socket.inet_aton(path.local_host), bytes(4))
            return [(socket.IPPROTO_IP, IP_PKTINFO, info)]
        info = _PKTINFO6.pack(socket.inet_pton(socket.AF_INET6, path.local_host), 0)
        return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, info)]

    def send(self, datagram: bytes, path: UdpPath) -> None:
        """Send ``datagram`` on ``path``.

        Raises:
            OSError: the datagram could not be sent.
        """
        self.socket.sendmsg((datagram,), self._ancillary(path), 0, socket_address(path.remote_host, path.remote_port))

    def send_run(self, datagrams: Sequence[bytes | memoryview], path: UdpPath) -> int:
        """Send ``datagrams`` on ``path`` with as few system calls as possible; returns how many were not sent."""
        to = socket_address(path.remote_host, path.remote_port)
        return segments.send(self.socket, datagrams, self._ancillary(path), to)


def _make_room(udp: socket.socket, octets: int) -> None:
    """Enlarge the receive buffer for bursts, beyond net.core.rmem_max if privileged (socket(7))."""
    try:
        udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, octets)
    except OSError:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)


def local_address_towards(remote_host: str) -> str:
    """The address from which this gateway's packets to ``remote_host`` leave; nothing is sent.

    It is that of the way to the peer, even where the networks of a tunnel, or of a trap, hold the peer itself.

    Raises:
        OSError: there is no route.
    """
    family = socket.AF_INET6 if ":" in remote_host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        with contextlib.suppress(OSError):  # no privilege, or a kernel without XFRM: then there are no tunnels here
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
            bypass_policies(probe)
        probe.connect(socket_address(remote_host, 500))
        host: str = probe.getsockname()[0]
        return host.partition("%")[0]
