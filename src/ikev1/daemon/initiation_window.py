"""Limits how many tunnels are initiated at once, so that a thousand tunnels come up without retransmissions.

If a thousand exchanges begin at once, the last response takes a thousand times as long as the first, and most messages
are retransmitted meanwhile, which adds to the load. A small window keeps both peers busy, and responses arrive before
the first retransmission.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class InitiationWindow:
    """Allows ``size`` initiations at once; others wait in order.

    An initiation that is not complete after ``patience`` seconds no longer counts, because its peer does not respond,
    and the tunnels of other peers must not wait for it.
    """

    def __init__(self, size: int, patience: float) -> None:
        self.size = size
        self.patience = patience
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """The number of initiations that wait."""
        return sum(not turn.done() for turn in self._waiting)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place in the window, and occupy it until the end of the block, or for ``patience`` seconds."""
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
        """Change the window for initiations from now on."""
        self.size, self.patience = size, patience
        self.admit()

    def left(self) -> None:
        """Note that a place is free, and give it to the next initiation."""
        self._under_way -= 1
        self.admit()

    def admit(self) -> None:
        """Admit waiting initiations, as far as there is room."""
        while self._waiting and self._under_way < self.size:
            turn = self._waiting.popleft()
            if not turn.done():
                self._under_way += 1
                turn.set_result(None)


class _Place:
    """One place in the window, which is released once."""

    def __init__(self, window: InitiationWindow) -> None:
        self._window: InitiationWindow | None = window

    def leave(self) -> None:
        if self._window is not None:
            window, self._window = self._window, None
            window.left()
