"""What is done about a message of an ISAKMP SA that is refused: people are told why, and the peer where it may be."""

from __future__ import annotations

from ikev1.core.exchanges.informational import INFORMATIONAL, clear_notify, delete_child, delete_ike, notify, tell
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.new_group_mode import NEW_GROUP_MODE
from ikev1.core.exchanges.protection import as_established, begins_well, phase2_iv
from ikev1.core.exchanges.registry import script_of
from ikev1.core.machine.admission import is_proportionate
from ikev1.core.machine.ended import end
from ikev1.core.machine.engine_state import Arrival
from ikev1.core.machine.transaction import SaRef
from ikev1.core.peer import diagnosis
from ikev1.core.records.actions import Remove, Send
from ikev1.core.records.events import Code
from ikev1.core.records.model import Exchange, Role
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.crypto.errors import CryptoError
from ikev1.wire.errors import WireError
from ikev1.wire.registry import NotifyType

_IMPATIENCE = 2.0  # seconds for which a proper answer is still hoped for after an error that nobody vouches for

Error = Refusal | WireError | CryptoError


def code_of(error: Error) -> Code:
    """The code of what was wrong with a message."""
    return error.code if isinstance(error, Refusal) else Code.MALFORMED


def refuse_phase2(ref: SaRef, exchange: Exchange, digest: bytes, error: Error) -> None:
    """Says why a message of phase 2 was not taken that the peer proved to have sent, to people and to the peer.

    The refusal stays with the exchange for a while: a copy of the message brings at most the same answer again, and a
    better message of the peer's is still taken.
    """
    code, text, sa = code_of(error), str(error), ref.sa
    # No HASH covers the exchange type: a New Group Mode that does not look like one may be a copy of something else
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
        context.sa = replace(context.sa, spent_message_ids=context.sa.spent_message_ids | {exchange.message_id})
    gone = isinstance(error, Refusal) and error.ends and not begun
    if gone and child is not None:
        # the peer sent the last message, and believes that the pair is up
        tell(context, [delete_child(child)])
        context.actions.append(Remove(child))
    if gone:
        left = tuple(other for other in sa.exchanges if other.message_id != exchange.message_id)
        context.sa = replace(context.sa, exchanges=left)
    ref.commit(context, None if gone else context.exchange)


def refuse_answer(ref: SaRef, exchange: Exchange, error: Error) -> None:
    """Gives up an exchange of phase 2 that cannot go on with what the world answered, and removes its pair.

    A message of the peer's that is not answered is refused as if it had just come. A peer that has our answer may
    believe in the pair, and is told that it is deleted.
    """
    child, step = exchange.child, exchange.step
    if child is not None:
        ref.tx.actions.append(Remove(child))
    others = tuple(other for other in ref.sa.exchanges if other.message_id != exchange.message_id)
    if exchange.role is Role.RESPONDER and step == 1:
        *earlier, digest = exchange.received
        iv = phase2_iv(ref.sa, exchange.message_id)
        begun = new_exchange(script_of(exchange), exchange.message_id, Role.RESPONDER, exchange.ends_at, iv)
        begun = replace(begun, received=tuple(earlier), complaint=exchange.complaint, datagrams=exchange.datagrams)
        ref.change(exchanges=(*others, begun))
        refuse_phase2(ref, begun, digest, error)
        return
    ref.fail(code_of(error), str(error), exchange.tunnel)
    ref.change(exchanges=others)
    if child is not None and ref.sa.is_up:
        ref.say(delete_child(child))


def refuse_phase1(ref: SaRef, exchange: Exchange, arrival: Arrival, error: Error) -> None:
    """Says why a message of phase 1 was not taken, to people once and to the peer; gives up what cannot succeed."""
    header, sa = arrival.header, ref.sa
    code, text = code_of(error), str(error)
    if header.encrypted and isinstance(error, WireError):
        keys_fit = begins_well(sa, exchange, arrival.datagram)
        connection = ref.context(exchange).connection
        code, text = diagnosis.of_changed(sa) if keys_fit else diagnosis.of_unreadable(sa, connection)
    # What anybody forged before is not to silence what a caller's own message shows, so that is told apart by its words
    by_words = exchange.role is Role.RESPONDER
    if exchange.complaint is not None and exchange.complaint[: 1 + by_words] == (code, text)[: 1 + by_words]:
        return
    ends = isinstance(error, Refusal) and error.ends
    # A call of ours that goes on for a moment may say it when it is given up
    if ends or not ref.is_kept or not complain(ref, exchange, (code, text)):
        ref.fail(code, text)
    if error.notify is not None:
        _tell(ref, exchange, arrival, NotifyType(error.notify), ends)
    if ends and ref.is_kept:
        end(ref, text)


def complain(ref: SaRef, exchange: Exchange, complaint: tuple[Code, str]) -> bool:
    """The one trace that a refused message of phase 1 leaves: what was wrong is said once, and is the reason if we give
    up.

    A call of ours is given up soon, for whoever sent this knows our cookie: most likely the peer did. Of a peer's call
    nothing else changes, for anybody's junk would change it.

    Returns:
        Whether the complaint will be said when the call is given up.
    """
    complaining = replace(exchange, complaint=complaint)
    if exchange.role is Role.RESPONDER:
        ref.change(phase1=complaining)
        return False
    ends_at = min(exchange.ends_at, ref.tx.now + _IMPATIENCE)
    ref.change(phase1=replace(complaining, resend_at=0.0, ends_at=ends_at))
    return True


def _tell(ref: SaRef, exchange: Exchange, arrival: Arrival, kind: NotifyType, ends: bool) -> None:
    """Tells the peer why its message of phase 1 was refused, in no more octets than came: anybody may have sent it."""
    header = arrival.header
    if ends and header.encrypted:
        _take_leave(ref, exchange, arrival, kind)
        return
    reply = clear_notify(header.CKY_I, header.CKY_R, kind, int.from_bytes(ref.tx.state.random(4)))
    if is_proportionate(len(reply), len(arrival.datagram)):
        ref.tx.actions.append(Send(ref.sa.path, reply))


def _take_leave(ref: SaRef, exchange: Exchange, arrival: Arrival, kind: NotifyType) -> None:
    """Tells a peer that is not whom we expect why, under the keys of this phase 1: peers that have them take no notice
    of what comes in the clear. Whoever sent the last message believes that the SA is up, so it is told that it is not.
    """
    last_block = arrival.datagram[-len(exchange.iv) :]
    context = ref.context(new_exchange(INFORMATIONAL, 0, Role.INITIATOR, 0.0))
    context.sa = as_established(ref.sa, last_block)
    tell(context, [notify(ref.sa, kind)])
    if exchange.step + 1 == len(script_of(exchange).rows):
        tell(context, [delete_ike(ref.sa)])
    ref.tx.actions += context.actions
