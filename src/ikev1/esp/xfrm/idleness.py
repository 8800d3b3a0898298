"""How long ago a state of the kernel carried its last packet."""

from __future__ import annotations

import time
from collections.abc import Callable

from ikev1.clock import since_boot


class Idleness:
    """The time since the last packet of one state, derived from its counters each time that they are read.

    The kernel keeps the wall-clock time of the last packet (before Linux 6.0, only that of the first one). It is used
    only to place the last packet between two readings of the counters, so that setting the clock does no harm.
    """

    __slots__ = ("_clock", "_last", "_looked_at", "_packets", "_used", "_wall")

    def __init__(self, clock: Callable[[], float] = since_boot, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._packets = 0
        self._used = 0
        self._looked_at: float | None = None
        self._last: float | None = None

    def look(self, packets: int, used: int) -> float | None:
        """Seconds since the last packet, None if there was none.

        ``packets`` is how many there were, ``used`` when the last one was (seconds since the epoch, 0: unknown).
        """
        now = self._clock()
        if packets and packets != self._packets:
            ago = self._wall() - used if used and used != self._used else 0.0
            if self._looked_at is not None:
                ago = min(ago, now - self._looked_at)
            self._last = now - max(ago, 0.0)
        self._packets, self._used, self._looked_at = packets, used, now
        return None if self._last is None else now - self._last
