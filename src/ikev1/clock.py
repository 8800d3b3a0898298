"""The clock that the engine's times are read from: one that nobody sets."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

since_boot: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)
"""Seconds since some moment, also while the system was suspended where the system counts them (CLOCK_BOOTTIME).

Peers go on while this system is suspended, so lifetimes and silences count that time.
"""


class SteadyClock:
    """Time that passes evenly, in seconds on the scale of the epoch.

    It is the wall-clock time of its start, and what has passed since: to set the system's clock changes nothing,
    neither by hand nor by NTP. So its times mean something in this process only.
    """

    __slots__ = ("_begun", "_passing")

    def __init__(self, wall: Callable[[], float] = time.time, passing: Callable[[], float] = since_boot) -> None:
        self._passing = passing
        self._begun = wall() - passing()

    def __call__(self) -> float:
        """The time now."""
        return self._begun + self._passing()
