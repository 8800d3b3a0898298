"""Tunnels that are initiated without a command, and when the next attempt is due.

| begun by                                 | after a failed attempt              | once up                 |
|------------------------------------------|-------------------------------------|-------------------------|
| ``start = "start"``: the gateway's start | the next, after a wait              | again when it goes down |
| ``start = "trap"``: a packet             | with the next packet, after a wait  | nothing                 |
| `Autostart.call_again`: a peer is dead   | the next, after a wait              | as its ``start`` says   |

A tunnel that goes down is initiated again at once. If it goes down again and again within `_STEADY` seconds, the peer
probably deletes it, and the waits apply as if the attempts had failed.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.events import ChildDown, ChildUp, Code, Event, Failure
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.remote_access import XauthStep
from ikev1.core.records.settings import Connection, Settings, Start, Tunnel
from ikev1.daemon.back_off import BackOff
from ikev1.daemon.initiation_window import InitiationWindow
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.pending_operations import NotEstablished
from ikev1.daemon.traps import Key, Traps

Initiate = Callable[[str, str], Awaitable[None]]

_STEADY = 60.0  # seconds after which a tunnel that was brought up counts as accepted by the peer
_FREE_FALLS = 1  # in a row that cause no wait
_FREE_FALLS_ON_DEMAND = 3  # the same where packets begin the attempts: peers close what is idle


@dataclass(slots=True)
class _Call:
    """A tunnel that is, or may be, initiated without a command."""

    tries_limit: int = 0  # attempts in a row; 0: no limit
    retries: bool = False  # after a failed attempt, and after `call_again`
    stays_up: bool = False  # initiated again when it goes down
    due_at: float = math.inf  # of the next attempt
    not_before: float = -math.inf  # packets begin no attempt before
    failures: int = 0  # in a row
    falls: int = 0  # in a row, each within `_STEADY` seconds after it came up
    up_at: float | None = None
    attempt: asyncio.Task[None] | None = None
    at_once: bool = False  # the next attempt after the one that is under way


class Autostart:
    """Keeps the tunnels of the settings up, or their traps installed, according to ``start`` of each tunnel.

    A tunnel that the operator closes stays closed until the operator initiates it or reloads the configuration, or a
    packet meets its trap. `due` must be called at `deadline`; ``changed`` is called when that may have come nearer
    outside of calls of this object. ``clock`` gives the seconds of all times here.
    """

    def __init__(
        self,
        traps: Traps,
        initiate: Initiate,
        is_up: Callable[[str, str], bool],
        log: EventLog,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        changed: Callable[[], None],
    ) -> None:
        self._traps = traps
        self._initiate = initiate
        self._is_up = is_up
        self._log = log
        self._clock = clock
        self._random = random
        self._changed = changed
        self._back_off = BackOff()
        self._window = InitiationWindow(Settings().initiation_window, Settings().retransmit_timeout)
        self._connections: dict[str, Connection] = {}
        self._rejected: set[str] = set()  # connections whose user a gateway rejected: more attempts lock the account
        self._calls: dict[Key, _Call] = {}
        self._queue: list[tuple[float, Key]] = []  # a heap; an entry counts only if it is still the time of the call

    @property
    def deadline(self) -> float:
        """The time of the next attempt, infinity if there is none."""
        while self._queue:
            at, key = self._queue[0]
            call = self._calls.get(key)
            if call is not None and call.due_at == at:
                return at
            heapq.heappop(self._queue)
        return math.inf

    def adopt(self, settings: Settings, changed: Collection[str] | None = None) -> None:
        """Start and stop initiating tunnels, and install and remove traps, so that they match ``settings``. With
        ``changed``, what the operator has done about the tunnels of other connections holds.
        """
        self._back_off = BackOff.of(settings)
        self._rejected = set() if changed is None else self._rejected.difference(changed)
        self._window.resize(settings.initiation_window, settings.retransmit_timeout)
        self._connections = {connection.name: connection for connection in settings.connections}
        wanted = {(c.name, t.name): (c, t) for c in settings.connections for t in c.tunnels}
        for key in [key for key in self._calls if key not in wanted]:
            self._drop(key)
        for key, (connection, tunnel) in wanted.items():
            if changed is None or key[0] in changed or key in self._calls:
                self._adopt(key, connection, tunnel)
        self._traps.adopt(
            {
                key: found
                for key, found in wanted.items()
                if (found[1].start is Start.TRAP if changed is None or key[0] in changed else self._traps.has(key))
            }
        )

    def _adopt(self, key: Key, connection: Connection, tunnel: Tunnel) -> None:
        call = self._calls.get(key)
        if call is not None and call.stays_up and tunnel.start is not Start.START:
            self._drop(key)
            call = None
        if tunnel.start is Start.START and (call is None or not call.stays_up):
            call = self._calls.setdefault(key, _Call())
            call.stays_up = call.retries = True
            self._schedule(key, call, self._clock())
        if call is not None:
            call.tries_limit = connection.keyingtries

    def release(self, connection: str, tunnel: str | None = None) -> None:
        """Stop initiating ``tunnel`` (None: every tunnel of the connection), until a packet meets its trap."""
        for key in [key for key in self._calls if key[0] == connection and tunnel in (None, key[1])]:
            self._drop(key)

    def resume(self, connection: str, tunnel: str) -> None:
        """Keep ``tunnel`` up again if its ``start`` says so: an operator who closed it initiates it again."""
        known = self._connections.get(connection)
        found = known.tunnel(tunnel) if known is not None else None
        if known is not None and found is not None:
            self._adopt((connection, tunnel), known, found)

    def acquire(self, connection: str, tunnel: str, packet: str) -> None:
        """Initiate ``tunnel``, because ``packet`` met its trap, unless an attempt is under way or was made just now."""
        key = connection, tunnel
        call = self._call(key)
        if connection in self._rejected:
            return
        if call is not None and call.attempt is None and self._clock() >= call.not_before:
            self._log.write(Level.INFO, "CHD", f"{connection}/{tunnel} triggered by {packet}")
            self._begin(key, call)

    def call_again(self, connection: str, tunnel: str) -> None:
        """Bring ``tunnel`` up again, because its peer is dead, with as many attempts as are configured. The first one
        begins when `due` is called next, which must be at `deadline`. A connection that was removed is not called.
        """
        key = connection, tunnel
        call = self._call(key)
        if call is None:
            return
        call.retries = True
        if call.attempt is None and call.due_at == math.inf:
            self._schedule(key, call, max(self._clock(), call.not_before))

    def next_attempt(self, connection: str, tunnel: str) -> float | None:
        """The time of the next attempt to bring the tunnel up; None if none is planned, or one is under way."""
        call = self._calls.get((connection, tunnel))
        return None if call is None or call.due_at == math.inf else call.due_at

    @property
    def failing(self) -> set[str]:
        """The connections with tunnels that are to be brought up and are down."""
        return {key[0] for key, call in self._calls.items() if call.retries and not self._is_up(*key)}

    def retry(self, connection: str) -> None:
        """Initiate the tunnels of ``connection`` that are to be brought up, when `due` is called next: without the wait
        after an attempt that failed, or that is under way and fails.
        """
        for key, call in self._calls.items():
            if key[0] != connection or not call.retries or self._is_up(*key):
                continue
            call.not_before = -math.inf
            if call.attempt is None:
                self._schedule(key, call, self._clock())
            else:
                call.at_once = True

    def _call(self, key: Key) -> _Call | None:
        """The call for the tunnel, None if its connection is not configured."""
        connection = self._connections.get(key[0])
        if connection is None:
            return None
        call = self._calls.setdefault(key, _Call())
        call.tries_limit = connection.keyingtries
        return call

    def due(self, now: float) -> None:
        """Begin the attempts that are due by ``now``, in the running event loop."""
        while self.deadline <= now:
            _, key = heapq.heappop(self._queue)
            call = self._calls[key]
            call.due_at = math.inf
            if call.attempt is None and not self._is_up(*key):
                self._begin(key, call)

    def observe(self, event: Event) -> None:
        """Note that a tunnel came up, or initiate one that went down again; give up if a gateway rejected our user."""
        if isinstance(event, Failure):
            if event.code is Code.XAUTH_FAILED and event.sa is not None:
                self._user_failed(event.sa)
            return
        if not isinstance(event, (ChildUp, ChildDown)):
            return
        key = event.child.connection, event.child.name
        call = self._calls.get(key)
        if call is None:
            return
        if isinstance(event, ChildUp):
            self._rejected.discard(key[0])
            if call.up_at is None:
                call.up_at = self._clock()
            call.failures, call.retries = 0, call.stays_up
            self._schedule(key, call, math.inf)
        elif event.child.state is not ChildState.REKEYED and not self._is_up(*key):
            self._fell(key, call, event)

    def _user_failed(self, sa: IkeSa) -> None:
        xauth = sa.xauth
        if xauth is None or xauth.serves or xauth.step is not XauthStep.REJECTED or sa.connection in self._rejected:
            return
        self._rejected.add(sa.connection)
        for key, call in self._calls.items():
            if key[0] == sa.connection:
                call.retries = call.stays_up = False
                self._schedule(key, call, math.inf)
        text = f"{sa.connection}: no further attempt before a reload or a command, which could lock the user's account"
        self._log.write(Level.ERROR, "IKE", text, code=Code.XAUTH_FAILED)

    async def close(self) -> None:
        """Stop initiating."""
        attempts = [call.attempt for call in self._calls.values() if call.attempt is not None]
        for key in tuple(self._calls):
            self._drop(key)
        await asyncio.gather(*attempts, return_exceptions=True)

    def _drop(self, key: Key) -> None:
        call = self._calls.pop(key)
        if call.attempt is not None:
            call.attempt.cancel()

    def _schedule(self, key: Key, call: _Call, at: float) -> None:
        call.due_at = at
        if at < math.inf:
            heapq.heappush(self._queue, (at, key))

    def _begin(self, key: Key, call: _Call) -> None:
        call.attempt = asyncio.get_running_loop().create_task(self._try(key, call))

    async def _try(self, key: Key, call: _Call) -> None:
        name = "/".join(key)
        try:
            async with self._window.turn():
                await self._initiate(*key)
        except NotEstablished as error:
            self._failed(key, call, str(error), error.code)
        except Exception as error:
            self._log.bug(f"the initiation of {name}", error)
            self._failed(key, call, "a bug, which was reported", NotEstablished.code)
        else:
            self._came_up(key, call)
        finally:
            call.attempt = None
        if self._calls.get(key) is call:
            self._changed()

    def _came_up(self, key: Key, call: _Call) -> None:
        call.failures = 0
        if call.stays_up and call.due_at == math.inf and not self._is_up(*key):  # it went down already
            self._schedule(key, call, max(self._clock(), call.not_before))

    def _failed(self, key: Key, call: _Call, reason: str, code: str) -> None:
        call.failures += 1
        wait = 0.0 if call.at_once else self._back_off.wait(call.failures, self._random)
        call.at_once = False
        now = self._clock()
        call.not_before = now + wait
        text = f"{'/'.join(key)} did not come up (attempt {call.failures}): {reason}"
        if not call.retries:
            self._log.write(Level.WARNING, "CHD", text, code=code)
        elif call.tries_limit and call.failures >= call.tries_limit:
            call.failures, call.retries, call.stays_up = 0, False, False
            self._log.write(Level.ERROR, "CHD", f"{text}; no further attempt, as keyingtries says", code=code)
        elif self._calls.get(key) is call:
            self._schedule(key, call, now + wait)
            self._log.write(Level.WARNING, "CHD", f"{text}; next attempt in {wait:.0f} s", code=code)

    def _fell(self, key: Key, call: _Call, event: ChildDown) -> None:
        now = self._clock()
        soon = call.up_at is not None and now - call.up_at < _STEADY
        call.falls = call.falls + 1 if soon else 0
        call.up_at = None
        wait = 0.0
        free = _FREE_FALLS if call.stays_up else _FREE_FALLS_ON_DEMAND
        if call.falls > free:
            wait = self._back_off.wait(call.falls - free, self._random)
            text = (
                f"{'/'.join(key)} went down {call.falls} times in a row within {_STEADY:.0f} s after it came up with "
                f"{event.sa.path.remote_host}; the last time: {event.reason}; not brought up again for {wait:.0f} s"
            )
            self._log.write(Level.WARNING, "CHD", text, code=Code.TUNNEL_FLAPPING)
        call.not_before = now + wait
        if (call.stays_up or call.retries) and call.attempt is None:
            self._schedule(key, call, now + wait)
