"""Waiting for the outcome of what was asked of the engine: an SA comes up, or a reason why it did not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from ikev1.core.peer import vendor_ids
from ikev1.core.records.events import ChildDown, ChildUp, Event, Failure, IkeConfirmed, IkeDown, IkeUp
from ikev1.errors import LocalError


class NotEstablished(LocalError):
    """What was initiated did not come up; the text is the reason in plain words."""

    code = "not-established"


@dataclass(slots=True, eq=False)
class _Operation:
    """One thing that somebody waits for: ``tunnel`` over the ISAKMP SA ``unique_id``, or that SA itself (None)."""

    unique_id: int
    connection: str
    tunnel: str | None
    done: asyncio.Future[None]
    reason: str = ""  # the last failure that concerned it: more telling than the end that follows

    def observe(self, event: Event) -> None:
        if isinstance(event, ChildUp):
            if event.sa.connection == self.connection and event.child.name == self.tunnel:
                self._succeed()
        elif event.sa is None or event.sa.unique_id != self.unique_id:
            return
        elif isinstance(event, (IkeUp, IkeConfirmed)):
            # a peer that does not answer R-U-THERE never confirms what it did not confirm by its last message
            if self.tunnel is None and (event.sa.confirmed or vendor_ids.DPD not in event.sa.vendors):
                self._succeed()
        elif isinstance(event, Failure):
            if event.tunnel in ("", self.tunnel):
                self.reason = event.text
            if event.tunnel and event.tunnel == self.tunnel:
                self._fail(event.text)
        elif isinstance(event, IkeDown) or (isinstance(event, ChildDown) and event.child.name == self.tunnel):
            self._fail(self.reason or event.reason)

    def _succeed(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(NotEstablished(reason))


class PendingOperations:
    """All that is waited for. Whoever stops waiting cancels nothing: the engine goes on."""

    def __init__(self) -> None:
        self._open: list[_Operation] = []

    def expect(self, unique_id: int, connection: str, tunnel: str | None) -> Awaitable[None]:
        """The outcome of what the ISAKMP SA ``unique_id`` is to bring up; raises `NotEstablished` when awaited.

        The watch begins with the call, so nothing that happens before the result is awaited is missed.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        operation = _Operation(unique_id, connection, tunnel, done)
        self._open.append(operation)
        done.add_done_callback(lambda _: self._open.remove(operation))
        return done

    def observe(self, event: Event) -> None:
        """Settle what ``event`` settles."""
        for operation in tuple(self._open):
            operation.observe(event)
