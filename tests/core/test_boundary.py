"""A fault of the program in the work for one peer: it is reported, ends that work, and touches nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.engine import CannotInitiate
from ikev1.core.exchanges.interpreter import Script
from ikev1.core.exchanges.main_mode import MAIN_MODE
from ikev1.core.exchanges.quick_mode import QUICK_MODE
from ikev1.core.machine import closing, commands, take_over, timers
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.records.actions import AllocateSpi, Report, Send
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import ChildDown, Code, Failure, IkeDown
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Mode
from ikev1.core.records.timer import TimerKind
from ikev1.wire.message import Message
from playbook import Network, Peer, change, establish

CAROL = "203.0.113.3"
SECRET_WORDS = "a secret that no log may show"

Faulty = Callable[[Script, int, str], None]


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Faulty:
    """Puts a bug into one column of a row, for the SAs with one host: it raises what holds a secret."""

    def make(script: Script, step: int, host: str) -> None:
        row = script.rows[step]

        def check(context: ExchangeContext, message: Message) -> Any:
            if context.sa.path.remote_host == host:
                raise ValueError(SECRET_WORDS)
            return row.check(context, message)

        rows = (*script.rows[:step], row._replace(check=check), *script.rows[step + 1 :])
        monkeypatch.setattr(script, "rows", rows)

    return make


@pytest.fixture
def gateway(network: Network) -> tuple[Peer, Peer, Peer]:
    """Bob, whom alice and carol call."""
    of_bob = (
        connection(BOB, ALICE, tunnel(mirrored=True), name="alice"),
        connection(BOB, CAROL, tunnel(local="10.3.0.0/16", mirrored=True), name="carol"),
    )
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel())))
    carol = network.peer("carol", CAROL, settings(connection(CAROL, BOB, tunnel(local="10.3.0.0/16"))))
    return network.peer("bob", BOB, settings(*of_bob)), alice, carol


def both_call(alice: Peer, carol: Peer) -> None:
    for peer in (alice, carol):
        peer.calls(host=BOB)


def is_told(failure: Failure) -> None:
    """It names the kind of error and the place, and no secret."""
    assert failure.code is Code.INTERNAL_ERROR
    assert "ValueError" in failure.text
    assert ".py:" in failure.text
    assert SECRET_WORDS not in repr(failure)


@pytest.mark.parametrize("step", [0, 2, 4])
def test_a_fault_in_phase_1_ends_that_isakmp_sa_alone(
    network: Network, gateway: tuple[Peer, Peer, Peer], faulty: Faulty, step: int
) -> None:
    bob, alice, carol = gateway
    faulty(MAIN_MODE, step, ALICE)
    both_call(alice, carol)
    network.settle()
    is_told(bob.saw(Failure)[0])
    assert bob.saw(Failure)[0].peer.startswith(ALICE)
    assert [sa.connection for sa in bob.engine.sas.values()] == ["carol"]
    assert carol.carries.inbound == bob.carries.outbound
    assert len(bob.saw(IkeDown)) == (1 if step == 4 else 0), "an ISAKMP SA is kept from message 3 on"
    assert bob.engine.half_open == 0


def test_a_fault_in_quick_mode_ends_that_exchange_alone(
    network: Network, gateway: tuple[Peer, Peer, Peer], faulty: Faulty
) -> None:
    bob, alice, carol = gateway
    for peer in (alice, carol):
        peer.calls(None, host=BOB)
    network.settle()
    assert len(bob.engine.sas) == 2
    faulty(QUICK_MODE, 0, ALICE)
    both_call(alice, carol)
    network.settle()
    is_told(bob.failure)
    assert len(bob.engine.sas) == 2, "the ISAKMP SA stays"
    assert all(sa.state is IkeState.ESTABLISHED for sa in bob.engine.sas.values())
    assert [child.connection for child in bob.children] == ["carol"]
    network.run(60)
    assert bob.failures == [Code.INTERNAL_ERROR], "the same message again is not looked into"


def test_a_fault_at_the_end_of_quick_mode_takes_the_pair_back(
    network: Network, pair: tuple[Peer, Peer], faulty: Faulty
) -> None:
    alice, bob = pair
    faulty(QUICK_MODE, 2, ALICE)
    alice.calls()
    network.settle()
    is_told(bob.failure)
    assert bob.inbound == {}, "it was removed from the data plane"
    assert bob.sa.exchanges == ()
    assert bob.sa.state is IkeState.ESTABLISHED


def test_an_unproved_message_that_meets_a_fault_ends_nothing(
    network: Network, pair: tuple[Peer, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = pair
    establish(network, alice)
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    before, message = bob.sa, network.flying[0]

    def broken(*args: Any) -> None:
        raise ValueError(SECRET_WORDS)

    with monkeypatch.context() as patch:
        patch.setattr("ikev1.core.machine.receive.open_proved", broken)
        network.deliver(message)
    is_told(bob.failure)
    assert bob.sa == before
    network.settle()
    assert len(bob.children) == 2, "the peer's own message is taken"


def test_a_fault_in_an_informational_message_comes_once(
    network: Network, pair: tuple[Peer, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = pair
    establish(network, alice)
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    (delete,) = network.flying

    def broken(*args: Any) -> None:
        raise ValueError(SECRET_WORDS)

    monkeypatch.setattr("ikev1.core.machine.receive_informational.go_through", broken)
    network.deliver(delete)
    network.deliver(delete)
    is_told(bob.failure)
    assert bob.sa.is_up
    assert len(bob.children) == 1


def test_a_fault_while_the_fault_is_handled_ends_there(
    network: Network, pair: tuple[Peer, Peer], faulty: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = pair
    faulty(MAIN_MODE, 4, ALICE)

    def broken(*args: Any) -> None:
        raise KeyError(SECRET_WORDS)

    monkeypatch.setattr("ikev1.core.machine.boundary.abandon_sa", broken)
    alice.calls()
    network.settle()
    is_told(bob.failure)
    assert bob.sa.state is IkeState.CONNECTING, "as it was before"


# --- timers ---------------------------------------------------------------------------------------------------------


def all_due(peer: Peer, kind: TimerKind, now: float) -> None:
    """Has one timer of each SA be due."""
    for sa in tuple(peer.engine.sas.values()):
        (child,) = sa.children
        if kind is TimerKind.EXPIRE_CHILD:
            change(peer.engine, sa, children=(replace(child, expires_at=now),))
        elif kind is TimerKind.REKEY_CHILD:
            change(peer.engine, sa, children=(replace(child, rekey_at=now),))
        elif kind is TimerKind.EXPIRE_IKE:
            change(peer.engine, sa, expires_at=now)
        else:
            change(peer.engine, sa, rekey_at=now)


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        (TimerKind.EXPIRE_CHILD, "close_child"),
        (TimerKind.REKEY_CHILD, "begin_quick_mode"),
        (TimerKind.EXPIRE_IKE, "expire_ike"),
        (TimerKind.REKEY_IKE, "begin_phase1"),
    ],
)
def test_a_fault_in_a_timer_touches_no_other_sa(
    network: Network,
    gateway: tuple[Peer, Peer, Peer],
    monkeypatch: pytest.MonkeyPatch,
    kind: TimerKind,
    function: str,
) -> None:
    bob, alice, carol = gateway
    both_call(alice, carol)
    network.settle()
    bob.events.clear()
    all_due(bob, kind, network.now)
    module = commands if hasattr(commands, function) else closing
    original = getattr(module, function)

    def broken(ref: SaRef | Transaction, *args: Any) -> None:
        name = ref.sa.connection if isinstance(ref, SaRef) else args[0].name
        if name == "alice":
            raise ValueError(SECRET_WORDS)
        original(ref, *args)

    monkeypatch.setattr(module, function, broken)
    actions = bob.engine.expire(network.now)
    failures = [action.event for action in actions if isinstance(action, Report) and isinstance(action.event, Failure)]
    (failure,) = failures
    is_told(failure)
    assert failure.peer.startswith(ALICE)
    assert failure.tunnel == ("net" if kind in (TimerKind.EXPIRE_CHILD, TimerKind.REKEY_CHILD) else "")
    sent = {action.path.remote_host for action in actions if isinstance(action, (Send, AllocateSpi))}
    assert CAROL in sent or kind is TimerKind.EXPIRE_IKE
    assert ALICE not in sent
    assert bob.engine.deadline() > network.now, "the timer is not due for ever"
    assert bob.engine.expire(network.now) == []


def test_a_timer_that_cannot_even_be_given_up_ends_its_sa(
    network: Network, pair: tuple[Peer, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = pair
    establish(network, alice)
    change(bob.engine, bob.sa, rekey_at=network.now)

    def broken(*args: Any) -> None:
        raise ValueError(SECRET_WORDS)

    monkeypatch.setitem(timers._TIMERS, TimerKind.REKEY_IKE, timers.Timer(broken, broken))
    bob.does(lambda engine: engine.expire(network.now))
    assert {failure.code for failure in bob.saw(Failure)} == {Code.INTERNAL_ERROR}
    assert not bob.engine.sas
    assert bob.saw(ChildDown) or bob.inbound == {}


def test_a_rekey_that_is_refused_is_a_failure_of_that_sa(
    network: Network, gateway: tuple[Peer, Peer, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, alice, carol = gateway
    both_call(alice, carol)
    network.settle()
    bob.events.clear()
    all_due(bob, TimerKind.REKEY_IKE, network.now)
    whole = settings(
        connection(BOB, ALICE, tunnel(mirrored=True), name="alice", mode=Mode.AGGRESSIVE, local_id="a" * 70_000 + "@b"),
        connection(BOB, CAROL, tunnel(local="10.3.0.0/16", mirrored=True), name="carol"),
    )
    bob.is_given(whole)
    bob.does(lambda engine: engine.expire(network.now))
    assert [failure.peer.split("[")[0] for failure in bob.saw(Failure)] == [ALICE]
    assert {datagram.destination[0] for datagram in network.flying} == {CAROL}
    network.settle()
    assert {sa.connection for sa in bob.engine.sas.values() if sa.is_up} == {"alice", "carol"}
    assert bob.engine.deadline() > network.now


# --- commands -------------------------------------------------------------------------------------------------------


def test_a_call_that_meets_a_fault_is_an_error_of_the_caller(
    alice: Peer, bob: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise ValueError(SECRET_WORDS)

    monkeypatch.setattr(commands, "begin", broken)
    with pytest.raises(CannotInitiate) as raised:
        alice.calls()
    assert raised.value.code is Code.INTERNAL_ERROR
    assert SECRET_WORDS not in raised.value.text
    assert not alice.engine.sas


@pytest.mark.parametrize("command", ["close_ike", "rekey_ike", "close_child", "rekey_child"])
def test_a_command_that_meets_a_fault_changes_nothing(
    network: Network, pair: tuple[Peer, Peer], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    alice, _ = pair
    establish(network, alice)
    before = alice.sa

    def broken(*args: Any, **options: Any) -> None:
        raise ValueError(SECRET_WORDS)

    for name in ("begin_phase1", "begin_quick_mode", "end"):
        monkeypatch.setattr(commands, name, broken)
    monkeypatch.setattr(closing, "end", broken)
    monkeypatch.setattr(SaRef, "say", broken)
    number = before.unique_id if command.endswith("ike") else before.children[0].unique_id
    alice.does(lambda engine: getattr(engine, command)(number, network.now))
    is_told(alice.failure)
    assert alice.failure.tunnel == ("" if command.endswith("ike") else "net")
    assert alice.sa == before
    assert list(network.flying) == []


def test_a_fault_for_one_sa_leaves_the_new_settings_to_the_others(
    network: Network, gateway: tuple[Peer, Peer, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, alice, carol = gateway
    both_call(alice, carol)
    network.settle()
    bob.events.clear()
    original = closing.close_ike

    def broken(ref: SaRef, reason: str) -> None:
        if ref.sa.connection == "alice":
            raise ValueError(SECRET_WORDS)
        original(ref, reason)

    monkeypatch.setattr(closing, "close_ike", broken)
    bob.is_given(settings())
    is_told(bob.failure)
    assert [sa.connection for sa in bob.engine.sas.values()] == ["alice"]


def test_an_sa_that_cannot_be_taken_over_is_forgotten(
    network: Network, gateway: tuple[Peer, Peer, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, alice, carol = gateway
    both_call(alice, carol)
    network.settle()
    bob.events.clear()
    original = take_over.take_over

    def broken(tx: Transaction, sa: IkeSa, *args: Any) -> None:
        original(tx, sa, *args)
        if sa.connection == "alice":
            raise ValueError(SECRET_WORDS)

    monkeypatch.setattr(take_over, "take_over", broken)
    bob.is_killed(*bob.inbound)
    is_told(bob.failure)
    assert [sa.connection for sa in bob.engine.sas.values()] == ["carol"]
    assert [child.connection for child in bob.inbound.values()] == ["carol"]
    assert [sa.connection for sa in bob.stored.values()] == ["carol"]
