"""Processing of received informational messages, under an established ISAKMP SA and during phase 1."""

from __future__ import annotations

from ikev1.core.exchanges.informational import (
    INFORMATIONAL,
    deleted_pairs,
    is_error,
    is_repetition,
    take_deleted,
)
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.message_ids import with_heard
from ikev1.core.exchanges.protection import (
    as_established,
    may_hold_notify,
    notify_behind_wrong_iv,
    open_proved,
    phase2_iv,
)
from ikev1.core.exchanges.registry import go_through
from ikev1.core.machine import dpd, lineage, liveness, lost_sas, remote_access, retirement, switch
from ikev1.core.machine.aggressive_responder import awaits_message_3
from ikev1.core.machine.connected import take_connected
from ikev1.core.machine.ended import bury, end
from ikev1.core.machine.engine_state import Arrival
from ikev1.core.machine.established import confirm, initial_contact
from ikev1.core.machine.refuse import complain
from ikev1.core.machine.transaction import SaRef
from ikev1.core.peer import diagnosis
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.refusal import Refusal, Unproved
from ikev1.core.records.settings import Connection
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE
from ikev1.wire.message import Message, parse_unproved
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import NotifyType


def take_informational(ref: SaRef, arrival: Arrival) -> None:
    """Process an informational message for this SA. Only R-U-THERE can change the peer's path: an old one is not
    accepted again, and the peer awaits the answer where it sent it from.
    """
    header, datagram, path, now = arrival
    if ref.sa.state is IkeState.CONNECTING:
        _while_connecting(ref, arrival)
        return
    if lost_sas.take_invalid_cookie(ref, arrival):
        return
    exchange = new_exchange(INFORMATIONAL, header.message_id, Role.RESPONDER, now, phase2_iv(ref.sa, header.message_id))
    context = ref.context(exchange)
    try:
        message, _ = open_proved(ref.sa, exchange, 1, header, datagram)
        if is_repetition(ref.sa, header, message):
            return
        ref.tx.at_work = ref.cookies, header.message_id
        meant = lineage.meant_by_vpnc(ref, message)
        if meant is not None:
            ref.become(with_heard(ref.sa, header.message_id))
            end(meant, "deleted by the peer, which names its new ISAKMP SA")
            _take_deleted_pairs(ref, message)
            return
        asks = _asks(message)
        context.seen = path if asks else None
        go_through(context, message)
    except Unproved as error:
        if not take_connected(ref, arrival):
            ref.fail_unproved("informational message", error)
        return
    except (Refusal, WireError) as error:
        # RFC 2408 §5.15: an error in an informational message is never answered with another
        ref.fail_once(Code.MALFORMED, f"rejected informational message: {error}")
        return
    was_confirmed, moves = ref.sa.confirmed, ref.sa.moves
    ref.commit(context)
    if ref.sa.state is IkeState.DELETING:
        remote_access.deleted(ref)
        lineage.heir_deleted(ref)
        bury(ref, "deleted by the peer")
    if was_confirmed:
        _deleted_elsewhere(ref, message)
    if ref.has_ended or not ref.sa.is_up:
        return
    ours = dpd.answered(ref, message, path)
    if ours or asks:
        confirm(ref, answered=ours)
        liveness.heard(ref)
    if asks and not ref.has_ended:
        if ref.sa.moves != moves:
            dpd.ask_where_it_is(ref)
        else:
            dpd.follow(ref, path)
    lost_sas.replace_lost(ref, message)
    initial_contact(ref, message)


def _asks(message: Message) -> bool:
    return any(payload.type == NotifyType.R_U_THERE for payload in message.all(Notification))


def _take_deleted_pairs(ref: SaRef, message: Message) -> None:
    """Process only those Delete payloads of ``message`` that are for pairs of IPsec SAs."""
    _remove_deleted(ref, deleted_pairs(message))
    _deleted_elsewhere(ref, message)


def _remove_deleted(ref: SaRef, gone: set[tuple[int, int]]) -> None:
    context = ref.context(new_exchange(INFORMATIONAL, 0, Role.RESPONDER, ref.tx.now))
    take_deleted(context, gone)
    ref.commit(context)


def _deleted_elsewhere(ref: SaRef, message: Message) -> None:
    """Remove pairs of IPsec SAs that the peer deleted but that belong to another ISAKMP SA with the same peer; what
    takes their place sends.

    Pairs move to newer ISAKMP SAs, and the peers need not agree on the ISAKMP SA to which a pair belongs.
    """
    gone = deleted_pairs(message)
    if not gone:
        return
    for sa in ref.tx.state.others(ref.sa):
        other = ref.tx.of(sa)
        _remove_deleted(other, gone)
        retirement.revive_pairs(other)
        if other.sa.state is IkeState.DELETED and not other.sa.children:
            end(other, "the peer deleted its last IPsec SAs")
    retirement.revive_pairs(ref)
    switch.fill_gaps(ref)


# --- during phase 1 -------------------------------------------------------------------------------------------------


def _while_connecting(ref: SaRef, arrival: Arrival) -> None:
    """Process an error received during phase 1: it is unauthenticated, so it only shortens the time limit."""
    phase1 = ref.sa.phase1
    if phase1 is None or (phase1.complaint is not None and phase1.role is Role.INITIATOR):
        return
    connection = ref.context(phase1).connection
    find = _sealed_complaint if arrival.header.encrypted else _clear_complaint
    complaint = find(ref.sa, arrival, connection)
    if complaint is None or complaint == phase1.complaint:
        return
    if not complain(ref, phase1, complaint):
        ref.fail(*complaint)


def _sealed_complaint(sa: IkeSa, arrival: Arrival, connection: Connection) -> tuple[Code, str] | None:
    """Diagnose an encrypted error of phase 1: if the keys of this gateway decrypt it, the peers agree on the keys."""
    phase1, header, datagram = sa.phase1, arrival.header, arrival.datagram
    if phase1 is None or sa.keys is None:
        return None
    early = as_established(sa, phase1.iv)
    iv = phase2_iv(early, header.message_id)
    exchange = new_exchange(INFORMATIONAL, header.message_id, Role.RESPONDER, arrival.now, iv)
    try:
        message, _ = open_proved(early, exchange, 1, header, datagram)
    except Unproved:
        behind = notify_behind_wrong_iv(early, exchange, datagram)
        if behind is not None:
            return diagnosis.of_sealed_notify(sa, NotifyType(behind.type)) if is_error(behind.type) else None
        if awaits_message_3(sa):
            return None  # the peer probably considers the SA established: `ask_again` requests message 3
        return diagnosis.of_sealed_elsewhere(sa, connection) if may_hold_notify(early, datagram) else None
    except WireError:
        return None
    kind = _error_in(message)
    return None if kind is None else diagnosis.of_sealed_notify(sa, kind)


def _clear_complaint(sa: IkeSa, arrival: Arrival, connection: Connection) -> tuple[Code, str] | None:
    header = arrival.header
    try:
        message = parse_unproved(header, arrival.datagram[HEADER_SIZE : header.length])
    except WireError:
        return None
    kind = _error_in(message)
    return None if kind is None else diagnosis.of_clear_notify(sa, kind, connection)


def _error_in(message: Message) -> NotifyType | None:
    errors = (NotifyType(payload.type) for payload in message.all(Notification) if is_error(payload.type))
    return next(errors, None)
