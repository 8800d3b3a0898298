"""The places of a listener: one client more than there are takes the place of one that does not ask for anything."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Places:
    """At most ``most`` clients, each served by a task."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: dict[asyncio.Task[None], None] = {}  # oldest first
        self._silent: dict[asyncio.Task[None], None] = {}  # those that have not completed a request yet, oldest first
        self._ended = asyncio.Event()

    def __len__(self) -> int:
        """How many places are taken."""
        return len(self._tasks)

    @property
    def is_full(self) -> bool:
        """Whether there is no place for another client: all have made a request."""
        return len(self._tasks) >= self._most and not self._silent

    async def available(self) -> None:
        """Wait until there is a place."""
        while self.is_full:
            self._ended.clear()
            await self._ended.wait()

    def serve(self, client: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Serve ``client``, in place of the oldest one without a request if all places are taken. Its task may be
        cancelled before it begins.
        """
        if len(self._tasks) >= self._most:
            oldest = next(iter(self._silent))
            self._forget(oldest)
            oldest.cancel()
        task = asyncio.get_running_loop().create_task(client)
        self._tasks[task] = self._silent[task] = None
        task.add_done_callback(self._forget)
        return task

    def has_asked(self) -> None:
        """Note that the client that the current task serves has made its request: it keeps its place."""
        task = asyncio.current_task()
        if task is not None:
            self._silent.pop(task, None)

    async def close(self) -> None:
        """Disconnect all clients."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self._silent.pop(task, None)
        self._ended.set()
