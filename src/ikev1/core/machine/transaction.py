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

from typing import Any

from ikev1.core.exchanges.informational import INFORMATIONAL, tell
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.registry import script_of
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.sa_table import Kept
from ikev1.core.records.actions import Action, Forget, Keep, ReleaseAddresses, Report
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, Event, Failure, Note
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa, IkeState, Liveness
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Unproved
from ikev1.wire.payloads import Payload

# Exchanges and tunnels that wait for phase 1 end with the process: a retransmission alone stores nothing, nor does
# a sign of life
_NOT_STORED: dict[str, Any] = {"phase1": None, "exchanges": (), "queued": (), "held": (), "liveness": Liveness()}

_CONNECTING, _DELETED = IkeState.CONNECTING, IkeState.DELETED  # looked up once, as in `ikev1.core.records.exchange`


class Transaction:
    """The changes and ``actions`` of one entry into the engine, at the time ``now``."""

    __slots__ = ("_refs", "_settled", "actions", "at_work", "before", "entries", "now", "state")

    def __init__(self, state: State, now: float) -> None:
        self.state = state
        self.now = now
        self.actions: list[Action] = []
        self.at_work: tuple[bytes, int] | None = None  # cookies and message ID of the exchange to blame for an error
        self.before: dict[bytes, IkeSa | None] = {}  # the records before the transaction that it changed, by cookies
        self.entries: dict[bytes, Kept | None] = {}  # and the entries of those whose place in the table it changed
        self._refs: dict[bytes, SaRef] = {}
        self._settled = False  # whether `commit` has begun
        if state.limits.steps:
            state.limits.begin()

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
        if sa is None:
            return None
        ref = self._refs.get(cookies)
        if ref is None:
            ref = self._refs[cookies] = SaRef(self, cookies, sa, True)
        return ref

    def report(self, event: Event) -> None:
        """Report an event to the observers."""
        self.actions.append(Report(event))

    def rename(self, ref: SaRef, cookies: bytes) -> None:
        """Record that the SA of ``ref`` has new cookies: the responder has chosen its own."""
        del self._refs[ref.cookies]
        self.state.limits.rename(ref.cookies, cookies)
        ref.cookies = cookies
        self._refs[cookies] = ref

    def commit(self) -> list[Action]:
        """Return all actions in order: those for the store first."""
        if not self._refs:
            return self.actions
        settle = self.state.table.settle
        self._settled = True
        had: list[ModeConfig] = []
        for cookies, sa in self.before.items():
            settle(cookies, sa)
            if sa is not None and sa.assigned is not None:
                had.append(sa.assigned)
        stored: list[Action] = []
        for ref in self._refs.values():
            change = ref.settle()
            if change is not None:
                stored.append(change)
            if ref.has_ended and ref.sa.assigned is not None:
                had.append(ref.sa.assigned)  # also of an SA that began in this transaction
        if had:
            self._release(had)
        self._refs.clear()  # each refers to this transaction: without a cycle, both are freed at once
        return stored + self.actions if stored else self.actions

    def _release(self, had: list[ModeConfig]) -> None:
        """Release the virtual addresses that changed SAs ``had`` and that no SA has now."""
        addresses = dict.fromkeys([address for config in had for address in config.addresses])
        free = tuple([address for address in addresses if not self.state.table.of_address(address)])
        if free:
            self.actions.append(ReleaseAddresses(free))

    def undo(self) -> None:
        """Restore all SAs, indexes and limits on reports to their state before the transaction, also if `commit` has
        failed halfway.
        """
        self.state.table.restore(self.before, self.entries, settled=self._settled)
        self._refs.clear()
        self.state.limits.undo()


class SaRef:
    """A handle on an ISAKMP SA within a transaction.

    Attributes:
        cookies: the current cookies of the SA.
        sa: the current record, or the last one of an SA that has ended.
        is_kept: whether the SA is in the table; a new SA is not before its first change.
        has_ended: whether the SA was dropped.
    """

    __slots__ = ("_stored", "cookies", "has_ended", "is_kept", "sa", "tx")

    def __init__(self, tx: Transaction, cookies: bytes, sa: IkeSa, is_kept: bool) -> None:
        self.tx = tx
        self.cookies = cookies
        self.sa = sa
        self.is_kept = is_kept
        self.has_ended = False
        self._stored = sa if is_kept else None  # as the store has it, but for `_NOT_STORED`

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
        tx, cookies = self.tx, self.cookies
        table = tx.state.table
        if cookies not in tx.before:
            tx.before[cookies] = old
        if old is None or not table.replace(old, sa, cookies):
            self._remember()
            if old is not None and old.CKY_R != sa.CKY_R:
                tx.rename(self, sa.cookies)
                self._remember()
            table.put(old, sa, self.cookies)
        if not store and old is self._stored:
            self._stored = sa
        self.sa = sa
        self.is_kept = True

    def _remember(self) -> None:
        """Record the entry of the table before its place changes, for `Transaction.undo`."""
        tx, cookies, table = self.tx, self.cookies, self.tx.state.table
        if cookies not in tx.entries:
            before = tx.before.setdefault(cookies, table.by_cookies.get(cookies))
            tx.entries[cookies] = None if before is None else table.kept(before, cookies)

    def change(self, **fields: Any) -> None:
        """Change fields of the record."""
        self.become(replace(self.sa, **fields))

    def drop(self) -> None:
        """Delete the SA from the table without a report; `ikev1.core.machine.ended` handles its pairs."""
        if self.is_kept:
            self._remember()
            self.tx.state.table.drop(self.sa)
        self.is_kept, self.has_ended = False, True

    def enqueue(self, queue: dict[bytes, int]) -> None:
        """Append the SA to ``queue``, which is `SaTable.half_open` or `SaTable.aggressive_callers`."""
        self._remember()
        self.tx.state.table.enqueue(queue, self.cookies)

    # --- exchanges

    def context(self, exchange: Exchange) -> ExchangeContext:
        """Return the context for the next message of ``exchange``."""
        return self.tx.state.context(self.sa, exchange, self.tx.now)

    def commit(
        self, context: ExchangeContext, exchange: Exchange | None = None, liveness: Liveness | None = None
    ) -> None:
        """Apply the changes and actions of ``context`` to this SA, and keep ``exchange`` in it unless it is None, with
        what is now known of the peer's ``liveness``.
        """
        sa = context.sa
        store = sa is not self.sa or not self.is_kept  # otherwise only what is `_NOT_STORED` changes
        self.become(sa if exchange is None else _with_exchange(sa, exchange, liveness or sa.liveness), store=store)
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

    def settle(self) -> Keep | Forget | None:
        """Return the action for the store that the changes of this SA require."""
        sa, stored = self.sa, self._stored
        state = sa.state
        if self.has_ended:
            self.tx.state.limits.forget(self.cookies)
            if state is _CONNECTING:
                return None
            self._note_end()
            return Forget(sa)
        if sa is stored or state is _CONNECTING:
            return None
        if stored is not None and stored.state is state and _same_stored(stored, sa):
            return None
        if state is _DELETED:
            self._note_end()
        return Keep(sa)

    def _note_end(self) -> None:
        self.tx.state.limits.note_end(self.cookies, self.sa.path.remote_host, self.tx.now)


def _same_stored(one: IkeSa, other: IkeSa) -> bool:
    """Return whether two records differ at most in the fields `_NOT_STORED`."""
    if one.children != other.children or one.spent_message_ids != other.spent_message_ids:
        return False  # as after most messages: without copies
    return bool(replace(one, **_NOT_STORED) == replace(other, **_NOT_STORED))


def _with_exchange(sa: IkeSa, exchange: Exchange, liveness: Liveness) -> IkeSa:
    """Return ``sa`` with the current ``exchange`` and ``liveness``. A completed exchange is kept only while it waits
    for an answer, or while its last message may need a retransmission.
    """
    if exchange.message_id == 0:
        return replace(sa, phase1=exchange, liveness=liveness)
    exchanges = sa.exchanges
    if exchanges:
        exchanges = tuple([other for other in exchanges if other.message_id != exchange.message_id])
    script = script_of(exchange)
    if (
        exchange.waiting is not None
        or not script.is_over(exchange)
        or script.speakers[exchange.step - 1] is exchange.role
    ):
        exchanges = (*exchanges, exchange)
    return replace(sa, exchanges=exchanges, liveness=liveness)
