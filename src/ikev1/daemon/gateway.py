"""The process around the engine: what comes from sockets, timers, the data plane and people goes in, actions come out.

Everything here happens in one event loop, and nothing in it waits: only `Gateway.initiate` is awaited, by whoever
wants to know how it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import os
import time
from collections.abc import Callable, Iterable, Sequence

from ikev1.core.engine import Engine, UnknownName
from ikev1.core.records.actions import (
    Action,
    CheckCertificate,
    Forget,
    InstallInbound,
    InstallOutbound,
    Keep,
    Move,
    Remove,
    Report,
    Send,
)
from ikev1.core.records.certificate_check import CertificateVerdict
from ikev1.core.records.events import ChildUp, Event
from ikev1.core.records.model import ChildSa, ChildState, IkeSa, IkeState, UdpPath
from ikev1.core.records.settings import Settings
from ikev1.core.records.spi import SpiUnavailable
from ikev1.daemon.autostart import Autostart
from ikev1.daemon.certificate_checker import CertificateChecker
from ikev1.daemon.host.data_plane_choice import PlaneChoice
from ikev1.daemon.initiation import first_path, under_way
from ikev1.daemon.net.endpoint import Endpoint
from ikev1.daemon.net.keepalive import Keepalives
from ikev1.daemon.observe.drop_counters import DropCounters
from ikev1.daemon.observe.drop_monitor import DropMonitor
from ikev1.daemon.observe.event_counters import EventCounters
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.pending_operations import NotEstablished, PendingOperations
from ikev1.daemon.protection import Protection
from ikev1.daemon.timer import Timer
from ikev1.esp.plane import (
    Acquire,
    Counters,
    Expired,
    PeerMoved,
    PlaneError,
    PlaneEvent,
    RekeyNeeded,
    Unguarded,
)
from ikev1.store import Store, StoreError

_TIDY_AFTER = 30.0  # seconds in which the store may hold keys of what was closed or replaced


class Gateway:
    """One IKEv1 gateway: its engine, its sockets, its data plane, and those who watch it.

    ``load`` reads the configuration again when a reload is asked for. In ``store``, if there is one, ISAKMP SAs outlive
    the process: those that it holds at the start are taken over.
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
        self.plane = chosen.make(self._hear, self._send_esp)
        self.drops = DropCounters(self.plane, kernel=chosen.kernel)
        self._drop_monitor = DropMonitor(self.counters_of, self.drops, self.started_at, kernel=chosen.kernel)
        self.engine = Engine(settings, random, allocate_spi=self._allocate_spi)
        self.engine.trace = log.wants_message
        self.autostart = Autostart(self.plane, self.initiate, self.is_up, log)
        self.observers: list[Callable[[Event], None]] = [log.event, self.counters.observe]
        self._operations = PendingOperations()
        self.protection = Protection(self.plane, log)
        self.observers += [self._operations.observe, self.autostart.observe, self.protection.observe]
        self._endpoint = endpoint
        self._keepalives = Keepalives(settings.nat_keepalive)
        self._timer = Timer(clock, self._expire)
        self._certificate_checker = CertificateChecker(self._judge, clock)
        self._load = load
        self._store = store
        self._tidy_at = math.inf

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Serve, in the running event loop.

        Raises:
            OSError: a port cannot be taken.
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
        # what exists now stays: a collection need not look at it again
        gc.collect()
        gc.freeze()

    async def close(self, *, keep_protected: bool = False) -> None:
        """Tell every peer goodbye, and give back sockets, devices and routes.

        With ``keep_protected`` what belongs to tunnels goes on being dropped.
        """
        await self.autostart.close()
        for sa in tuple(self.engine.sas.values()):
            self.close_ike(sa)
        self._timer.cancel()
        self._certificate_checker.close()
        for descriptor, _ in self.plane.readers():
            asyncio.get_running_loop().remove_reader(descriptor)
        try:
            self.plane.close(keep_protected=keep_protected)
        except PlaneError as error:
            self.log.write(Level.ERROR, "ESP", f"something is left of the data plane: {error}")
        self._endpoint.close()
        if self._store is not None:
            self._store.close()

    def _take_over(self) -> None:
        """Go on where an earlier process ended; what it left in a kernel that nobody knows any more is removed."""
        sas, unreadable = self._store.read() if self._store is not None else ([], 0)
        if unreadable:
            self.log.write(Level.WARNING, "IKE", f"{unreadable} stored ISAKMP SAs cannot be read and are dropped")
        children = [child for sa in sas for child in sa.children]
        alive = self.plane.adopt(children)
        self.protection.adopt(self.settings, children)
        if sas:
            carried = f", and {len(alive)} pairs of IPsec SAs that carried traffic meanwhile" if alive else ""
            self.log.write(Level.INFO, "IKE", f"{len(sas)} ISAKMP SAs of an earlier process are taken over{carried}")
            self.apply(self.engine.restore(sas, self.now(), alive))

    # ------------------------------------------------------------------ in

    def receive_isakmp(self, datagrams: Sequence[tuple[bytes, UdpPath]]) -> None:
        """Take ISAKMP messages from the sockets."""
        now = self.now()
        actions: list[Action] = []
        for datagram, path in datagrams:
            actions += self.engine.receive(datagram, path, now)
        self.apply(actions)

    def receive_esp(self, packets: Sequence[bytes | memoryview], path: UdpPath) -> None:
        """Take ESP packets from the sockets."""
        self.plane.receive(packets, path)

    def _read_plane(self, descriptor: int, callback: Callable[[], None]) -> None:
        try:
            callback()
        except PlaneError as error:
            self.log.write(Level.ERROR, "ESP", f"the data plane is heard no more, restart the gateway: {error}")
            asyncio.get_running_loop().remove_reader(descriptor)

    def _expire(self) -> None:
        now = self.now()
        self.log.tell_what_was_left_out()
        if actions := self.engine.expire(now):
            self.apply(actions)
        for path in self._keepalives.due(now):
            self._endpoint.send_keepalive(path)
        self._tidy(now)
        for line in self._drop_monitor.due(now, (child for sa in self.engine.sas.values() for child in sa.children)):
            self.log.write(Level.WARNING, "ESP", line)
        self._set_timer()

    def _judge(self, request: int, verdict: CertificateVerdict) -> None:
        self.apply(self.engine.answer(request, verdict, self.now()))

    def _hear(self, event: PlaneEvent) -> None:
        # later, because the plane speaks in the middle of a packet, and what we do may change its tables
        asyncio.get_running_loop().call_soon(self._obey, event)

    def _obey(self, event: PlaneEvent) -> None:
        if isinstance(event, RekeyNeeded):
            self.log.write(Level.INFO, "CHD", f"{_name(event.child)} is rekeyed: {event.reason}")
            self.rekey_child(event.child)
        elif isinstance(event, Expired):
            self.log.write(Level.WARNING, "CHD", f"{_name(event.child)} is closed: {event.reason}")
            self.close_child(event.child)
        elif isinstance(event, Acquire):
            self.log.write(Level.INFO, "CHD", f"{event.connection}/{event.tunnel} wanted by {event.packet}")
            self.autostart.acquire(event.connection, event.tunnel)
        elif isinstance(event, PeerMoved):
            self._follow(event)
        elif isinstance(event, Unguarded):
            self.log.write(Level.ERROR, "ESP", event.reason)

    def _follow(self, event: PeerMoved) -> None:
        self.apply(self.engine.peer_moved(event.child.inbound.spi, event.path, self.now()))

    # ------------------------------------------------------------------ out

    def apply(self, actions: Iterable[Action]) -> None:
        """Do what the engine asks for, in its order.

        All records are stored before anything else is done, so that what a peer believes in survives this process.
        """
        actions = tuple(actions)
        self._remember(actions)
        broken: dict[int, ChildSa] = {}
        for action in actions:
            if isinstance(action, Send):
                self._keepalives.sent(action.path, self.now())
                self._endpoint.send_isakmp(action.path, action.datagram)
            elif isinstance(action, Report):
                if not (isinstance(action.event, ChildUp) and action.event.child.unique_id in broken):
                    self._report(action.event)
            elif isinstance(action, CheckCertificate):
                self._certificate_checker.examine(action)
            elif isinstance(action, Keep):
                self._keepalives.watch(action.sa, self.now())
            elif isinstance(action, Forget):
                self._keepalives.forget(action.sa)
            elif not self._change_plane(action):
                broken[action.child.unique_id] = action.child
        for child in broken.values():
            self.close_child(child)
        self._set_timer()

    def _remember(self, actions: Sequence[Action]) -> None:
        if self._store is None:
            return
        changes = [action for action in actions if isinstance(action, (Keep, Forget))]
        if not changes:
            return
        try:
            self._store.write(changes)
        except StoreError as error:
            # a gateway that serves and forgets is better than one that does not serve
            self.log.write(
                Level.ERROR, "IKE", f"SAs will not outlive this process: {error}", kind="errors of the store"
            )
        self._tidy_at = min(self._tidy_at, self.now() + _TIDY_AFTER)

    def _tidy(self, now: float) -> None:
        """Have keys that nobody needs any more destroyed: not at each write, for that waits for the disk."""
        if self._store is None or now < self._tidy_at:
            return
        self._tidy_at = math.inf
        try:
            self._store.tidy()
        except StoreError as error:
            self._tidy_at = now + _TIDY_AFTER
            text = f"keys of SAs that are gone may be in the store still: {error}"
            self.log.write(Level.ERROR, "IKE", text, kind="errors of the store")

    def _change_plane(self, action: InstallInbound | InstallOutbound | Move | Remove) -> bool:
        """Whether the data plane did it."""
        child = action.child
        try:
            if isinstance(action, InstallInbound):
                self.plane.install_inbound(child)
            elif isinstance(action, InstallOutbound):
                self.plane.install_outbound(child)
            elif isinstance(action, Move):
                self.plane.move(child)
            else:
                self.plane.remove(child)
        except PlaneError as error:
            text, kind = f"{_name(child)}: {error}", "refusals of the data plane"
            self.log.write(Level.ERROR, "ESP", text, kind=kind, connection=child.connection)
            return False
        return True

    def _allocate_spi(self, path: UdpPath, protocol: int) -> int:
        try:
            return self.plane.allocate_spi(path, protocol)
        except PlaneError as error:
            raise SpiUnavailable(str(error)) from error

    def _report(self, event: Event) -> None:
        for observer in self.observers:
            observer(event)

    def _send_esp(self, path: UdpPath, packets: Sequence[bytes]) -> int:
        self._keepalives.sent(path, self.now())
        return self._endpoint.send_esp(path, packets)

    def _set_timer(self) -> None:
        deadline = min(self.engine.deadline(), self._keepalives.deadline, self._drop_monitor.deadline, self._tidy_at)
        self._timer.set(min(deadline, self.now() + self.log.tells_by))

    # ------------------------------------------------------------------ commands

    async def initiate(self, connection: str, tunnel: str | None) -> None:
        """Bring up ``tunnel`` of ``connection``, or its ISAKMP SA alone (None), and wait until it is.

        Who stops waiting cancels nothing.

        Raises:
            NotEstablished: it did not come up.
        """
        if tunnel is not None:
            self.protection.use(connection, tunnel)
        sa, actions = self._newest(connection), []
        if sa is None or not under_way(sa, tunnel):
            path = sa.path if sa else first_path(self.settings, connection, self._endpoint.port)
            try:
                actions = self.engine.initiate(connection, tunnel, path, self.now())
            except UnknownName as error:
                raise NotEstablished(str(error)) from error
            sa = self._newest(connection)
        if sa is None or (tunnel is None and sa.state is not IkeState.CONNECTING):
            self.apply(actions)
            return
        outcome = self._operations.expect(sa.unique_id, connection, tunnel)
        self.apply(actions)
        await outcome

    def _newest(self, connection: str) -> IkeSa | None:
        """The newest ISAKMP SA with the peer, or our call; somebody who calls us and has proved nothing is nobody."""
        sas = reversed(self.engine.of_connection(connection))
        known = (sa for sa in sas if sa.anchor is not None or sa.is_call_of_ours)
        return next((sa for sa in known if sa.state is not IkeState.DELETED), None)

    def close_ike(self, sa: IkeSa) -> None:
        """Close the ISAKMP SA and its pairs of IPsec SAs, and tell the peer."""
        self._ask(self.engine.close_ike, sa)

    def close_child(self, child: ChildSa) -> None:
        """Close the pair of IPsec SAs, and tell the peer."""
        self._ask(self.engine.close_child, child)

    def rekey_ike(self, sa: IkeSa) -> None:
        """Begin a new phase 1 in place of ``sa``."""
        self._ask(self.engine.rekey_ike, sa)

    def rekey_child(self, child: ChildSa) -> None:
        """Begin a Quick Mode in place of the pair ``child``."""
        self._ask(self.engine.rekey_child, child)

    def _ask(self, wish: Callable[[int, float], list[Action]], sa: IkeSa | ChildSa) -> None:
        # what is gone in the meantime needs nothing any more
        with contextlib.suppress(UnknownName):
            self.apply(wish(sa.unique_id, self.now()))

    def counters_of(self, child: ChildSa) -> Counters:
        """What the pair has carried and refused; nothing where the data plane does not tell."""
        try:
            return self.plane.counters(child)
        except PlaneError as error:
            self.log.write(Level.ERROR, "ESP", f"{_name(child)}: {error}")
            return Counters()

    def is_up(self, connection: str, tunnel: str) -> bool:
        """Whether a pair of IPsec SAs carries the traffic of ``tunnel``."""
        return any(
            child.name == tunnel and child.state is ChildState.INSTALLED
            for sa in self.engine.of_connection(connection)
            for child in sa.children
        )

    def reload(self) -> None:
        """Read the configuration again and obey it; SAs that are up go on as they are.

        Raises:
            ConfigError: it cannot be used; everything stays as it was.
        """
        settings = self._load()
        self.settings = settings
        self.apply(self.engine.reconfigure(settings, self.now()))
        self._keepalives.interval = settings.nat_keepalive
        self.protection.adopt(settings)
        self.autostart.adopt(settings)
        self._set_timer()
        self.log.write(Level.INFO, "CFG", f"configuration read: {len(settings.connections)} connections")


def _name(child: ChildSa) -> str:
    return f"{child.connection}/{child.name}-{child.unique_id}"
