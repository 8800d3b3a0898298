"""How internal errors are contained: an error affects one datagram, one timer of an SA or one command.

A transaction that raises is rolled back completely and reported as a `Failure`. For an unexpected exception, i.e. not a
`Refusal`, the report contains the exception's type and the source line in this package, but not its message, which may
contain a peer's data or a secret.
"""

from __future__ import annotations

from collections.abc import Callable

from ikev1.core.exchanges.message_ids import with_heard
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.records.actions import Action, Remove, Report
from ikev1.core.records.events import Code, Failure, IkeDown
from ikev1.core.records.exchange import Exchange
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.refusal import Refusal
from ikev1.errors import describe_bug

Work = Callable[[Transaction], None]
Abandon = Callable[[Transaction, Refusal], None]


def attempt(state: State, now: float, work: Work) -> list[Action]:
    """Run ``work`` in a transaction, which is committed or rolled back as a whole.

    Raises:
        Refusal: ``work`` raised it, or raised another exception (`Code.INTERNAL_ERROR`).
    """
    tx = Transaction(state, now)
    try:
        work(tx)
        return tx.commit()
    except Exception as error:
        fault = _undone(tx, error)
    raise fault


def contain(state: State, now: float, work: Work, abandon: Abandon | None, path: UdpPath) -> list[Action]:
    """Run ``work`` in a transaction, which is committed or rolled back as a whole.

    If ``work`` raises, ``abandon`` runs in a second transaction; it reports the error and abandons the exchange or SA
    that would cause it again: by default, `abandon_message` does so for a message on ``path``. If ``abandon`` fails as
    well, the error is reported with the remote address of ``path``.
    """
    first = Transaction(state, now)
    try:
        work(first)
        return first.commit()
    except Exception as error:
        fault = _undone(first, error)
    second = Transaction(state, now)
    second.at_work = first.at_work
    try:
        if abandon is None:
            abandon_message(second, fault, path.remote)
        else:
            abandon(second, fault)
        return second.commit()
    except Exception as error:
        _undone(second, error)
    return [Report(Failure(fault.code, fault.text, path.remote))]


def _undone(tx: Transaction, error: Exception) -> Refusal:
    """Undo ``tx``, and return ``error`` as a refusal."""
    tx.undo()
    if isinstance(error, Refusal):
        return error
    return Refusal(Code.INTERNAL_ERROR, f"{describe_bug(error)}: this is a bug in ikev1, please report this line")


# --- abandoning exchanges and SAs -----------------------------------------------------------------------------------


def abandon_message(tx: Transaction, fault: Refusal, peer: str) -> None:
    """Abandon the exchange whose message caused ``fault``.

    In phase 1, abandon the ISAKMP SA. In phase 2, a message that is not authenticated does not abandon an exchange; an
    authenticated message is not processed again.
    """
    cookies, message_id = tx.at_work or (b"", 0)
    ref = tx.find(cookies)
    if ref is None:
        tx.report(Failure(fault.code, fault.text, peer))
        return
    exchange = next((each for each in ref.sa.exchanges if each.message_id == message_id), None)
    tx.report(Failure(fault.code, fault.text, peer, ref.sa, exchange.tunnel if exchange is not None else ""))
    if message_id:
        if exchange is not None:
            abandon_exchange(ref, exchange)
        ref.become(with_heard(ref.sa, message_id))
    elif ref.sa.state is IkeState.CONNECTING:
        abandon_sa(ref, fault.text)


def abandon_exchange(ref: SaRef, exchange: Exchange) -> None:
    """Delete a phase 2 exchange and the pair of IPsec SAs that it was negotiating."""
    if exchange.child is not None:
        ref.tx.actions.append(Remove(exchange.child))
    ref.become(ref.sa.without_exchange(exchange))


def abandon_sa(ref: SaRef, reason: str) -> None:
    """Delete an ISAKMP SA and its pairs of IPsec SAs, in as few steps as possible."""
    sa = ref.sa
    coming = [exchange.child for exchange in sa.exchanges if exchange.child is not None]
    pairs = {child.unique_id: child for child in (*sa.children, *coming)}  # one that is being installed is in both
    ref.drop()
    ref.tx.actions += [Remove(child) for child in pairs.values()]
    ref.tx.report(IkeDown(sa, reason))
