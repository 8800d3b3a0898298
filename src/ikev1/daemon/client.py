"""One connection of this host as client, in a process of its own: it ends with the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from ikev1.config import BackendOptions
from ikev1.core.exchanges.registry import script_of
from ikev1.core.exchanges.retransmission import patience
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import ChildDown, Code, Event, Failure, IkeDown, Note
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.settings import Settings
from ikev1.daemon.gateway import Gateway
from ikev1.daemon.host.data_plane_choice import PlaneChoice
from ikev1.daemon.l2tp.link import L2tpLink, LinkAddresses, LinkError
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
    LINK_FAILED = "link-failed"  # xl2tpd or pppd, before or after it was up
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
_PAUSE = 0.5  # seconds between looks whether a tunnel is still being negotiated
_BY_CODE: dict[str, Outcome] = {code: outcome for outcome, codes in _OUTCOMES.items() for code in codes}


def _outcome(failure: Failure) -> Outcome | None:
    if failure.code is Code.REFUSED_BY_PEER:  # in phase 1, a refused proposal has a code of its own
        return Outcome.PROPOSAL_REFUSED if failure.tunnel else Outcome.AUTHENTICATION_FAILED
    return _BY_CODE.get(failure.code)


def _unanswered(sa: IkeSa) -> Exchange | None:
    """The exchange of ours that waits for the gateway the longest; None if there is none."""
    if not sa.is_up:
        return sa.phase1
    begun = (each for each in sa.exchanges if each.role is Role.INITIATOR and not script_of(each).is_over(each))
    return min(begun, key=lambda each: each.ends_at, default=None)


class View(Protocol):
    """Who follows a client connection."""

    @property
    def live(self) -> bool:
        """Whether `tick` shows something."""

    def calling(self, patience: float) -> None:
        """The first message is about to be sent, and answered within ``patience`` seconds; from now on, a signal ends
        the connection in order.
        """

    def event(self, event: Event) -> None:
        """Something happened."""

    def silent(self, note: Note, left: float) -> None:
        """Before it is up, the gateway has not answered, as ``note`` says; it is given up in ``left`` seconds."""

    def waiting(self, sa: IkeSa, since: float, left: float) -> None:
        """The state of a connection that is not up yet, once a second: since when a message is unanswered, and in how
        many seconds that ends.
        """

    def failed(self, reason: str) -> None:
        """The connection cannot be called, or the PPP link has not come up or has ended."""

    def link(self, addresses: LinkAddresses) -> None:
        """The PPP link in the connection is up."""

    def up(self) -> None:
        """The connection is up for the first time."""

    def tick(self, sa: IkeSa, children: list[tuple[ChildSa, Counters]], now: float) -> None:
        """The state of the connection, once a second while it is up; ``now`` is on the clock of the records."""


class ClientConnection:
    """Brings up all tunnels of the one connection of ``gateway``, then ``link``, if any. Calls ``end`` when that failed
    or is over.
    """

    def __init__(self, gateway: Gateway, end: Callable[[], None], view: View, link: L2tpLink | None = None) -> None:
        self._gateway = gateway
        self._end = end
        self._view = view
        self._link = link
        (connection,) = gateway.settings.connections
        self._name = connection.name
        self._tunnels = tuple(tunnel.name for tunnel in connection.tunnels)
        self._up = False
        self._ending = False
        self._closed = False
        self._waiting = False  # for a tunnel that is down, but being negotiated
        self._failure: Outcome | None = None
        self._told = False  # the view has an event with the reason
        self._link_failure: Outcome | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        gateway.observers.append(self._observe)

    @property
    def outcome(self) -> Outcome:
        """How the connection ended; a signal ends it if nothing else did."""
        if self._link_failure is not None:
            return self._link_failure
        if not self._ending:
            return Outcome.DISCONNECTED if self._up else Outcome.INTERRUPTED
        return Outcome.LOST if self._up else self._failure or Outcome.FAILED

    def begin(self) -> None:
        """Initiate the tunnels, in the running event loop."""
        self._view.calling(patience(self._gateway.settings))
        self._spawn(self._bring_up())
        if self._view.live:
            self._spawn(self._show())

    async def close(self) -> None:
        """Follow the connection no longer, and end the link, which needs the tunnels for that."""
        self._closed = True
        for task in tuple(self._tasks):
            task.cancel()
        if self._link is not None:
            await self._link.stop()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bring_up(self) -> None:
        try:
            for tunnel in self._tunnels:
                await self._gateway.initiate(self._name, tunnel)
        except NotEstablished as error:
            self._failure = self._failure or _BY_CODE.get(error.code)
            if not self._told:
                self._view.failed(str(error))
            self._finish()
            return
        await self._gateway.remote_access.hooks_done()
        self._look()
        if self._link is not None and not self._ending:
            await self._bring_up_link(self._link)
        if not self._ending:
            self._up = True
            self._view.up()

    async def _bring_up_link(self, link: L2tpLink) -> None:
        sa = self._gateway.engine.ike_for(self._name)
        if sa is None:
            self._finish()
            return
        try:
            self._view.link(await link.start(sa.path.remote_host, sa.path.local_host))
            self._spawn(self._watch(link))
        except LinkError as error:
            self._end_with(error)

    async def _watch(self, link: L2tpLink) -> None:
        self._end_with(await link.ended())

    def _end_with(self, error: LinkError) -> None:
        self._link_failure = Outcome.AUTHENTICATION_FAILED if error.authentication else Outcome.LINK_FAILED
        self._view.failed(str(error))
        self._finish()

    async def _show(self) -> None:
        while self._view.live:
            sa = self._gateway.engine.ike_for(self._name)
            if sa is not None and self._up:
                pairs = [(child, self._gateway.counters_of(child)) for child in sa.complete_children]
                self._view.tick(sa, pairs, self._gateway.now())
            elif sa is not None and (asked := _unanswered(sa)) is not None:
                whole, now = patience(self._gateway.settings), self._gateway.now()
                self._view.waiting(sa, max(0.0, now - asked.ends_at + whole), asked.ends_at - now)
            await asyncio.sleep(1)

    def _observe(self, event: Event) -> None:
        self._view.event(event)
        if isinstance(event, Failure) and not self._up:
            self._told = True
            self._failure = _outcome(event) or self._failure
        elif isinstance(event, Note) and event.code is Code.RETRANSMIT and not self._up and event.sa is not None:
            asked = _unanswered(event.sa)
            if asked is not None:
                self._view.silent(event, asked.ends_at - self._gateway.now())
        elif isinstance(event, (IkeDown, ChildDown)) and self._up:
            # later: a pair may have another ISAKMP SA by then
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        if self._closed or self._waiting or all(self._gateway.is_up(self._name, tunnel) for tunnel in self._tunnels):
            return
        if self._is_negotiated():
            self._spawn(self._await_end())
        else:
            self._finish()

    def _is_negotiated(self) -> bool:
        """Whether a tunnel is being negotiated again: an address of this host has changed, real or virtual."""
        is_under_way = self._gateway.engine.is_under_way
        called = self._name in self._gateway.autostart.failing
        return called or any(is_under_way(self._name, tunnel) for tunnel in self._tunnels)

    async def _await_end(self) -> None:
        self._waiting = True
        while self._is_negotiated():
            await asyncio.sleep(_PAUSE)
        self._waiting = False
        self._look()

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
    link: L2tpLink | None = None,
) -> Outcome:
    """Bring up the one connection of ``settings``, and keep it up until it is lost or a signal ends the process.

    ``folder`` is a private folder, for the control socket. ``observers`` follow the events of the gateway, too.
    ``resolver`` is the program for name servers; the file ``journal`` has the next process undo its work after a kill.
    ``link`` is brought up in the connection, and ended before it.

    Raises:
        OSError: a port or the control socket cannot be opened.
        PlaneError: the data plane is not available.
    """
    connections: list[ClientConnection] = []

    def started(gateway: Gateway, end: Callable[[], None]) -> None:
        gateway.use_prompter(prompter)
        gateway.observers.extend(observers)
        connections.append(ClientConnection(gateway, end, view, link))
        connections[0].begin()

    async def close() -> None:
        for connection in connections:
            await connection.close()

    async def life() -> Outcome:
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
            before_end=close,
        )
        return connections[0].outcome

    return asyncio.run(life())
