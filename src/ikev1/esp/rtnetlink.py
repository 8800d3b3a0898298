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
from typing import Any, NamedTuple

__all__ = ["GarbledAnswer", "Netlink", "Network", "messages", "universal_address"]

# <linux/netlink.h>
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
_ERROR, _DONE = 2, 3
_REQUEST, _ACKNOWLEDGE, _REPLACE, _DUMP, _CREATE = 0x1, 0x4, 0x100, 0x300, 0x400
_ERROR_CODE = struct.Struct("=i")
_ATTRIBUTE = struct.Struct("=HH")  # length, type
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


class GarbledAnswer(OSError):
    """What the kernel answered does not parse."""


class Netlink:
    """One table of routes, and the addresses of this network namespace.

    Raises:
        OSError: the kernel refused.
        GarbledAnswer: it said something that cannot be read.
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
        answers = self._ask(_GET_ADDRESS, _DUMP, _ADDRESS.pack(family, 0, 0, 0, 0))
        addresses = (universal_address(body) for kind, body in answers if kind == _NEW_ADDRESS)
        return [address for address in addresses if address is not None]

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
            for answer_kind, answers, content in messages(self._socket.recv(_LARGEST_ANSWER)):
                if answers != sequence:
                    continue  # of a request whose answer was not read to its end
                if answer_kind == _DONE:
                    return
                if answer_kind == _ERROR:
                    (error,) = _unpack(_ERROR_CODE, content)
                    if error:
                        raise OSError(-error, os.strerror(-error))
                    return
                yield answer_kind, content


def messages(octets: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Type, sequence number and body of each message that one read brought.

    Raises:
        GarbledAnswer: a message is not as long as it says.
    """
    while octets:
        length, kind, _, sequence, _ = _unpack(_HEADER, octets)
        body, octets = _cut(octets, _HEADER.size, length)
        yield kind, sequence, body


def universal_address(body: bytes) -> bytes | None:
    """The packed address that an RTM_NEWADDR message tells of; None for one of loopback or link scope.

    Raises:
        GarbledAnswer: there is none in it, or an attribute is not as long as it says.
    """
    _, _, _, scope, _ = _unpack(_ADDRESS, body)
    if scope != _SCOPE_UNIVERSE:
        return None
    attributes = _attributes(body[_ADDRESS.size :])
    address = attributes.get(_LOCAL_ADDRESS) or attributes.get(_ADDRESS_OF_PEER)
    if not address:
        raise GarbledAnswer("the kernel told of an address without telling which")
    return address


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(_aligned(length) - length)


def _attributes(octets: bytes) -> dict[int, bytes]:
    found = {}
    while octets:
        length, kind = _unpack(_ATTRIBUTE, octets)
        found[kind], octets = _cut(octets, _ATTRIBUTE.size, length)
    return found


def _unpack(layout: struct.Struct, octets: bytes) -> tuple[Any, ...]:
    if len(octets) < layout.size:
        raise GarbledAnswer(f"the kernel's answer ends where {layout.size} octets should be: there are {len(octets)}")
    return layout.unpack_from(octets)


def _cut(octets: bytes, start: int, length: int) -> tuple[bytes, bytes]:
    """What is between the header, ``start`` octets, and ``length``; and what follows that, at the next border of 4."""
    if not start <= length <= len(octets):
        raise GarbledAnswer(f"a length in the kernel's answer is {length}, not between {start} and {len(octets)}")
    return octets[start:length], octets[_aligned(length) :]
