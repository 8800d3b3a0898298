"""Accounting: notices to the RADIUS servers when a user's session begins and ends, and at intervals in between.

A session follows from one authentication of a user: it consists of the ISAKMP SAs that have inherited the user, and of
their pairs of IPsec SAs. It ends with the last of them. The counters of a pair are read before the data plane removes
it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Iterable

from ikev1.aaa.accounting import Accounting, Cause, NotConfirmed, Notice, Session, Status, Usage
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import ChildUp, Code, ConfigAssigned, Event, Failure, IkeDown, XauthUp
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import ip_version
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.esp.plane import Counters

_TRIES = 12  # for each notice
_FIRST_WAIT, _LONGEST_WAIT = 15.0, 900.0  # seconds between them
_MOST = 500  # sessions of one user whose notices wait
_ADDRESSES = 5.0  # seconds for which the beginning of a session waits for the user's addresses
_GATEWAY = "gateway"  # in place of a session
_CLOSING = 10.0  # seconds for the remaining notices when the gateway stops


class _Open:
    """A session that has not ended."""

    def __init__(self, sa: IkeSa, began: float) -> None:
        assert sa.user is not None
        self.user = sa.user
        self.name = sa.user_name
        self.connection = sa.connection
        self.address = sa.path.remote_host
        self.began = began
        self.sas: set[int] = set()
        self.children: dict[int, ChildSa] = {}
        self.assigned: dict[int, str] = {}  # by IP version
        self.carried = Usage()  # by the pairs that are gone
        self.is_lost = False  # the peer was found dead
        self.begins_later: asyncio.TimerHandle | None = None  # until the beginning is reported
        self.timer: asyncio.TimerHandle | None = None  # of the next interim update

    def assign(self, addresses: Iterable[str]) -> None:
        self.assigned |= {ip_version(address): address for address in addresses if address}


class Sessions:
    """Observes the sessions, in the running event loop. ``counters_of`` reads a pair's counters; ``clock`` is that of
    the engine, ``wall`` gives seconds since 1970.
    """

    def __init__(
        self,
        counters_of: Callable[[ChildSa], Counters],
        clock: Callable[[], float],
        wall: Callable[[], float],
        log: EventLog,
    ) -> None:
        self._counters_of = counters_of
        self._clock = clock
        self._wall = wall
        self._log = log
        self._accounting: Accounting | None = None
        self._interval = 0
        self._open: dict[str, _Open] = {}
        self._by_sa: dict[int, _Open] = {}
        self._by_child: dict[int, _Open] = {}
        self._waiting: dict[str, deque[Notice]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._waiting_of: Counter[str] = Counter()  # sessions in `_waiting`, by user
        self._closing = False

    def adopt(self, accounting: Accounting | None, interval: int) -> None:
        """Send notices to ``accounting``, with interim updates every ``interval`` seconds (0: none)."""
        self._accounting = accounting
        self._interval = interval

    def begin(self, sa: IkeSa) -> None:
        """Resume the session of an ISAKMP SA of an earlier process, which has reported its beginning."""
        if sa.user is not None:
            self._join(sa, tell=False)
            for child in sa.complete_children:
                self._carry(sa, child)

    def starts(self) -> None:
        """The gateway has started. Unless it has resumed sessions, those of an earlier process are over: one that was
        killed has not reported their ends.
        """
        if self._accounting is not None and not self._open:
            self._waiting[_GATEWAY] = deque([Notice(Status.ON, Session(_GATEWAY, "", "", ""), self._wall())])
            self._begin_sending(_GATEWAY, "", _GATEWAY)

    def observe(self, event: Event) -> None:
        """Follow what happens to the SAs of users."""
        if isinstance(event, XauthUp):
            if event.sa.user is not None:
                self._join(event.sa, tell=True)
        elif isinstance(event, ConfigAssigned):
            found = self._by_sa.get(event.sa.unique_id)
            if found is not None and event.sa.assigned is not None:
                found.assign(event.sa.assigned.addresses)
                self._begin(found)
        elif isinstance(event, ChildUp):
            self._carry(event.sa, event.child)
        elif isinstance(event, Failure):
            found = None if event.sa is None else self._by_sa.get(event.sa.unique_id)
            if found is not None and event.code is Code.PEER_DEAD:
                found.is_lost = True
        elif isinstance(event, IkeDown):
            found = self._by_sa.pop(event.sa.unique_id, None)
            if found is not None:
                found.sas.discard(event.sa.unique_id)
                self._end_if_over(found)

    def removed(self, child: ChildSa) -> None:
        """A pair is about to be removed from the data plane."""
        found = self._by_child.pop(child.unique_id, None)
        if found is not None:
            found.carried += _usage_in(self._counters_of(child))
            found.children.pop(child.unique_id, None)
            self._end_if_over(found)

    def ends(self) -> None:
        """The gateway stops: from now on, sessions end by `Cause.ADMIN_REBOOT` instead of `Cause.USER_REQUEST`."""
        self._closing = True

    async def close(self) -> None:
        """Send the remaining notices, for at most `_CLOSING` seconds."""
        for found in self._open.values():
            for timer in (found.timer, found.begins_later):
                if timer is not None:
                    timer.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=_CLOSING)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # ------------------------------------------------------------------ sessions

    def _join(self, sa: IkeSa, *, tell: bool) -> None:
        assert sa.user is not None
        name = sa.user.session
        if not name:
            return
        found = self._open.get(name)
        if found is None:
            found = self._open[name] = _Open(sa, sa.user.authenticated_at or self._clock())
            found.assign((sa.user.address, sa.user.address6))
            if tell:  # once its addresses are known, or after `_ADDRESSES` seconds
                found.begins_later = asyncio.get_running_loop().call_later(_ADDRESSES, self._begin, found)
            self._set_timer(found)
        if sa.assigned is not None:
            found.assign(sa.assigned.addresses)
        found.sas.add(sa.unique_id)
        self._by_sa[sa.unique_id] = found

    def _carry(self, sa: IkeSa, child: ChildSa) -> None:
        found = self._open.get(sa.user.session) if sa.user is not None else None
        if found is not None:
            found.children[child.unique_id] = child
            if child.remote.first == child.remote.last:
                found.assign((str(child.remote.network).partition("/")[0],))
            self._begin(found)
            self._by_child[child.unique_id] = found

    def _end_if_over(self, found: _Open) -> None:
        if found.sas or found.children or self._open.pop(found.user.session, None) is None:
            return
        if found.timer is not None:
            found.timer.cancel()
        self._begin(found)
        self._tell(found, Status.STOP)

    def _begin(self, found: _Open) -> None:
        """Report the beginning of the session, unless it was reported."""
        if found.begins_later is not None:
            found.begins_later.cancel()
            found.begins_later = None
            self._tell(found, Status.START)

    def _set_timer(self, found: _Open) -> None:
        interval = found.user.interim_interval or self._interval
        if interval and self._accounting is not None:
            found.timer = asyncio.get_running_loop().call_later(interval, self._interim, found)

    def _interim(self, found: _Open) -> None:
        self._tell(found, Status.INTERIM_UPDATE)
        self._set_timer(found)

    # ------------------------------------------------------------------ notices

    def _tell(self, found: _Open, status: Status) -> None:
        if self._accounting is None or not self._has_room(found):
            return
        waiting = self._waiting.setdefault(found.user.session, deque())
        if status is not Status.START:
            _leave_out_interim(waiting)  # outdated
        cause = self._cause(found) if status is Status.STOP else None
        seconds = 0 if status is Status.START else int(self._clock() - found.began)
        waiting.append(Notice(status, _session(found), self._wall(), seconds, self._usage(found), cause))
        if found.user.session not in self._tasks:
            self._begin_sending(found.user.session, found.connection, _who(found))

    def _begin_sending(self, session: str, connection: str, who: str) -> None:
        task = asyncio.get_running_loop().create_task(self._send(session, connection))
        self._tasks[session] = task
        self._waiting_of[who] += 1
        task.add_done_callback(lambda _: self._sent(session, who))

    def _has_room(self, found: _Open) -> bool:
        """Whether notices of this session can wait: a user who logs in again and again must not fill the memory while
        no server answers.
        """
        if found.user.session in self._tasks or self._waiting_of[_who(found)] < _MOST:
            return True
        text = f"accounting of user {found.name!r}: notices of {_MOST} sessions are waiting, others are lost"
        kind, code = "lost notices of accounting", Code.ACCOUNTING_FAILED
        self._log.write(Level.ERROR, "IKE", text, kind=kind, connection=found.connection, code=code)
        return False

    async def _send(self, session: str, connection: str) -> None:
        waiting, tries, wait = self._waiting[session], 0, _FIRST_WAIT
        while waiting:
            notice = waiting[0]
            try:
                if self._accounting is not None:
                    await self._accounting.tell(notice)
            except NotConfirmed as error:
                tries += 1
                if tries == 1:
                    about = "the start" if notice.status is Status.ON else f"user {notice.session.user!r}"
                    text = f"accounting of {about}: {error}"
                    kind, code = "failures of accounting", Code.ACCOUNTING_FAILED
                    self._log.write(Level.ERROR, "IKE", text, kind=kind, connection=connection, code=code)
                if tries < _TRIES:
                    await asyncio.sleep(wait)
                    wait = min(2 * wait, _LONGEST_WAIT)
                    continue
            tries, wait = 0, _FIRST_WAIT
            with contextlib.suppress(ValueError):
                waiting.remove(notice)  # an interim update may have been left out meanwhile

    def _sent(self, session: str, who: str) -> None:
        self._waiting_of[who] -= 1
        if not self._waiting_of[who]:
            del self._waiting_of[who]
        task = self._tasks.pop(session)
        waiting = self._waiting.pop(session, None)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._log.bug("accounting", error)
        elif waiting and not task.cancelled():
            self._log.write(Level.ERROR, "IKE", "notices of accounting are lost", code=Code.ACCOUNTING_FAILED)

    def _usage(self, found: _Open) -> Usage:
        total = found.carried
        for child in found.children.values():
            total += _usage_in(self._counters_of(child))
        return total

    def _cause(self, found: _Open) -> Cause:
        if found.user.ends_at and self._clock() >= found.user.ends_at:
            return Cause.SESSION_TIMEOUT
        if found.is_lost:
            return Cause.LOST_CARRIER
        return Cause.ADMIN_REBOOT if self._closing else Cause.USER_REQUEST


def _who(found: _Open) -> str:
    """The user, whatever the case of the name: some backends do not distinguish it."""
    return found.name.casefold()


def _session(found: _Open) -> Session:
    user, by_radius = found.user, found.user.backend == "radius"
    addresses = tuple(address for _, address in sorted(found.assigned.items()))
    return Session(user.session, found.name, found.connection, found.address, addresses, user.class_, by_radius)


def _leave_out_interim(waiting: deque[Notice]) -> None:
    for notice in [notice for notice in waiting if notice.status is Status.INTERIM_UPDATE]:
        waiting.remove(notice)


def _usage_in(counters: Counters) -> Usage:
    return Usage(counters.bytes_in, counters.bytes_out, counters.packets_in, counters.packets_out)
