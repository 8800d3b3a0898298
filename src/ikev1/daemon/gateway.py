"""The process around the engine: what happens outside becomes calls of the engine, and its actions are performed.

Everything here runs in one event loop and never blocks it. Only `Gateway.initiate` is awaited, for the outcome.

An exception that nobody expects is a bug. It is logged where the work for one datagram, action, event or command ends,
so that the rest of the work goes on.
"""

from __future__ import annotations

import asyncio
import gc
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from ikev1.core.engine import CannotInitiate, Engine, UnknownName
from ikev1.core.records.actions import (
    Action,
    AllocateSpi,
    CheckCertificate,
    Forget,
    InstallInbound,
    Keep,
    Move,
    PlaneQuestion,
    Remove,
    Report,
    Send,
)
from ikev1.core.records.answers import Answer, Done, Failed, Spis
from ikev1.core.records.certificate_check import CertificateVerdict
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import Event, Failure
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Settings
from ikev1.daemon.autostart import Autostart
from ikev1.daemon.certificate_checker import CertificateChecker
from ikev1.daemon.host.data_plane_choice import PlaneChoice
from ikev1.daemon.initiation import first_path
from ikev1.daemon.net.endpoint import Endpoint
from ikev1.daemon.net.keepalive import Keepalives
from ikev1.daemon.observe.drop_counters import DropCounters
from ikev1.daemon.observe.drop_monitor import DropMonitor
from ikev1.daemon.observe.event_counters import EventCounters
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.pending_operations import NotEstablished, PendingOperations
from ikev1.daemon.protection import Protection
from ikev1.daemon.timer import Timer
from ikev1.errors import LocalError, describe_bug
from ikev1.esp.plane import (
    Acquire,
    Counters,
    Expired,
    PeerMoved,
    PeerSends,
    PlaneError,
    PlaneEvent,
    RekeyNeeded,
    Unguarded,
)
from ikev1.store import Store, StoreError
from ikev1.wire.registry import ProtocolId

_TIDY_AFTER = 30.0  # seconds for which the store may hold keys of SAs that were closed or replaced


class Gateway:
    """One IKEv1 gateway: its engine, sockets, data plane and observers.

    ``load`` reads the configuration for a reload. ``store``, if there is one, keeps ISAKMP SAs for the next process:
    `start` takes over those that it holds. ``clock`` gives seconds since the epoch.
    """

    def __init__(
        self,
        settings: Settings,
        endpoint: Endpoint,
        chosen: PlaneChoice,
        log: EventLog,
        *,
        load: Callable[[], Settings],
        store: Store | None = None,
        random: Callable[[int], bytes] = os.urandom,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.log = log
        self.now = clock
        self.started_at = clock()
        self.counters = EventCounters()
        self.chosen = chosen
        self.plane = chosen.make(self._plane_event, self._send_esp)
        self.drops = DropCounters(self.plane, kernel=chosen.kernel)
        self._drop_monitor = DropMonitor(self.counters_of, self.drops, self.started_at, kernel=chosen.kernel)
        self.engine = Engine(settings, random)
        self.engine.trace = log.wants_message
        self.autostart = Autostart(self.plane, self.initiate, self.is_up, log)
        self.observers: list[Callable[[Event], None]] = [log.event, self.counters.observe]
        self._operations = PendingOperations()
        self.protection = Protection(self.plane, log)
        self.observers += [self._operations.observe, self.autostart.observe, self.protection.observe]
        self._endpoint = endpoint
        self._keepalives = Keepalives(settings.nat_keepalive)
        self._timer = Timer(clock, self._expire)
        self.pause_after_bug = 1.0  # seconds before work that is due is tried again after a bug
        self._paused_until = -math.inf
        self._certificate_checker = CertificateChecker(self._certificate_checked, clock, log=log)
        self._load = load
        self._store = store
        self._tidy_at = math.inf

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Begin to serve, in the running event loop.

        Raises:
            OSError: a port is in use or not permitted.
            PlaneError: the data plane cannot use the sockets.
            StoreError: the store cannot be read.
        """
        self._endpoint.bind()
        for udp in self._endpoint.sockets:
            self.plane.prepare_socket(udp.socket, udp.port == self._endpoint.encapsulation_port)
        self._endpoint.listen(self)
        loop = asyncio.get_running_loop()
        for descriptor, callback in self.plane.readers():
            loop.add_reader(descriptor, self._read_plane, descriptor, callback)
        self._take_over()
        self.autostart.adopt(self.settings)
        self._set_timer()
        # the objects that exist now stay: the garbage collector need not examine them again
        gc.collect()
        gc.freeze()

    async def close(self, *, keep_protected: bool = False) -> None:
        """Delete all SAs, tell the peers, and release sockets, devices and routes.

        With ``keep_protected``, unprotected traffic of tunnels is still dropped afterwards.
        """
        await self.autostart.close()
        for sa in tuple(self.engine.sas.values()):
            try:
                self.close_ike(sa)
            except Exception as error:
                self.log.bug(f"the deletion of ISAKMP SA #{sa.unique_id}", error)
        self._timer.cancel()
        self._certificate_checker.close()
        for descriptor, _ in self.plane.readers():
            asyncio.get_running_loop().remove_reader(descriptor)
        try:
            self.plane.close(keep_protected=keep_protected)
        except PlaneError as error:
            self.log.write(Level.ERROR, "ESP", f"cannot remove all of the data plane: {error}")
        self._endpoint.close()
        if self._store is not None:
            self._store.close()

    def _take_over(self) -> None:
        """Take over the SAs of an earlier process; remove what it left in the kernel that the store does not know."""
        sas, unreadable = self._store.read() if self._store is not None else ([], 0)
        if unreadable:
            self.log.write(Level.WARNING, "IKE", f"{unreadable} stored ISAKMP SAs are unreadable and were deleted")
        children = [child for sa in sas for child in sa.children]
        alive = self.plane.adopt(children)
        self.protection.adopt(self.settings, children)
        if sas:
            carried = f" and {len(alive)} pairs of IPsec SAs that the kernel kept" if alive else ""
            self.log.write(Level.INFO, "IKE", f"took over {len(sas)} ISAKMP SAs{carried} from an earlier process")
            try:
                self.apply(self.engine.restore(sas, self.now(), alive))
            except Exception as error:
                self.log.bug("the restoring of SAs", error)

    # ------------------------------------------------------------------ in

    def receive_isakmp(self, datagrams: Sequence[tuple[bytes, UdpPath]]) -> None:
        """Process ISAKMP messages from the sockets: each by itself, then one write of the store for all of them.

        What asks the data plane for something is answered before the next message, which may be about that.
        """
        now = self.now()
        actions: list[Action] = []
        for datagram, path in datagrams:
            try:
                new = self.engine.receive(datagram, path, now)
            except Exception as error:
                self.log.bug(f"the processing of a message from {path.remote}", error)
                continue
            actions += new
            if any(isinstance(action, PlaneQuestion) for action in new):
                self.apply(actions)
                actions.clear()
        self.apply(actions)

    def receive_esp(self, packets: Sequence[bytes | memoryview], path: UdpPath) -> None:
        """Process ESP packets from the sockets."""
        try:
            self.plane.receive(packets, path)
        except Exception as error:
            self.log.bug(f"the processing of ESP packets from {path.remote}", error)

    def _read_plane(self, descriptor: int, callback: Callable[[], None]) -> None:
        try:
            callback()
        except PlaneError as error:
            self.log.write(
                Level.ERROR, "ESP", f"data plane stopped responding; restart the gateway: {error}", code=error.code
            )
            asyncio.get_running_loop().remove_reader(descriptor)
        except Exception as error:
            self.log.bug("the data plane", error)

    def _expire(self) -> None:
        now = self.now()
        try:
            self.log.tell_what_was_left_out()
            self.apply(self.engine.expire(now))
        except Exception as error:
            # what is due stays due: without a pause, the timer would expire again at once, for ever
            self._paused_until = now + self.pause_after_bug
            self.log.bug("the timers of the engine", error)
        try:
            for path in self._keepalives.due(now):
                self._endpoint.send_keepalive(path)
            self._tidy(now)
            for line in self._drop_monitor.due(now, self._children()):
                self.log.write(Level.WARNING, "ESP", line)
        except Exception as error:
            self._paused_until = now + self.pause_after_bug
            self.log.bug("the timers of the gateway", error)
        finally:
            self._set_timer()

    def _children(self) -> Iterator[ChildSa]:
        return (child for sa in self.engine.sas.values() for child in sa.children)

    def _certificate_checked(self, request: int, verdict: CertificateVerdict) -> None:
        try:
            self.apply(self.engine.answered(request, verdict, self.now()))
        except Exception as error:
            self.log.bug("the processing of a certificate check", error)

    def _plane_event(self, event: PlaneEvent) -> None:
        # later, because the data plane may be in the middle of a packet, and what follows may change its tables
        asyncio.get_running_loop().call_soon(self._handle, event)

    def _handle(self, event: PlaneEvent) -> None:
        try:
            if isinstance(event, RekeyNeeded):
                self.log.write(Level.INFO, "CHD", f"rekeying {_name(event.child)}: {event.reason}")
                self.rekey_child(event.child)
            elif isinstance(event, Expired):
                self.log.write(Level.WARNING, "CHD", f"closing {_name(event.child)}: {event.reason}")
                self.close_child(event.child)
            elif isinstance(event, Acquire):
                self.log.write(Level.INFO, "CHD", f"{event.connection}/{event.tunnel} triggered by {event.packet}")
                self.autostart.acquire(event.connection, event.tunnel)
            elif isinstance(event, PeerMoved):
                self.apply(self.engine.peer_moved(event.child.inbound.spi, event.path, self.now()))
            elif isinstance(event, PeerSends):
                self.apply(self.engine.peer_sends(event.child.inbound.spi, self.now()))
            elif isinstance(event, Unguarded):
                self.log.write(Level.ERROR, "ESP", event.reason)
        except Exception as error:
            self.log.bug(f"the event {type(event).__name__} of the data plane", error)

    # ------------------------------------------------------------------ out

    def apply(self, actions: Iterable[Action]) -> None:
        """Perform what the engine asks for, in its order. What an answer of the data plane leads to comes next.

        All records are stored before anything else is done, so that the SAs that a peer learns of survive this process.
        """
        pending: deque[Action] = deque()
        self._prepend(pending, tuple(actions))
        while pending:
            action = pending.popleft()
            try:
                self._prepend(pending, self._perform(action))
            except Exception as error:
                self.log.bug(f"the action {type(action).__name__}", error)
        self._set_timer()

    def _prepend(self, pending: deque[Action], actions: Sequence[Action]) -> None:
        if actions:
            self._remember([action for action in actions if isinstance(action, (Keep, Forget))])
            pending.extendleft(reversed(actions))

    def _answer_of_plane(self, action: PlaneQuestion) -> Answer:
        """Have the data plane perform ``action``; what it answers."""
        try:
            if isinstance(action, AllocateSpi):
                spi = self.plane.allocate_spi(action.path, action.protocol)
                return Spis(spi, self.plane.allocate_spi(action.path, ProtocolId.IPCOMP) if action.compress else 0)
            if isinstance(action, InstallInbound):
                self.plane.install_inbound(action.child)
            else:
                self.plane.install_outbound(action.child)
        except PlaneError as error:
            return Failed(str(error))
        except Exception as error:
            self.log.bug(f"the data plane's part in {type(action).__name__}", error)
            if isinstance(action, InstallInbound):
                self._undo_install(action.child)
            return Failed(f"internal error: {describe_bug(error)}")
        return Done()

    def _undo_install(self, child: ChildSa) -> None:
        """Remove what an installation with an internal error has left: the engine does not remove what `Failed`."""
        try:
            self.plane.remove(child)
        except Exception as error:
            self.log.bug(f"the removal of {_name(child)}", error)

    def _perform(self, action: Action) -> list[Action]:
        """Perform ``action``; what the engine asks for next, before everything else that it asked for."""
        if isinstance(action, Send):
            self._keepalives.sent(action.path, self.now())
            self._endpoint.send_isakmp(action.path, action.datagram)
        elif isinstance(action, Report):
            self._report(action.event)
        elif isinstance(action, PlaneQuestion):
            return self.engine.answered(action.request, self._answer_of_plane(action), self.now())
        elif isinstance(action, CheckCertificate):
            self._certificate_checker.check(action)
        elif isinstance(action, Keep):
            self._keepalives.watch(action.sa, self.now())
        elif isinstance(action, Forget):
            self._keepalives.forget(action.sa)
        elif not self._change_plane(action):
            return self._close(action.child)
        return []

    def _close(self, child: ChildSa) -> list[Action]:
        try:
            return self.engine.close_child(child.unique_id, self.now())
        except UnknownName:  # it was closed meanwhile
            return []

    def _remember(self, changes: Sequence[Keep | Forget]) -> None:
        if self._store is None or not changes:
            return
        kind = "errors of the store"
        try:
            self._store.write(changes)
        except StoreError as error:
            # a gateway that serves without a store is better than one that does not serve
            text = f"cannot store SAs; the next process will not have them: {error}"
            self.log.write(Level.ERROR, "IKE", text, kind=kind, code=error.code)
        except Exception as error:
            if len(changes) > 1:  # one write for all failed because of one of them
                for change in changes:
                    self._remember([change])
            else:
                self.log.bug(f"the storing of ISAKMP SA #{changes[0].sa.unique_id}", error)
        self._tidy_at = min(self._tidy_at, self.now() + _TIDY_AFTER)

    def _tidy(self, now: float) -> None:
        """Destroy keys that are no longer needed in the store; not at each write, because it waits for the disk."""
        if self._store is None or now < self._tidy_at:
            return
        self._tidy_at = math.inf
        try:
            self._store.tidy()
        except StoreError as error:
            self._tidy_at = now + _TIDY_AFTER
            text = f"the store may still hold keys of closed SAs: {error}"
            self.log.write(Level.ERROR, "IKE", text, kind="errors of the store", code=error.code)

    def _change_plane(self, action: Move | Remove) -> bool:
        """Have the data plane perform ``action``; False if it refused."""
        child = action.child
        try:
            if isinstance(action, Move):
                self.plane.move(child)
            else:
                self.plane.remove(child)
        except PlaneError as error:
            text, kind = f"{_name(child)}: {error}", "refusals of the data plane"
            self.log.write(Level.ERROR, "ESP", text, kind=kind, connection=child.connection, code=error.code)
            return False
        except Exception as error:
            self.log.bug(f"the data plane's part in {_name(child)}", error)
            return False
        return True

    def _report(self, event: Event) -> None:
        for observer in self.observers:
            try:
                observer(event)
            except Exception as error:
                self.log.bug(f"an observer of {type(event).__name__}", error)

    def _send_esp(self, path: UdpPath, packets: Sequence[bytes]) -> int:
        self._keepalives.sent(path, self.now())
        return self._endpoint.send_esp(path, packets)

    def _set_timer(self) -> None:
        try:
            deadline = min(
                self.engine.deadline(), self._keepalives.deadline, self._drop_monitor.deadline, self._tidy_at
            )
        except Exception as error:
            self.log.bug("the deadlines", error)
            deadline = self.now() + self.pause_after_bug
        self._timer.set(max(self._paused_until, min(deadline, self.now() + self.log.tells_by)))

    # ------------------------------------------------------------------ commands

    async def initiate(self, connection: str, tunnel: str | None) -> None:
        """Bring up ``tunnel`` of ``connection``, or its ISAKMP SA alone (None), and wait until it is up.

        To stop waiting cancels nothing.

        Raises:
            NotEstablished: it did not come up; the text is the reason.
        """
        if tunnel is not None:
            self.protection.use(connection, tunnel)
        actions: list[Action] = []
        if tunnel is None or not self.engine.is_under_way(connection, tunnel):
            sa = self.engine.ike_for(connection)
            path = sa.path if sa else first_path(self.settings, connection, self._endpoint.port)
            try:
                actions = self.engine.initiate(connection, tunnel, path, self.now())
            except CannotInitiate as error:
                self._report(Failure(error.code, error.text, path.remote_host, tunnel=tunnel or ""))
                raise NotEstablished(error.text) from error
            except LocalError as error:
                raise NotEstablished(str(error)) from error
        sa = self.engine.ike_for(connection)
        if sa is None:
            self.apply(actions)
            raise NotEstablished(_reason(actions))
        if tunnel is None and sa.is_up:
            self.apply(actions)
            return
        outcome = self._operations.expect(sa.unique_id, connection, tunnel)
        self.apply(actions)
        await outcome

    def close_ike(self, sa: IkeSa) -> None:
        """Delete the ISAKMP SA and its pairs of IPsec SAs, and tell the peer."""
        self._ask(self.engine.close_ike, sa)

    def close_child(self, child: ChildSa) -> None:
        """Delete the pair of IPsec SAs, and tell the peer."""
        self._ask(self.engine.close_child, child)

    def rekey_ike(self, sa: IkeSa) -> None:
        """Begin the phase 1 of an ISAKMP SA that replaces ``sa``."""
        self._ask(self.engine.rekey_ike, sa)

    def rekey_child(self, child: ChildSa) -> None:
        """Begin the Quick Mode of a pair that replaces ``child``."""
        self._ask(self.engine.rekey_child, child)

    def _ask(self, command: Callable[[int, float], list[Action]], sa: IkeSa | ChildSa) -> None:
        try:
            actions = command(sa.unique_id, self.now())
        except UnknownName:  # it was closed meanwhile
            return
        self.apply(actions)

    def counters_of(self, child: ChildSa) -> Counters:
        """The counters of the pair; zeros if the data plane cannot read them."""
        try:
            return self.plane.counters(child)
        except PlaneError as error:
            self.log.write(Level.ERROR, "ESP", f"{_name(child)}: {error}", code=error.code)
            return Counters()

    def is_up(self, connection: str, tunnel: str) -> bool:
        """Whether a pair of IPsec SAs carries the traffic of ``tunnel``."""
        return any(
            child.name == tunnel and child.state is ChildState.INSTALLED
            for sa in self.engine.of_connection(connection)
            for child in sa.children
        )

    def reload(self) -> None:
        """Read the configuration again and apply it; established SAs stay as they are.

        Raises:
            ConfigError: the configuration is not usable; nothing was changed.
        """
        settings = self._load()
        self.settings = settings
        self.apply(self.engine.reconfigure(settings, self.now()))
        self._keepalives.interval = settings.nat_keepalive
        self.protection.adopt(settings)
        self.autostart.adopt(settings)
        self._set_timer()
        self.log.write(Level.INFO, "CFG", f"configuration loaded: {len(settings.connections)} connections")


def _name(child: ChildSa) -> str:
    return f"{child.connection}/{child.name}-{child.unique_id}"


def _reason(actions: Iterable[Action]) -> str:
    """Why nothing was begun, according to the failures that are reported."""
    events = (action.event for action in actions if isinstance(action, Report))
    return "; ".join(event.text for event in events if isinstance(event, Failure)) or "nothing was begun"
