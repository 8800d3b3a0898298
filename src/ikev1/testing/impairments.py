"""What a link does to datagrams: each is a function from a datagram to those that arrive, in their order. `Delay` is
a function from a datagram to the seconds for which it is under way.

Chance is seeded: the same seed and the same datagrams have the same fate in every run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

from ikev1.library.translate_errors import Misuse
from ikev1.testing.network import Datagram

Link = Callable[[Datagram], list[Datagram]]
"""A function from a datagram to the list of those that arrive: none if it is lost."""


def _chance(share: float, seed: int) -> Callable[[], bool]:
    if not 0 <= share <= 1:
        raise Misuse(f"a share of {share}: expected a number from 0 (none) to 1 (all)")
    random = Random(seed)
    return lambda: random.random() < share


class Loss:
    """Loses a share of the datagrams."""

    def __init__(self, share: float, seed: int = 0) -> None:
        """Make a link.

        Args:
            share: from 0 (none) to 1 (all).
            seed: another one loses other datagrams.

        Raises:
            LocalError: the share is out of range.
        """
        self._loses = _chance(share, seed)

    def __call__(self, datagram: Datagram) -> list[Datagram]:
        return [] if self._loses() else [datagram]


class Lost:
    """Loses the first datagrams that have a label."""

    def __init__(self, label: str, times: int = 1) -> None:
        """Make a link.

        Args:
            label: such as ``"MM2"``.
            times: how many are lost.
        """
        self._label = label
        self._left = times

    def __call__(self, datagram: Datagram) -> list[Datagram]:
        if datagram.label != self._label or not self._left:
            return [datagram]
        self._left -= 1
        return []


class Duplication:
    """Delivers a share of the datagrams twice."""

    def __init__(self, share: float, seed: int = 0) -> None:
        """Make a link.

        Args:
            share: from 0 (none) to 1 (all).
            seed: another one repeats other datagrams.

        Raises:
            LocalError: the share is out of range.
        """
        self._repeats = _chance(share, seed)

    def __call__(self, datagram: Datagram) -> list[Datagram]:
        return [datagram, datagram] if self._repeats() else [datagram]


class Reordering:
    """Holds a share of the datagrams back until another one has passed. A datagram that none follows is held until a
    peer repeats something.
    """

    def __init__(self, share: float, seed: int = 0) -> None:
        """Make a link.

        Args:
            share: from 0 (none) to 1 (all).
            seed: another one holds back other datagrams.

        Raises:
            LocalError: the share is out of range.
        """
        self._delays = _chance(share, seed)
        self._held: deque[Datagram] = deque()

    def __call__(self, datagram: Datagram) -> list[Datagram]:
        if self._delays():
            self._held.append(datagram)
            return []
        passing = [datagram, *self._held]
        self._held.clear()
        return passing


class Outage:
    """Loses everything while it lasts, or everything to and from some addresses.

    Attributes:
        lasts: whether datagrams are lost now; set it to begin or to end the outage.
    """

    def __init__(self, *addresses: str, lasts: bool = True) -> None:
        """Make a link.

        Args:
            addresses: the addresses that are cut off; none means all.
            lasts: whether the outage lasts from the beginning.
        """
        self._addresses = frozenset(addresses)
        self.lasts = lasts

    def __call__(self, datagram: Datagram) -> list[Datagram]:
        ends = {datagram.source[0], datagram.destination[0]}
        return [] if self.lasts and (not self._addresses or ends & self._addresses) else [datagram]


class Mtu:
    """Loses datagrams that a packet of the path cannot hold, as on a path that drops IP fragments."""

    def __init__(self, octets: int) -> None:
        """Make a link.

        Args:
            octets: the largest IPv4 packet, its header of 20 octets and that of UDP included, such as 1500.
        """
        self._octets = octets - 28

    def __call__(self, datagram: Datagram) -> list[Datagram]:
        return [datagram] if len(datagram.octets) <= self._octets else []


class Nat:
    """Translates the address and the ports of a peer, as a NAT device in front of it does."""

    def __init__(self, inside: str, outside: str, *, first_port: int = 40_001) -> None:
        """Make a link.

        Args:
            inside: the address of the peer.
            outside: the address that other peers see.
            first_port: the port that is assigned first; each further one is greater by one.
        """
        self.inside = inside
        self.outside = outside
        self._next = first_port
        self._outside_of: dict[int, int] = {}
        self._inside_of: dict[int, int] = {}

    def rebind(self, outside: str | None = None) -> None:
        """Forget all assigned ports, as after a restart of the device; the next ones are new.

        Args:
            outside: the address that other peers see from now on; None: as before.
        """
        self._outside_of.clear()
        self._inside_of.clear()
        self.outside = self.outside if outside is None else outside

    def __call__(self, datagram: Datagram) -> list[Datagram]:
        (source, port), (destination, outer_port) = datagram.source, datagram.destination
        if source == self.inside:
            if port not in self._outside_of:
                self._outside_of[port], self._inside_of[self._next] = self._next, port
                self._next += 1
            return [datagram._replace(source=(self.outside, self._outside_of[port]))]
        if destination != self.outside:
            return [datagram]
        if outer_port not in self._inside_of:
            return []
        return [datagram._replace(destination=(self.inside, self._inside_of[outer_port]))]


class Delay:
    """Seconds for which datagrams are under way: `Network.delay`. Datagrams overtake one another."""

    def __init__(self, least: float, most: float, seed: int = 0) -> None:
        """Make a delay.

        Args:
            least: seconds, 0 or more.
            most: seconds; each datagram takes a time between the two.
            seed: another one delays other datagrams.

        Raises:
            LocalError: ``least`` is negative or greater than ``most``.
        """
        if not 0 <= least <= most:
            raise Misuse(f"a delay from {least} to {most} seconds: expected 0 <= least <= most")
        self._least = least
        self._most = most
        self._random = Random(seed)

    def __call__(self, datagram: Datagram) -> float:
        return self._random.uniform(self._least, self._most)


def chain(*links: Link) -> Link:
    """One link of several: each gets the datagrams that the one before it lets pass."""

    def link(datagram: Datagram) -> list[Datagram]:
        under_way = [datagram]
        for each in links:
            under_way = [passed for one in under_way for passed in each(one)]
        return under_way

    return link
