"""What the data plane asks of the kernel's routing (rtnetlink(7)): routes, rules, addresses, and to set up a device."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from typing import NamedTuple

from ikev1.esp.netlink import (
    CREATE,
    DUMP,
    EXCLUSIVE,
    REPLACE,
    Buffer,
    GarbledAnswer,
    Netlink,
    NetlinkError,
    Request,
    attribute,
    attributes,
    unpack,
)
from ikev1.esp.networks import Network

# <linux/rtnetlink.h>, <linux/if_addr.h>
_NEW_LINK, _NEW_RULE, _DELETE_RULE = 16, 32, 33
_NEW_ADDRESS, _GET_ADDRESS, _NEW_ROUTE, _DELETE_ROUTE, _GET_ROUTE = 20, 22, 24, 25, 26
_ROUTE = struct.Struct("=8BI")  # family, prefix of destination and source, TOS, table, protocol, scope, type, flags
_ADDRESS = struct.Struct("=4BI")  # family, prefix, flags, scope, interface
_DESTINATION, _DEVICE, _GATEWAY, _PREFERRED_SOURCE, _METRICS, _TABLE, _MARK = 1, 4, 5, 7, 8, 15, 16
_MTU = 2  # among the metrics
_TABLE_IN_ATTRIBUTE = 252
_STATIC = 4
_SCOPE_UNIVERSE, _SCOPE_NOWHERE = 0, 255  # when deleting, the latter is any
_UNICAST, _THROW, _ANY_TYPE = 1, 9, 0
_ADDRESS_OF_PEER, _LOCAL_ADDRESS = 1, 2  # on a point-to-point device they differ
_NUMBER = struct.Struct("=I")
# <linux/fib_rules.h>; its header has the fields of a route's
_PRIORITY, _RULE_MARK, _RULE_TABLE = 6, 10, 15
_TO_TABLE, _INVERT = 1, 2  # the action, and a flag
# <linux/if_link.h>
_LINK = struct.Struct("=BxHiII")  # family, type, interface, flags, which of the flags to change
_UP = 1
_LINK_MTU, _AF_SPEC, _GSO_MAX_SIZE = 4, 26, 41
_ADDR_GEN_MODE, _ADDR_GEN_MODE_NONE = 8, b"\1"
_GROUPS_OF_ADDRESSES = 0x10 | 0x100  # RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR


class Hop(NamedTuple):
    """Where packets go next: an interface by its index, and the packed address of a router there, empty without."""

    device: int
    gateway: bytes = b""


class RoutingTable:
    """One table of routes, and the addresses of this network namespace.

    Raises:
        OSError: the kernel refused.
        GarbledAnswer: it said something that cannot be read.
    """

    def __init__(self, table: int) -> None:
        self._table = table
        self._news = _AddressNews()
        self._addresses: dict[int, tuple[bytes, ...]] = {}
        try:
            self._netlink = Netlink(socket.NETLINK_ROUTE)
        except OSError:
            self._news.close()
            raise

    def close(self) -> None:
        """Give the sockets back; the routes stay."""
        self._news.close()
        self._netlink.close()

    def route(self, network: Network, hop: Hop, mtu: int, source: bytes | None) -> None:
        """Route ``network`` to ``hop``, in place of the table's earlier route to it.

        ``source`` is the packed address that our own packets leave from; ``mtu`` is in octets, 0 for the path's own.
        """
        details = attribute(_DEVICE, _NUMBER.pack(hop.device))
        if hop.gateway and len(hop.gateway) == len(network.address):
            details += attribute(_GATEWAY, hop.gateway)
        if mtu:
            details += attribute(_METRICS, attribute(_MTU, _NUMBER.pack(mtu)))
        if source:
            details += attribute(_PREFERRED_SOURCE, source)
        self._change(_NEW_ROUTE, CREATE | REPLACE, network, _SCOPE_UNIVERSE, _UNICAST, details)

    def throw(self, network: Network) -> None:
        """Have ``network`` looked up in the tables that follow, in place of the table's earlier route to it."""
        self._change(_NEW_ROUTE, CREATE | REPLACE, network, _SCOPE_UNIVERSE, _THROW, b"")

    def delete(self, network: Network) -> None:
        """Take the route to ``network`` away."""
        self._change(_DELETE_ROUTE, 0, network, _SCOPE_NOWHERE, _ANY_TYPE, b"")

    def consult(self, family: int, mark: int, priority: int) -> None:
        """Add the rule that has the table looked up for every packet of ``family`` that does not bear ``mark``."""
        self._netlink.command(Request(_NEW_RULE, CREATE | EXCLUSIVE, self._rule(family, mark, priority)))

    def ignore(self, family: int, mark: int, priority: int) -> None:
        """Take the rule of `consult` away."""
        self._netlink.command(Request(_DELETE_RULE, 0, self._rule(family, mark, priority)))

    def networks(self) -> list[Network]:
        """What the table has routes to."""
        found = []
        for family in (socket.AF_INET, socket.AF_INET6):
            header = _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
            found += self._netlink.ask(_GET_ROUTE, DUMP, (header,), self._network_of_ours)
        return [network for network in found if network is not None]

    def addresses(self, family: int) -> tuple[bytes, ...]:
        """This namespace's packed addresses of ``family``, without those of loopback or link scope.

        Every pair asks, and they seldom change: the kernel is asked again when it said that they did.
        """
        if self._news.heard():
            self._addresses.clear()
        if family not in self._addresses:
            found = self._netlink.ask(_GET_ADDRESS, DUMP, (_ADDRESS.pack(family, 0, 0, 0, 0),), _address_in)
            self._addresses[family] = tuple(address for address in found if address is not None)
        return self._addresses[family]

    def hop_towards(self, address: bytes, mark: int) -> Hop | None:
        """Where a packet that bears ``mark`` leaves for the packed ``address``; None if there is no way."""
        family = _family(address)
        header = _ROUTE.pack(family, 8 * len(address), 0, 0, 0, 0, 0, 0, 0)
        wanted = attribute(_DESTINATION, address) + attribute(_MARK, _NUMBER.pack(mark))
        try:
            found = self._netlink.ask(_GET_ROUTE, 0, (header, wanted), _hop_in)
        except OSError as error:
            if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EAFNOSUPPORT):
                return None
            raise
        return next((hop for hop in found if hop is not None), None)

    def _change(self, kind: int, flags: int, network: Network, scope: int, route_type: int, details: bytes) -> None:
        protocol = _STATIC if kind == _NEW_ROUTE else 0
        family = _family(network.address)
        route = _ROUTE.pack(family, network.prefix, 0, 0, _TABLE_IN_ATTRIBUTE, protocol, scope, route_type, 0)
        destination = attribute(_DESTINATION, network.address)
        table = attribute(_TABLE, _NUMBER.pack(self._table))
        self._netlink.command(Request(kind, flags, (route, destination, table, details)))

    def _rule(self, family: int, mark: int, priority: int) -> tuple[bytes, ...]:
        numbers = ((_PRIORITY, priority), (_RULE_MARK, mark), (_RULE_TABLE, self._table))
        header = _ROUTE.pack(family, 0, 0, 0, _TABLE_IN_ATTRIBUTE, 0, 0, _TO_TABLE, _INVERT)
        return (header, *(attribute(kind, _NUMBER.pack(number)) for kind, number in numbers))

    def _network_of_ours(self, kind: int, body: memoryview) -> Network | None:
        family, prefix, *_ = unpack(_ROUTE, body)
        found = attributes(body[_ROUTE.size :])
        if kind != _NEW_ROUTE or _TABLE not in found or unpack(_NUMBER, found[_TABLE]) != (self._table,):
            return None
        width = 4 if family == socket.AF_INET else 16
        return Network(bytes(found[_DESTINATION]) if _DESTINATION in found else bytes(width), prefix)


def bring_up(device: str, mtu: int, longest_segment: int) -> Hop:
    """Set up a device and return the hop to it.

    It gets no link-local IPv6 address. ``mtu`` and ``longest_segment``, the most of TCP at once, are in octets.

    Raises:
        OSError: there is no such device, or the kernel refused.
    """
    index = socket.if_nametoindex(device)
    no_address = attribute(socket.AF_INET6, attribute(_ADDR_GEN_MODE, _ADDR_GEN_MODE_NONE))
    sizes = attribute(_LINK_MTU, _NUMBER.pack(mtu)) + attribute(_GSO_MAX_SIZE, _NUMBER.pack(longest_segment))
    netlink = Netlink(socket.NETLINK_ROUTE)
    try:
        with contextlib.suppress(NetlinkError):  # a kernel without IPv6
            netlink.command(Request(_NEW_LINK, 0, (_link(index, 0), attribute(_AF_SPEC, no_address))))
        netlink.command(Request(_NEW_LINK, 0, (_link(index, _UP), sizes)))
    finally:
        netlink.close()
    return Hop(index)


class _AddressNews:
    """Hears when an address of this namespace comes or goes."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        try:
            self._socket.bind((0, _GROUPS_OF_ADDRESSES))
        except OSError:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def heard(self) -> bool:
        """Whether anything changed since the last time; what it was is left unread."""
        heard = False
        while True:
            try:
                self._socket.recv(1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return heard
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # there was more than the socket holds
                    raise
            heard = True


def universal_address(body: Buffer) -> bytes | None:
    """The packed address that an RTM_NEWADDR message tells of; None for one of loopback or link scope.

    Raises:
        GarbledAnswer: there is none in it, or an attribute is not as long as it says.
    """
    _, _, _, scope, _ = unpack(_ADDRESS, body)
    if scope != _SCOPE_UNIVERSE:
        return None
    found = attributes(body[_ADDRESS.size :])
    address = found.get(_LOCAL_ADDRESS) or found.get(_ADDRESS_OF_PEER)
    if not address:
        raise GarbledAnswer("the kernel told of an address without telling which")
    return bytes(address)


def _address_in(kind: int, body: memoryview) -> bytes | None:
    return universal_address(body) if kind == _NEW_ADDRESS else None


def _hop_in(kind: int, body: memoryview) -> Hop | None:
    unpack(_ROUTE, body)
    found = attributes(body[_ROUTE.size :])
    if kind != _NEW_ROUTE or _DEVICE not in found:
        return None
    return Hop(unpack(_NUMBER, found[_DEVICE])[0], bytes(found.get(_GATEWAY, b"")))


def _link(index: int, flags: int) -> bytes:
    return _LINK.pack(socket.AF_UNSPEC, 0, index, flags, flags)


def _family(address: bytes) -> int:
    return socket.AF_INET if len(address) == 4 else socket.AF_INET6
