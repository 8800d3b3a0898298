"""One connection of this host as client, in a process of its own: it ends with the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from ikev1.config import BackendOptions
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import ChildDown, Code, Event, Failure, IkeDown
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.settings import Settings
from ikev1.daemon.gateway import Gateway
from ikev1.daemon.host.data_plane_choice import PlaneChoice
from ikev1.daemon.net.endpoint import Endpoint
from ikev1.daemon.observe.event_log import EventLog
from ikev1.daemon.pending_operations import NotEstablished
from ikev1.daemon.process import serve
from ikev1.daemon.remote_access.resolver import Resolver
from ikev1.daemon.remote_access.user_prompts import Prompter
from ikev1.esp.plane import Counters

Observer = Callable[[Event], None]


class Outcome(StrEnum):
    """How a client connection ended."""

    DISCONNECTED = "disconnected"  # by a signal, after it was up
    INTERRUPTED = "interrupted"  # by a signal, before it was up
    SILENT = "silent"
    AUTHENTICATION_FAILED = "authentication-failed"
    PROPOSAL_REFUSED = "proposal-refused"
    LOST = "lost"  # after it was up
    FAILED = "failed"  # not established for another reason


_OUTCOMES = {
    Outcome.SILENT: {Code.PEER_SILENT, Code.NAME_NOT_RESOLVED},
    Outcome.AUTHENTICATION_FAILED: {
        Code.PSK_MISMATCH,
        Code.ID_MISMATCH,
        Code.AUTHENTICATION_FAILED,
        Code.CERTIFICATE_UNTRUSTED,
        Code.CERTIFICATE_EXPIRED,
        Code.CERTIFICATE_REVOKED,
        Code.CERTIFICATE_UNUSABLE,
        Code.CERTIFICATE_MISSING,
        Code.CERTIFICATE_ID_MISMATCH,
        Code.REVOCATION_UNKNOWN,
        Code.XAUTH_REQUIRED,
        Code.XAUTH_FAILED,
    },
    Outcome.PROPOSAL_REFUSED: {Code.NO_PROPOSAL_CHOSEN, Code.SELECTORS_UNACCEPTABLE},
}
_BY_CODE = {code: outcome for outcome, codes in _OUTCOMES.items() for code in codes}


def _outcome(failure: Failure) -> Outcome | None:
    if failure.code is Code.REFUSED_BY_PEER:  # in phase 1, a refused proposal has a code of its own
        return Outcome.PROPOSAL_REFUSED if failure.tunnel else Outcome.AUTHENTICATION_FAILED
    return _BY_CODE.get(failure.code)


class View(Protocol):
    """Who follows a client connection."""

    @property
    def live(self) -> bool:
        """Whether `tick` shows something."""

    def calling(self) -> None:
        """The first message is about to be sent; from now on, a signal ends the connection in order."""

    def event(self, event: Event) -> None:
        """Something happened."""

    def up(self) -> None:
        """The connection is up for the first time."""

    def tick(self, sa: IkeSa, children: list[tuple[ChildSa, Counters]], now: float) -> None:
        """The state of the connection, once a second while it is up; ``now`` is on the clock of the records."""


class ClientConnection:
    """Brings up all tunnels of the one connection of ``gateway``, and calls ``end`` when that failed or is over."""

    def __init__(self, gateway: Gateway, end: Callable[[], None], view: View) -> None:
        self._gateway = gateway
        self._end = end
        self._view = view
        (connection,) = gateway.settings.connections
        self._name = connection.name
        self._tunnels = tuple(tunnel.name for tunnel in connection.tunnels)
        self._up = False
        self._ending = False
        self._failure: Outcome | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        gateway.observers.append(self._observe)

    @property
    def outcome(self) -> Outcome:
        """How the connection ended; a signal ends it if nothing else did."""
        if not self._ending:
            return Outcome.DISCONNECTED if self._up else Outcome.INTERRUPTED
        return Outcome.LOST if self._up else self._failure or Outcome.FAILED

    def begin(self) -> None:
        """Initiate the tunnels, in the running event loop."""
        self._view.calling()
        self._spawn(self._bring_up())

    def close(self) -> None:
        """Follow the connection no longer."""
        for task in self._tasks:
            task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bring_up(self) -> None:
        try:
            for tunnel in self._tunnels:
                await self._gateway.initiate(self._name, tunnel)
        except NotEstablished:
            self._finish()
            return
        self._look()
        if not self._ending:
            self._up = True
            self._view.up()
            if self._view.live:
                self._spawn(self._show())

    async def _show(self) -> None:
        while True:
            sa = self._gateway.engine.ike_for(self._name)
            if sa is not None:
                pairs = [(child, self._gateway.counters_of(child)) for child in sa.complete_children]
                self._view.tick(sa, pairs, self._gateway.now())
            await asyncio.sleep(1)

    def _observe(self, event: Event) -> None:
        self._view.event(event)
        if isinstance(event, Failure) and not self._up:
            self._failure = _outcome(event) or self._failure
        elif isinstance(event, (IkeDown, ChildDown)) and self._up:
            # later: a pair may have another ISAKMP SA by then
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        if not all(self._gateway.is_up(self._name, tunnel) for tunnel in self._tunnels):
            self._finish()

    def _finish(self) -> None:
        self._ending = True
        self._end()


def run_client(
    settings: Settings,
    endpoint: Endpoint,
    chosen: PlaneChoice,
    log: EventLog,
    *,
    folder: Path,
    prompter: Prompter,
    view: View,
    observers: Sequence[Observer] = (),
    journal: Path | None = None,
    resolver: Resolver | None = None,
) -> Outcome:
    """Bring up the one connection of ``settings``, and keep it up until it is lost or a signal ends the process.

    ``folder`` is a private folder, for the control socket. ``observers`` follow the events of the gateway, too.
    ``resolver`` is the program for name servers; the file ``journal`` has the next process undo its work after a kill.

    Raises:
        OSError: a port or the control socket cannot be opened.
        PlaneError: the data plane is not available.
    """
    connections: list[ClientConnection] = []

    def started(gateway: Gateway, end: Callable[[], None]) -> None:
        gateway.use_prompter(prompter)
        gateway.observers.extend(observers)
        connections.append(ClientConnection(gateway, end, view))
        connections[0].begin()

    async def life() -> Outcome:
        try:
            await serve(
                settings,
                endpoint,
                chosen,
                log,
                control=folder / "control.vici",
                load_settings=lambda: settings,
                users=BackendOptions,
                journal=journal,
                resolver=resolver,
                started=started,
            )
        finally:
            for connection in connections:
                connection.close()
        return connections[0].outcome

    return asyncio.run(life())
