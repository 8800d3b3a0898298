"""A bound on what strangers can make us write: anybody may send garbage, and each piece of it is worth a line."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Limiter"]


class Limiter:
    """Lets ``most`` things of each kind pass in a second of ``clock``, and counts the others."""

    def __init__(self, most: int = 20, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._second = 0
        self._counts: dict[str, int] = {}

    def passes(self, kind: str) -> bool:
        """Whether one more thing of this kind may pass."""
        count = self._counts.get(kind, 0)
        self._counts[kind] = count + 1
        return count < self._most

    def held_back(self) -> dict[str, int]:
        """How many things of which kind did not pass in the second that is over; empty while it lasts."""
        second = int(self._clock())
        if second == self._second:
            return {}
        self._second = second
        counts, self._counts = self._counts, {}
        return {kind: count - self._most for kind, count in counts.items() if count > self._most}
