"""Refusal of a message of an ISAKMP SA: report the reason, and notify the peer where that is permitted."""

from __future__ import annotations

from ikev1.core.exchanges.informational import INFORMATIONAL, clear_notify, delete_child, delete_ike, notify, tell
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.new_group_mode import NEW_GROUP_MODE
from ikev1.core.exchanges.protection import as_established, begins_well, phase2_iv
from ikev1.core.exchanges.registry import script_of
from ikev1.core.machine.admission import is_proportionate
from ikev1.core.machine.ended import end
from ikev1.core.machine.engine_state import Arrival, Reassembled
from ikev1.core.machine.transaction import SaRef
from ikev1.core.peer import diagnosis
from ikev1.core.records.actions import Remove, Send
from ikev1.core.records.answers import Answer, Failed
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.crypto.errors import CryptoError
from ikev1.wire.errors import WireError
from ikev1.wire.registry import NotifyType

_IMPATIENCE = 2.0  # seconds to wait for a valid answer after an unauthenticated error

Error = Refusal | WireError | CryptoError


def code_of(error: Error) -> Code:
    """Return the code of an error in a message."""
    return error.code if isinstance(error, Refusal) else Code.MALFORMED


def refuse_phase2(ref: SaRef, exchange: Exchange, digest: bytes, error: Error) -> None:
    """Report the refusal of an authenticated phase 2 message, and notify the peer.

    The refusal is kept with the exchange until it expires: a copy of the message causes at most the same answer again,
    and a valid message of the peer is still accepted.
    """
    code, text, sa = code_of(error), str(error), ref.sa
    # No HASH covers the exchange type: a malformed New Group Mode may be a copy of a message of another exchange
    if error.notify is None or (exchange.script == NEW_GROUP_MODE.name and code is Code.MALFORMED):
        ref.fail_once(code, text)
        return
    if exchange.complaint is not None and exchange.complaint[0] == code:
        return
    tunnel, child = "" if exchange.quick is None else exchange.quick.tunnel, exchange.child
    refused = replace(exchange, complaint=(code, text), received=(*exchange.received, digest))
    ref.fail(code, text, tunnel)
    context = ref.context(refused)
    told = tell(context, [notify(sa, NotifyType(error.notify))])
    begun = exchange.step == 0
    if begun:
        context.exchange = replace(refused, datagrams=told.datagrams)
        if exchange.message_id not in context.sa.spent_message_ids:
            spent = (*context.sa.spent_message_ids, exchange.message_id)
            context.sa = replace(context.sa, spent_message_ids=spent)
    gone = isinstance(error, Refusal) and error.ends and not begun
    if gone and child is not None:
        # the peer sent the last message, and considers the pair established
        tell(context, [delete_child(child)])
        context.actions.append(Remove(child))
    if gone:
        context.sa = context.sa.without_exchange(exchange)
    ref.commit(context, None if gone else context.exchange)


def refuse_answer(ref: SaRef, exchange: Exchange, error: Error, answer: Answer | None = None) -> None:
    """Abandon a phase 2 exchange that cannot continue after the ``answer`` to its question, and remove its pair.

    Without an answer, the pair is removed as well: the data plane may have installed it, or may be about to. An
    unanswered message of the peer is refused as if it had just been received. A peer that has the answer of this
    gateway may consider the pair established, and is sent a Delete for it.
    """
    child, step, quick = exchange.child, exchange.step, exchange.quick
    nothing_installed = isinstance(answer, Failed) and quick is not None and not quick.installed
    if child is not None and not nothing_installed:
        ref.tx.actions.append(Remove(child))
    ref.become(ref.sa.without_exchange(exchange))
    if exchange.role is Role.RESPONDER and step == 1:
        *earlier, digest = exchange.received
        iv = phase2_iv(ref.sa, exchange.message_id)
        begun = new_exchange(script_of(exchange), exchange.message_id, Role.RESPONDER, exchange.ends_at, iv)
        begun = replace(begun, received=tuple(earlier), complaint=exchange.complaint, datagrams=exchange.datagrams)
        ref.change(exchanges=(*ref.sa.exchanges, begun))
        refuse_phase2(ref, begun, digest, error)
        return
    ref.fail(code_of(error), str(error), exchange.tunnel)
    if child is not None and ref.sa.is_up:
        ref.say(delete_child(child))


def refuse_phase1(ref: SaRef, exchange: Exchange, arrival: Arrival, error: Error) -> None:
    """Report the refusal of a phase 1 message once, notify the peer, and end an exchange that cannot succeed."""
    header, sa = arrival.header, ref.sa
    code, text = code_of(error), str(error)
    if header.encrypted and isinstance(error, WireError):
        keys_fit = begins_well(sa, exchange, arrival.datagram)
        connection = ref.context(exchange).connection
        code, text = diagnosis.of_changed(sa) if keys_fit else diagnosis.of_unreadable(sa, connection)
    # A forged message must not suppress the report on the initiator's own message: a responder compares texts, too
    by_words = exchange.role is Role.RESPONDER
    if exchange.complaint is not None and exchange.complaint[: 1 + by_words] == (code, text)[: 1 + by_words]:
        return
    # One forged fragment spoils a message of the peer, whose own fragment may follow
    ends = isinstance(error, Refusal) and error.ends and not isinstance(arrival, Reassembled)
    # An initiator that waits a little longer reports the reason when the exchange expires
    if ends or not ref.is_kept or not complain(ref, exchange, (code, text)):
        ref.fail(code, text)
    if error.notify is not None:
        _tell(ref, exchange, arrival, NotifyType(error.notify), ends)
    if ends and ref.is_kept:
        end(ref, text)


def complain(ref: SaRef, exchange: Exchange, complaint: tuple[Code, str]) -> bool:
    """Store the complaint about a refused phase 1 message, the only change that such a message makes.

    The complaint is reported once, and is the reason given if the exchange expires. An initiator also shortens the time
    limit: the sender of the message knows the initiator's cookie, and is most likely the peer. A responder changes
    nothing else, because an attacker may have sent the message.

    Returns:
        Whether the complaint will be reported when the exchange expires.
    """
    complaining = replace(exchange, complaint=complaint)
    if exchange.role is Role.RESPONDER:
        ref.change(phase1=complaining)
        return False
    ends_at = min(exchange.ends_at, ref.tx.now + _IMPATIENCE)
    ref.change(phase1=replace(complaining, resend_at=0.0, ends_at=ends_at))
    return True


def _tell(ref: SaRef, exchange: Exchange, arrival: Arrival, kind: NotifyType, ends: bool) -> None:
    """Notify the peer why its phase 1 message was refused; without encryption, only in a proportionate reply."""
    header = arrival.header
    if ends and header.encrypted:
        _take_leave(ref, exchange, arrival, kind)
        return
    reply = clear_notify(header.CKY_I, header.CKY_R, kind, int.from_bytes(ref.tx.state.random(4)))
    if is_proportionate(len(reply), len(arrival.datagram)):
        ref.tx.actions.append(Send(ref.sa.path, reply))


def _take_leave(ref: SaRef, exchange: Exchange, arrival: Arrival, kind: NotifyType) -> None:
    """Notify a peer that failed authentication, encrypted with the keys of this phase 1: peers that have keys ignore
    unencrypted notifications. A peer that sent the last message of phase 1 considers the SA established, and is also
    sent a Delete for it.
    """
    last_block = arrival.datagram[-len(exchange.iv) :]
    context = ref.context(new_exchange(INFORMATIONAL, 0, Role.INITIATOR, 0.0))
    context.sa = as_established(ref.sa, last_block)
    tell(context, [notify(ref.sa, kind)])
    if exchange.step + 1 == len(script_of(exchange).rows):
        tell(context, [delete_ike(ref.sa)])
    ref.tx.actions += context.actions
