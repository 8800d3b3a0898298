"""The time of a simulated world: timers of its nodes, datagrams under way, and what happens at set times."""

from __future__ import annotations

import math
from collections.abc import Callable
from heapq import heappop, heappush

from ikev1.testing.network import BaseNetwork, StationT


class ScheduledNetwork(BaseNetwork[StationT]):
    """A network in which something may be scheduled to happen."""

    def __init__(self) -> None:
        super().__init__()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, seconds: float, what: Callable[[], None]) -> None:
        """Have something happen so many seconds from now."""
        self._count += 1
        heappush(self._due, (self.now + seconds, self._count, what))

    def plays_until(self, end: float) -> None:
        """Let time pass until ``end``, with all that is due."""
        self.settle()
        while True:
            scheduled, other = self._due[0][0] if self._due else math.inf, self._next()
            if min(scheduled, other) > end:
                break
            if other <= scheduled:
                self.wait(max(0.0, other - self.now))
            else:
                at, _, what = heappop(self._due)
                self.now = max(self.now, at)
                what()
            self.settle()
        self.now = end
