"""The one timer of the daemon: it rings at the engine's next deadline, and is moved, not multiplied."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Timer:
    """Calls ``ring`` in the running event loop when a deadline has come; ``clock`` is what deadlines are read from.

    A deadline that moves back costs nothing: the alarm rings too early, finds nothing due, and is set anew.
    """

    def __init__(self, clock: Callable[[], float], ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._deadline = math.inf
        self._handle: asyncio.TimerHandle | None = None

    def set(self, deadline: float) -> None:
        """Ring at ``deadline`` (seconds since the epoch) at the latest, ``math.inf`` for never."""
        if deadline >= self._deadline:
            return
        self.cancel()
        self._deadline = deadline
        wait = max(0.0, deadline - self._clock())
        self._handle = asyncio.get_running_loop().call_later(wait, self._due)

    def cancel(self) -> None:
        """Do not ring."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self._deadline = None, math.inf

    def _due(self) -> None:
        self._handle, self._deadline = None, math.inf
        self._ring()
