"""Checks of users for the engine: each is a task that asks the backends of the connection in order.

Failed logins delay further attempts (`ikev1.aaa.lock_out`). Each failed login is one line of the log in a stable
format, which fail2ban reads (packaging/fail2ban).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence

from ikev1.aaa.backend import Backend
from ikev1.aaa.chain import check_in_order
from ikev1.aaa.lock_out import LockOut
from ikev1.core.peer.user_connections import permits
from ikev1.core.records.actions import CheckUser
from ikev1.core.records.events import Code, Event, IkeDown
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Accepted, Rejected, Unavailable, User, Verdict, XauthAttempt
from ikev1.core.records.settings import Connection
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.errors import describe_bug
from ikev1.wire.words import printable

MOST = 500  # checks at a time
_LONGEST_NAME = 64  # characters of a name in the log


class UserChecker:
    """Calls ``answer`` in the event loop with the verdict on each `CheckUser`, once, or not at all if its ISAKMP SA has
    ended. ``session`` makes the name of a new session. At most ``most`` users are checked at a time.
    """

    def __init__(
        self,
        answer: Callable[[int, Verdict], None],
        clock: Callable[[], float],
        session: Callable[[], str],
        most: int = MOST,
        *,
        log: EventLog,
    ) -> None:
        self._answer = answer
        self._session = session
        self._most = most
        self._log = log
        self._lock_out = LockOut(clock)
        self._backends: dict[str, Backend] = {}
        self._tasks: dict[asyncio.Task[None], int] = {}  # and the number of the ISAKMP SA
        self._retiring: set[asyncio.Task[None]] = set()

    def adopt(self, backends: Mapping[str, Backend]) -> None:
        """Use ``backends`` from now on, and close those that are not among them any more."""
        loop = asyncio.get_running_loop()
        for backend in set(self._backends.values()) - set(backends.values()):
            task = loop.create_task(backend.close())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)
        self._backends = dict(backends)

    def check(self, question: CheckUser) -> None:
        """Begin a check, in the running event loop. ``answer`` is never called before this call returns."""
        loop = asyncio.get_running_loop()
        if len(self._tasks) >= self._most:
            too_many = Unavailable(f"{self._most} users are being checked already")
            loop.call_soon(self._answer, question.request, too_many)
            return
        task = loop.create_task(self._check(question))
        self._tasks[task] = question.sa.unique_id
        task.add_done_callback(self._tasks.pop)

    def observe(self, event: Event) -> None:
        """End the checks for an ISAKMP SA that has ended. They count as failed attempts."""
        if isinstance(event, IkeDown):
            for task in [task for task, number in self._tasks.items() if number == event.sa.unique_id]:
                task.cancel()

    async def close(self) -> None:
        """End all checks, and close the backends."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.adopt({})
        await asyncio.gather(*self._retiring, return_exceptions=True)

    async def _check(self, question: CheckUser) -> None:
        try:
            verdict = await self._verdict(question)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            verdict = Unavailable("the backend was closed")
        except Exception as error:
            self._log.bug("the check of a user", error)
            verdict = Unavailable(f"internal error: {describe_bug(error)}")
        self._answer(question.request, verdict)

    async def _verdict(self, question: CheckUser) -> Verdict:
        attempt, connection, address = question.attempt, question.connection, question.attempt.address
        # the answer to a challenge continues an attempt that has been counted
        if not attempt.state and (wait := self._lock_out.begin(attempt.login, address)):
            reason = f"too many attempts, the next one is allowed in {wait:.0f} s"
            self._log_failure("refused", attempt, reason, Code.USER_LOCKED_OUT)
            return Rejected(reason)
        verdict = await check_in_order(self._backends_of(connection), attempt)
        if isinstance(verdict, Accepted):
            self._lock_out.succeeded(attempt.login, address)
            verdict = self._permitted(verdict.user, question)
        elif isinstance(verdict, Unavailable):
            self._lock_out.not_counted(attempt.login, address)
            text = f"user {_quoted(attempt.login)} cannot be checked: {verdict.reason}"
            code = Code.BACKEND_UNAVAILABLE
            self._log.write(
                Level.ERROR, "IKE", text, kind="unavailable backends", connection=connection.name, code=code
            )
        if isinstance(verdict, Rejected):
            self._log_failure("failed", attempt, verdict.reason, Code.USER_REJECTED)
        return verdict

    def _backends_of(self, connection: Connection) -> Sequence[Backend]:
        return [self._backends[name] for name in connection.xauth_backend if name in self._backends]

    def _permitted(self, user: User, question: CheckUser) -> Verdict:
        for connection in (question.connection, *question.alternatives):
            if permits(connection, user):
                other = "" if connection is question.connection else connection.name
                return Accepted(replace(user, session=self._session()), other)
        if question.connection.xauth_user or question.alternatives:
            return Rejected("the user is not the one of the connection, or in none of its groups")
        return Rejected("the user is in none of the groups of the connection")

    def _log_failure(self, what: str, attempt: XauthAttempt, reason: str, code: Code) -> None:
        """Write the line that fail2ban reads. Text that the peer chooses comes after its address."""
        where = f"from {attempt.address} as {_quoted(attempt.login)} on {attempt.connection}"
        text = f"login {what} {where}: {printable(reason)}"
        self._log.write(Level.WARNING, "IKE", text, kind="failed logins", code=code)


def _quoted(name: str) -> str:
    """A name from the peer as a quoted ASCII string on one line, of limited length."""
    return json.dumps(name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "...")
