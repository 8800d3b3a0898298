"""Informational messages that come: under the ISAKMP SA, and while there is none yet."""

from __future__ import annotations

from ikev1.core.exchanges.informational import (
    INFORMATIONAL,
    deleted_pairs,
    is_among,
    is_error,
    is_repetition,
    remove_deleted,
)
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.protection import (
    as_established,
    may_hold_notify,
    notify_behind_wrong_iv,
    open_proved,
    phase2_iv,
)
from ikev1.core.exchanges.registry import go_through
from ikev1.core.machine import dpd
from ikev1.core.machine.aggressive_responder import awaits_message_3
from ikev1.core.machine.engine_state import Arrival, State
from ikev1.core.machine.established import confirm, initial_contact
from ikev1.core.peer import diagnosis
from ikev1.core.records.actions import Action, Keep, Report
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.model import IkeSa, IkeState, Role
from ikev1.core.records.refusal import Refusal, Unproved
from ikev1.core.records.settings import Connection
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE
from ikev1.wire.message import Message, parse_unproved
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import NotifyType


def take_informational(state: State, sa: IkeSa, arrival: Arrival) -> list[Action]:
    """Takes an informational message for ``sa``. It moves nobody."""
    header, datagram, path, now = arrival
    if sa.state is IkeState.CONNECTING:
        return _while_connecting(state, sa, arrival)
    iv = phase2_iv(sa, header.message_id)
    exchange = new_exchange(INFORMATIONAL, header.message_id, Role.RESPONDER, now, iv)
    context = state.context(sa, exchange, now)
    try:
        message, _ = open_proved(sa, exchange, 1, header, datagram)
        if is_repetition(sa, header, message):
            return []
        go_through(context, message)
    except Unproved as error:
        return state.say_unproved(sa, "an informational message", error)
    except (Refusal, WireError) as error:
        # RFC 2408 §5.15: an error in an informational message is never answered with another
        return state.say_once(sa, Code.MALFORMED, f"an informational message is refused: {error}")
    actions = context.actions if context.sa is sa else state.commit(sa, context, None)
    if sa.confirmed:
        actions += _deleted_elsewhere(state, sa, message, now)
    current = state.table.by_cookies.get(sa.cookies)
    if current is None or not current.is_up:
        return actions
    ours, moves = dpd.answered(state, current, message, path, now)
    actions += moves
    if ours or _asks(message):
        actions += confirm(state, sa.cookies, now, answered=ours)
    return [*actions, *initial_contact(state, sa.cookies, message, now)]


def _asks(message: Message) -> bool:
    return any(payload.type == NotifyType.R_U_THERE for payload in message.all(Notification))


def _deleted_elsewhere(state: State, sa: IkeSa, message: Message, now: float) -> list[Action]:
    """Removes pairs that the peer deleted but that another ISAKMP SA with the same peer holds: pairs go over to newer
    ones, and the two sides need not agree under which one a pair lives.
    """
    gone = deleted_pairs(message)
    actions: list[Action] = []
    for other in state.table.of_peer(sa) if gone else ():
        context = state.context(other, new_exchange(INFORMATIONAL, 0, Role.RESPONDER, now), now)
        for child in other.children:
            if is_among(child, gone):
                remove_deleted(context, child, gone)
        if context.actions:
            state.table.put(other, context.sa)
            actions += [Keep(context.sa), *context.actions]
            if context.sa.state is IkeState.DELETED and not context.sa.children:
                actions += state.end(context.sa, "its peer deleted what was left of it")
    return actions


# --- before there is an ISAKMP SA -----------------------------------------------------------------------------------


def _while_connecting(state: State, sa: IkeSa, arrival: Arrival) -> list[Action]:
    """An error before there is an ISAKMP SA: anybody could have sent it, so it shortens our patience and no more."""
    phase1 = sa.phase1
    if phase1 is None or (phase1.complaint is not None and phase1.role is Role.INITIATOR):
        return []
    connection = state.context(sa, phase1, arrival.now).connection
    find = _sealed_complaint if arrival.header.encrypted else _clear_complaint
    complaint = find(sa, arrival, connection)
    if complaint is None or complaint == phase1.complaint:
        return []
    said_at_the_end = state.complain(sa, phase1, complaint, arrival.now)
    return [] if said_at_the_end else [Report(Failure(*complaint, sa.path.remote, sa))]


def _sealed_complaint(sa: IkeSa, arrival: Arrival, connection: Connection) -> tuple[Code, str] | None:
    """What a peer says that has keys already: if ours open it, its trouble is not with them."""
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
            return None  # most likely the peer believes that the SA is up: it is asked for message 3
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
