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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from ikev1.clock import SteadyClock
from ikev1.config import BackendOptions
from ikev1.core.engine import Engine, UnknownName
from ikev1.core.records.actions import PLANE_QUESTIONS, Action, Send
from ikev1.core.records.answers import Answer, UserChecked
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import ChildDown, ChildUp, Code, ConfigReceived, Event, Failure, IkeDown, IkeUp, Note
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.reload import USUAL, Reload
from ikev1.core.records.remote_access import Verdict
from ikev1.core.records.settings import Settings
from ikev1.daemon.autostart import Autostart
from ikev1.daemon.certificate_checker import CertificateChecker
from ikev1.daemon.dead_peers import DeadPeers
from ikev1.daemon.early_callers import EarlyCallers
from ikev1.daemon.host.data_plane_choice import PlaneChoice
from ikev1.daemon.initiation import Initiation
from ikev1.daemon.key_exchanges import LARGE, KeyExchanges
from ikev1.daemon.net.endpoint import Endpoint
from ikev1.daemon.net.host_names import HostNames, LookUp, SystemLookUp
from ikev1.daemon.net.keepalive import Keepalives
from ikev1.daemon.network_changes import NetworkChanges
from ikev1.daemon.observe.drop_counters import DropCounters
from ikev1.daemon.observe.drop_monitor import DropMonitor
from ikev1.daemon.observe.event_counters import COUNTED, EventCounters
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.observe.last_failures import LastFailures
from ikev1.daemon.observe.message_counters import MessageCounters
from ikev1.daemon.pending_operations import OUTCOMES, NotEstablished, PendingOperations
from ikev1.daemon.performer import Performer, child_name
from ikev1.daemon.plane_events import PlaneEvents
from ikev1.daemon.protection import Protection
from ikev1.daemon.remote_access.address_desk import AddressDesk
from ikev1.daemon.remote_access.client_addresses import ClientAddresses
from ikev1.daemon.remote_access.pools import Pools
from ikev1.daemon.remote_access.remote_access import RemoteAccess
from ikev1.daemon.remote_access.resolver import Resolver
from ikev1.daemon.remote_access.saved_leases import SavedLeases
from ikev1.daemon.remote_access.user_prompts import Prompter, UserPrompts
from ikev1.daemon.saved_sas import SavedSas
from ikev1.daemon.shunts import Shunts
from ikev1.daemon.timer import Timer
from ikev1.daemon.traps import Traps
from ikev1.daemon.tunnel_interfaces import Interfaces
from ikev1.esp.plane import Counters, PlaneError
from ikev1.store import Store, WallTimeStore


class Gateway:
    """One IKEv1 gateway: its engine, sockets, data plane and observers.

    ``load`` reads the configuration for a reload, ``users`` then gives its options for checks of users. ``journal``
    is the file that records the updown hooks for the next process; ``resolver`` is the program for name servers.
    ``store``, if there is one, keeps ISAKMP SAs for the next process: `start` takes over those that it holds. ``clock``
    gives the engine the time, in seconds, and passes evenly; by default it is a `SteadyClock`. ``wall`` gives
    wall-clock time, for certificates and the store. ``look_up`` gives the addresses of host names, by default those
    that the system knows.
    """

    def __init__(
        self,
        settings: Settings,
        endpoint: Endpoint,
        chosen: PlaneChoice,
        log: EventLog,
        *,
        load: Callable[[], Settings],
        users: Callable[[], BackendOptions] = BackendOptions,
        journal: Path | None = None,
        resolver: Resolver | None = None,
        store: Store | None = None,
        random: Callable[[int], bytes] = os.urandom,
        clock: Callable[[], float] | None = None,
        wall: Callable[[], float] = time.time,
        look_up: LookUp | None = None,
    ) -> None:
        self.settings = self.file_settings = settings
        self.log = log
        self.now = clock = clock or SteadyClock(wall)
        self.wall = wall
        self.started_at = clock()
        self.counters = EventCounters()
        self.messages = MessageCounters()
        self.failures = LastFailures(clock)
        self.chosen = chosen
        self.plane = chosen.make(lambda event: self._plane_events.notice(event), self._send_esp)
        self.drops = DropCounters(self.plane, kernel=chosen.kernel)
        self._drop_monitor = DropMonitor(self.counters_of, self.drops, self.started_at, kernel=chosen.kernel)
        self.engine = Engine(self._for_engine(settings), random)
        self.engine.trace = self._trace
        self.traps = Traps(self.plane, self.engine.called_addresses, log)
        self.autostart = Autostart(
            self.traps, self.initiate, self.is_up, log, clock=clock, random=random, changed=self._set_timer
        )
        self._operations = PendingOperations()
        self.protection = Protection(self.plane, log)
        self.shunts = Shunts(self.plane, log)
        self._interfaces = Interfaces(self.plane, log)
        self._network = NetworkChanges(self.plane, self, log)
        self._plane_events = PlaneEvents(
            self.engine,
            self.autostart,
            log,
            apply=self.apply,
            ask=self._ask,
            network_changed=self._network.notice,
            clock=clock,
            port=endpoint.port,
        )
        self._endpoint = endpoint
        self._keepalives = Keepalives(settings.nat_keepalive)
        self._timer = Timer(clock, self._expire)
        self.pause_after_bug = 1.0  # seconds before work that is due is tried again after a bug
        self._paused_until = -math.inf
        self._key_exchanges = KeyExchanges(
            partial(self._answered, "a Diffie-Hellman exchange"), self.engine.awaits, random, log
        )
        self.engine.leave_out(LARGE)
        self.early_callers = EarlyCallers(self.engine.is_unknown_caller)
        self.certificate_checker = CertificateChecker(
            partial(self._answered, "a certificate check"), wall, authorities=lambda: self.settings.authorities, log=log
        )
        self._load = load
        saved = None if store is None else WallTimeStore(store, clock, wall)
        self._saved = SavedSas(saved, log, clock)
        self.pools = Pools(SavedLeases(saved, log), clock)
        self._addresses = AddressDesk(self.engine, self.pools, clock)
        self._client_addresses = ClientAddresses(self.plane, self.engine.of_connection, lambda: self.settings, log)
        self.file_users = users
        # what clients have loaded, joined to the configuration that was read
        self.extend: Callable[[Settings, BackendOptions], tuple[Settings, BackendOptions]]
        self.extend = lambda settings, users: (settings, users)
        self.remote_access = RemoteAccess(
            lambda: self.settings,
            log,
            answer=self._user_checked,
            counters_of=self.counters_of,
            of_connection=self.engine.of_connection,
            device=chosen.device,
            journal=journal,
            resolver=resolver,
            clock=clock,
            wall=wall,
        )
        self._performer = Performer(
            self.engine,
            self.plane,
            endpoint,
            self._keepalives,
            self.certificate_checker,
            self._key_exchanges.begin,
            self.remote_access.check,
            self._saved,
            self._addresses,
            log,
            clock,
        )
        self.removing = self._performer.removing
        self.removing.append(self.remote_access.removed)
        self._names = HostNames(look_up or SystemLookUp(), self._addresses_changed, log, clock)
        self._initiation = Initiation(
            self.engine, self._names, self._operations, self.apply, self._performer.report, clock, endpoint.port
        )
        self.observers = self._performer.observers
        follow = self._performer.follow
        follow(self.counters.observe, *COUNTED)
        follow(self.messages.observe, Failure, Note, IkeUp)
        follow(self.failures.observe, Failure, IkeUp, ChildUp, ChildDown)
        follow(self._client_addresses.observe, ConfigReceived, IkeDown, ChildDown)
        # before the one that revives tunnels: `clear` is to stop that
        follow(DeadPeers(self.autostart, self.traps, lambda: self.settings).observe, Failure)
        follow(self._operations.observe, *OUTCOMES)
        follow(self.autostart.observe, Failure, ChildUp, ChildDown)
        follow(self.protection.observe, ChildUp)
        follow(self._unknown_caller, Failure)
        self.remote_access.follow_events(follow)

    def _trace(self, sa: IkeSa | None, label: str, sent: bool) -> bool:
        self.messages.message(sa, label, sent)
        return self.log.wants_message(sa, label)

    def _for_engine(self, settings: Settings) -> Settings:
        """The settings with what the data plane can do."""
        able: Settings = replace(settings, separates_clients=self.plane.separates_clients)
        return able

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
        self.remote_access.adopt(self.file_users())
        self._take_over()
        self._names.adopt(self.settings)
        self.autostart.adopt(self.settings)
        self._set_timer()
        # the objects that exist now stay: the garbage collector need not examine them again
        gc.collect()
        gc.freeze()

    async def close(self, *, keep_protected: bool = False) -> None:
        """Delete all SAs, tell the peers, and release sockets, devices and routes.

        With ``keep_protected``, unprotected traffic of tunnels is still dropped afterwards.
        """
        self._network.close()
        await self.autostart.close()
        await self._names.close()
        self.remote_access.ends()
        for sa in tuple(self.engine.sas.values()):
            try:
                self.close_ike(sa)
            except Exception as error:
                self.log.bug(f"the deletion of ISAKMP SA #{sa.unique_id}", error)
        self._timer.cancel()
        self.certificate_checker.close()
        self._key_exchanges.close()
        for descriptor, _ in self.plane.readers():
            asyncio.get_running_loop().remove_reader(descriptor)
        self._endpoint.close()  # no peer may come back while hooks are run
        await self.remote_access.close()
        try:
            self.plane.close(keep_protected=keep_protected)
        except PlaneError as error:
            self.log.write(Level.ERROR, "ESP", f"cannot remove all of the data plane: {error}")
        self._saved.close()

    def _take_over(self) -> None:
        """Take over the SAs of an earlier process; remove what it left in the kernel that the store does not know."""
        sas = self._saved.read()
        children = [child for sa in sas for child in sa.children]
        self._addresses.resume(self.settings, sas)
        self._client_addresses.resume(sas)
        alive = self.plane.adopt(children)
        self._interfaces.adopt(self.settings)
        self.shunts.adopt(self.settings)
        self.protection.adopt(self.settings, (child for sa in sas for child in (*sa.children, *sa.lost)))
        if sas:
            carried = f" and {len(alive)} pairs of IPsec SAs that the kernel kept" if alive else ""
            self.log.write(Level.INFO, "IKE", f"took over {len(sas)} ISAKMP SAs{carried} from an earlier process")
            try:
                self.apply(self.engine.restore(sas, self.now(), alive))
            except Exception as error:
                self.log.bug("the restoring of SAs", error)
            for sa in self.sas():
                self._performer.keep_alive(sa)
        self.remote_access.begin(self.sas())

    # ------------------------------------------------------------------ in

    def receive_isakmp(self, datagrams: Iterable[tuple[bytes, UdpPath]]) -> None:
        """Process ISAKMP messages from the sockets: each by itself, then one write of the store for all of them.

        What asks the data plane for something is answered before the next message, which may be about that.
        """
        now = self.now()
        actions: list[Action] = []
        for datagram, path in self.early_callers.hold(datagrams):
            try:
                new = self.engine.receive(datagram, path, now)
            except Exception as error:
                self.log.bug(f"the processing of a message from {path.remote}", error)
                continue
            actions += new
            if not PLANE_QUESTIONS.isdisjoint(map(type, new)):
                self._performer.perform(actions)
                actions.clear()
        self.apply(actions)

    def receive_esp(self, packets: Iterable[bytes | memoryview], path: UdpPath) -> None:
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
            self._performer.perform(self.engine.expire(now))
        except Exception as error:
            # what is due stays due: without a pause, the timer would expire again at once, for ever
            self._paused_until = now + self.pause_after_bug
            self.log.bug("the timers of the engine", error)
        try:
            if self._deadline > now:
                return
            self._names.due(now)
            self._initiation.due(now)
            self.autostart.due(now)
            for path in self._keepalives.due(now):
                self._endpoint.send_keepalive(path)
            self._saved.tidy(now)
            for line in self._drop_monitor.due(now, self._children(), self._has_pair):
                self.log.write(Level.WARNING, "ESP", line)
        except Exception as error:
            self._paused_until = now + self.pause_after_bug
            self.log.bug("the timers of the gateway", error)
        finally:
            self._set_timer()

    def _children(self) -> Iterator[ChildSa]:
        return (child for sa in self.engine.sas.values() for child in sa.children)

    def _has_pair(self, unique_id: int) -> bool:
        return self.engine.of_pair(unique_id) is not None

    def _answered(self, what: str, request: int, answer: Answer) -> None:
        try:
            self.apply(self.engine.answered(request, answer, self.now()))
        except Exception as error:
            self.log.bug(f"the processing of {what}", error)

    def _user_checked(self, request: int, verdict: Verdict) -> None:
        self._answered("a user check", request, UserChecked(verdict))

    def use_prompter(self, prompter: Prompter) -> None:
        """Ask the user of this process by ``prompter`` for what gateways ask in XAUTH, in the running event loop."""
        prompts = UserPrompts(prompter, partial(self._answered, "an answer of the user"), self.log)
        self._performer.ask_user = prompts.ask
        self.observers.append(prompts.observe)

    def _addresses_changed(self, names: Mapping[str, tuple[str, ...]]) -> None:
        self.engine.name_addresses(names)
        self.traps.follow_names()

    def _unknown_caller(self, event: Event) -> None:
        if isinstance(event, Failure) and event.code is Code.NO_CONNECTION:
            self._names.hint()  # a peer with a host name may have a new address

    # ------------------------------------------------------------------ out

    def apply(self, actions: Iterable[Action]) -> None:
        """Perform what the engine asks for, in its order, and set the timer."""
        self._performer.perform(actions)
        self._set_timer()

    def _send_esp(self, path: UdpPath, packets: Sequence[bytes | memoryview]) -> int:
        self._keepalives.sent(path, self.now())
        return self._endpoint.send_esp(path, packets)

    @property
    def _deadline(self) -> float:
        """The time of the next work of the parts around the engine."""
        return min(
            self.autostart.deadline,
            self._initiation.deadline,
            self._names.deadline,
            self._keepalives.deadline,
            self._drop_monitor.deadline,
            self._saved.deadline,
        )

    def _set_timer(self) -> None:
        try:
            deadline = min(self.engine.deadline(), self._deadline)
        except Exception as error:
            self.log.bug("the deadlines", error)
            deadline = self.now() + self.pause_after_bug
        if self.log.leaves_out:
            deadline = min(deadline, self.now() + self.log.tells_by)
        self._timer.set(max(self._paused_until, deadline))

    # ------------------------------------------------------------------ commands

    async def initiate(self, connection: str, tunnel: str | None) -> None:
        """Bring up ``tunnel`` of ``connection``, or its ISAKMP SA alone (None), and wait until it is up.

        To stop waiting cancels nothing.

        Raises:
            NotEstablished: it did not come up; the text is the reason.
        """
        if tunnel is not None:
            self.protection.use(connection, tunnel)
        try:
            await self._initiation.initiate(connection, tunnel)
        except NotEstablished as error:
            self.failures.attempt_failed(connection, tunnel or "", error.code, str(error))
            raise

    def call_again(self, connection: str, tunnel: str) -> None:
        """Bring up ``tunnel``, whose peer is dead, with the waits and as many attempts as are configured; at once if no
        attempt failed just now. Nothing happens if the tunnel is up or the connection was removed.
        """
        self.autostart.call_again(connection, tunnel)
        self._set_timer()

    # ------------------------------------------------------------------ changes of the network

    def follow_attached(self) -> None:
        """Route past the tunnels, as client, what the networks to which this host is attached now require."""
        self._client_addresses.follow()

    def sas(self) -> Collection[IkeSa]:
        """All ISAKMP SAs."""
        return tuple(self.engine.sas.values())

    def path_now(self, connection: str) -> UdpPath | None:
        """The path on which phase 1 with the peer of ``connection`` would begin, None if there is none."""
        return self._initiation.path_now(connection)

    def abandon(self, sa: IkeSa, local_host: str) -> None:
        """Delete the ISAKMP SA and its pairs, and tell the peer from ``local_host``: keys and cookies authenticate the
        message, not the address that it comes from.
        """
        try:
            actions = self.engine.close_ike(sa.unique_id, self.now(), "the address of this host changed")
        except UnknownName:  # it was closed meanwhile
            return
        self.apply(
            action._replace(path=action.path._replace(local_host=local_host)) if isinstance(action, Send) else action
            for action in actions
        )

    def failing(self) -> list[tuple[str, UdpPath | None]]:
        """The connections without an ISAKMP SA and with tunnels that are to be up, and the path of the last call."""
        failing = (connection for connection in self.autostart.failing if self.engine.ike_for(connection) is None)
        return [(connection, self._initiation.called_on.get(connection)) for connection in failing]

    def retry(self, connection: str) -> None:
        """Initiate the tunnels of ``connection`` that are to be up at once."""
        self.autostart.retry(connection)
        self._set_timer()

    def close_ike(self, sa: IkeSa) -> None:
        """Delete the ISAKMP SA and its pairs of IPsec SAs, and tell the peer."""
        self._ask(self.engine.close_ike, sa)

    def close_child(self, child: ChildSa) -> None:
        """Delete the pair of IPsec SAs, and one that is about to replace it, and tell the peer."""
        self._ask(self.engine.close_traffic, child)

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
            self.log.write(Level.ERROR, "ESP", f"{child_name(child)}: {error}", code=error.code)
            return Counters()

    def is_up(self, connection: str, tunnel: str) -> bool:
        """Whether a pair of IPsec SAs carries the traffic of ``tunnel``."""
        return any(
            child.name == tunnel and child.state is ChildState.INSTALLED
            for sa in self.engine.of_connection(connection)
            for child in sa.children
        )

    def tunnels_up(self, connection: str) -> set[str]:
        """The names of the tunnels of ``connection`` whose traffic a pair of IPsec SAs carries."""
        pairs = (child for sa in self.engine.of_connection(connection) for child in sa.children)
        return {child.name for child in pairs if child.state is ChildState.INSTALLED}

    def reload(self, how: Reload = USUAL) -> None:
        """Read the configuration again and apply it; ``how`` says what becomes of established SAs.

        Raises:
            ConfigError: the configuration is not usable; nothing was changed.
        """
        self.file_settings = self._load()
        self.adopt(how)
        self.log.write(Level.INFO, "CFG", f"configuration loaded: {len(self.settings.connections)} connections")

    def adopt(self, how: Reload = USUAL, changed: Collection[str] | None = None) -> None:
        """Apply the configuration that was read and what `extend` joins to it. ``changed`` are the connections that
        are not as before, None if any may be; what the operator has done about the tunnels of others holds.
        """
        settings, users = self.extend(self.file_settings, self.file_users())
        self.settings = settings
        self.remote_access.adopt(users)
        self.apply(self.engine.reconfigure(self._for_engine(settings), self.now(), how))
        self._keepalives.interval = settings.nat_keepalive
        self.pools.adopt(settings.pools)
        self._interfaces.adopt(settings)
        self.shunts.adopt(settings)
        self.protection.adopt(settings)
        self._names.adopt(settings)
        self.autostart.adopt(settings, changed)
        self.failures.adopt(settings)
        self._set_timer()
