"""The actions of the engine, performed in their order; answers to its questions are given at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

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
    InstallOutbound,
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
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.key_exchange import ComputeSharedSecret
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

Following = Iterable[Action] | None
"""What the engine asks for after an action, before everything else that it asked for."""


class Performer:
    """Performs actions of ``engine`` by the parts of the gateway.

    Events go to the log first, then to the parts that `follow` their kind, then to ``observers``.
    """

    def __init__(
        self,
        engine: Engine,
        plane: DataPlane,
        endpoint: Endpoint,
        keepalives: Keepalives,
        certificate_checker: CertificateChecker,
        compute: Callable[[ComputeSharedSecret], None],
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
        self._saved = saved
        self._log = log
        self._clock = clock
        self._followers: defaultdict[type, list[Callable[[Event], None]]] = defaultdict(list)
        self.observers: list[Callable[[Event], None]] = []
        self.ask_user: Callable[[AskUser], None] | None = None  # begins a question to the user, who answers later
        self.removing: list[Callable[[ChildSa], None]] = []  # called before the data plane removes a pair
        self._perform: dict[type, Callable[[Any], Following]] = {
            Send: self._send,
            Report: lambda report: self.report(report.event),
            Keep: self._keep,
            Forget: lambda forget: keepalives.forget(forget.sa),
            AllocateSpi: partial(self._ask_plane, self._allocate_spi),
            InstallInbound: partial(self._ask_plane, lambda install: Done(plane.install_inbound(install.child))),
            InstallOutbound: partial(self._ask_plane, lambda install: plane.install_outbound(install.child)),
            AskTraffic: partial(self._ask_plane, lambda question: traffic_of(question, plane.counters)),
            Move: self._change_plane,
            Remove: self._change_plane,
            CheckCertificate: certificate_checker.check,
            ComputeSharedSecret: compute,
            CheckUser: check_user,
            AskUser: self._ask_user,
            AssignAddresses: addresses.assign,
            ReleaseAddresses: addresses.release,
        }

    def perform(self, actions: Iterable[Action]) -> None:
        """Perform ``actions``. What an answer of the data plane leads to comes next.

        All records are stored before anything else is done, so that the SAs that a peer learns of survive this process.
        """
        if self._saved.are_stored:
            actions = tuple(actions)
            self._saved.write([action for action in actions if isinstance(action, (Keep, Forget))])
        for action in actions:
            try:
                following = self._perform[type(action)](action)
                if following:
                    self.perform(following)
            except Exception as error:
                self._log.bug(f"the action {type(action).__name__}", error)

    def _send(self, action: Send) -> None:
        if self._keepalives.are_needed:
            self._keepalives.sent(action.path, self._clock())
        self._endpoint.send_isakmp(action.path, action.datagram)

    def _keep(self, action: Keep) -> None:
        self.keep_alive(action.sa)

    def keep_alive(self, sa: IkeSa) -> None:
        """Keep the mapping of the NAT in front of this host, if there is one."""
        if sa.nat is not None and sa.nat.local_behind:
            self._keepalives.watch(sa, self._clock())

    def _ask_user(self, action: AskUser) -> Following:
        if self.ask_user is None:  # a daemon has nobody to ask
            return self._engine.answered(action.request, UserInput(), self._clock())
        self.ask_user(action)
        return None

    def _ask_plane(self, ask: Callable[[Any], Answer | None], action: PlaneQuestion) -> Following:
        return self._engine.answered(action.request, self._answer_of_plane(ask, action), self._clock())

    def _allocate_spi(self, action: AllocateSpi) -> Spis:
        spi = self._plane.allocate_spi(action.path, action.protocol)
        return Spis(spi, self._plane.allocate_spi(action.path, ProtocolId.IPCOMP) if action.compress else 0)

    def _answer_of_plane(self, ask: Callable[[Any], Answer | None], action: PlaneQuestion) -> Answer:
        """Have the data plane perform ``action`` by ``ask``; what it answers."""
        try:
            return ask(action) or Done()
        except PlaneError as error:
            return Failed(str(error))
        except Exception as error:
            self._log.bug(f"the data plane's part in {type(action).__name__}", error)
            if isinstance(action, InstallInbound):
                self._undo_install(action.child)
            return Failed(f"internal error: {describe_bug(error)}")

    def _undo_install(self, child: ChildSa) -> None:
        """Remove what an installation with an internal error has left: the engine does not remove what `Failed`."""
        try:
            self._plane.remove(child)
        except Exception as error:
            self._log.bug(f"the removal of {child_name(child)}", error)

    def _change_plane(self, action: Move | Remove) -> Following:
        """Have the data plane perform ``action``; a pair that it refuses to change is closed."""
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
        except Exception as error:
            self._log.bug(f"the data plane's part in {child_name(child)}", error)
        else:
            return None
        with suppress(UnknownName):  # it was closed meanwhile
            return self._engine.close_child(child.unique_id, self._clock())
        return None

    def _announce_removal(self, child: ChildSa) -> None:
        for observer in self.removing:
            try:
                observer(child)
            except Exception as error:
                self._log.bug(f"an observer of the removal of {child_name(child)}", error)

    def follow(self, observer: Callable[[Event], None], *kinds: type) -> None:
        """Hand all events of ``kinds`` to ``observer``."""
        for kind in kinds:
            self._followers[kind].append(observer)

    def report(self, event: Event) -> None:
        """Hand ``event`` to the log, the followers of its kind and the observers."""
        for observer in (self._log.event, *self._followers[type(event)], *self.observers):
            try:
                observer(event)
            except Exception as error:
                self._log.bug(f"an observer of {type(event).__name__}", error)


def child_name(child: ChildSa) -> str:
    """The name of a pair in the log."""
    return f"{child.connection}/{child.name}-{child.unique_id}"
