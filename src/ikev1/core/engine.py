"""The engine: datagrams, commands and the clock go in, actions come out (sans-IO).

`Engine` is what the world holds of the core. It reads no clock, no socket and no random numbers of its own: the time is
an argument of every call, randomness one of the constructor.

Each datagram, each timer of an SA and each command is a transaction: it is done as a whole or not at all. A fault of
the program in one of them is reported as a `Failure` (`Code.INTERNAL_ERROR`) and gives up the exchange that it happened
in; whatever else the same call has to do is done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping

import msgspec

from ikev1.core.machine import commands, dpd, receive, switch, timers
from ikev1.core.machine.boundary import abandon_sa, attempt, contain
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.stateless_responder import Dumped, FirstMessages
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.records.actions import Action, AllocateSpi, InstallInbound, InstallOutbound, Question
from ikev1.core.records.answers import Answer, Done, Spis
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.context import Trace
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import Record, replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Settings
from ikev1.core.records.spi import drawn
from ikev1.errors import LocalError
from ikev1.wire.registry import ProtocolId


class UnknownName(LocalError, LookupError):
    """There is no connection, tunnel or SA of this name; the message says which, and what there is."""

    code = "unknown-name"


class CannotInitiate(LocalError):
    """The peer cannot be called; nothing was sent.

    Attributes:
        code: why, as it is documented in docs/troubleshooting.md.
        text: the same as a sentence.
    """

    code: Code

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Dump(Record, frozen=True):
    """All that an engine knows besides its settings."""

    sas: tuple[IkeSa, ...]
    half_open: tuple[bytes, ...]
    aggressive_callers: tuple[bytes, ...]
    first_messages: Dumped
    admission: tuple[tuple[float, float], ...]
    generation: int
    unique_ids: int
    requests: int

    secret_fields = frozenset({"first_messages"})


class Engine:
    """IKEv1, both roles.

    Args:
        settings: connections and policies; `reconfigure` exchanges them while all SAs go on.
        random: ``random(n)`` gives ``n`` unpredictable octets.
    """

    def __init__(self, settings: Settings, random: Callable[[int], bytes]) -> None:
        self._state = State(settings, random)

    @property
    def settings(self) -> Settings:
        """The settings that negotiations follow now."""
        return self._state.settings

    @property
    def sas(self) -> Mapping[bytes, IkeSa]:
        """All ISAKMP SAs by their 16 octets of cookies."""
        return self._state.table.by_cookies

    def of_connection(self, name: str) -> list[IkeSa]:
        """The ISAKMP SAs of a connection, the oldest first."""
        return self._state.table.of_connection(name)

    @property
    def half_open(self) -> int:
        """How many peers began phase 1 with us and are not done: in Main Mode only those that showed that they receive
        what we send, in Aggressive Mode all.
        """
        return len(self._state.table.half_open) + len(self._state.table.aggressive_callers)

    @property
    def trace(self) -> Trace:
        """Asked whether a message is to be reported (`MessageSeen`) before the report is made: where nobody listens, or
        too many come, none is.
        """
        return self._state.trace

    @trace.setter
    def trace(self, wanted: Trace) -> None:
        self._state.trace = wanted

    # --- what happens

    def receive(self, datagram: bytes, path: UdpPath, now: float) -> list[Action]:
        """Takes a datagram, without non-ESP marker, that came by ``path`` at ``now`` (seconds since the epoch).

        Whatever a peer sends, this raises nothing: what is wrong with it is reported.
        """
        return receive.receive(self._state, datagram, path, now)

    def answered(self, request: int, answer: Answer, now: float) -> list[Action]:
        """Takes the world's answer to the question of this number, an action that has a ``request``; one that nothing
        waits for is ignored.

        An exchange goes on when its question was answered: the world gives each answer once, after it did what was
        asked for, at once or later. Until it is given up, an exchange waits as part of `dump`.
        """
        return receive.answered(self._state, request, answer, now)

    def questions(self) -> list[Question]:
        """The questions to the world that are not answered yet, under the same numbers: for a world that is another one
        than the world that was asked, as it is after `load` in another process.
        """
        return receive.questions(self._state)

    def expire(self, now: float) -> list[Action]:
        """Does what is due by ``now``: to be called when `deadline` has come."""
        return timers.expire(self._state, now)

    def deadline(self) -> float:
        """The time at which `expire` wants to be called, infinity if nothing waits."""
        return self._state.table.next_deadline()

    def peer_moved(self, spi: int, path: UdpPath, now: float) -> list[Action]:
        """An ESP packet of the pair with our inbound ``spi`` proved to come by ``path``: sends there from now on, if
        the peer is behind a NAT; where that is another address, once the peer has answered from there.

        "Any authenticated IKE packet or ESP packet can be used to detect whether the IP address or the port has
        changed" (RFC 3947 §7).
        """
        sa = self._state.table.of_spi(spi)
        return [] if sa is None else self._contained(sa, lambda ref: dpd.follow(ref, path), now)

    def peer_sends(self, spi: int, now: float) -> list[Action]:
        """An ESP packet of the pair with our inbound ``spi`` was authentic, and we do not send with the pair yet: the
        peer can receive with it, so it takes over from an older pair.
        """
        sa = self._state.table.of_spi(spi)
        return [] if sa is None else self._contained(sa, lambda ref: switch.peer_sends(ref, spi), now)

    # --- what we want

    def initiate(self, connection: str, tunnel: str | None, path: UdpPath, now: float) -> list[Action]:
        """Brings up ``tunnel`` of ``connection`` (None: the ISAKMP SA alone).

        A Quick Mode begins under the ISAKMP SA that `ike_for` returns; without one, a phase 1 begins along ``path``.
        An exchange whose first message cannot be built is reported as a `Failure`. A tunnel that `is_under_way` is
        negotiated once more.

        Raises:
            UnknownName: there is no such connection, or no such tunnel in it.
            CannotInitiate: the first message cannot be built. What hinders a Quick Mode under an ISAKMP SA that is up
                is reported (`Failure`).
        """
        state = self._state
        known = state.lookup.by_name(connection)
        if known is None:
            raise UnknownName(f"there is no connection named {connection!r}")
        if tunnel is not None and all(tunnel != each.name for each in known.tunnels):
            raise UnknownName(f"connection {connection!r} has no tunnel {tunnel!r}")
        try:
            return attempt(state, now, lambda tx: commands.bring_up(tx, known, tunnel, path))
        except Refusal as refusal:
            raise CannotInitiate(refusal.code, refusal.text) from None

    def is_under_way(self, connection: str, tunnel: str) -> bool:
        """Whether ``tunnel`` is being negotiated under the ISAKMP SA that `ike_for` returns, or will be once that is
        established.
        """
        sa = self.ike_for(connection)
        return sa is not None and commands.is_under_way(sa, tunnel)

    def ike_for(self, connection: str) -> IkeSa | None:
        """The ISAKMP SA under which `initiate` brings up tunnels of ``connection``: the newest that is up, or that we
        are establishing; None if `initiate` would begin phase 1.
        """
        return commands.ike_for(self._state, connection)

    def close_ike(self, unique_id: int, now: float) -> list[Action]:
        """Deletes an ISAKMP SA with its pairs and tells the peer.

        Raises:
            UnknownName: there is no ISAKMP SA of this number.
        """
        return self._contained(self._ike(unique_id), lambda ref: commands.close_ike(ref, "requested locally"), now)

    def close_child(self, unique_id: int, now: float) -> list[Action]:
        """Deletes a pair of IPsec SAs and tells the peer.

        Raises:
            UnknownName: there is no pair of this number.
        """
        sa, child = self._child(unique_id)
        return self._contained(sa, lambda ref: commands.close_child(ref, child, "requested locally"), now, child.name)

    def rekey_ike(self, unique_id: int, now: float) -> list[Action]:
        """Negotiates the successor of an ISAKMP SA, which takes over its pairs; one that has one already is left alone.

        Raises:
            UnknownName: there is no ISAKMP SA of this number.
        """
        sa = self._ike(unique_id)
        return self._contained(sa, commands.rekey_ike, now) if sa.is_current else []

    def rekey_child(self, unique_id: int, now: float) -> list[Action]:
        """Negotiates the successor of a pair of IPsec SAs, unless it has one already, or that is under way.

        Raises:
            UnknownName: there is no pair of this number.
        """
        sa, child = self._child(unique_id)
        if child.state is not ChildState.INSTALLED:
            return []
        return self._contained(sa, lambda ref: commands.rekey_child(ref, child), now, child.name)

    def _contained(self, sa: IkeSa, work: Callable[[SaRef], None], now: float, tunnel: str = "") -> list[Action]:
        """Run ``work`` on one SA. An internal error is reported and abandons nothing: it recurs only on request."""

        def abandon(tx: Transaction, fault: Refusal) -> None:
            tx.report(Failure(fault.code, fault.text, sa.path.remote, sa, tunnel))

        return contain(self._state, now, lambda tx: work(tx.of(sa)), abandon, sa.path)

    def _ike(self, unique_id: int) -> IkeSa:
        sa = self._state.table.of_number(unique_id)
        if sa is None:
            raise UnknownName(f"there is no ISAKMP SA #{unique_id}")
        return sa

    def _child(self, unique_id: int) -> tuple[IkeSa, ChildSa]:
        found = self._state.table.of_pair(unique_id)
        if found is None or found[1].is_coming:
            raise UnknownName(f"there is no pair of IPsec SAs #{unique_id}")
        return found

    def reconfigure(self, settings: Settings, now: float) -> list[Action]:
        """Takes new settings for what is negotiated from now on.

        Established SAs go on as they are, but for those whose connection is gone, which are closed, and those whose
        peer was believed by another secret, trust or identity: it has to authenticate again.
        """
        state, before = self._state, self._state.lookup
        state.reconfigure(settings)
        actions: list[Action] = []
        for cookies in tuple(state.table.by_cookies):
            sa = state.table.by_cookies.get(cookies)
            if sa is not None:
                actions += self._contained(sa, lambda ref: commands.reconsider(ref, before), now)
        return actions

    # --- from one process to another

    def dump(self) -> bytes:
        """All SAs and whatever is under way, for `load`; it holds every key."""
        state = self._state
        return msgspec.msgpack.encode(
            Dump(
                tuple(state.table),
                tuple(state.table.half_open),
                tuple(state.table.aggressive_callers),
                state.first_messages.dump(),
                state.admission.dump(),
                state.generation,
                state.unique_ids,
                state.requests,
            )
        )

    @classmethod
    def load(cls, settings: Settings, random: Callable[[int], bytes], dumped: bytes) -> Engine:
        """An engine that goes on where the one that gave ``dumped`` stood.

        Raises:
            msgspec.MsgspecError: ``dumped`` is no dump.
        """
        dump = msgspec.msgpack.decode(dumped, type=Dump)
        engine = cls(settings, random)
        state = engine._state
        state.first_messages = FirstMessages.load(*dump.first_messages)
        state.admission.restore(dump.admission)
        state.generation = dump.generation + 1  # the settings may be others than those that the dump's answers obeyed
        state.unique_ids = dump.unique_ids
        state.requests = dump.requests
        state.table.load(dump.sas, dump.half_open, dump.aggressive_callers)
        return engine

    def restore(self, sas: Iterable[IkeSa], now: float, alive: Container[int] = frozenset()) -> list[Action]:
        """Takes over the ISAKMP SAs that a store kept (`Keep`, `Forget`) when no process could dump them.

        Pairs of IPsec SAs whose inbound SPIs are ``alive``, as in a kernel that carried them all the time, go on as
        they are. The others are negotiated anew: nobody knows which sequence numbers were sent with them, and none may
        be sent twice under the same key (RFC 4303 §2.2).
        """
        kept = tuple(sas)
        commands.count_ids(self._state, kept)
        return [action for sa in kept for action in self._taken_over(sa, now, alive)]

    def _taken_over(self, sa: IkeSa, now: float, alive: Container[int]) -> list[Action]:
        def abandon(tx: Transaction, fault: Refusal) -> None:
            tx.report(Failure(fault.code, fault.text, sa.path.remote, sa))
            living = tuple(child for child in sa.children if child.inbound.spi in alive)
            abandon_sa(tx.of(replace(sa, children=living, exchanges=())), "restoring it failed")

        return contain(self._state, now, lambda tx: commands.take_over(tx, sa, alive), abandon, sa.path)


def without_data_plane(
    engine: Engine, actions: Iterable[Action], random: Callable[[int], bytes], now: float
) -> Iterator[Action]:
    """The actions that are left to do for a world that has no data plane, in order: SPIs are drawn at random, and pairs
    are taken for installed. What an answer leads to comes next.
    """
    pending = deque(actions)
    while pending:
        action = pending.popleft()
        if isinstance(action, AllocateSpi):
            compressing = drawn(random, ProtocolId.IPCOMP) if action.compress else 0
            spis = Spis(drawn(random, action.protocol), compressing)
            pending.extendleft(reversed(engine.answered(action.request, spis, now)))
            continue
        if isinstance(action, (InstallInbound, InstallOutbound)):
            pending.extendleft(reversed(engine.answered(action.request, Done(), now)))
        yield action
