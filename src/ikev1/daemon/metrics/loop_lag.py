"""How late the event loop is: the delay of a timer that expires every second."""

from __future__ import annotations

import asyncio
from collections import deque

_INTERVAL = 1.0  # seconds
_KEPT = 60  # measurements


class LoopLag:
    """Measures while it runs."""

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=_KEPT)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def worst(self) -> float:
        """The longest delay of the last minute, in seconds."""
        return max(self._seen, default=0.0)

    def start(self) -> None:
        """Measure from now on, in the running event loop."""
        loop = asyncio.get_running_loop()
        due = loop.time() + _INTERVAL
        self._timer = loop.call_at(due, self._expired, due)

    def _expired(self, due: float) -> None:
        self._seen.append(max(0.0, asyncio.get_running_loop().time() - due))
        self.start()

    def stop(self) -> None:
        """Stop measuring."""
        if self._timer is not None:
            self._timer.cancel()
