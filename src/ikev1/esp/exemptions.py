"""Routing rules that have packets skip the routes into tunnels (`ikev1.esp.routes`, `ikev1.esp.steering`).

A rule of each exemption jumps over the rules for these routes to one that does nothing, so that all other rules and
tables of this host apply as if there were no tunnels. The source address of a packet may be chosen only when it is
routed: what this host sends without one is skipped, too, if it has an address of the local network.

All rules bear a number of this gateway (FRA_PROTOCOL, Linux 4.17), by which those of a killed process are recognized.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Collection, Iterator

from ikev1.core.records.selector import Selector
from ikev1.esp.inner import WITH_PORTS
from ikev1.esp.netlink import NetlinkError
from ikev1.esp.networks import Network, networks
from ikev1.esp.plane import PlaneError
from ikev1.esp.routes import Routes
from ikev1.esp.rtnetlink import SkippingRule

_PRIORITY, _LANDING = 4498, 4501  # before and behind the rules of the routes into tunnels
_FIRST_OWNER, _OWNERS = 100, 150  # numbers of processes that are not registered for other programs
_UNSPECIFIED = {4: Network(bytes(4), 32), 6: Network(bytes(16), 128)}

Traffic = tuple[Selector, Selector]  # local, remote


class Exemptions:
    """The rules, changed through the socket of ``routes``. ``owner`` is any number that only this gateway has; a
    negative one is that of no gateway.
    """

    def __init__(self, routes: Routes, owner: int) -> None:
        self._routes = routes
        self._table = routes.other_table(0)
        self._owner = _FIRST_OWNER + owner % _OWNERS
        self._there: set[SkippingRule] = set()
        self._wanted: frozenset[Traffic] = frozenset()
        self._swept = False

    def change(self, wanted: Collection[Traffic]) -> None:
        """Have exactly the packets of ``wanted`` skip the routes into tunnels.

        Raises:
            PlaneError: the kernel refused.
        """
        self._wanted = frozenset(wanted)
        try:
            if not self._swept:
                self._sweep()
            self._apply({rule for traffic in self._wanted for rule in self._rules(*traffic)})
        except OSError as error:
            raise PlaneError(f"the kernel refused a routing rule for traffic outside tunnels: {error}") from error

    def follow(self) -> None:
        """Restore rules that another program removed, and adapt them to the addresses of this host.

        Raises:
            PlaneError: the kernel refused.
        """
        if self._wanted:
            self._there.clear()
            self.change(self._wanted)

    def close(self) -> None:
        """Remove all rules."""
        with contextlib.suppress(OSError):
            self._apply(set())

    def _apply(self, wanted: set[SkippingRule]) -> None:
        landings = {SkippingRule(rule.family, _LANDING, self._owner) for rule in wanted}
        for rule in (*(landings - self._there), *(wanted - self._there)):
            self._add(rule)
        for rule in sorted(self._there - wanted - landings, key=lambda rule: rule.priority):
            with contextlib.suppress(NetlinkError):  # another program removed it
                self._table.skip_no_more(rule)
        self._there = wanted | landings

    def _add(self, rule: SkippingRule) -> None:
        try:
            self._table.skip(rule)
        except NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise

    def _sweep(self) -> None:
        """Remove the rules that a killed process left."""
        for priority in (_PRIORITY, _LANDING):
            for rule in self._table.skipping(priority, self._owner):
                self._table.skip_no_more(rule)
        self._swept = True

    def _rules(self, local: Selector, remote: Selector) -> Iterator[SkippingRule]:
        protocol = local.protocol or remote.protocol
        ports = local.port, remote.port
        named = (protocol,) if protocol or not any(ports) else WITH_PORTS
        family = socket.AF_INET if local.version == 4 else socket.AF_INET6
        ours = networks(local)
        if not local.has_all_addresses and self._routes.address_inside(local) is not None:
            ours = [*ours, _UNSPECIFIED[local.version]]
        for number in named:
            for one in ours:
                for other in networks(remote):
                    yield SkippingRule(family, _PRIORITY, self._owner, _LANDING, one, other, number, *ports)
