"""A rate limit for log lines that anybody can cause by sending garbage."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Kind = TypeVar("Kind", bound=Hashable)

_KEYS = 16_384  # pairs of kind and source with their own budget; further sources share one for each kind


class LogRateLimit(Generic[Kind]):
    """Passes ``most`` lines of each kind and source in each ``period`` (seconds of ``clock``), and counts the others by
    kind.
    """

    def __init__(self, most: int, period: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self.period = period
        self._clock = clock
        self._number = 0  # of the period
        self._counts: dict[tuple[Kind, Hashable], int] = {}
        self._held: Counter[Kind] = Counter()
        self._over: Counter[Kind] = Counter()  # of periods that have ended, not yet returned

    def passes(self, kind: Kind, source: Hashable = None) -> bool:
        """Whether one more line of this kind, from this source, may pass."""
        self._turn_over()
        key = (kind, source)
        count = self._counts.get(key, 0)
        if not count and len(self._counts) >= _KEYS:
            key = (kind, None)
            count = self._counts.get(key, 0)
        if count >= self._most:
            self._held[kind] += 1
            return False
        self._counts[key] = count + 1
        return True

    @property
    def holds_back(self) -> bool:
        """Whether `held_back` will return something, now or when the period ends."""
        return bool(self._held or self._over)

    def held_back(self) -> dict[Kind, int]:
        """How many lines of each kind did not pass in periods that have ended; each is returned once."""
        self._turn_over()
        if not self._over:
            return {}
        over, self._over = self._over, Counter()
        return dict(over)

    def _turn_over(self) -> None:
        number = int(self._clock() / self.period)
        if number != self._number:
            self._number = number
            self._counts.clear()
            self._over += self._held
            self._held.clear()
