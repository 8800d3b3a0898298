"""The actions of the engine, performed in their order; answers to its questions are given at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from ikev1.core.engine import Engine, UnknownName
from ikev1.core.records.actions import (
    Action,
    AllocateSpi,
    AskTraffic,
    AskUser,
    AssignAddresses,
    CheckCertificate,
    CheckUser,
    Forget,
    InstallInbound,
    Keep,
    Move,
    PlaneQuestion,
    ReleaseAddresses,
    Remove,
    Report,
    Send,
)
from ikev1.core.records.answers import Answer, Done, Failed, Spis, UserInput
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import Event
from ikev1.daemon.certificate_checker import CertificateChecker
from ikev1.daemon.dead_peers import traffic_of
from ikev1.daemon.net.endpoint import Endpoint
from ikev1.daemon.net.keepalive import Keepalives
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.remote_access.address_desk import AddressDesk
from ikev1.daemon.saved_sas import SavedSas
from ikev1.errors import describe_bug
from ikev1.esp.plane import DataPlane, PlaneError
from ikev1.wire.registry import ProtocolId


class Performer:
    """Performs actions of ``engine`` by the parts of the gateway; ``observers`` get the events."""

    def __init__(
        self,
        engine: Engine,
        plane: DataPlane,
        endpoint: Endpoint,
        keepalives: Keepalives,
        certificate_checker: CertificateChecker,
        check_user: Callable[[CheckUser], None],
        saved: SavedSas,
        addresses: AddressDesk,
        log: EventLog,
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._plane = plane
        self._endpoint = endpoint
        self._keepalives = keepalives
        self._certificate_checker = certificate_checker
        self._check_user = check_user
        self._saved = saved
        self._addresses = addresses
        self._log = log
        self._clock = clock
        self.observers: list[Callable[[Event], None]] = []
        self.ask_user: Callable[[AskUser], None] | None = None  # begins a question to the user, who answers later
        self.removing: list[Callable[[ChildSa], None]] = []  # called before the data plane removes a pair

    def perform(self, actions: Iterable[Action]) -> None:
        """Perform ``actions``. What an answer of the data plane leads to comes next.

        All records are stored before anything else is done, so that the SAs that a peer learns of survive this process.
        """
        pending: deque[Action] = deque()
        self._prepend(pending, tuple(actions))
        while pending:
            action = pending.popleft()
            try:
                self._prepend(pending, self._perform(action))
            except Exception as error:
                self._log.bug(f"the action {type(action).__name__}", error)

    def _prepend(self, pending: deque[Action], actions: Sequence[Action]) -> None:
        if not actions:
            return
        if self._saved.are_stored:
            self._saved.write([action for action in actions if isinstance(action, (Keep, Forget))])
        pending.extendleft(reversed(actions))

    def _perform(self, action: Action) -> list[Action]:
        """Perform ``action``; what the engine asks for next, before everything else that it asked for."""
        if isinstance(action, Send):
            if self._keepalives.are_needed:
                self._keepalives.sent(action.path, self._clock())
            self._endpoint.send_isakmp(action.path, action.datagram)
        elif isinstance(action, Report):
            self.report(action.event)
        elif isinstance(action, Keep):
            if action.sa.nat is not None:
                self._keepalives.watch(action.sa, self._clock())
        elif isinstance(action, PlaneQuestion):
            return self._engine.answered(action.request, self._answer_of_plane(action), self._clock())
        elif isinstance(action, CheckCertificate):
            self._certificate_checker.check(action)
        elif isinstance(action, CheckUser):
            self._check_user(action)
        elif isinstance(action, AskUser):
            if self.ask_user is None:  # a daemon has nobody to ask
                return self._engine.answered(action.request, UserInput(), self._clock())
            self.ask_user(action)
        elif isinstance(action, AssignAddresses):
            return self._addresses.assign(action)
        elif isinstance(action, ReleaseAddresses):
            self._addresses.release(action)
        elif isinstance(action, Forget):
            self._keepalives.forget(action.sa)
        elif not self._change_plane(action):
            return self._close(action.child)
        return []

    def _close(self, child: ChildSa) -> list[Action]:
        try:
            return self._engine.close_child(child.unique_id, self._clock())
        except UnknownName:  # it was closed meanwhile
            return []

    def _answer_of_plane(self, action: PlaneQuestion) -> Answer:
        """Have the data plane perform ``action``; what it answers."""
        try:
            if isinstance(action, AllocateSpi):
                spi = self._plane.allocate_spi(action.path, action.protocol)
                return Spis(spi, self._plane.allocate_spi(action.path, ProtocolId.IPCOMP) if action.compress else 0)
            if isinstance(action, AskTraffic):
                return traffic_of(action, self._plane.counters)
            if isinstance(action, InstallInbound):
                return Done(self._plane.install_inbound(action.child))
            self._plane.install_outbound(action.child)
        except PlaneError as error:
            return Failed(str(error))
        except Exception as error:
            self._log.bug(f"the data plane's part in {type(action).__name__}", error)
            if isinstance(action, InstallInbound):
                self._undo_install(action.child)
            return Failed(f"internal error: {describe_bug(error)}")
        return Done()

    def _undo_install(self, child: ChildSa) -> None:
        """Remove what an installation with an internal error has left: the engine does not remove what `Failed`."""
        try:
            self._plane.remove(child)
        except Exception as error:
            self._log.bug(f"the removal of {child_name(child)}", error)

    def _change_plane(self, action: Move | Remove) -> bool:
        """Have the data plane perform ``action``; False if it refused."""
        child = action.child
        if isinstance(action, Remove):
            self._announce_removal(child)
        try:
            if isinstance(action, Move):
                self._plane.move(child)
            else:
                self._plane.remove(child)
        except PlaneError as error:
            text, kind = f"{child_name(child)}: {error}", "refusals of the data plane"
            self._log.write(Level.ERROR, "ESP", text, kind=kind, connection=child.connection, code=error.code)
            return False
        except Exception as error:
            self._log.bug(f"the data plane's part in {child_name(child)}", error)
            return False
        return True

    def _announce_removal(self, child: ChildSa) -> None:
        for observer in self.removing:
            try:
                observer(child)
            except Exception as error:
                self._log.bug(f"an observer of the removal of {child_name(child)}", error)

    def report(self, event: Event) -> None:
        """Hand ``event`` to the observers."""
        for observer in self.observers:
            try:
                observer(event)
            except Exception as error:
                self._log.bug(f"an observer of {type(event).__name__}", error)


def child_name(child: ChildSa) -> str:
    """The name of a pair in the log."""
    return f"{child.connection}/{child.name}-{child.unique_id}"
