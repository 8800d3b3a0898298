"""Transactions, the only way to change state: all changes that a datagram, a command or a timer makes, or none.

A transaction writes through: look-ups (by peer, SPI, traffic) see every change immediately, and `Transaction.undo`
reverts all of them. No other code calls `SaTable.put` and `SaTable.drop`.

Code that changes an SA has a handle, not a record: `SaRef.sa` is the current record, including changes made through
other code in the same transaction. So no change is based on an outdated record, and a handle on an SA that has ended
refuses every change.

`Transaction.commit` also decides once per SA what to store, and puts those actions before all others: a record is
stored before the message is sent that makes the peer rely on it. An SA that is established, or that has ended before
its pairs of IPsec SAs, is stored whenever a field changes that another process needs (`_NOT_STORED` lists the others).
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from ikev1.core.exchanges.informational import INFORMATIONAL, tell
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.registry import script_of
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.sa_table import Kept
from ikev1.core.records.actions import Action, Forget, Keep, Report
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, Event, Failure, Note
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Unproved
from ikev1.wire.payloads import Payload

# Exchanges and tunnels that wait for phase 1 end with the process: a retransmission alone stores nothing, nor does
# a sign of life
_NOT_STORED = frozenset({"phase1", "exchanges", "queued", "liveness"})
_stored_fields = attrgetter(*(name for name in IkeSa.__struct_fields__ if name not in _NOT_STORED))


class Transaction:
    """The changes and ``actions`` of one entry into the engine, at the time ``now``."""

    __slots__ = ("_before", "_refs", "actions", "at_work", "now", "state")

    def __init__(self, state: State, now: float) -> None:
        self.state = state
        self.now = now
        self.actions: list[Action] = []
        self.at_work: tuple[bytes, int] | None = None  # cookies and message ID of the exchange to blame for an error
        self._refs: dict[bytes, SaRef] = {}
        self._before: dict[bytes, Kept | None] = {}

    def of(self, sa: IkeSa) -> SaRef:
        """Return the handle on an SA from a look-up, or on a new SA, which its first change puts into the table."""
        cookies = sa.cookies
        ref = self._refs.get(cookies)
        if ref is None:
            kept = self.state.table.by_cookies.get(cookies)
            ref = self._refs[cookies] = SaRef(self, cookies, kept or sa, kept is not None)
        return ref

    def find(self, cookies: bytes) -> SaRef | None:
        """Return the handle on the SA with these cookies; None if there is no such SA."""
        sa = self.state.table.by_cookies.get(cookies)
        return None if sa is None else self.of(sa)

    def report(self, event: Event) -> None:
        """Report an event to the observers."""
        self.actions.append(Report(event))

    def commit(self) -> list[Action]:
        """Return all actions in order: those for the store first."""
        stored: list[Action] = []
        for ref in self._refs.values():
            stored += ref._settle()
        stored += self.actions
        return stored

    def undo(self) -> None:
        """Restore all SAs and indexes to their state before the transaction."""
        self.state.table.restore(self._before)

    def _put(self, ref: SaRef, old: IkeSa | None, new: IkeSa) -> None:
        table, before, cookies = self.state.table, self._before, ref.cookies
        if cookies not in before:
            before[cookies] = table.kept(cookies)
        if old is not None and old.CKY_R != new.CKY_R:  # the responder has chosen its cookie
            ref.cookies = new.cookies
            before.setdefault(ref.cookies, table.kept(ref.cookies))
            self._refs[ref.cookies] = self._refs.pop(cookies)
            self.state.limits.rename(cookies, ref.cookies)
        table.put(old, new)

    def _enqueue(self, queue: dict[bytes, int], cookies: bytes) -> None:
        if cookies not in self._before:
            self._before[cookies] = self.state.table.kept(cookies)
        self.state.table.enqueue(queue, cookies)

    def _drop(self, sa: IkeSa) -> None:
        self._before.setdefault(sa.cookies, self.state.table.kept(sa.cookies))
        self.state.table.drop(sa)


class SaRef:
    """A handle on an ISAKMP SA within a transaction.

    Attributes:
        cookies: the current cookies of the SA.
        sa: the current record, or the last one of an SA that has ended.
        is_kept: whether the SA is in the table; a new SA is not before its first change.
        has_ended: whether the SA was dropped.
    """

    __slots__ = ("_to_store", "cookies", "has_ended", "is_kept", "sa", "tx")

    def __init__(self, tx: Transaction, cookies: bytes, sa: IkeSa, is_kept: bool) -> None:
        self.tx = tx
        self.cookies = cookies
        self.sa = sa
        self.is_kept = is_kept
        self.has_ended = False
        self._to_store = False

    # --- changes

    def become(self, sa: IkeSa, *, store: bool = True) -> None:
        """Replace the record of this SA by ``sa``. Without ``store``, it is stored only with a later change.

        Raises:
            RuntimeError: the SA has ended, which is an internal error.
        """
        if self.has_ended:
            raise RuntimeError("cannot change an ISAKMP SA that has ended")
        old = self.sa if self.is_kept else None
        if sa is old:
            return
        self.tx._put(self, old, sa)
        if store and not self._to_store and sa.state is not IkeState.CONNECTING:
            self._to_store = old is None or old.state is not sa.state or _stored_fields(old) != _stored_fields(sa)
        self.sa, self.is_kept = sa, True

    def change(self, **fields: Any) -> None:
        """Change fields of the record."""
        self.become(replace(self.sa, **fields))

    def drop(self) -> None:
        """Delete the SA from the table without a report; `ikev1.core.machine.ended` handles its pairs."""
        if self.is_kept:
            self.tx._drop(self.sa)
        self.is_kept, self.has_ended = False, True

    def enqueue(self, queue: dict[bytes, int]) -> None:
        """Append the SA to ``queue``, which is `SaTable.half_open` or `SaTable.aggressive_callers`."""
        self.tx._enqueue(queue, self.cookies)

    # --- exchanges

    def context(self, exchange: Exchange) -> ExchangeContext:
        """Return the context for the next message of ``exchange``."""
        return self.tx.state.context(self.sa, exchange, self.tx.now)

    def commit(self, context: ExchangeContext, exchange: Exchange | None = None) -> None:
        """Apply the changes and actions of ``context`` to this SA, and keep ``exchange`` in it unless it is None."""
        self.become(context.sa if exchange is None else _with_exchange(context.sa, exchange))
        self.tx.actions += context.actions

    def say(self, *payloads: Payload) -> None:
        """Send an informational message under this SA."""
        context = self.context(new_exchange(INFORMATIONAL, 0, Role.INITIATOR, self.tx.now))
        tell(context, list(payloads))
        self.commit(context)

    # --- reports

    def fail(self, code: Code, text: str, tunnel: str = "") -> None:
        """Report a failure."""
        self.tx.report(Failure(code, text, self.sa.path.remote, self.sa, tunnel))

    def fail_once(self, code: Code, text: str) -> None:
        """Report a failure with a possibly unauthenticated cause, once per code and SA."""
        if self.tx.state.limits.is_news(self.cookies, code):
            self.fail(code, text)

    def fail_unproved(self, what: str, error: Unproved) -> None:
        """Report once that ``what``, received with the cookies of this SA, is not authenticated."""
        text = (
            f"ignoring {what} with the cookies of this ISAKMP SA: {error}. It was modified in transit, or the peer did "
            "not send it; if nothing works under this SA, the peers have different keys: negotiate a new SA"
        )
        self.fail_once(error.code, text)

    def note(self, code: Code, text: str) -> None:
        """Report a note."""
        self.tx.report(Note(code, text, self.sa))

    def note_once(self, code: Code, text: str) -> None:
        """Report a note with a possibly unauthenticated cause, once per code and SA."""
        if self.tx.state.limits.is_news(self.cookies, f"note {code}"):
            self.note(code, text)

    # --- the end of the transaction

    def _settle(self) -> Iterable[Action]:
        """Return the actions for the store that the changes of this SA require."""
        sa, limits = self.sa, self.tx.state.limits
        if self.has_ended:
            limits.forget(self.cookies)
        if sa.state is IkeState.CONNECTING or not (self.has_ended or self._to_store):
            return ()
        if self.has_ended or sa.state is IkeState.DELETED:
            limits.note_end(self.cookies, sa.path.remote_host)
        return (Forget(sa),) if self.has_ended else (Keep(sa),)


def _with_exchange(sa: IkeSa, exchange: Exchange) -> IkeSa:
    """Return ``sa`` with the current ``exchange``. A completed exchange is kept only while it waits for an answer, or
    while its last message may need a retransmission.
    """
    if exchange.message_id == 0:
        return replace(sa, phase1=exchange)
    others = tuple([other for other in sa.exchanges if other.message_id != exchange.message_id])
    script = script_of(exchange)
    if exchange.waiting is None and script.is_over(exchange) and script.speaker(exchange.step - 1) is not exchange.role:
        return replace(sa, exchanges=others)
    return replace(sa, exchanges=(*others, exchange))
