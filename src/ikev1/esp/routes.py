"""Routes that bring the tunnels' packets to where ESP takes them, and none else: a TUN device, or the way to the peer.

They live in a table of their own, which a rule consults for every packet that does not bear our mark. All sockets
that IKE and ESP use are marked (SO_MARK), so they never meet these routes, even where a remote network holds the peer's
own address or is the whole Internet. Where a tunnel's local network lies inside its remote one, a ``throw`` route sends
it back to the main table.

Strict reverse path filtering (``rp_filter`` 1) on the outer interface knows nothing of marks: where a remote network
holds the peer, ``net.ipv4.conf.all.src_valid_mark`` must be 1, or the filter loose.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import NamedTuple

from ikev1.core.records.selector import Selector
from ikev1.esp.netlink import NetlinkError
from ikev1.esp.networks import Network, encloses, networks, packed
from ikev1.esp.plane import PlaneError
from ikev1.esp.rtnetlink import Hop, RoutingTable, bring_up

MARK = 4500  # of our sockets' packets
_TABLE = 4500
_RULE_PRIORITY = 4500  # before the main table's rule, 32766
_LONGEST_SEGMENT = 56 << 10  # octets of TCP at once: its ESP packets still fit one UDP_SEGMENT call
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_IP_MTU, _IPV6_MTU = 14, 24  # <linux/in.h>, <linux/in6.h>
_MTU_OF_SOCKET = (
    (socket.AF_INET, socket.IPPROTO_IP, _IP_MTU),
    (socket.AF_INET6, socket.IPPROTO_IPV6, _IPV6_MTU),
)
_ANY_PORT = 500  # nothing is sent


class _Route(NamedTuple):
    hop: Hop | None  # None: a throw route
    mtu: int = 0  # 0: the path's own
    source: bytes | None = None  # packed


_THROW = _Route(None)


class _Wish(NamedTuple):
    key: Hashable
    route: _Route


@lru_cache
def _shared(route: _Route) -> _Route:
    """One object for all routes that are equal: those of a gateway's tunnels mostly are."""
    return route


class Routes:
    """The rule and the routes, taken away again on `close`.

    Whoever needs a network routed holds it under a key of its own; the route goes with the last that holds it.
    Its MTU is the smallest that its holders ask for.

    Raises:
        PlaneError: the kernel refused.
    """

    def __init__(self) -> None:
        self._wishes: dict[Network, tuple[_Wish, ...]] = {}
        self._routed: dict[Network, _Route] = {}
        self._held: dict[Hashable, tuple[Network, ...]] = {}
        try:
            self._kernel = RoutingTable(_TABLE)
        except OSError as error:
            raise PlaneError(f"the kernel's routes cannot be reached: {error}") from error
        try:
            self._add_rules()
        except OSError as error:
            self.close()
            raise PlaneError(f"the kernel refused a routing rule: {error}") from error

    def bring_up(self, device: str, mtu: int) -> Hop:
        """Set up the TUN device and return the hop to it.

        Raises:
            PlaneError: there is no such device, or the kernel refused.
        """
        try:
            return bring_up(device, mtu, _LONGEST_SEGMENT)
        except OSError as error:
            raise PlaneError(f"the device {device} cannot be set up: {error}") from error

    def hop_towards(self, host: str) -> Hop | None:
        """Where ESP leaves for ``host``; None if there is no way."""
        try:
            return self._kernel.hop_towards(packed(host), MARK)
        except OSError as error:
            raise PlaneError(f"the kernel does not tell the way to {host}: {error}") from error

    def networks(self, local: Selector, remote: Selector) -> list[Network]:
        """What `hold` makes routes to."""
        return [*networks(remote), *(networks(local) if encloses(remote, local) else ())]

    def hold(self, key: Hashable, local: Selector, remote: Selector, hop: Hop, mtu: int = 0) -> None:
        """Route ``remote`` to ``hop``, from an address of ours inside ``local`` if there is one.

        It replaces what ``key`` held, and packets for networks in both find their way all the time.
        """
        try:
            self._hold(key, local, remote, hop, mtu)
        except OSError as error:
            self.release(key)
            raise PlaneError(f"the kernel refused a route: {error}") from error

    def release(self, key: Hashable) -> None:
        """Give up what ``key`` holds, if it holds anything."""
        for network in self._held.pop(key, ()):
            self._release(key, network)

    def close(self) -> None:
        """Take away all of it."""
        for key in list(self._held):
            self.release(key)
        with contextlib.suppress(OSError):
            if not self._kernel.networks():  # else another gateway still needs the rules
                self._delete_rules()
        self._kernel.close()

    def routed(self, network: Network) -> bool:
        """Whether anybody holds ``network``."""
        return network in self._routed

    def forget(self, network: Network) -> None:
        """Take away a route that an earlier process left."""
        with contextlib.suppress(OSError):  # it is gone already
            self._kernel.delete(network)

    def _add_rules(self) -> None:
        for family in _FAMILIES:
            try:
                self._kernel.consult(family, MARK, _RULE_PRIORITY)
            except NetlinkError as error:
                # there already: of a process that was killed, or of another gateway; or a kernel without IPv6
                if error.errno != errno.EEXIST and family != socket.AF_INET6:
                    raise

    def _delete_rules(self) -> None:
        for family in _FAMILIES:
            with contextlib.suppress(NetlinkError):
                self._kernel.ignore(family, MARK, _RULE_PRIORITY)

    def _hold(self, key: Hashable, local: Selector, remote: Selector, hop: Hop, mtu: int) -> None:
        if not self._held:  # while nobody had routes, another gateway may have ended and taken the rules away
            self._add_rules()
        route = _shared(_Route(hop, mtu, self._address_inside(local)))
        routes = dict.fromkeys(networks(remote), route)
        if encloses(remote, local):
            routes |= dict.fromkeys(networks(local), _THROW)
        earlier = self._held.get(key, ())
        self._held[key] = (*routes, *earlier)
        for network, wanted in routes.items():
            self._wishes[network] = (*self._wishes_of_others(key, network), _Wish(key, wanted))
            self._refresh(network)
        self._held[key] = tuple(routes)
        for network in earlier:
            if network not in routes:
                self._release(key, network)

    def _release(self, key: Hashable, network: Network) -> None:
        others = self._wishes_of_others(key, network)
        if len(others) < len(self._wishes.get(network, ())):
            self._wishes[network] = others
            with contextlib.suppress(OSError):  # gone with an address, or by another hand
                self._refresh(network)

    def _wishes_of_others(self, key: Hashable, network: Network) -> tuple[_Wish, ...]:
        return tuple(wish for wish in self._wishes.get(network, ()) if wish.key != key)

    def _refresh(self, network: Network) -> None:
        """Make the kernel's route to ``network`` what its holders want."""
        wishes = self._wishes[network]
        if not wishes:
            del self._wishes[network]
            self._routed.pop(network, None)
            self._kernel.delete(network)
            return
        wanted = _combined([wish.route for wish in wishes])
        if wanted == self._routed.get(network):
            return
        if wanted.hop:
            self._kernel.route(network, wanted.hop, wanted.mtu, wanted.source)
        else:
            self._kernel.throw(network)
        self._routed[network] = wanted

    def _address_inside(self, local: Selector) -> bytes | None:
        family = socket.AF_INET if local.version == 4 else socket.AF_INET6
        inside = (address for address in self._kernel.addresses(family) if local.first <= address <= local.last)
        return next(inside, None)


def path_mtu(host: str, largest: int) -> int:
    """What the way to ``host`` takes, at most ``largest``; ``largest`` where there is no way.

    A connected socket knows (ip(7), ipv6(7)), for a hundredth of what netlink takes to tell: every pair asks.
    """
    family, level, option = _MTU_OF_SOCKET[":" in host]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
            probe.connect((host, _ANY_PORT))
            return min(largest, probe.getsockopt(level, option))
        except OSError:
            return largest


def _combined(routes: Sequence[_Route]) -> _Route:
    """The one route for all: to the newest hop if anybody wants one, with the smallest MTU and the newest source."""
    onward = [route for route in routes if route.hop]
    if not onward:
        return _THROW
    return _shared(_Route(onward[-1].hop, min(route.mtu for route in onward), onward[-1].source))
