"""Limits how many initiations are under way at once, so that a thousand tunnels come up without a flood.

Whoever begins a thousand exchanges at once waits for the last answer a thousand times as long as for the first, and
repeats most of its messages meanwhile, which makes it worse. A window of a few keeps both ends busy, and no message
waits longer than the first repetition takes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class InitiationWindow:
    """At most ``size`` initiations at once; the others wait in order.

    An initiation that is not done after ``patience`` seconds no longer counts: its peer does not answer, and the
    tunnels of other peers must not wait for it.
    """

    def __init__(self, size: int, patience: float) -> None:
        self.size = size
        self.patience = patience
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many initiations wait."""
        return sum(not turn.done() for turn in self._waiting)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place in the window, and keep it until the end of the block or of the patience."""
        await self._enter()
        place = _Place(self)
        expiry = asyncio.get_running_loop().call_later(self.patience, place.leave)
        try:
            yield
        finally:
            expiry.cancel()
            place.leave()

    async def _enter(self) -> None:
        if self._under_way < self.size and not self._waiting:
            self._under_way += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given the place already
                self.left()
            raise

    def resize(self, size: int, patience: float) -> None:
        """Change the window for what comes from now on."""
        self.size, self.patience = size, patience
        self.admit()

    def left(self) -> None:
        """A place is free: the next one has it, if the window is not too full."""
        self._under_way -= 1
        self.admit()

    def admit(self) -> None:
        """Let in who waits, as far as there is room."""
        while self._waiting and self._under_way < self.size:
            turn = self._waiting.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)


class _Place:
    """One place in the window, which is given back once."""

    def __init__(self, window: InitiationWindow) -> None:
        self._window: InitiationWindow | None = window

    def leave(self) -> None:
        if self._window is not None:
            window, self._window = self._window, None
            window.left()
