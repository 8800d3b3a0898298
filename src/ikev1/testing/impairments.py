"""What a link does to datagrams: each is a function from a datagram to those that arrive, in their order.

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


def chain(*links: Link) -> Link:
    """One link of several: each gets the datagrams that the one before it lets pass."""

    def link(datagram: Datagram) -> list[Datagram]:
        under_way = [datagram]
        for each in links:
            under_way = [passed for one in under_way for passed in each(one)]
        return under_way

    return link
