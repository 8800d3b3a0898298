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
"""What becomes of a datagram: those that go on, none if it is lost."""


def _chance(share: float, seed: int) -> Callable[[], bool]:
    if not 0 <= share <= 1:
        raise Misuse(f"a share of {share}: expected a number from 0 (none) to 1 (all)")
    random = Random(seed)
    return lambda: random.random() < share


class Loss:
    """Loses a share (0 to 1) of the datagrams. Raises LocalError: the share is out of range."""

    def __init__(self, share: float, seed: int = 0) -> None:
        self._loses = _chance(share, seed)

    def __call__(self, datagram: Datagram) -> list[Datagram]:
        return [] if self._loses() else [datagram]


class Lost:
    """Loses the datagrams with a label, such as ``MM2``, so many ``times`` from the first on."""

    def __init__(self, label: str, times: int = 1) -> None:
        self._label = label
        self._left = times

    def __call__(self, datagram: Datagram) -> list[Datagram]:
        if datagram.label != self._label or not self._left:
            return [datagram]
        self._left -= 1
        return []


class Duplication:
    """Delivers a share (0 to 1) of the datagrams twice. Raises LocalError: the share is out of range."""

    def __init__(self, share: float, seed: int = 0) -> None:
        self._repeats = _chance(share, seed)

    def __call__(self, datagram: Datagram) -> list[Datagram]:
        return [datagram, datagram] if self._repeats() else [datagram]


class Reordering:
    """Holds a share (0 to 1) of the datagrams back until another one has passed. What nothing follows stays under way
    until the peers repeat something. Raises LocalError: the share is out of range.
    """

    def __init__(self, share: float, seed: int = 0) -> None:
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
    """All of these one after another."""

    def link(datagram: Datagram) -> list[Datagram]:
        under_way = [datagram]
        for each in links:
            under_way = [passed for one in under_way for passed in each(one)]
        return under_way

    return link
