"""Routes that lead the packets of tunnels to the data plane: to a TUN device, or towards the peer.

`Routes.follow` compares them with those of the kernel after a change of the network, and determines hops and source
addresses again.

They are in a separate routing table, which a rule applies to all packets without our mark. All sockets of IKE and ESP
are marked (SO_MARK), so these routes do not apply to them, even if a remote network contains the address of the peer or
is the whole Internet. If the local network of a tunnel lies inside its remote network, a ``throw`` route returns its
packets to the main table. So it does for what a client does not send through its tunnels (`ikev1.esp.reach`).

Strict reverse path filtering (``rp_filter`` 1) on the outer interface ignores marks: if a remote network contains the
peer, ``net.ipv4.conf.all.src_valid_mark`` must be 1, or the filter loose.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Hashable, Sequence
from typing import NamedTuple
from zlib import crc32

from ikev1.core.records.selector import Selector
from ikev1.esp.host_network import HostNetwork
from ikev1.esp.netlink import NetlinkError
from ikev1.esp.networks import Network, networks, packed, scope
from ikev1.esp.plane import PlaneError
from ikev1.esp.reach import Reach, routed
from ikev1.esp.required_routes import RequiredRoute, narrowest
from ikev1.esp.rtnetlink import Hop, Route, RoutingTable, bring_up

MARK = 4500  # of our sockets' packets
_TABLE = 4500
_RULE_PRIORITY = 4500  # before the main table's rule, 32766
_LONGEST_SEGMENT = 56 << 10  # octets of TCP at once: its ESP packets still fit one UDP_SEGMENT call
_DEFAULT_DEVICE = "ikev1"
_METRICS = 1 << 31
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class _Request(NamedTuple):
    """What a key holds, as `Routes.hold` was called."""

    local: Selector
    remote: Selector
    towards: Hop | str
    mtu: int


def metric_of(device: str) -> int:
    """The metric of the routes of the process that has this TUN device, or would have: 0 for the default device.

    Processes that share the table have different devices, so that no route replaces one of another process.
    """
    return 0 if device == _DEFAULT_DEVICE else 1 + crc32(device.encode()) % _METRICS


class Routes:
    """The rules and the routes, removed on `close`; ``metric`` as of `metric_of`.

    Each user of a route holds it under a separate key; the route is removed with its last user. Its MTU is the smallest
    that its users require. The rules are added with the first route; before, nothing of another gateway of this host
    is changed.

    Raises:
        PlaneError: the kernel refused.
    """

    def __init__(self, metric: int = 0) -> None:
        self._required: dict[Network, tuple[RequiredRoute, ...]] = {}
        self._routed: dict[Network, Route] = {}  # those that the kernel has, as far as is known
        self._held: dict[Hashable, tuple[Network, ...]] = {}
        self._requests: dict[Hashable, _Request] = {}
        self._reaches: dict[bytes, Reach] = {}  # by packed virtual address
        self._parts: set[Network] = set()  # of what pairs of virtual addresses carry, as gateways have named them
        with contextlib.ExitStack() as opened:
            try:
                self._kernel = RoutingTable(_TABLE, metric=metric)
                opened.callback(self._kernel.close)
                self._network = HostNetwork(_TABLE, self._kernel.port)
                opened.callback(self._network.close)
            except OSError as error:
                raise PlaneError(f"the kernel's routes cannot be reached: {error}") from error
            self._opened = opened.pop_all()

    def bring_up(self, device: str, mtu: int) -> Hop:
        """Set up the TUN device and return the hop to it.

        Raises:
            PlaneError: there is no such device, or the kernel refused.
        """
        try:
            return bring_up(device, mtu, _LONGEST_SEGMENT)
        except OSError as error:
            raise PlaneError(f"the device {device} cannot be set up: {error}") from error

    def networks(self, local: Selector, remote: Selector) -> list[Network]:
        """The networks to which `hold` adds routes."""
        return list(routed(local, remote, self._reaches.get(local.first)))

    def confine(self, address: str, reach: Reach | None) -> None:
        """Route only what ``reach`` says into the tunnels of the virtual ``address``, also those that are up; None:
        everything, as for addresses that are not virtual.

        Raises:
            PlaneError: the kernel refused.
        """
        key = packed(address)
        before = self._reaches.get(key)
        if before == reach:
            return
        users = [(user, request) for user, request in self._requests.items() if request.local.first == key]
        self._set_reach(key, reach)
        try:
            for user, request in users:
                self._hold(user, *request)
        except OSError as error:
            self._set_reach(key, before)
            for user, request in users:
                with contextlib.suppress(OSError):
                    self._hold(user, *request)
            raise PlaneError(f"the kernel refused a route: {error}") from error

    def networks_of(self, address: str) -> list[Network]:
        """The networks of all routes for tunnels of the virtual ``address``."""
        key = packed(address)
        users = (user for user, request in self._requests.items() if request.local.first == key)
        return [network for user in users for network in self._held.get(user, ())]

    def confined(self, address: str, reach: Reach | None) -> list[Network]:
        """The networks of the routes for tunnels of ``address`` after `confine` with ``reach``."""
        found = (request for request in self._requests.values() if request.local.first == packed(address))
        return [network for request in found for network in routed(request.local, request.remote, reach)]

    def hold(self, key: Hashable, local: Selector, remote: Selector, towards: Hop | str, mtu: int = 0) -> None:
        """Route ``remote`` to a hop, or to the hop for a host; from an address of this host inside ``local`` if there
        is one. Without a route to the host, no route is added; `follow` adds it later.

        This replaces what ``key`` held; networks in both are routed without interruption.
        """
        try:
            self._hold(key, local, remote, towards, mtu)
        except OSError as error:
            self.release(key)
            raise PlaneError(f"the kernel refused a route: {error}") from error

    def release(self, key: Hashable) -> None:
        """Release what ``key`` holds, if anything."""
        request = self._requests.pop(key, None)
        for network in self._held.pop(key, ()):
            self._release(key, network)
        if request is not None:
            with contextlib.suppress(OSError):
                self._refresh_parts(request.remote, {})

    def follow(self) -> None:
        """Update rules and routes for the current links, routes to the peers and addresses of this host, and restore
        those that another program removed.

        Raises:
            PlaneError: the kernel refused a request. Routes that it refused are tried again the next time.
        """
        if not self._held:
            return
        try:
            self._add_rules()
            there, ways = self._kernel.routes(), dict[str, Hop | None]()
            self._routed = {network: there[network] for network in self._required if network in there}
            for network in self._required:
                with contextlib.suppress(OSError):
                    self._refresh(network, ways)
        except OSError as error:
            raise PlaneError(f"the routes of tunnels cannot be compared with the kernel's: {error}") from error

    def addresses(self) -> frozenset[str]:
        """The addresses of this host from which packets can be sent, in text and without scope.

        Raises:
            PlaneError: the kernel refused.
        """
        return self._network.addresses()

    def changed(self) -> bool:
        """Read the notifications of the kernel. Returns whether `follow` may have something to do.

        Raises:
            PlaneError: they cannot be read.
        """
        return self._network.changed()

    def fileno(self) -> int:
        """The file descriptor that becomes readable before `changed`."""
        return self._network.fileno()

    def close(self, *, keep: bool = False) -> None:
        """Remove the rules and the routes, or with ``keep`` leave them."""
        if not keep:
            for key in list(self._held):
                self.release(key)
            self.tidy()
        self._opened.close()

    def tidy(self) -> None:
        """Remove the rules if their table has no route, including those of other gateways."""
        with contextlib.suppress(OSError):
            if not self._held and not self.other_table(_TABLE).routes():
                self._delete_rules()

    def other_table(self, number: int) -> RoutingTable:
        """Another routing table, changed through the same socket, so that its changes count as our own."""
        return RoutingTable(number, self._kernel)

    def tables_consulted(self, priority: int) -> set[int]:
        """The routing tables that rules of this priority name."""
        return self._kernel.tables_consulted(priority)

    def routed(self, network: Network) -> bool:
        """Whether any key holds ``network``."""
        return network in self._required

    def sweep(self) -> None:
        """Remove the throw routes that a killed process left, unless another gateway uses the table; and the rules."""
        with contextlib.suppress(OSError):
            everything = self.other_table(_TABLE)
            while not self._held and (left := everything.routes()) and not any(route.hop for route in left.values()):
                for network in left:  # one of each metric
                    everything.delete(network)
        self.tidy()

    def forget(self, network: Network) -> None:
        """Remove a route that an earlier process left."""
        with contextlib.suppress(OSError):  # it does not exist any more
            self._kernel.delete(network)

    def _set_reach(self, key: bytes, reach: Reach | None) -> None:
        if reach is None:
            self._reaches.pop(key, None)
        else:
            self._reaches[key] = reach

    def _add_rules(self) -> None:
        for family in _FAMILIES:
            try:
                self._kernel.consult(family, MARK, _RULE_PRIORITY)
            except NetlinkError as error:
                # it exists: of a process that was killed, or of another gateway; or the kernel has no IPv6
                if error.errno != errno.EEXIST and family != socket.AF_INET6:
                    raise

    def _delete_rules(self) -> None:
        for family in _FAMILIES:
            with contextlib.suppress(NetlinkError):
                self._kernel.ignore(family, MARK, _RULE_PRIORITY)

    def _hold(self, key: Hashable, local: Selector, remote: Selector, towards: Hop | str, mtu: int) -> None:
        if not self._held:  # while there were no routes, another gateway may have ended and removed the rules
            self._add_rules()
        request = _Request(local, remote, towards, mtu)
        before, self._requests[key] = self._requests.get(key, request), request
        reach = self._reaches.get(local.first)
        onward, throw = RequiredRoute(key, towards, mtu, local, remote), RequiredRoute(key, None, mtu, local, remote)
        planned = routed(local, remote, reach)
        required = {network: onward if inside else throw for network, inside in planned.items()}
        required |= {each: throw._replace(is_local=True) for each in networks(local) if required.get(each) == throw}
        earlier = self._held.get(key, ())
        self._held[key] = (*required, *earlier)
        ways: dict[str, Hop | None] = {}
        for network, route in required.items():
            self._required[network] = (*self._required_by_others(key, network), route)
            if reach is not None:
                self._parts.add(network)
            self._refresh(network, ways)
        self._held[key] = tuple(required)
        for network in earlier:
            if network not in required:
                self._release(key, network)
        for changed in {remote, before.remote}:
            self._refresh_parts(changed, ways)

    def _release(self, key: Hashable, network: Network) -> None:
        others = self._required_by_others(key, network)
        if len(others) < len(self._required.get(network, ())):
            self._required[network] = others
            with contextlib.suppress(OSError):  # removed with an address, or by another program
                self._refresh(network, {})

    def _required_by_others(self, key: Hashable, network: Network) -> tuple[RequiredRoute, ...]:
        return tuple(route for route in self._required.get(network, ()) if route.key != key)

    def _refresh(self, network: Network, ways: dict[str, Hop | None]) -> None:
        """Bring the kernel's route to ``network`` in line with its users; ``ways`` are the hops that were looked up."""
        required = self._required[network]
        if not required:
            del self._required[network]
            self._parts.discard(network)
        wanted = self._wanted(network, required, ways) if required else None
        if wanted == self._routed.get(network):
            return
        if wanted is None:
            del self._routed[network]
            self._kernel.delete(network)
        elif wanted.hop is None:
            self._kernel.throw(network)
        else:
            wanted = self._route(network, wanted.hop, wanted.mtu, wanted.source)
        if wanted is not None:
            self._routed[network] = wanted

    def _route(self, network: Network, hop: Hop, mtu: int, source: bytes | None) -> Route:
        """Add a route, without ``source`` where the kernel does not accept it, as while its interface comes up."""
        try:
            self._kernel.route(network, hop, mtu, source)
        except NetlinkError as error:
            if source is None or error.errno != errno.EINVAL:
                raise
            source = None
            self._kernel.route(network, hop, mtu, source)
        return Route(hop, mtu, source)

    def _wanted(self, network: Network, required: Sequence[RequiredRoute], ways: dict[str, Hop | None]) -> Route | None:
        """The route for all users: to the newest available hop, with the smallest MTU; None if there is no hop."""
        onward = [route for route in required if route.towards is not None]
        if network in self._parts and not any(route.is_local for route in required):
            onward = narrowest(network, self._required)
        if not onward:
            return Route(None)
        for route in reversed(onward):
            hop = self._way(route.towards, ways)
            if hop is not None:
                if len(hop.gateway) != len(network.address):  # of the other IP version
                    hop = Hop(hop.device)
                return Route(hop, min(one.mtu for one in onward), self.address_inside(route.local))
        return None

    def _refresh_parts(self, remote: Selector, ways: dict[str, Hop | None]) -> None:
        """Refresh the networks in `_parts` that begin within ``remote``, the network of a pair that came or went."""
        for network in tuple(self._parts):
            if len(network.address) == len(remote.first) and remote.first <= network.address <= remote.last:
                self._refresh(network, ways)

    def _way(self, towards: Hop | str | None, ways: dict[str, Hop | None]) -> Hop | None:
        if not isinstance(towards, str):
            return towards
        if towards not in ways:
            ways[towards] = self._kernel.hop_towards(packed(towards), MARK, scope(towards))
        return ways[towards]

    def address_inside(self, local: Selector) -> bytes | None:
        """A packed address of this host inside ``local``, from which packets can be sent; None if there is none."""
        family = socket.AF_INET if local.version == 4 else socket.AF_INET6
        inside = (address for address in self._network.universal(family) if local.first <= address <= local.last)
        return next(inside, None)
