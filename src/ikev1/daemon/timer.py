"""The one timer of the daemon, for the earliest of all deadlines."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

LONGEST_WAIT = 30.0  # seconds


class Timer:
    """Calls ``expire`` in the running event loop when a deadline has come, by ``clock``.

    The event loop does not count the time while the system is suspended, and ``clock`` may: no wait is longer than
    `LONGEST_WAIT`, so that what is due after that time is done soon. It expires too early then, finds nothing due, and
    is set again.

    A deadline that becomes later does not move the timer: it expires too early, finds nothing due, and is set again.
    """

    def __init__(self, clock: Callable[[], float], expire: Callable[[], None]) -> None:
        self._clock = clock
        self._expire = expire
        self._deadline = math.inf
        self._handle: asyncio.TimerHandle | None = None

    def set(self, deadline: float) -> None:
        """Expire at ``deadline`` at the latest; ``math.inf`` is never."""
        if deadline >= self._deadline or deadline == math.inf:
            return
        self.cancel()
        self._deadline = deadline
        wait = min(max(0.0, deadline - self._clock()), LONGEST_WAIT)
        self._handle = asyncio.get_running_loop().call_later(wait, self._due)

    def cancel(self) -> None:
        """Do not expire."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self._deadline = None, math.inf

    def _due(self) -> None:
        self._handle, self._deadline = None, math.inf
        self._expire()
