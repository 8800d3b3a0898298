"""Operations that wait for an outcome: an SA is established, or the reason why it is not."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass

from ikev1.core.peer import vendor_ids
from ikev1.core.records.events import (
    ChildDown,
    ChildReady,
    ChildUp,
    Code,
    Event,
    Failure,
    IkeConfirmed,
    IkeDown,
    IkeUp,
    XauthUp,
)
from ikev1.core.records.ike_sa import IkeSa
from ikev1.errors import LocalError


class NotEstablished(LocalError):
    """An SA that was initiated was not established; the text is the reason.

    ``code`` is the `Code` of the failure that explains it, ``not-established`` if there is none.
    """

    code = "not-established"

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code or type(self).code


class NotResolved(NotEstablished):
    """An SA was not initiated, because no address of its peer's name is known."""

    code = Code.NAME_NOT_RESOLVED


@dataclass(slots=True, eq=False)
class _Operation:
    """``tunnel`` is to be established under the ISAKMP SA ``unique_id``, or that SA itself (None)."""

    unique_id: int
    tunnel: str | None
    done: asyncio.Future[None]
    failure: Failure | None = None  # the last that concerned it: says more than the end of the ISAKMP SA that follows

    def succeed(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def fail(self, reason: str) -> None:
        """End it because of the last failure, without one because of ``reason``."""
        if not self.done.done():
            failure = self.failure
            self.done.set_exception(NotEstablished(failure.text, failure.code) if failure else NotEstablished(reason))


OUTCOMES = IkeUp, IkeConfirmed, XauthUp, IkeDown, ChildUp, ChildReady, ChildDown, Failure
"""The kinds of events that `PendingOperations` observes."""


class PendingOperations:
    """All operations that wait. To stop waiting for one cancels nothing: the negotiation goes on.

    The cost of an event depends on the operations that it concerns, not on how many wait.
    """

    def __init__(self) -> None:
        # each operation in two places: by its ISAKMP SA, and by the names of its connection and tunnel
        self._waiting: defaultdict[int | tuple[str, str | None], dict[_Operation, None]] = defaultdict(dict)

    def expect(self, unique_id: int, connection: str, tunnel: str | None) -> Awaitable[None]:
        """The outcome of an operation: ``tunnel`` of ``connection`` is to be established under the ISAKMP SA
        ``unique_id``, or that SA itself (None). `NotEstablished` is raised when the result is awaited.

        Events count from this call on, not from the moment when the result is awaited.
        """
        operation = _Operation(unique_id, tunnel, asyncio.get_running_loop().create_future())
        places: tuple[int | tuple[str, str | None], ...] = unique_id, (connection, tunnel)
        for place in places:
            self._waiting[place][operation] = None

        def forget(_: object) -> None:
            for place in places:
                del self._waiting[place][operation]
                if not self._waiting[place]:
                    del self._waiting[place]

        operation.done.add_done_callback(forget)
        return operation.done

    @property
    def waiting(self) -> bool:
        """Whether any operation waits."""
        return bool(self._waiting)

    def observe(self, event: Event) -> None:
        """End the operations whose outcome is ``event``."""
        sa = event.sa
        if sa is None or not self.waiting:
            return
        if isinstance(event, ChildUp | ChildReady):
            # the tunnel is up, whichever pair sends, and whichever ISAKMP SA it was negotiated under
            for operation in self._waiting.get((sa.connection, event.child.name), ()):
                operation.succeed()
        elif isinstance(event, (IkeUp, IkeConfirmed, XauthUp)):
            if sa.awaits_user:
                return
            # a peer that does not answer R-U-THERE never confirms an SA that its last message did not confirm
            if sa.confirmed or vendor_ids.DPD not in sa.vendors:
                for operation in self._of(sa, None):
                    operation.succeed()
        elif isinstance(event, Failure) and event.tunnel:
            for operation in self._of(sa, event.tunnel):
                operation.failure = event
                operation.fail(event.text)
        elif isinstance(event, Failure):
            for operation in self._waiting.get(sa.unique_id, ()):
                operation.failure = event
        elif isinstance(event, IkeDown):
            for operation in self._waiting.get(sa.unique_id, ()):
                operation.fail(event.reason)
        elif isinstance(event, ChildDown):
            for operation in self._of(sa, event.child.name):
                operation.fail(event.reason)

    def _of(self, sa: IkeSa, tunnel: str | None) -> Iterator[_Operation]:
        """The operations for ``tunnel`` under ``sa`` alone."""
        named = self._waiting.get((sa.connection, tunnel), ())
        return (operation for operation in named if operation.unique_id == sa.unique_id)
