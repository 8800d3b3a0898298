"""Waits between attempts: each longer than the one before, up to a limit, with jitter."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ikev1.core.records.settings import Settings


class BackOff(NamedTuple):
    """The rule by which waits grow; ``interval`` and ``limit`` are in seconds."""

    interval: float = 5.0  # after the first failure
    base: float = 2.0  # factor from each wait to the next
    limit: float = 300.0  # no wait is longer, apart from the jitter
    jitter: float = 0.2  # the largest part of a wait that is added to it at random, so that peers do not synchronize

    @classmethod
    def of(cls, settings: Settings) -> BackOff:
        """The rule in ``settings``."""
        return cls(
            settings.retry_initiate_interval,
            settings.retry_initiate_base,
            settings.retry_initiate_limit,
            settings.retry_initiate_jitter,
        )

    def wait(self, failures: int, random: Callable[[int], bytes]) -> float:
        """Seconds to wait after ``failures`` attempts in a row (from 1) have failed."""
        wait = self.interval
        for _ in range(failures - 1):
            if wait >= self.limit or self.base <= 1.0:
                break
            wait *= self.base
        return min(wait, self.limit) * (1 + self.jitter * int.from_bytes(random(2)) / 65536)
