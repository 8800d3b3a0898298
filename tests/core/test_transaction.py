"""The one way to change state: as a whole or not at all, with handles that are never stale, stored once."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.exchanges.informational import notify
from ikev1.core.machine.child_table import ChildTable
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.sa_table import SaTable, deadline
from ikev1.core.machine.timers import _TIMERS
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.records.actions import Action, Forget, Keep, Send
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa, IkeState, Liveness, Probe
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import User
from ikev1.core.records.selector_index import SelectorIndex
from ikev1.core.records.timer import TimerKind
from ikev1.wire.header import NO_COOKIE
from ikev1.wire.registry import NotifyType
from playbook import Network, Peer, Randomness, establish
from some_sas import NETWORKS, sas

MACHINE = Path(__file__).parents[2] / "src" / "ikev1" / "core"
PATH = UdpPath(ALICE, 500, BOB, 500)


def an_engine() -> State:
    return State(settings(connection(ALICE, BOB, tunnel())), Randomness("transaction"))


def all_of(state: State) -> tuple[object, ...]:
    """All that is kept of SAs, in its order, and all that they are found by."""
    table, limits = state.table, state.limits
    table.next_deadline()
    found = [
        (sa.cookies, local, remote, sorted(child.unique_id for child in look(sa, local, remote)))
        for sa in table
        for local, remote in product(NETWORKS, repeat=2)
        for look in (table.rivals, table.equals)
    ]
    return (
        list(table.by_cookies.items()),
        [list(table.half_open), list(table.aggressive_callers), sorted(table.own_cookies)],
        {name: list(members.items()) for name, members in table._by_connection.items()},
        {host: list(members.items()) for host, members in table._by_host.items()},
        [dict(table._by_peer), dict(table._by_claim), dict(table._by_number)],
        [dict(table._pairs._by_spi), dict(table._pairs._by_number), found, sorted(table._coming_spis)],
        [dict(limits._said), dict(limits._acknowledged), dict(limits._ended), dict(limits._former), dict(limits._told)],
        [dict(table._due), sorted({at for at in table._heap if table._due.get(at[1]) == at[0]})],
    )


Step = tuple[str, IkeSa]
steps = st.lists(
    st.tuples(st.sampled_from(["put", "put", "drop", "rename", "queue", "say", "hear"]), sas()), max_size=12
)


def do(tx: Transaction, step: str, sa: IkeSa) -> None:
    """Changes the SA with the CKY-I of ``sa``."""
    known = next((each for each in tx.state.table if each.CKY_I == sa.CKY_I), None)
    ref = tx.of(known or sa)
    if ref.has_ended:
        return
    limits = tx.state.limits
    if step == "say":
        limits.is_news(ref.cookies, f"news {sa.unique_id}")
    elif step == "hear":
        limits.may_acknowledge(ref.cookies, float(sa.unique_id))
        limits.is_late(sa.cookies, tx.now)
        limits.may_tell(sa.path.remote_host, float(sa.unique_id))
    elif step == "put" or known is None:
        ref.become(replace(sa, CKY_R=ref.sa.CKY_R))
    elif step == "drop":
        ref.drop()
    elif step == "rename":
        ref.change(CKY_R=b"S" * 8)
    elif known.state is IkeState.CONNECTING:
        ref.enqueue(tx.state.table.half_open if sa.awaits_user else tx.state.table.aggressive_callers)


@given(steps, steps)
def test_what_is_undone_leaves_no_trace(first: list[Step], second: list[Step]) -> None:
    state = an_engine()
    for step in first:
        tx = Transaction(state, 0.0)
        do(tx, *step)
        tx.commit()
    before, before_deadline = all_of(state), state.table.next_deadline()
    tx = Transaction(state, 0.0)
    for step in second:
        do(tx, *step)
    tx.undo()
    assert all_of(state) == before
    assert before_deadline <= state.table.next_deadline() <= min(map(deadline, state.table), default=math.inf)


class Fault(Exception):
    """Is raised in the middle of a change."""


def failing(real: Callable[..., Any], left: list[int], after: bool) -> Callable[..., Any]:
    """A method that raises when the first number of ``left`` has been counted down, before or ``after`` it is done."""

    def method(*args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and not after:
            raise Fault
        done = real(*args, **options)
        if left[0] <= 0 and after:
            left[0] = 1 << 30
            raise Fault
        return done

    return method


PLACES = [
    (SaTable, "kept"),
    (SaTable, "_put"),
    (SaTable, "_enter"),
    (SaTable, "_is_done"),
    (SaTable, "_drop"),
    (SaTable, "enqueue"),
    (SaTable, "settle"),
    (ChildTable, "change"),
    (ChildTable, "_add"),
    (ChildTable, "_remove"),
    (SelectorIndex, "add"),
    (SelectorIndex, "remove"),
    (SaRef, "settle"),
]


@given(steps, steps, st.sampled_from(PLACES), st.integers(1, 6), st.booleans())
def test_a_fault_anywhere_in_a_transaction_leaves_no_trace(
    first: list[Step], second: list[Step], place: tuple[type, str], count: int, after: bool
) -> None:
    state = an_engine()
    for step in first:
        tx = Transaction(state, 0.0)
        do(tx, *step)
        tx.commit()
    *before, _ = all_of(state)
    owner, name = place
    real = getattr(owner, name)
    tx = Transaction(state, 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, failing(real, [count], after))
        try:
            for step in second:
                do(tx, *step)
            tx.commit()
        except Fault:
            pass
        else:
            return
    tx.undo()
    *restored, _ = all_of(state)
    assert restored == before
    state.table.next_deadline()
    for sa in state.table:
        assert state.table._due.get(sa.cookies, math.inf) <= deadline(sa), "its timers fire"
    scheduled = {cookies for at, cookies in state.table._heap if state.table._due.get(cookies) == at}
    assert scheduled == set(state.table._due) <= set(state.table.by_cookies)


@given(steps)
def test_a_store_that_does_as_it_is_told_holds_what_is_up(first: list[Step]) -> None:
    state = an_engine()
    stored: dict[bytes, IkeSa] = {}
    for step in first:
        tx = Transaction(state, 0.0)
        do(tx, *step)
        actions = tx.commit()
        changes = [action for action in actions if isinstance(action, Keep | Forget)]
        assert len({change.sa.cookies for change in changes}) == len(changes)
        for change in changes:
            if isinstance(change, Keep):
                stored[change.sa.cookies] = change.sa
            else:
                stored.pop(change.sa.cookies, None)
    up = {sa.cookies: sa for sa in state.table if sa.state is not IkeState.CONNECTING}
    assert up.keys() <= stored.keys()
    assert all(stored[cookies] == sa for cookies, sa in up.items())


def a_call(**fields: Any) -> IkeSa:
    return IkeSa(1, "peer", Role.INITIATOR, PATH, b"I" * 8, NO_COOKIE, 0.0, **fields)


def test_a_handle_has_the_record_as_it_is_now() -> None:
    tx = Transaction(an_engine(), 0.0)
    ref, other = tx.of(a_call()), tx.of(a_call())
    ref.change(queued=("net",))
    assert other.sa.queued == ("net",)
    ref.change(CKY_R=b"R" * 8)
    assert tx.find(ref.sa.cookies) is ref
    assert tx.find(b"I" * 8 + NO_COOKIE) is None
    stale = replace(a_call(), CKY_R=b"R" * 8)
    assert tx.of(stale) is ref
    assert Transaction(tx.state, 0.0).of(stale).sa == ref.sa, "a look-up's result is a name, no record"


def test_an_sa_that_has_ended_does_not_change() -> None:
    tx = Transaction(an_engine(), 0.0)
    ref = tx.of(a_call())
    ref.change(queued=("net",))
    ref.drop()
    with pytest.raises(RuntimeError):
        ref.change(queued=())
    assert not tx.state.table.by_cookies


def test_nothing_is_kept_of_a_new_sa_before_its_first_change() -> None:
    tx = Transaction(an_engine(), 0.0)
    ref = tx.of(a_call())
    assert not ref.is_kept
    assert tx.commit() == []
    assert not tx.state.table.by_cookies


UP = {"state": IkeState.ESTABLISHED}
EXCHANGE = Exchange("QM", 7, Role.INITIATOR)


@pytest.mark.parametrize(
    ("before", "fields", "kept"),
    [
        (UP, {"spent_message_ids": (1,)}, True),
        (UP, {"own_message_ids": 9}, True),
        (UP, {"probe": Probe(PATH, 1234)}, True),
        (UP, {"exchanges": (EXCHANGE,)}, False),
        (UP, {"phase1": EXCHANGE}, False),
        (UP, {"queued": ("net",)}, False),
        ({}, {"own_message_ids": 9}, False),
        ({}, UP, True),
    ],
)
def test_stored_is_what_another_process_needs(before: dict[str, Any], fields: dict[str, Any], kept: bool) -> None:
    state = an_engine()
    first = Transaction(state, 0.0)
    first.of(a_call()).become(a_call(**before))
    first.commit()
    second = Transaction(state, 0.0)
    ref = second.of(a_call())
    ref.change(**fields)
    assert second.commit() == ([Keep(ref.sa)] if kept else [])


def test_an_sa_is_stored_once_and_before_anything_is_sent(network: Network, pair: tuple[Peer, Peer]) -> None:
    alice, _ = pair
    establish(network, alice)
    tx = Transaction(alice.engine._state, network.now)
    ref = tx.of(alice.sa)
    for _ in range(3):
        ref.say(notify(ref.sa, NotifyType.R_U_THERE, bytes(4)))
    actions: list[Action] = tx.commit()
    assert [type(action) for action in actions if isinstance(action, Keep | Send)] == [Keep, Send, Send, Send]
    assert actions[0] == Keep(ref.sa)


# --- who changes state ----------------------------------------------------------------------------------------------


def calls(path: Path) -> set[str]:
    """The methods of something called ``table`` that a file calls."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            if name in ("table", "_table"):
                found.add(node.attr)
    return found


@pytest.mark.parametrize("path", sorted(MACHINE.rglob("*.py")), ids=lambda path: str(path.relative_to(MACHINE)))
def test_only_a_transaction_changes_the_table(path: Path) -> None:
    changing = {"put", "drop", "enqueue", "settle", "restore"}
    assert calls(path) & changing == (changing if path.name == "transaction.py" else set())
    if path.name not in ("transaction.py", "actions.py"):
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert not names & {"Keep", "Forget"}, "what is stored is decided when a transaction is committed"


@pytest.mark.parametrize("path", sorted((MACHINE / "machine").glob("*.py")), ids=lambda path: path.name)
def test_no_record_is_fetched_again(path: Path) -> None:
    """``by_cookies[sa.cookies]`` is how a stale record was refreshed; a handle has the current one."""
    fetched = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "by_cookies"
        and path.name not in ("sa_table.py", "half_open.py")
    ]
    assert fetched == []


# --- timers ---------------------------------------------------------------------------------------------------------

TIMED = (IkeSa, Exchange, ChildSa, Probe, Liveness)
HAPPENED = frozenset(
    {"created_at", "established_at", "moved_at", "heard_at", "hinted_at", "looked_at", "quick_mode_at"}
)


def test_every_timer_has_a_handler() -> None:
    assert set(_TIMERS) == set(TimerKind)


@pytest.mark.parametrize("kind", TIMED)
def test_every_deadline_is_named_by_its_record(network: Network, pair: tuple[Peer, Peer], kind: type) -> None:
    alice, bob = pair
    alice.calls()
    while not (bob.engine.sas and bob.sa.exchanges):
        network.deliver(network.flying.popleft())
    exchange = bob.sa.exchanges[0]
    network.settle()
    records: dict[type, Any] = {
        IkeSa: replace(bob.sa, config_due_at=9.0, lost=(bob.child,)), Exchange: exchange, ChildSa: bob.child,
        Probe: Probe(PATH), Liveness: Liveness(),
    }  # fmt: skip
    record = records[kind]
    deadlines = {name for name in get_type_hints(kind) if name.endswith("_at")} - HAPPENED
    assert deadlines
    never = replace(record, **dict.fromkeys(deadlines, 0.0))
    assert all(at == 0.0 for at, _ in never.timers())
    named = set()
    for name in deadlines:
        (timer,) = [which for at, which in replace(never, **{name: 5.0}).timers() if at == 5.0]
        named.add(timer)
    assert len(named) == len(deadlines) == len(record.timers())


def test_every_timer_belongs_to_one_record(network: Network, pair: tuple[Peer, Peer]) -> None:
    alice, _ = pair
    establish(network, alice)
    waiting = replace(alice.sa, config_due_at=9.0, user=User("carol"), lost=(alice.child,))
    parts = (waiting, EXCHANGE, alice.child, Probe(PATH), Liveness())
    kinds = [kind for part in parts for _, kind in part.timers()]
    assert sorted(kinds) == sorted(TimerKind)
