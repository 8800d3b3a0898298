"""Where a fault of ours ends: at one peer's datagram, one timer of an SA or one command.

What a transaction raises is undone as a whole and becomes a `Failure`. If it is no refusal, but an exception that
nobody foresaw, the text names its type and the line of our code where it came from, and nothing that it says: that may
hold octets of a peer's, or a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from ikev1.core.exchanges.message_ids import with_heard
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.records.actions import Action, Remove, Report
from ikev1.core.records.events import Code, Failure, IkeDown
from ikev1.core.records.model import Exchange, IkeState, UdpPath
from ikev1.core.records.refusal import Refusal

_PACKAGE = __name__.partition(".")[0]

Work = Callable[[Transaction], None]
Abandon = Callable[[Transaction, Refusal], None]


def attempt(state: State, now: float, work: Work) -> list[Action]:
    """Does ``work`` in a transaction, as a whole or not at all.

    Raises:
        Refusal: ``work`` raised it, or raised something else (`Code.INTERNAL_ERROR`).
    """
    done = _perform(Transaction(state, now), work)
    if isinstance(done, Refusal):
        raise done
    return done


def contain(state: State, now: float, work: Work, abandon: Abandon, path: UdpPath) -> list[Action]:
    """Does ``work`` in a transaction, as a whole or not at all. What it raises is left to ``abandon``, in a transaction
    of its own, which reports it and gives up whatever would raise it again.

    ``path`` tells whose address and port to report if even that does not succeed.
    """
    first = Transaction(state, now)
    done = _perform(first, work)
    if not isinstance(done, Refusal):
        return done
    fault, second = done, Transaction(state, now)
    second.at_work = first.at_work
    done = _perform(second, lambda tx: abandon(tx, fault))
    return [Report(Failure(fault.code, fault.text, path.remote))] if isinstance(done, Refusal) else done


def _perform(tx: Transaction, work: Work) -> list[Action] | Refusal:
    try:
        work(tx)
        return tx.commit()
    except Refusal as refusal:
        fault = refusal
    except Exception as error:
        text = (
            f"{type(error).__name__} in {_place(error.__traceback__)}: this is a bug in ikev1, please report this line"
        )
        fault = Refusal(Code.INTERNAL_ERROR, text)
    tx.undo()
    return fault


def _place(traceback: TracebackType | None) -> str:
    """The innermost line of this package that a traceback leads through: file, line and function."""
    place = "unknown place"
    while traceback is not None:
        frame = traceback.tb_frame
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] == _PACKAGE:
            place = f"{module.replace('.', '/')}.py:{traceback.tb_lineno} {frame.f_code.co_name}"
        traceback = traceback.tb_next
    return place


# --- what is given up -----------------------------------------------------------------------------------------------


def abandon_message(tx: Transaction, fault: Refusal, peer: str) -> None:
    """Gives up the exchange in which a message met a ``fault``.

    In phase 1 that is the ISAKMP SA. In phase 2 nothing is given up on account of a message that is not proved to be
    the peer's; one that is proved is not looked at again.
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
    """Forgets an exchange of phase 2, with the pair that it was about to make."""
    if exchange.child is not None:
        ref.tx.actions.append(Remove(exchange.child))
    ref.change(exchanges=tuple(other for other in ref.sa.exchanges if other is not exchange))


def abandon_sa(ref: SaRef, reason: str) -> None:
    """Forgets an ISAKMP SA and its pairs, in as few steps as can be."""
    sa = ref.sa
    coming = (exchange.child for exchange in sa.exchanges)
    ref.drop()
    ref.tx.actions += [Remove(child) for child in (*sa.children, *coming) if child is not None]
    ref.tx.report(IkeDown(sa, reason))
