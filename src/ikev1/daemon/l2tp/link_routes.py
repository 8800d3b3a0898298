"""Routes to a PPP interface: for some networks, or for all traffic but that of networks with a route of their own.

They are in a routing table of their own, which a rule applies to all packets except those to the gateway: these carry
the link, and use the routes of the network that is there at the time. The kernel removes the routes with the interface.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from ikev1.esp.netlink import NetlinkError
from ikev1.esp.networks import Network
from ikev1.esp.rtnetlink import Hop, PacketRule, RoutingTable

ALL = IPv4Network("0.0.0.0/0")
_MAIN_TABLE = 254
_LINKS = 50  # of this host at once
_FIRST = 4501  # table and priority: after the rules of the data plane, before that of the main table
_SPECIFIC_FIRST = PacketRule(without_default=True)
_RECORD = "rules"


def add(folder: Path, interface: str, gateway: str, networks: Sequence[IPv4Network]) -> None:
    """Route ``networks`` to ``interface``. ``folder`` gets a file from which `forget` knows the rules.

    Raises:
        OSError: the kernel refused, or the file cannot be written.
    """
    with _Rules() as rules:
        number = next((each for each in range(_LINKS) if not rules.main.tables_consulted(_priority(each))), None)
        if number is None:
            raise OSError(f"there are {_LINKS} links already")
        everything = ALL in networks
        (folder / _RECORD).write_text(f"{_namespace()} {gateway} {number} {int(everything)}")
        hop, link = Hop(socket.if_nametoindex(interface)), rules.table(number)
        for network in networks:
            link.route(Network(network.network_address.packed, network.prefixlen), hop, 0, None)
        if everything:
            rules.main.steer(socket.AF_INET, _priority(number) - 1, _SPECIFIC_FIRST)
        link.steer(socket.AF_INET, _priority(number), _except_to(gateway))


def forget(folder: Path) -> None:
    """Remove the rules that the file in ``folder`` names, if any, unless they are of another network namespace."""
    try:
        namespace, gateway, number, everything = (folder / _RECORD).read_text().split()
    except (OSError, ValueError):
        return
    if namespace == _namespace():
        priority = _priority(int(number))
        with _Rules() as rules:
            with suppress(NetlinkError):  # the connection was killed before it was added
                rules.table(int(number)).steer_no_more(socket.AF_INET, priority, _except_to(gateway))
            if int(everything):
                with suppress(NetlinkError):
                    rules.main.steer_no_more(socket.AF_INET, priority - 1, _SPECIFIC_FIRST)


def forget_peer(interface: str, peer: str) -> None:
    """Remove the route to the ``peer`` of ``interface`` that the kernel has added, where another way to this address is
    needed: that of the packets that carry the link, or that to a host of the local network.

    Raises:
        OSError: the kernel refused.
    """
    with _Rules() as rules:
        network = Network(IPv4Address(peer).packed, 32)
        rules.main.delete(network, Hop(socket.if_nametoindex(interface)))


class _Rules:
    """The main routing table, and those of links, whose requests use the same socket."""

    def __enter__(self) -> _Rules:
        self.main = RoutingTable(_MAIN_TABLE)
        return self

    def __exit__(self, *_: object) -> None:
        self.main.close()

    def table(self, link: int) -> RoutingTable:
        return RoutingTable(_FIRST + link, self.main)


def _priority(link: int) -> int:
    """The priority of the rule of a link; the one before is for routes that are more specific."""
    return _FIRST + 2 * link + 1


def _except_to(gateway: str) -> PacketRule:
    return PacketRule(except_to=IPv4Address(gateway).packed)


def _namespace() -> str:
    return os.readlink("/proc/self/ns/net")
