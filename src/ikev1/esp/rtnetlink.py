"""What every pair of IPsec SAs asks of the kernel's routing (rtnetlink(7)), in a few microseconds.

pyroute2, which sets up device and rules, takes a millisecond of CPU for each request: as much as all else that it
takes to establish a pair.
"""

from __future__ import annotations

import itertools
import os
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Netlink", "Network"]

# <linux/netlink.h>
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
_ERROR, _DONE = 2, 3
_REQUEST, _ACKNOWLEDGE, _REPLACE, _DUMP, _CREATE = 0x1, 0x4, 0x100, 0x300, 0x400
_ATTRIBUTE = struct.Struct("=HH")
_LARGEST_ANSWER = 65536

# <linux/rtnetlink.h>, <linux/if_addr.h>
_NEW_ADDRESS, _GET_ADDRESS, _NEW_ROUTE, _DELETE_ROUTE = 20, 22, 24, 25
_ROUTE = struct.Struct("=8BI")  # family, prefix of destination and source, TOS, table, protocol, scope, type, flags
_ADDRESS = struct.Struct("=4BI")  # family, prefix, flags, scope, interface
_DESTINATION, _DEVICE, _PREFERRED_SOURCE, _METRICS, _TABLE = 1, 4, 7, 8, 15
_MTU = 2  # among the metrics
_TABLE_IN_ATTRIBUTE = 252
_STATIC = 4
_SCOPE_UNIVERSE, _SCOPE_NOWHERE = 0, 255  # when deleting, the latter is any
_UNICAST, _THROW, _ANY_TYPE = 1, 9, 0
_ADDRESS_OF_PEER, _LOCAL_ADDRESS = 1, 2  # on a point-to-point device they differ


class Network(NamedTuple):
    """A network by its packed address, of 4 or 16 octets, and the length of its prefix in bits."""

    address: bytes
    prefix: int


class Netlink:
    """One table of routes, and the addresses of this network namespace.

    Raises:
        OSError: the kernel refused.
    """

    def __init__(self, table: int) -> None:
        self._table = table
        self._sequence = itertools.count(1)
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))

    def close(self) -> None:
        """Give the socket back; the routes stay."""
        self._socket.close()

    def route(self, network: Network, device: int, mtu: int, source: bytes | None) -> None:
        """Route ``network`` to the interface ``device``, in place of the table's earlier route to it; ``source`` is
        the packed address that our own packets leave from.
        """
        metrics = _attribute(_METRICS, _attribute(_MTU, struct.pack("=I", mtu)))
        preferred = _attribute(_PREFERRED_SOURCE, source) if source else b""
        details = _attribute(_DEVICE, struct.pack("=I", device)) + metrics + preferred
        self._change(_NEW_ROUTE, _CREATE | _REPLACE, network, _SCOPE_UNIVERSE, _UNICAST, details)

    def throw(self, network: Network) -> None:
        """Have ``network`` looked up in the tables that follow, in place of the table's earlier route to it."""
        self._change(_NEW_ROUTE, _CREATE | _REPLACE, network, _SCOPE_UNIVERSE, _THROW, b"")

    def delete(self, network: Network) -> None:
        """Take the route to ``network`` away."""
        self._change(_DELETE_ROUTE, 0, network, _SCOPE_NOWHERE, _ANY_TYPE, b"")

    def addresses(self, family: int) -> list[bytes]:
        """This namespace's packed addresses of ``family``, without those of loopback or link scope."""
        found = []
        for kind, body in self._ask(_GET_ADDRESS, _DUMP, _ADDRESS.pack(family, 0, 0, 0, 0)):
            if kind == _NEW_ADDRESS and _ADDRESS.unpack_from(body)[3] == _SCOPE_UNIVERSE:
                attributes = _attributes(body[_ADDRESS.size :])
                found.append(attributes.get(_LOCAL_ADDRESS) or attributes[_ADDRESS_OF_PEER])
        return found

    def _change(self, kind: int, flags: int, network: Network, scope: int, route_type: int, details: bytes) -> None:
        family = socket.AF_INET if len(network.address) == 4 else socket.AF_INET6
        protocol = _STATIC if kind == _NEW_ROUTE else 0
        route = _ROUTE.pack(family, network.prefix, 0, 0, _TABLE_IN_ATTRIBUTE, protocol, scope, route_type, 0)
        destination = _attribute(_DESTINATION, network.address)
        table = _attribute(_TABLE, struct.pack("=I", self._table))
        for _ in self._ask(kind, flags | _ACKNOWLEDGE, route + destination + table + details):
            pass

    def _ask(self, kind: int, flags: int, body: bytes) -> Iterator[tuple[int, bytes]]:
        """Send a request; yields type and body of what answers it, up to the acknowledgement or the end of a dump."""
        sequence = next(self._sequence)
        self._socket.send(_HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | flags, sequence, 0) + body)
        while True:
            answer = memoryview(self._socket.recv(_LARGEST_ANSWER))
            while len(answer) >= _HEADER.size:
                length, answer_kind, _, answers, _ = _HEADER.unpack_from(answer)
                content = bytes(answer[_HEADER.size : length])
                answer = answer[_aligned(length) :]
                if answers != sequence:
                    continue  # of a request whose answer was not read to its end
                if answer_kind == _DONE:
                    return
                if answer_kind == _ERROR:
                    (error,) = struct.unpack_from("=i", content)
                    if error:
                        raise OSError(-error, os.strerror(-error))
                    return
                yield answer_kind, content


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(_aligned(length) - length)


def _attributes(octets: bytes) -> dict[int, bytes]:
    found = {}
    while len(octets) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(octets)
        found[kind] = octets[_ATTRIBUTE.size : length]
        octets = octets[max(_ATTRIBUTE.size, _aligned(length)) :]
    return found
