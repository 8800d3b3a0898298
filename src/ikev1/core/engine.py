"""The engine, the sans-IO interface of the core: datagrams, commands and timers are its input, actions its output.

`Engine` uses no clock, socket or random number generator: the time is an argument of its methods, and randomness an
argument of its constructor.

Each datagram, each timer of an SA and each command is processed in a transaction, as a whole or not at all. An internal
error in one of them is reported as a `Failure` (`Code.INTERNAL_ERROR`) and abandons the exchange in which it occurred;
the rest of the call is processed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping

import msgspec

from ikev1.core.machine import (
    answers,
    closing,
    commands,
    dpd,
    liveness,
    lost_sas,
    receive,
    reload,
    switch,
    take_over,
    timers,
)
from ikev1.core.machine.boundary import abandon_sa, attempt, contain
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.fragments import DumpedFragments
from ikev1.core.machine.report_limits import DumpedLimits
from ikev1.core.machine.stateless_responder import Dumped, FirstMessages
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.peer.connection_lookup import ConnectionLookup
from ikev1.core.records.actions import (
    Action,
    AllocateSpi,
    AskTraffic,
    InstallInbound,
    InstallOutbound,
    Question,
    ReleaseAddresses,
)
from ikev1.core.records.answers import Answer, Done, Spis, Traffic
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.context import Trace
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import Record, replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.reload import USUAL, Reload
from ikev1.core.records.settings import Settings
from ikev1.core.records.spi import drawn
from ikev1.errors import LocalError
from ikev1.wire.header import NO_COOKIE
from ikev1.wire.registry import ProtocolId


class UnknownName(LocalError, LookupError):
    """There is no connection, tunnel or SA with this name or number."""

    code = "unknown-name"


class CannotInitiate(LocalError):
    """Phase 1 cannot be initiated; nothing was sent.

    Attributes:
        code: the reason, which docs/troubleshooting.md explains.
        text: the reason as text.
    """

    code: Code

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Dump(Record, frozen=True):
    """The complete state of an engine, except its settings."""

    sas: tuple[IkeSa, ...]
    half_open: tuple[bytes, ...]
    aggressive_callers: tuple[bytes, ...]
    first_messages: Dumped
    admission: tuple[tuple[float, float], ...]
    fragments: tuple[DumpedFragments, ...]
    generation: int
    unique_ids: int
    requests: int
    limits: DumpedLimits = DumpedLimits()
    pair_ids: int = 0
    reqids: int = 0

    secret_fields = frozenset({"first_messages"})


class Engine:
    """IKEv1 as initiator and responder.

    Args:
        settings: connections and policies; `reconfigure` replaces them.
        random: ``random(n)`` returns ``n`` unpredictable octets.
    """

    def __init__(self, settings: Settings, random: Callable[[int], bytes]) -> None:
        self._state = State(settings, random)

    def leave_out(self, groups: Container[int]) -> None:
        """Ask the caller to compute what takes long in phase 1 of Main Mode: Diffie-Hellman in these ``groups``, by
        `ComputeSharedSecret`. Without this call, the engine computes everything itself.
        """
        self._state.large_groups = groups

    @property
    def settings(self) -> Settings:
        """The current settings."""
        return self._state.settings

    @property
    def sas(self) -> Mapping[bytes, IkeSa]:
        """All ISAKMP SAs by their 16 octets of cookies."""
        return self._state.table.by_cookies

    def of_connection(self, name: str) -> list[IkeSa]:
        """Return the ISAKMP SAs of a connection, the oldest first."""
        return self._state.table.of_connection(name)

    def of_number(self, unique_id: int) -> IkeSa | None:
        """Return the ISAKMP SA with this number, None if there is none."""
        return self._state.table.of_number(unique_id)

    def of_pair(self, unique_id: int) -> IkeSa | None:
        """Return the ISAKMP SA that holds the pair of IPsec SAs with this number, None if there is none."""
        found = self._state.table.of_pair(unique_id)
        return None if found is None else found[0]

    def awaits(self, request: int) -> bool:
        """Whether the question with this number is still open: an SA may end before the answer to its question."""
        return self._state.table.of_request(request) is not None

    @property
    def half_open(self) -> int:
        """The number of half-open ISAKMP SAs as responder: in Main Mode only those whose peers have proved that they
        receive messages at their addresses, in Aggressive Mode all.
        """
        return len(self._state.table.half_open) + len(self._state.table.aggressive_callers)

    @property
    def trace(self) -> Trace:
        """A function that decides whether a message is reported (`MessageSeen`), before the event is created. The
        caller replaces it to omit events that nobody observes, or that are too many.
        """
        return self._state.trace

    @trace.setter
    def trace(self, wanted: Trace) -> None:
        self._state.trace = wanted

    # --- what happens

    def receive(self, datagram: bytes, path: UdpPath, now: float) -> list[Action]:
        """Process a datagram, without non-ESP marker, that was received on ``path`` at ``now``, in seconds by the clock
        of the caller.

        Raises no exception, regardless of the octets: errors are reported as events.
        """
        return receive.receive(self._state, datagram, path, now)

    def is_unknown_caller(self, datagram: bytes, path: UdpPath) -> bool:
        """Whether ``datagram`` is the first message of a peer, and no connection matches the addresses of ``path``."""
        return receive.is_unknown_caller(self._state, datagram, path)

    def answered(self, request: int, answer: Answer, now: float) -> list[Action]:
        """Process the answer to the question with the number ``request``, and continue the exchange that waits for it.

        A question is an action with a field ``request``. The caller answers each question once, immediately or later,
        after it has performed the action. Answers for which no exchange waits are ignored. A waiting exchange is part
        of `dump`, and is abandoned when it times out.
        """
        return answers.answered(self._state, request, answer, now)

    def questions(self) -> list[Question]:
        """Return the unanswered questions with the same numbers, for a caller that did not receive them: after `load`
        in another process.
        """
        return answers.questions(self._state)

    def expire(self, now: float) -> list[Action]:
        """Fire the timers that are due by ``now``. Call this at the time that `deadline` returns.

        If the timers of many SAs are due, this fires some of them, so that messages can be processed in between;
        `deadline` is not later than ``now`` then.
        """
        return timers.expire(self._state, now)

    def deadline(self) -> float:
        """Return the time at which to call `expire`, by the clock of ``now``; infinity if there is no timer."""
        return self._state.table.next_deadline()

    def peer_moved(self, spi: int, path: UdpPath, now: float) -> list[Action]:
        """Process a new path of the peer, on which an authentic ESP packet with the inbound SPI ``spi`` was received.

        If the peer is behind a NAT, its SAs change to ``path``; if the address is different, only after the peer has
        answered a probe on ``path``.

        "Any authenticated IKE packet or ESP packet can be used to detect whether the IP address or the port has
        changed" (RFC 3947 §7).
        """
        sa = self._state.table.of_spi(spi)
        return [] if sa is None else self._contained(sa, lambda ref: _follow(ref, path), now)

    def unknown_spi(self, spi: int, protocol: int, path: UdpPath, now: float) -> list[Action]:
        """Packets of ``protocol`` (a `ProtocolId`) came with an SPI that no SA has: tells a known peer that seems to
        have SAs which we lost, within a rate limit (INVALID-SPI). ``path`` is that for ISAKMP messages to the sender.
        Anybody can send such packets.
        """
        return lost_sas.unknown_spi(self._state, spi, protocol, path, now)

    def peer_sends(self, spi: int, now: float) -> list[Action]:
        """An ESP packet of the pair with our inbound ``spi`` was authentic, and we do not send with the pair yet: the
        peer can receive with it, so it takes over from an older pair.
        """
        sa = self._state.table.of_spi(spi)
        return [] if sa is None else self._contained(sa, lambda ref: switch.peer_sends(ref, spi), now)

    # --- what we want

    def initiate(self, connection: str, tunnel: str | None, path: UdpPath, now: float) -> list[Action]:
        """Negotiate ``tunnel`` of ``connection`` (None: only the ISAKMP SA).

        Initiate Quick Mode under the ISAKMP SA that `ike_for` returns; if there is none, initiate phase 1 on ``path``
        first. A tunnel that `is_under_way` is negotiated again.

        Raises:
            UnknownName: there is no such connection, or no such tunnel in it.
            CannotInitiate: the first message of phase 1 cannot be built. If the first message of Quick Mode cannot be
                built, a `Failure` is reported instead.
        """
        state = self._state
        known = state.lookup.by_name(connection)
        if known is None:
            raise UnknownName(f"there is no connection named {connection!r}")
        if tunnel is not None and known.tunnel(tunnel) is None:
            raise UnknownName(f"connection {connection!r} has no tunnel {tunnel!r}")
        try:
            return attempt(state, now, lambda tx: commands.bring_up(tx, known, tunnel, path))
        except Refusal as refusal:
            raise CannotInitiate(refusal.code, refusal.text) from None

    def is_under_way(self, connection: str, tunnel: str) -> bool:
        """Return whether ``tunnel`` is being negotiated under the ISAKMP SA that `ike_for` returns, or is queued until
        that is established.
        """
        sa = self.ike_for(connection)
        return sa is not None and commands.is_under_way(sa, tunnel)

    def ike_for(self, connection: str) -> IkeSa | None:
        """Return the ISAKMP SA under which `initiate` negotiates tunnels of ``connection``: the newest one that is
        established or that this gateway is initiating. None if `initiate` would initiate phase 1.
        """
        return commands.ike_for(self._state, connection)

    def why_waiting(self, connection: str, tunnel: str | None) -> str:
        """Return why ``tunnel`` (None: the ISAKMP SA) is not up yet, empty if it is not being negotiated."""
        sa = self.ike_for(connection)
        if sa is None:
            return ""
        if sa.awaits_user:
            return f"phase 1 is complete, and {sa.path.remote_host} has not accepted the user yet (XAUTH)"
        running = (sa.phase1,) if sa.is_call_of_ours else tuple(each for each in sa.exchanges if each.tunnel == tunnel)
        return next((timers.reason_of(sa, exchange)[1] for exchange in running if exchange is not None), "")

    def is_unanswered(self, unique_id: int) -> bool:
        """Return whether the peer has not answered the first message of phase 1 that this gateway sent for this SA."""
        sa = self._state.table.of_number(unique_id)
        return sa is not None and sa.is_call_of_ours and sa.CKY_R == NO_COOKIE

    def give_up_call(self, unique_id: int, now: float) -> list[Action]:
        """End an ISAKMP SA that `is_unanswered` before all retransmissions, because the peer has another address.

        Any other ISAKMP SA is not changed.
        """
        sa = self._state.table.of_number(unique_id)
        if sa is None or sa.phase1 is None or not self.is_unanswered(unique_id):
            return []
        exchange = sa.phase1
        return self._contained(sa, lambda ref: timers.give_up_phase1(ref, exchange), now)

    def of_address(self, address: str) -> list[IkeSa]:
        """Return the ISAKMP SAs, the oldest first, to whose peer this gateway assigned the virtual ``address``."""
        return self._state.table.of_address(address)

    def called_addresses(self, connection: str) -> tuple[str, ...]:
        """Return the addresses at which to initiate to the peer of ``connection``, in order: the configured ones, and
        those of its host names (`name_addresses`).
        """
        known = self._state.lookup.by_name(connection)
        return () if known is None else self._state.lookup.called_addresses(known)

    def name_addresses(self, names: Mapping[str, tuple[str, ...]]) -> None:
        """Replace the known addresses of the host names of peers.

        Initiators with these addresses match the connections with these names. Established SAs do not change.
        """
        self._state.name_addresses(names)

    def close_ike(self, unique_id: int, now: float, reason: str = "requested locally") -> list[Action]:
        """Delete an ISAKMP SA and its pairs, and notify the peer. ``reason`` is for the events.

        Raises:
            UnknownName: there is no ISAKMP SA with this number.
        """
        return self._contained(self._ike(unique_id), lambda ref: closing.close_ike(ref, reason), now)

    def close_child(self, unique_id: int, now: float) -> list[Action]:
        """Delete a pair of IPsec SAs, and notify the peer.

        Raises:
            UnknownName: there is no pair with this number, or its Quick Mode is not complete.
        """
        sa, child = self._child(unique_id)

        def close(ref: SaRef) -> None:
            closing.close_child(ref, child, "requested locally")
            switch.fill_gaps(ref)

        return self._contained(sa, close, now, child.name)

    def close_traffic(self, unique_id: int, now: float) -> list[Action]:
        """Delete a pair of IPsec SAs as `close_child` does, and one that is about to replace it.

        Raises:
            UnknownName: there is no pair with this number, or its Quick Mode is not complete.
        """
        sa, child = self._child(unique_id)
        return self._contained(sa, lambda ref: closing.close_traffic(ref, child, "requested locally"), now, child.name)

    def rekey_ike(self, unique_id: int, now: float) -> list[Action]:
        """Negotiate the ISAKMP SA that replaces this one and takes over its pairs; one that has an heir stays as it is.

        Raises:
            UnknownName: there is no ISAKMP SA with this number.
        """
        sa = self._ike(unique_id)
        return self._contained(sa, commands.rekey_ike, now) if sa.is_current else []

    def rekey_child(self, unique_id: int, now: float) -> list[Action]:
        """Negotiate the pair that replaces a pair of IPsec SAs, unless it was replaced, or is being replaced.

        Raises:
            UnknownName: there is no pair with this number, or its Quick Mode is not complete.
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

    def reconfigure(self, settings: Settings, now: float, how: Reload = USUAL) -> list[Action]:
        """Replace the settings for new negotiations.

        Established SAs do not change until they are rekeyed, with two exceptions. SAs whose connection or tunnel was
        removed are closed. A peer that was authenticated by a secret, trust anchor or identity that is no longer
        configured must authenticate again. ``how`` says what else is done at once, or later
        (`ikev1.core.machine.reload`).
        """
        state, before = self._state, self._state.lookup
        state.reconfigure(settings)
        actions: list[Action] = []
        for cookies in tuple(state.table.by_cookies):
            sa = state.table.by_cookies.get(cookies)
            if sa is not None:
                actions += self._contained(sa, lambda ref: _reconsider(ref, before, how), now)
        return actions

    # --- from one process to another

    def dump(self) -> bytes:
        """Return the complete state, including all keys, for `load`."""
        state = self._state
        return msgspec.msgpack.encode(
            Dump(
                tuple(state.table),
                tuple(state.table.half_open),
                tuple(state.table.aggressive_callers),
                state.first_messages.dump(),
                state.admission.dump(),
                state.fragments.dump(),
                state.generation,
                state.unique_ids,
                state.requests,
                state.limits.dump(),
                state.pair_ids,
                state.reqids,
            )
        )

    @classmethod
    def load(cls, settings: Settings, random: Callable[[int], bytes], dumped: bytes) -> Engine:
        """Create an engine with the state that `dump` returned.

        Raises:
            msgspec.MsgspecError: ``dumped`` is not valid.
        """
        dump = msgspec.msgpack.decode(dumped, type=Dump)
        engine = cls(settings, random)
        state = engine._state
        state.first_messages = FirstMessages.load(*dump.first_messages)
        state.admission.restore(dump.admission)
        state.fragments.restore(dump.fragments)
        state.generation = dump.generation + 1  # the settings may be others than those that the dump's answers obeyed
        state.unique_ids = dump.unique_ids
        state.pair_ids, state.reqids = dump.pair_ids, dump.reqids
        state.requests = dump.requests
        state.limits.restore(dump.limits)
        state.table.load(dump.sas, dump.half_open, dump.aggressive_callers)
        return engine

    def restore(self, sas: Iterable[IkeSa], now: float, alive: Container[int] = frozenset()) -> list[Action]:
        """Resume the ISAKMP SAs of a store (`Keep`, `Forget`) after a process that ended without `dump`.

        Pairs of IPsec SAs whose inbound SPIs are in ``alive``, because the kernel still has both of their directions,
        do not change. The others are negotiated again: their last sequence numbers are unknown, and no sequence number
        may be used twice with a key (RFC 4303 §2.2); those of many ISAKMP SAs one after another, by a timer.
        """
        kept = tuple(sas)
        take_over.count_ids(self._state, kept)
        times = take_over.times(now)
        actions = [action for sa in kept for action in self._taken_over(sa, now, alive, times)]
        return [self._without_used(each) if isinstance(each, ReleaseAddresses) else each for each in actions]

    def _without_used(self, release: ReleaseAddresses) -> ReleaseAddresses:
        """Return ``release`` without the addresses of SAs that were resumed after the one that ended."""
        return ReleaseAddresses(tuple(address for address in release.addresses if not self.of_address(address)))

    def _taken_over(self, sa: IkeSa, now: float, alive: Container[int], times: Iterator[float]) -> list[Action]:
        def abandon(tx: Transaction, fault: Refusal) -> None:
            tx.report(Failure(fault.code, fault.text, sa.path.remote, sa))
            living = tuple(child for child in sa.children if child.inbound.spi in alive)
            abandon_sa(tx.of(replace(sa, children=living, exchanges=())), "restoring it failed")

        return contain(self._state, now, lambda tx: _take_over(tx, sa, alive, times), abandon, sa.path)


def _follow(ref: SaRef, path: UdpPath) -> None:
    liveness.heard(ref)
    dpd.follow(ref, path)


def _reconsider(ref: SaRef, before: ConnectionLookup, how: Reload) -> None:
    reload.reconsider(ref, before, how)
    liveness.watch(ref)


def _take_over(tx: Transaction, sa: IkeSa, alive: Container[int], times: Iterator[float]) -> None:
    take_over.take_over(tx, sa, alive, times)
    kept = tx.find(sa.cookies)
    if kept is not None:
        liveness.resume(kept)


def without_data_plane(
    engine: Engine, actions: Iterable[Action], random: Callable[[int], bytes], now: float
) -> Iterator[Action]:
    """Yield the actions that remain for a caller without a data plane, in order, including those that follow from the
    answers: SPIs are random, and installations are answered with `Done`.
    """
    pending = deque(actions)
    while pending:
        action = pending.popleft()
        if isinstance(action, AllocateSpi):
            compressing = drawn(random, ProtocolId.IPCOMP) if action.compress else 0
            spis = Spis(drawn(random, action.protocol), compressing)
            pending.extendleft(reversed(engine.answered(action.request, spis, now)))
            continue
        if isinstance(action, AskTraffic):
            pending.extendleft(reversed(engine.answered(action.request, Traffic(), now)))
            continue
        if isinstance(action, (InstallInbound, InstallOutbound)):
            pending.extendleft(reversed(engine.answered(action.request, Done(), now)))
        yield action
