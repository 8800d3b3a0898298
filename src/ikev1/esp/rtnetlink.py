"""The kernel's routing (rtnetlink(7)) as the data plane uses it: a table of routes, and the route to a host."""

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
    Netlink,
    NetlinkError,
    Request,
    attribute,
    attributes,
    unpack,
)
from ikev1.esp.networks import Network, family_of

# <linux/rtnetlink.h>
_NEW_LINK, _NEW_RULE, _DELETE_RULE, _GET_RULE = 16, 32, 33, 34
_NEW_ROUTE, _DELETE_ROUTE, _GET_ROUTE = 24, 25, 26
ROUTE = struct.Struct("=8BI")  # family, prefix of destination and source, TOS, table, protocol, scope, type, flags
_DESTINATION, _DEVICE, _GATEWAY, _METRIC, _PREFERRED_SOURCE, _METRICS, _TABLE, _MARK = 1, 4, 5, 6, 7, 8, 15, 16
_MTU = 2  # among the metrics
_DEFAULT_METRICS: dict[int, int] = {socket.AF_INET: 0, socket.AF_INET6: 1024}
_TABLE_IN_ATTRIBUTE = 252
_STATIC = 4
_SCOPE_UNIVERSE, _SCOPE_NOWHERE = 0, 255  # when deleting, the latter is any
_UNICAST, _THROW, _ANY_TYPE = 1, 9, 0
_NUMBER = struct.Struct("=I")
# <linux/fib_rules.h>; its header has the fields of a route's
_SOURCE, _GOTO, _PRIORITY, _RULE_MARK, _SUPPRESS_PREFIXES, _RULE_TABLE = 2, 4, 6, 10, 14, 15
_RULE_OWNER, _RULE_PROTOCOL, _SOURCE_PORTS, _DESTINATION_PORTS = 21, 22, 23, 24
_PORTS = struct.Struct("=HH")  # struct fib_rule_port_range: the first, the last
_TO_TABLE, _TO_RULE, _NOTHING = 1, 2, 3  # the action
_INVERT = 2  # a flag
# <linux/if_link.h>
LINK = struct.Struct("=BxHiII")  # family, type, interface, flags, which of the flags to change
_UP = 1
_LINK_MTU, _AF_SPEC, _GSO_MAX_SIZE = 4, 26, 41
_ADDR_GEN_MODE, _ADDR_GEN_MODE_NONE = 8, b"\1"


class Hop(NamedTuple):
    """The next hop of packets: the index of an interface, and the packed address of a router, empty without one."""

    device: int
    gateway: bytes = b""


class Route(NamedTuple):
    """Where packets for a network go, from which packed address (None: the kernel's choice), and the MTU in octets (0:
    the path's own). Without ``hop`` it is a throw route: the tables that follow decide.
    """

    hop: Hop | None
    mtu: int = 0
    source: bytes | None = None


class PacketRule(NamedTuple):
    """The packets for which a rule has a table looked up: of a protocol, from and to a port (0: any), not to the packed
    address ``except_to``. With ``without_default``, the rule ignores default routes of the table.
    """

    protocol: int = 0
    source_port: int = 0
    destination_port: int = 0
    except_to: bytes = b""
    without_default: bool = False


class SkippingRule(NamedTuple):
    """A rule of ``family`` and ``priority`` that has packets skip all rules before the priority ``target``; with target
    0, it does nothing. ``owner`` is a number of the program whose rule it is. Ports and protocol are 0 for any.
    """

    family: int
    priority: int
    owner: int
    target: int = 0
    source: Network = Network(b"", 0)
    destination: Network = Network(b"", 0)
    protocol: int = 0
    source_port: int = 0
    destination_port: int = 0


class RoutingTable:
    """One table of routes, and the rules that have it consulted. ``beside`` is another table, whose socket it shares.

    With a ``metric``, only the routes with it are read and changed: routes to one network with different metrics exist
    at the same time, and the lowest metric applies. 0 is the default metric of each IP version.

    Raises:
        OSError: the kernel refused.
        GarbledAnswer: it said something that cannot be read.
    """

    def __init__(self, table: int, beside: RoutingTable | None = None, metric: int | None = None) -> None:
        self._table = table
        self._metric = metric
        self._netlink: Netlink = beside._netlink if beside is not None else Netlink(socket.NETLINK_ROUTE)
        self._filtered: bool = beside._filtered if beside is not None else self._netlink.filter_dumps()

    def close(self) -> None:
        """Close the socket; the routes stay."""
        self._netlink.close()

    @property
    def port(self) -> int:
        """The netlink port of requests that change the table."""
        return self._netlink.port

    def route(self, network: Network, hop: Hop, mtu: int, source: bytes | None) -> None:
        """Route ``network`` to ``hop``, in place of the table's earlier route to it.

        ``source`` is the packed source address of our own packets; ``mtu`` is in octets, 0 for that of the path.
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
        """Add a throw route: ``network`` is looked up in the following tables. It replaces an earlier route to it."""
        self._change(_NEW_ROUTE, CREATE | REPLACE, network, _SCOPE_UNIVERSE, _THROW, b"")

    def delete(self, network: Network, hop: Hop | None = None) -> None:
        """Delete the route to ``network``; with ``hop``, only one to its interface."""
        details = attribute(_DEVICE, _NUMBER.pack(hop.device)) if hop is not None else b""
        self._change(_DELETE_ROUTE, 0, network, _SCOPE_NOWHERE, _ANY_TYPE, details)

    def consult(self, family: int, mark: int, priority: int) -> None:
        """Add the rule that applies the table to packets of ``family`` without ``mark``."""
        self._netlink.command(Request(_NEW_RULE, CREATE | EXCLUSIVE, self._rule(family, mark, priority)))

    def ignore(self, family: int, mark: int, priority: int) -> None:
        """Delete the rule of `consult`."""
        self._netlink.command(Request(_DELETE_RULE, 0, self._rule(family, mark, priority)))

    def steer(self, family: int, priority: int, packets: PacketRule) -> None:
        """Add the rule that has the table looked up for ``packets`` of ``family``."""
        request = self._packet_rule(family, priority, packets)
        self._netlink.command(Request(_NEW_RULE, CREATE | EXCLUSIVE, request))

    def steer_no_more(self, family: int, priority: int, packets: PacketRule) -> None:
        """Take the rule of `steer` away."""
        self._netlink.command(Request(_DELETE_RULE, 0, self._packet_rule(family, priority, packets)))

    def skip(self, rule: SkippingRule) -> None:
        """Add a rule that has packets skip others."""
        self._netlink.command(Request(_NEW_RULE, CREATE | EXCLUSIVE, _skipping(rule)))

    def skip_no_more(self, rule: SkippingRule) -> None:
        """Take the rule of `skip` away."""
        self._netlink.command(Request(_DELETE_RULE, 0, _skipping(rule)))

    def skipping(self, priority: int, owner: int) -> list[SkippingRule]:
        """The rules of `skip` with this priority and owner, or what is needed to delete them."""
        found: list[SkippingRule] = []
        for family in (socket.AF_INET, socket.AF_INET6):
            header = ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
            with contextlib.suppress(NetlinkError):  # no IPv6
                found += filter(None, self._netlink.ask(_GET_RULE, DUMP, (header,), _skipping_in))
        return [rule for rule in found if (rule.priority, rule.owner) == (priority, owner)]

    def tables_consulted(self, priority: int) -> set[int]:
        """The tables that rules of this priority name."""
        found: set[int] = set()
        for family in (socket.AF_INET, socket.AF_INET6):
            header = ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
            with contextlib.suppress(NetlinkError):  # no IPv6
                rules = self._netlink.ask(_GET_RULE, DUMP, (header,), _rule_in)
                found |= {table for at, table in rules if at == priority}
        return found

    def routes(self) -> dict[Network, Route]:
        """The routes of the table; of several routes to a network, the one that applies."""
        found: dict[Network, Route] = {}
        table = (attribute(_TABLE, _NUMBER.pack(self._table)),) if self._filtered else ()
        for family in (socket.AF_INET, socket.AF_INET6):
            header = ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
            try:
                entries = self._netlink.ask(_GET_ROUTE, DUMP, (header, *table), self._route_of_ours)
            except NetlinkError as error:
                if error.errno not in (errno.ENOENT, errno.EAFNOSUPPORT):  # no such table, or no IPv6
                    raise
                continue
            for network, route in filter(None, entries):
                found.setdefault(network, route)
        return found

    def hop_towards(self, address: bytes, mark: int, device: int = 0) -> Hop | None:
        """The next hop of a packet with ``mark`` to the packed ``address``; None if there is no route.

        ``device`` is the index of the interface on which a link-local address is valid.
        """
        family = family_of(address)
        header = ROUTE.pack(family, 8 * len(address), 0, 0, 0, 0, 0, 0, 0)
        wanted = attribute(_DESTINATION, address) + attribute(_MARK, _NUMBER.pack(mark))
        wanted += attribute(_DEVICE, _NUMBER.pack(device)) if device else b""
        try:
            found = self._netlink.ask(_GET_ROUTE, 0, (header, wanted), _hop_in)
        except OSError as error:
            if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EAFNOSUPPORT, errno.ENODEV, errno.ENETDOWN):
                return None
            raise
        return next((hop for hop in found if hop is not None), None)

    def _change(self, kind: int, flags: int, network: Network, scope: int, route_type: int, details: bytes) -> None:
        protocol = _STATIC if kind == _NEW_ROUTE else 0
        family = family_of(network.address)
        route = ROUTE.pack(family, network.prefix, 0, 0, _TABLE_IN_ATTRIBUTE, protocol, scope, route_type, 0)
        destination = attribute(_DESTINATION, network.address)
        table = attribute(_TABLE, _NUMBER.pack(self._table))
        if self._metric is not None:
            details += attribute(_METRIC, _NUMBER.pack(self._metric or _DEFAULT_METRICS[family]))
        self._netlink.command(Request(kind, flags, (route, destination, table, details)))

    def _rule(self, family: int, mark: int, priority: int) -> tuple[bytes, ...]:
        numbers = ((_PRIORITY, priority), (_RULE_MARK, mark), (_RULE_TABLE, self._table))
        header = ROUTE.pack(family, 0, 0, 0, _TABLE_IN_ATTRIBUTE, 0, 0, _TO_TABLE, _INVERT)
        return (header, *(attribute(kind, _NUMBER.pack(number)) for kind, number in numbers))

    def _packet_rule(self, family: int, priority: int, packets: PacketRule) -> tuple[bytes, ...]:
        bits = 8 * len(packets.except_to)
        header = ROUTE.pack(family, bits, 0, 0, _TABLE_IN_ATTRIBUTE, 0, 0, _TO_TABLE, _INVERT if bits else 0)
        details = [attribute(_PRIORITY, _NUMBER.pack(priority)), attribute(_RULE_TABLE, _NUMBER.pack(self._table))]
        if packets.except_to:
            details.append(attribute(_DESTINATION, packets.except_to))
        if packets.without_default:
            details.append(attribute(_SUPPRESS_PREFIXES, _NUMBER.pack(0)))
        if packets.protocol:
            details.append(attribute(_RULE_PROTOCOL, bytes((packets.protocol,))))
        for kind, port in ((_SOURCE_PORTS, packets.source_port), (_DESTINATION_PORTS, packets.destination_port)):
            if port:
                details.append(attribute(kind, _PORTS.pack(port, port)))
        return (header, *details)

    def _route_of_ours(self, kind: int, body: memoryview) -> tuple[Network, Route] | None:
        if kind != _NEW_ROUTE or table_of(body) != self._table:
            return None
        family, prefix, _, _, _, _, _, route_type, _ = unpack(ROUTE, body)
        found = attributes(body[ROUTE.size :])
        metric = unpack(_NUMBER, found[_METRIC])[0] if _METRIC in found else 0
        if self._metric is not None and metric != (self._metric or _DEFAULT_METRICS[family]):
            return None
        width = 4 if family == socket.AF_INET else 16
        network = Network(bytes(found[_DESTINATION]) if _DESTINATION in found else bytes(width), prefix)
        if route_type != _UNICAST:
            return network, Route(None)
        device = unpack(_NUMBER, found[_DEVICE])[0] if _DEVICE in found else 0
        metrics = attributes(found[_METRICS]) if _METRICS in found else {}
        mtu = unpack(_NUMBER, metrics[_MTU])[0] if _MTU in metrics else 0
        source = bytes(found[_PREFERRED_SOURCE]) if _PREFERRED_SOURCE in found else None
        return network, Route(Hop(device, bytes(found.get(_GATEWAY, b""))), mtu, source)


def table_of(body: Buffer) -> int:
    """The table of the route in an RTM_NEWROUTE or RTM_DELROUTE message.

    Raises:
        GarbledAnswer: the message is too short, or the length of an attribute is wrong.
    """
    _, _, _, _, table, *_ = unpack(ROUTE, body)
    found = attributes(memoryview(body)[ROUTE.size :])
    number: int = unpack(_NUMBER, found[_TABLE])[0] if _TABLE in found else table
    return number


def bring_up(device: str, mtu: int, longest_segment: int) -> Hop:
    """Set up a device and return the hop to it.

    It gets no link-local IPv6 address. ``mtu`` and ``longest_segment``, the largest TCP packet for TSO, are in octets.

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


def _hop_in(kind: int, body: memoryview) -> Hop | None:
    unpack(ROUTE, body)
    found = attributes(body[ROUTE.size :])
    if kind != _NEW_ROUTE or _DEVICE not in found:
        return None
    return Hop(unpack(_NUMBER, found[_DEVICE])[0], bytes(found.get(_GATEWAY, b"")))


def _rule_in(_: int, body: memoryview) -> tuple[int, int]:
    """The priority of a rule, and the table that it names."""
    named = body[4]  # the table, if its number is small
    unpack(ROUTE, body)
    found = attributes(body[ROUTE.size :])
    priority = unpack(_NUMBER, found[_PRIORITY])[0] if _PRIORITY in found else 0
    return priority, unpack(_NUMBER, found[_RULE_TABLE])[0] if _RULE_TABLE in found else named


def _skipping(rule: SkippingRule) -> tuple[bytes, ...]:
    action = _TO_RULE if rule.target else _NOTHING
    header = ROUTE.pack(rule.family, rule.destination.prefix, rule.source.prefix, 0, 0, 0, 0, action, 0)
    details = [attribute(_PRIORITY, _NUMBER.pack(rule.priority)), attribute(_RULE_OWNER, bytes((rule.owner,)))]
    if rule.target:
        details.append(attribute(_GOTO, _NUMBER.pack(rule.target)))
    for kind, network in ((_DESTINATION, rule.destination), (_SOURCE, rule.source)):
        if network.prefix:
            details.append(attribute(kind, network.address))
    if rule.protocol:
        details.append(attribute(_RULE_PROTOCOL, bytes((rule.protocol,))))
    for kind, port in ((_SOURCE_PORTS, rule.source_port), (_DESTINATION_PORTS, rule.destination_port)):
        if port:
            details.append(attribute(kind, _PORTS.pack(port, port)))
    return (header, *details)


def _skipping_in(_: int, body: memoryview) -> SkippingRule | None:
    family, to, origin, _, _, _, _, action, _ = unpack(ROUTE, body)
    found = attributes(body[ROUTE.size :])
    if action not in (_TO_RULE, _NOTHING) or not found.get(_RULE_OWNER):
        return None

    def number(kind: int) -> int:
        return unpack(_NUMBER, found[kind])[0] if kind in found else 0

    def port(kind: int) -> int:
        return unpack(_PORTS, found[kind])[0] if kind in found else 0

    return SkippingRule(
        family,
        number(_PRIORITY),
        found[_RULE_OWNER][0],
        number(_GOTO),
        Network(bytes(found.get(_SOURCE, b"")), origin),
        Network(bytes(found.get(_DESTINATION, b"")), to),
        found[_RULE_PROTOCOL][0] if found.get(_RULE_PROTOCOL) else 0,
        port(_SOURCE_PORTS),
        port(_DESTINATION_PORTS),
    )


def _link(index: int, flags: int) -> bytes:
    return LINK.pack(socket.AF_UNSPEC, 0, index, flags, flags)
