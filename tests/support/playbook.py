"""Conversations in memory between engines as white boxes: `ikev1.testing`, and what each engine asks of the world.

A test says who calls, and then which datagrams it expects, as `ikev1.testing.Network.plays` describes. What an engine
asks for is done to a data plane and a store that are plain dictionaries, checked against the engine after every turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Any, Protocol, TypeVar

from ikev1.core.engine import Engine
from ikev1.core.exchanges.registry import cisco_state
from ikev1.core.machine import ended
from ikev1.core.machine.boundary import attempt
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
    ReleaseAddresses,
    Remove,
    Report,
    Send,
)
from ikev1.core.records.answers import (
    AddressesAssigned,
    Answer,
    Done,
    Failed,
    PairTraffic,
    Spis,
    Traffic,
    UserChecked,
    UserInput,
)
from ikev1.core.records.certificate_check import CertificateVerdict
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import Code, Event, Failure, MessageSeen
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Unavailable, Verdict, XauthAttempt, XauthQuestions
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Settings
from ikev1.core.records.spi import drawn
from ikev1.testing import Datagram, Randomness
from ikev1.testing.network import BaseNetwork
from ikev1.wire.fragmentation import are_of_one_message
from ikev1.wire.header import Header
from ikev1.wire.message import Message, parse_message
from ikev1.wire.payloads import Delete, Notification, Payload
from ikev1.wire.registry import NotifyType, ProtocolId

__all__ = ["Couple", "Datagram", "Network", "Peer", "Randomness", "establish"]

EventType = TypeVar("EventType", bound=Event)
Questioned = AllocateSpi | InstallInbound | InstallOutbound | AskTraffic | CheckUser | AskUser | AssignAddresses
"""Questions that a peer answers itself."""

Allocate = Callable[[UdpPath, int], int | Failed]
"""Chooses an inbound SPI of a protocol (for IPComp: a CPI) for a pair on a path."""


class Draws(Randomness):
    """Octets that depend on how many of the same size were drawn before, whatever else is drawn meanwhile."""

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self.streams: dict[int, Randomness] = {}

    def __call__(self, octets: int) -> bytes:
        self.drawn += octets
        return self.streams.setdefault(octets, Randomness(f"{self._seed} {octets}"))(octets)

    def go_on_as(self, other: Draws) -> None:
        """Draws from now on what ``other`` would."""
        for octets, stream in other.streams.items():
            self.streams[octets] = copy(stream)


class Peer:
    """An engine at an address, with a data plane and a store that do what it asks."""

    def __init__(self, network: Network, name: str, address: str, settings: Settings) -> None:
        self.network = network
        self.name = name
        self.address = address
        self.settings = settings
        self.random = Draws(name)
        self.spis = Draws(f"SPIs of {name}")
        self.allocate_spi: Allocate = lambda path, protocol: drawn(self.spis, protocol)
        self.engine = Engine(settings, self.random)
        self.events: list[Event] = []
        self.inbound: dict[int, ChildSa] = {}
        self.outbound: dict[tuple[Selector, Selector], ChildSa] = {}
        self.told_to_plane: list[tuple[str, int]] = []  # what was to be done, and the inbound SPI of the pair
        self.stored: dict[bytes, IkeSa] = {}
        self.checks: Callable[[XauthAttempt], Verdict] = lambda attempt: Unavailable("no backend")
        self.user: Callable[[XauthQuestions], dict[int, bytes] | None] = lambda questions: None
        self.attempts: list[XauthAttempt] = []  # checked so far
        self.assigns: Callable[[AssignAddresses], AddressesAssigned | None] = lambda action: None
        self.asked_for: list[AssignAddresses] = []
        self.released: list[str] = []  # virtual addresses
        self.questions: list[CheckCertificate] = []  # on certificates, not answered yet
        self.refuses: set[type[Action]] = set()  # what the data plane does not do
        self.delays: set[type[Action]] = set()  # what is done, but answered only by `gives_answers`
        self.unanswered: list[tuple[int, Answer]] = []
        self.received_at: dict[int, float] = {}  # when a pair carried its newest packet, by inbound SPI
        self.sent_at: dict[int, float] = {}
        self._labels: dict[bytes, str] = {}

    # --- what it is made to do

    def calls(self, tunnel: str | None = "net", *, connection: str = "peer", host: str | None = None) -> None:
        """Brings up a tunnel with the peer at ``host``, by default the other one of the network."""
        path = UdpPath(self.address, 500, host or self.network.other(self).address, 500)
        self.does(lambda engine: engine.initiate(connection, tunnel, path, self.network.now))

    def does(self, wish: Callable[[Engine], list[Action]]) -> None:
        """Has the engine do something, and does what it asks for then."""
        if self.network.reborn:
            self.is_reborn()
        pending = deque(wish(self.engine))
        while pending:
            action = pending.popleft()
            answer = self._perform(action, _following(action, pending))
            if answer is not None:
                assert isinstance(action, Questioned)
                pending.extendleft(reversed(self._answered(action.request, answer)))
        self._check()

    def is_given(self, settings: Settings) -> None:
        """The operator changes the configuration while the engine runs."""
        self.does(lambda engine: engine.reconfigure(settings, self.network.now))
        self.settings = settings

    def is_reborn(self) -> None:
        """Another process goes on where this one stops."""
        loaded = Engine.load(self.settings, self.random, self.engine.dump())
        assert dict(loaded.sas) == dict(self.engine.sas)
        assert loaded.half_open == self.engine.half_open
        assert loaded.questions() == self.engine.questions()
        self.engine = loaded

    def is_killed(self, *alive: int) -> None:
        """The process ends without a word, and another begins with what was stored; of what the data plane carried only
        the pairs with these inbound SPIs are ``alive``.
        """
        stored = list(self.stored.values())
        self.engine = Engine(self.settings, self.random)
        self.inbound = {spi: child for spi, child in self.inbound.items() if spi in alive}
        self.outbound = {key: child for key, child in self.outbound.items() if child.inbound.spi in alive}
        self.unanswered.clear()
        self.does(lambda engine: engine.restore(stored, self.network.now, alive))

    def asks_for_spis(self, allocate: Allocate) -> None:
        """From now on somebody else chooses the SPIs."""
        self.allocate_spi = allocate

    def gives_answers(self) -> None:
        """Answers all that was delayed, the oldest first; what follows may be delayed again."""
        answers, self.unanswered = self.unanswered, []
        for answer in answers:
            self.does(lambda engine, given=answer: engine.answered(*given, self.network.now))  # type: ignore[misc]

    def is_told(self, verdict: CertificateVerdict) -> None:
        """The world answers the oldest question about a certificate."""
        question = self.questions.pop(0)
        self.does(lambda engine: engine.answered(question.request, verdict, self.network.now))

    def takes(self, octets: bytes, path: UdpPath) -> None:
        """A datagram arrives."""
        self.does(lambda engine: engine.receive(octets, path, self.network.now))

    def receive(self, datagram: Datagram) -> None:
        """A datagram arrives from the network."""
        self.takes(datagram.octets, UdpPath(*datagram.destination, *datagram.source))

    def get_timer(self) -> float:
        """When the engine wants to be called."""
        return self.engine.deadline()

    def handle_timer(self) -> None:
        """The clock strikes, if the engine asked for it."""
        if self.engine.deadline() <= self.network.now:
            self.does(lambda engine: engine.expire(self.network.now))

    def _answered(self, request: int, answer: Answer) -> list[Action]:
        if self.network.reborn:
            self.is_reborn()
        return self.engine.answered(request, answer, self.network.now)

    def _answer(self, action: Questioned) -> Answer:
        """Does what is asked for, or refuses it."""
        if type(action) in self.refuses:
            return Failed("this data plane refuses")
        match action:
            case AllocateSpi(_, path, protocol, compress):
                spi = self.allocate_spi(path, protocol)
                cpi = self.allocate_spi(path, ProtocolId.IPCOMP) if compress else 0
                if isinstance(spi, Failed):
                    return spi
                return cpi if isinstance(cpi, Failed) else Spis(spi, cpi)
            case InstallInbound(_, child):
                assert self.inbound.get(child.inbound.spi) in (None, child)
                self.inbound[child.inbound.spi] = child
            case InstallOutbound(_, child):
                assert child.inbound.spi in self.inbound, "who sends must be able to receive the answer"
                self.outbound[child.local, child.remote] = child
            case AskTraffic(_, children):
                return self._traffic(child.inbound.spi for child in children)
            case CheckUser(_, _, _, attempt):
                self.attempts.append(attempt)
                return UserChecked(self.checks(attempt))
            case AskUser(_, _, _, questions):
                return UserInput(self.user(questions))
            case AssignAddresses():
                self.asked_for.append(action)
                return self.assigns(action) or Failed("there are no pools")
        return Done()

    def _traffic(self, spis: Iterable[int]) -> Traffic:
        """How long ago the pairs with these inbound SPIs carried anything."""

        def idle(at: float | None) -> float | None:
            return None if at is None else self.network.now - at

        return Traffic(
            tuple(PairTraffic(spi, idle(self.received_at.get(spi)), idle(self.sent_at.get(spi))) for spi in spis)
        )

    def packets(self, *directions: str, tunnel: str | None = None) -> None:
        """Each pair, or each pair of a tunnel, carries a packet now: ``"in"``, ``"out"`` or both."""
        for spi, child in self.inbound.items():
            if tunnel not in (None, child.name):
                continue
            for direction in directions:
                (self.received_at if direction == "in" else self.sent_at)[spi] = self.network.now

    def _perform(self, action: Action, following: Action | None) -> Answer | None:
        """Does what the engine asks for; what it is to be answered at once, if anything."""
        if isinstance(action, (InstallInbound, InstallOutbound, Move, Remove)):
            self.told_to_plane.append((type(action).__name__, action.child.inbound.spi))
        match action:
            case Send(path, octets):
                self._send(path, octets, following)
            case Report(event):
                self.events.append(event)
            case ReleaseAddresses(addresses):
                self.released += addresses
            case (
                AllocateSpi()
                | InstallInbound()
                | InstallOutbound()
                | AskTraffic()
                | CheckUser()
                | AskUser()
                | AssignAddresses()
            ):
                answer = self._answer(action)
                if type(action) not in self.delays:
                    return answer
                self.unanswered.append((action.request, answer))
            case Move(child) if child.inbound.spi in self.inbound:
                before = self.inbound[child.inbound.spi]
                child = replace(child, inbound=before.inbound, outbound=before.outbound)
                self.inbound[child.inbound.spi] = child
                if self._sends_with(before):
                    del self.outbound[before.local, before.remote]
                    self.outbound[child.local, child.remote] = child
            case Remove(child):
                assert child.inbound.spi in self.inbound
                self.inbound.pop(child.inbound.spi, None)
                if self._sends_with(child):
                    del self.outbound[child.local, child.remote]
            case Keep(sa):
                self.stored[sa.cookies] = sa
            case CheckCertificate():
                self.questions.append(action)
            case Forget(sa):
                self.stored.pop(sa.cookies, None)
        return None

    def _sends_with(self, child: ChildSa) -> bool:
        used = self.outbound.get((child.local, child.remote))
        return used is not None and used.outbound.spi == child.outbound.spi

    def _check(self) -> None:
        """Data plane and store hold what the engine believes in, no less and no more."""
        sas = list(self.engine.sas.values())
        children = {child.inbound.spi for sa in sas for child in sa.children}
        under_way = {
            exchange.quick.child.inbound.spi
            for sa in sas
            for exchange in sa.exchanges
            if exchange.quick is not None and exchange.quick.child is not None
        }
        assert set(self.inbound) == children | (under_way & set(self.inbound) if self.refuses else under_way)
        stored = {sa.cookies: _spis(sa) for sa in self.stored.values()}
        assert stored == {sa.cookies: _spis(sa) for sa in sas if sa.state is not IkeState.CONNECTING}

    def _send(self, path: UdpPath, octets: bytes, following: Action | None) -> None:
        if isinstance(following, Report) and isinstance(following.event, MessageSeen) and following.event.sent:
            self._labels[octets] = _label(following.event)
        label = self._labels.get(octets) or _label_of_clear(octets)
        source, destination = (path.local_host, path.local_port), (path.remote_host, path.remote_port)
        self.network.send(Datagram(source, destination, octets, label, self.name))

    # --- what became of it

    @property
    def sa(self) -> IkeSa:
        """The only ISAKMP SA, besides those that it has replaced."""
        (sa,) = (sa for sa in self.engine.sas.values() if not sa.heir)
        return sa

    @property
    def child(self) -> ChildSa:
        """The only pair of IPsec SAs of the only ISAKMP SA."""
        (child,) = self.sa.complete_children
        return child

    @property
    def carries(self) -> ChildSa:
        """The same pair as the data plane has it: with its keys, which the engine does not keep."""
        bare = self.child
        assert bare == bare.without_keys()
        return self.inbound[bare.inbound.spi]

    @property
    def children(self) -> list[ChildSa]:
        """All pairs of IPsec SAs that are complete, the oldest first."""
        found = [child for sa in self.engine.sas.values() for child in sa.complete_children]
        return sorted(found, key=lambda child: child.unique_id)

    @property
    def state(self) -> str:
        """Where the only ISAKMP SA stands, in Cisco's words."""
        return cisco_state(self.sa)

    def saw(self, kind: type[EventType]) -> list[EventType]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def failures(self) -> list[Code]:
        """What went wrong, by code."""
        return [failure.code for failure in self.saw(Failure)]

    @property
    def failure(self) -> Failure:
        """The only failure."""
        (failure,) = self.saw(Failure)
        return failure


def _following(action: Action, pending: Iterable[Action]) -> Action | None:
    """The next action that is not the rest of a message in fragments."""
    return next((each for each in pending if not _go_together(action, each)), None)


def _go_together(action: Action, other: Action) -> bool:
    if not isinstance(action, Send) or not isinstance(other, Send):
        return False
    return are_of_one_message(action.datagram, other.datagram)


def _spis(sa: IkeSa) -> set[int]:
    """The inbound SPIs of the pairs, and of those that ended with an earlier process and are to be negotiated again."""
    return {child.inbound.spi for child in (*sa.children, *sa.lost)}


def _label(seen: MessageSeen) -> str:
    return f"INFO {_told(seen.message)}" if seen.label == "INFO" else seen.label


def _label_of_clear(octets: bytes) -> str:
    header = Header.parse(octets)
    if header.encrypted:
        return "something encrypted"
    return f"INFO {_told(parse_message(header, octets[28:]))} in the clear"


def _told(message: Message) -> str:
    notifies = [f"N({NotifyType(payload.type).name})" for payload in message.all(Notification)]
    return " ".join([*notifies, *(f"D({ProtocolId(payload.protocol).name})" for payload in message.all(Delete))])


class Network(BaseNetwork[Peer]):
    """A network whose peers are white boxes; ``reborn`` has every engine dumped and loaded before all it does."""

    def __init__(self, *, reborn: bool = False) -> None:
        super().__init__()
        self.reborn = reborn

    def peer(self, name: str, address: str, settings: Settings) -> Peer:
        """A new peer of this network."""
        self.peers[name] = Peer(self, name, address, settings)
        return self.peers[name]


class Couple(Protocol):
    """Makes alice and bob."""

    def __call__(
        self,
        *,
        alice: dict[str, Any] | None = None,
        bob: dict[str, Any] | None = None,
        tunnel_options: dict[str, Any] | None = None,
        settings_options: dict[str, Any] | None = None,
        addresses: tuple[str, str] = ...,
        **both: Any,
    ) -> tuple[Peer, Peer]:
        """Options of the connection (of one or both), of the tunnel and of the settings."""


def say(engine: Engine, sa: IkeSa, payloads: Sequence[Payload], now: float) -> list[Action]:
    """Has an engine send an informational message that it would not send by itself."""
    return attempt(engine._state, now, lambda tx: tx.of(sa).say(*payloads))


def end(engine: Engine, sa: IkeSa, reason: str, now: float) -> list[Action]:
    """Has an engine end an ISAKMP SA without a word to the peer."""
    return attempt(engine._state, now, lambda tx: ended.end(tx.of(sa), reason))


def change(engine: Engine, sa: IkeSa, **fields: Any) -> IkeSa:
    """Changes what an engine knows of an ISAKMP SA; the SA as it is then."""
    attempt(engine._state, 0.0, lambda tx: tx.of(sa).change(**fields))
    return engine.sas[sa.cookies]


def establish(network: Network, peer: Peer, tunnel: str | None = "net") -> None:
    """Brings up a tunnel, or the ISAKMP SA alone, without a look at how, and forgets what was seen of it."""
    peer.calls(tunnel)
    network.settle()
    for each in network.peers.values():
        assert each.failures == []
        each.events.clear()
    network.sent.clear()
