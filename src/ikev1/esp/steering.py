"""Routes to the TUN device for the packets of only one protocol or port between two hosts.

Transport mode protects, for example, UDP port 1701 between this host and its peer; other traffic between them must not
be routed to the device. Routes do not distinguish ports, but rules do (Linux 4.17): each `Steered` has a rule for its
own routing table, which has one route for each peer. So the number of rules does not depend on the number of peers. A
rule has our port or, if that is any, the peer's: packets from our port to another port of the same peer are routed to
the device as well, and are dropped there if no pair matches.

The number of a table encodes its `Steered`. So a process recognizes rules that a killed one left, and removes
them if their tables are empty: the kernel removes the routes with the device.

Packets of the gateway's own sockets, ESP or UDP from other ports, do not match. They would match all of UDP, so such
traffic is routed by `ikev1.esp.routes`, whose rule excludes the mark of these sockets.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Hashable
from typing import NamedTuple

from ikev1.core.records.selector import Selector
from ikev1.esp.inner import UDP, WITH_PORTS
from ikev1.esp.netlink import NetlinkError
from ikev1.esp.networks import Network
from ikev1.esp.plane import PlaneError
from ikev1.esp.routes import Routes
from ikev1.esp.rtnetlink import Hop, PacketRule, Route, RoutingTable

_PRIORITY = 4499  # before the rule of `ikev1.esp.routes`
_FIRST_TABLE = 0x45 << 24  # then the port that is named (none, ours, the peer's), the protocol, and the port


class Steered(NamedTuple):
    """Packets that are routed to the device: a protocol, and our port or the peer's (0: any), not both."""

    protocol: int
    local_port: int = 0
    remote_port: int = 0

    @property
    def table(self) -> int:
        """The number of the routing table."""
        which = 1 if self.local_port else 2 if self.remote_port else 0
        return _FIRST_TABLE + (which << 24 | self.protocol << 16 | self.local_port | self.remote_port)


def steered(local: Selector, remote: Selector) -> Steered | None:
    """The `Steered` for traffic between these; None if packets of the gateway itself would match."""
    protocol = local.protocol or remote.protocol
    if protocol in WITH_PORTS and local.port:
        return Steered(protocol, local_port=local.port)
    if protocol in WITH_PORTS and remote.port:
        return Steered(protocol, remote_port=remote.port)
    return Steered(protocol) if protocol not in (0, UDP) else None


def of_table(number: int) -> Steered | None:
    """The `Steered` of the table with this number; None if it is not one of these tables."""
    which, rest = divmod(number - _FIRST_TABLE, 1 << 24)
    protocol, port = divmod(rest, 1 << 16)
    if which == 0 and protocol and not port:
        return Steered(protocol)
    if which not in (1, 2) or not port:
        return None
    return Steered(protocol, local_port=port) if which == 1 else Steered(protocol, remote_port=port)


class _Held(NamedTuple):
    what: Steered
    host: Network
    local: Selector


class Steering:
    """The rules, and the routes to ``hop`` with ``mtu`` (octets), each held under a key; `close` removes them.

    Raises:
        PlaneError: the kernel refused.
    """

    def __init__(self, routes: Routes, hop: Hop, mtu: int) -> None:
        self._routes = routes
        self._hop = hop
        self._mtu = mtu
        self._held: dict[Hashable, _Held] = {}
        self._hosts: dict[Steered, dict[Network, dict[Hashable, None]]] = {}  # and who needs them
        self._tables: dict[Steered, RoutingTable] = {}
        try:
            self._remove_stale()
        except OSError as error:
            raise PlaneError(f"the kernel's routing rules cannot be read: {error}") from error

    def hold(self, key: Hashable, what: Steered, local: Selector, remote: Selector) -> None:
        """Route packets of ``what`` from ``local`` to ``remote``, each a single address, to the device.

        Raises:
            PlaneError: the kernel refused.
        """
        host = Network(remote.first, 8 * len(remote.first))
        held = _Held(what, host, local)
        if self._held.get(key) == held:
            return
        self.release(key)
        self._held[key] = held
        self._hosts.setdefault(what, {}).setdefault(host, {})[key] = None
        try:
            self._add_rule(what, remote.version)
            self._add_route(held)
        except OSError as error:
            self.release(key)
            raise PlaneError(f"the kernel refused a route for a single protocol or port: {error}") from error

    def release(self, key: Hashable) -> None:
        """Give up what ``key`` holds, if it holds anything."""
        held = self._held.pop(key, None)
        if held is None:
            return
        hosts = self._hosts[held.what]
        del hosts[held.host][key]
        if hosts[held.host]:
            return
        del hosts[held.host]
        table = self._table(held.what)
        with contextlib.suppress(OSError):  # removed with the device, or by another program
            table.delete(held.host)
        if not hosts:
            del self._hosts[held.what], self._tables[held.what]
            _remove_rule(held.what, table)

    def follow(self) -> None:
        """Restore rules and routes that another program, or a change of addresses, has removed.

        Raises:
            PlaneError: the kernel refused.
        """
        try:
            for what, hosts in self._hosts.items():
                there = self._table(what).routes()
                held = [self._held[next(iter(keys))] for keys in hosts.values()]
                for version in {one.local.version for one in held}:
                    self._add_rule(what, version)
                for one in held:
                    if there.get(one.host) != self._route(one):
                        self._add_route(one)
        except OSError as error:
            raise PlaneError(f"routes of transport mode cannot be restored: {error}") from error

    def close(self) -> None:
        """Remove all of it."""
        for key in list(self._held):
            self.release(key)

    def _table(self, what: Steered) -> RoutingTable:
        if what not in self._tables:
            self._tables[what] = self._routes.other_table(what.table)
        return self._tables[what]

    def _add_rule(self, what: Steered, version: int) -> None:
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        try:
            self._table(what).steer(family, _PRIORITY, _rule(what))
        except NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise

    def _route(self, held: _Held) -> Route:
        return Route(self._hop, self._mtu, self._routes.address_inside(held.local))

    def _add_route(self, held: _Held) -> None:
        route = self._route(held)
        self._table(held.what).route(held.host, self._hop, route.mtu, route.source)

    def _remove_stale(self) -> None:
        """Remove the rules for empty tables, which a killed process left."""
        for number in self._routes.tables_consulted(_PRIORITY):
            what = of_table(number)
            if what is not None:
                table = self._routes.other_table(number)
                if not table.routes():
                    _remove_rule(what, table)


def _rule(what: Steered) -> PacketRule:
    return PacketRule(what.protocol, what.local_port, what.remote_port)


def _remove_rule(what: Steered, table: RoutingTable) -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            table.steer_no_more(family, _PRIORITY, _rule(what))
