"""From a caller's message 1 to its message 3: nothing is kept of it before it showed that it receives what we send."""

from __future__ import annotations

from ikev1.core.actions import Action, Report, Send
from ikev1.core.events import Code, Failure, MessageSeen
from ikev1.core.first_message import Answer, sa_from
from ikev1.core.informational import clear_notify
from ikev1.core.life import number_of
from ikev1.core.main_mode import MAIN_MODE
from ikev1.core.model import IkeSa, Path, Role
from ikev1.core.record import replace
from ikev1.core.refusal import Refusal
from ikev1.core.script import new_exchange, state_name
from ikev1.core.scripts import aggressive_mode, go_through
from ikev1.core.state import State
from ikev1.wire.attributes import find
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, NO_COOKIE, Header
from ikev1.wire.message import parse_message, parse_unproved
from ikev1.wire.payloads import CLASSES, SecurityAssociation
from ikev1.wire.registry import ExchangeType, NotifyType, PayloadType, Phase1Attribute

__all__ = ["aggressive_caller", "answer_first", "make_room", "recognise"]

_NEXT_PAYLOAD = 16  # its place in the header
_AFTER_SA = frozenset(CLASSES) - {PayloadType.SECURITY_ASSOCIATION}
_LARGEST = 8192  # octets of a message 1, for answers are kept by it: dozens of proposals and vendor IDs fit in
_CALLER_PATIENCE = 30.0  # seconds in which a peer that calls us must finish phase 1


def answer_first(state: State, header: Header, datagram: bytes, path: Path, now: float) -> list[Action]:
    """Answers message 1 of Main Mode, from memory if the same was answered before."""
    if header.message_id or header.encrypted:
        return [Report(Failure(Code.MALFORMED, "message 1 with a message ID or encrypted", str(path)))]
    if len(datagram) > _LARGEST:
        text = f"message 1 with {len(datagram)} octets: more than {_LARGEST} are not taken from a stranger"
        return [Report(Failure(Code.MALFORMED, text, str(path)))]
    octets = datagram[_NEXT_PAYLOAD : _NEXT_PAYLOAD + 1] + datagram[HEADER_SIZE : header.length]
    names = tuple(connection.name for connection in state.lookup.candidates(path.local_host, path.remote_host))
    key = (state.generation, names, octets)
    answer = state.first_messages.recall(key)
    try:
        if answer is None:
            answer = state.first_messages.keep(key, *_choose(state, header, datagram, path, now))
    except (Refusal, WireError) as error:
        return _refuse(state, error, header, path)
    CKY_R = state.first_messages.cookie(answer, header.CKY_I, path, now)
    reply = Header(
        header.CKY_I,
        CKY_R,
        answer.first_payload,
        ExchangeType.IDENTITY_PROTECTION,
        0,
        0,
        HEADER_SIZE + len(answer.chain),
    )
    send = Send(path, reply.build() + answer.chain)
    if not state.trace(None, MAIN_MODE.labels[0]):
        return [send]
    return _traced(answer, header, reply, datagram, send, path, now)


def _choose(state: State, header: Header, datagram: bytes, path: Path, now: float) -> tuple[IkeSa, int, bytes]:
    """Runs the first two rows of Main Mode for a caller without a name.

    Returns:
        The SA as it stands then, and the first payload and the payloads of message 2.
    """
    blank = IkeSa(0, "", Role.RESPONDER, path, header.CKY_I, NO_COOKIE, now)
    turn = state.turn(blank, new_exchange(MAIN_MODE, 0, Role.RESPONDER, 0.0), now)
    go_through(turn, parse_unproved(header, datagram[HEADER_SIZE : header.length]))
    reply = turn.exchange.sent
    template = replace(turn.sa, phase1=replace(turn.exchange, sent=b"", resend_at=0.0))
    return template, reply[_NEXT_PAYLOAD], reply[HEADER_SIZE:]


def _refuse(state: State, error: Refusal | WireError, header: Header, path: Path) -> list[Action]:
    code = error.code if isinstance(error, Refusal) else Code.MALFORMED
    actions: list[Action] = [Report(Failure(code, str(error), f"{path.remote_host}[{path.remote_port}]"))]
    if error.notify is not None:
        message_id = int.from_bytes(state.random(4))
        actions.append(Send(path, clear_notify(header.CKY_I, NO_COOKIE, NotifyType(error.notify), message_id)))
    return actions


def _traced(
    answer: Answer, header: Header, reply: Header, datagram: bytes, send: Send, path: Path, now: float
) -> list[Action]:
    sa = sa_from(answer, 0, path, header.CKY_I, reply.CKY_R, now)
    asked = parse_message(header, datagram[HEADER_SIZE : header.length])
    answered = parse_message(reply, answer.chain)
    waits = state_name(MAIN_MODE, 2, Role.RESPONDER)
    return [
        Report(MessageSeen(sa, False, MAIN_MODE.labels[0], waits, asked)),
        send,
        Report(MessageSeen(sa, True, MAIN_MODE.labels[1], waits, answered)),
    ]


def recognise(state: State, header: Header, path: Path, now: float) -> IkeSa | None:
    """The SA of a caller that sends message 3, if we answered its message 1: its CKY-R proves it."""
    if header.exchange != ExchangeType.IDENTITY_PROTECTION or header.encrypted or header.message_id:
        return None
    answer = state.first_messages.recognise(header.CKY_I, header.CKY_R, path, now)
    if answer is None:
        return None
    sa = sa_from(answer, state.next_unique_id(), path, header.CKY_I, header.CKY_R, now)
    assert sa.phase1 is not None
    return replace(sa, phase1=replace(sa.phase1, ends_at=now + _CALLER_PATIENCE))


def aggressive_caller(state: State, header: Header, datagram: bytes, path: Path, now: float) -> IkeSa:
    """The SA of a caller that sends message 1 of Aggressive Mode; its CKY-R is the same whenever that comes again.

    Nothing spares us the answer's Diffie-Hellman here, whoever asks: what is kept of callers is capped, no more.
    """
    CKY_R = state.first_messages.lasting_cookie(header.CKY_I, path)
    known = state.table.by_cookies.get(header.CKY_I + CKY_R)
    if known is not None:
        return known
    script = aggressive_mode(_method_asked(header, datagram))
    exchange = new_exchange(script, 0, Role.RESPONDER, now + _CALLER_PATIENCE)
    return IkeSa(state.next_unique_id(), "", Role.RESPONDER, path, header.CKY_I, CKY_R, now, phase1=exchange)


def _method_asked(header: Header, datagram: bytes) -> int:
    """The method of authentication that message 1 of Aggressive Mode is for: the rest of it can be read only then."""
    try:
        unread = parse_unproved(header, datagram[HEADER_SIZE : header.length], _AFTER_SA)
        offered = unread.one(SecurityAssociation)
    except WireError:
        return 0  # which the table for all others will say again
    attributes = (each for proposal in offered.proposals for each in proposal.transforms[:1])
    methods = (find(transform.attributes, Phase1Attribute.AUTHENTICATION_METHOD) for transform in attributes)
    return next((number_of(method) for method in methods if method is not None), 0)


def make_room(state: State) -> list[Action]:
    """Drops the oldest half-open SAs above the limit."""
    actions: list[Action] = []
    half_open = state.table.half_open
    while len(half_open) > state.settings.half_open_limit:
        oldest = state.table.by_cookies[next(iter(half_open))]
        state.table.drop(oldest)
        text = (
            f"more than {state.settings.half_open_limit} peers began phase 1 and did not finish; the oldest is dropped"
        )
        actions.append(Report(Failure(Code.HALF_OPEN_LIMIT, text, oldest.path.remote_host, oldest)))
    return actions
