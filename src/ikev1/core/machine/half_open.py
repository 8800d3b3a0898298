"""Main Mode responder up to message 3: no state per initiator until message 3 proves that it received message 2."""

from __future__ import annotations

from ikev1.core.exchanges.interpreter import new_exchange, reply, state_name, take
from ikev1.core.exchanges.main_mode import MAIN_MODE
from ikev1.core.exchanges.phase1_steps import SaReply
from ikev1.core.exchanges.registry import script_of
from ikev1.core.machine.admission import is_proportionate
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.first_message_refusals import (
    NEXT_PAYLOAD,
    after_cookies,
    candidate_names,
    fault_of,
    overloaded,
    remember,
    turn_away,
    turn_stranger_away,
)
from ikev1.core.machine.stateless_responder import CachedReply, sa_from
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.actions import Action, Report, Send
from ikev1.core.records.events import Code, Failure, MessageSeen
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import present, replace
from ikev1.core.records.refusal import Refusal
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, NO_COOKIE, Header
from ikev1.wire.message import build_chain, parse_message, parse_unproved
from ikev1.wire.registry import ExchangeType

_CALLER_PATIENCE = 30.0  # seconds within which an initiator must complete phase 1


def answer_first(state: State, header: Header, datagram: bytes, path: UdpPath, now: float) -> list[Action]:
    """Answer message 1 of Main Mode, from the cache if an identical message was answered or refused before."""
    fault = fault_of(state, header, datagram)
    if fault is not None:
        return [Report(Failure(Code.MALFORMED, fault, path.remote))]
    names, octets = candidate_names(state, path), after_cookies(header, datagram)
    if not names:
        return turn_stranger_away(state, header, path, now)
    key = (state.generation, names, octets)
    kept = state.first_messages.recall(key)
    if kept is None:
        if not state.admission.may_call(now):
            return overloaded(state, path, now, "Main Mode")
        mark = state.refusals.mark(*key)
        refused = state.refusals.recall(mark)
        if refused is not None:
            return turn_away(state, refused, header, path)
        state.admission.called()
        try:
            kept = state.first_messages.keep(key, *_choose(state, header, datagram, path, now))
        except (Refusal, WireError) as error:
            return turn_away(state, remember(state, mark, error, path), header, path)
    CKY_R = state.first_messages.cookie(kept, header.CKY_I, path, now)
    reply = Header(
        header.CKY_I,
        CKY_R,
        kept.first_payload,
        ExchangeType.IDENTITY_PROTECTION,
        0,
        0,
        HEADER_SIZE + len(kept.chain),
    )
    send = Send(path, reply.build() + kept.chain)
    if not state.trace(None, MAIN_MODE.labels[0], False):
        return [send]
    return _traced(kept, header, reply, datagram, send, path, now)


def _choose(state: State, header: Header, datagram: bytes, path: UdpPath, now: float) -> tuple[IkeSa, int, bytes]:
    """Run the first two rows of Main Mode without identifying the initiator.

    Returns:
        The SA after message 2, the type of the first payload of message 2, and the payloads of message 2.
    """
    blank = IkeSa(0, "", Role.RESPONDER, path, header.CKY_I, NO_COOKIE, now)
    context = state.context(blank, new_exchange(MAIN_MODE, 0, Role.RESPONDER, 0.0), now)
    choice = take(MAIN_MODE, context, parse_unproved(header, datagram[HEADER_SIZE : header.length]))
    reply(script_of(context.exchange), context, _proportionate(choice, len(datagram)))
    (message_2,) = context.exchange.datagrams
    template = replace(context.sa, phase1=replace(context.exchange, datagrams=(), resend_at=0.0))
    return template, message_2[NEXT_PAYLOAD], message_2[HEADER_SIZE:]


def _proportionate(reply: SaReply, received: int) -> SaReply:
    """Drop vendor IDs from ``reply`` until its size is proportionate to ``received`` octets from an unknown peer."""
    while reply.vendors and not is_proportionate(
        HEADER_SIZE + len(build_chain([reply.choice, *reply.vendors])[1]), received
    ):
        reply = reply._replace(vendors=reply.vendors[:-1])
    return reply


def _traced(
    kept: CachedReply, header: Header, reply: Header, datagram: bytes, send: Send, path: UdpPath, now: float
) -> list[Action]:
    sa = sa_from(kept, 0, path, header.CKY_I, reply.CKY_R, now)
    asked = parse_message(header, datagram[HEADER_SIZE : header.length])
    answered = parse_message(reply, kept.chain)
    waits = state_name(MAIN_MODE, 2, Role.RESPONDER)
    return [
        Report(MessageSeen(sa, False, MAIN_MODE.labels[0], waits, asked)),
        send,
        Report(MessageSeen(sa, True, MAIN_MODE.labels[1], waits, answered)),
    ]


def recognise(state: State, header: Header, path: UdpPath, now: float) -> IkeSa | None:
    """Return the SA of an initiator that sends message 3; None if CKY-R does not prove that it received message 2."""
    if header.exchange != ExchangeType.IDENTITY_PROTECTION or header.encrypted or header.message_id:
        return None
    kept = state.first_messages.recognise(header.CKY_I, header.CKY_R, path, now)
    if kept is None:
        return None
    phase1 = replace(present(kept.template.phase1), ends_at=now + _CALLER_PATIENCE)
    return sa_from(kept, state.next_unique_id(), path, header.CKY_I, header.CKY_R, now, phase1)


def keep_caller(ref: SaRef) -> None:
    """Add an SA that was just put into the table to the half-open SAs of its mode.

    Above the limit, the oldest half-open SA of the same mode is dropped. An initiator in Aggressive Mode, whose address
    is unproved, therefore displaces no half-open SA of Main Mode; the rate limit of Aggressive Mode gives every
    initiator time to continue before its SA is the oldest.
    """
    tx, sa, state = ref.tx, ref.sa, ref.tx.state
    if sa.phase1 is not None and sa.phase1.is_aggressive:
        queue = state.table.aggressive_callers
    else:
        queue = state.table.half_open
        state.first_messages.spend(ref.cookies, tx.now)
    ref.enqueue(queue)
    limit = state.settings.half_open_limit
    while len(queue) > limit:
        oldest = tx.of(state.table.by_cookies[next(iter(queue))])
        oldest.drop()
        text = f"more than {limit} peers began phase 1 without finishing it; dropping the oldest"
        tx.report(Failure(Code.HALF_OPEN_LIMIT, text, oldest.sa.path.remote_host, oldest.sa))
