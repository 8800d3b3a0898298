"""The way of one datagram: which SA, which exchange, is it a repetition, and if not, through its table."""

from __future__ import annotations

from hashlib import blake2b

from ikev1.core import diagnosis
from ikev1.core.actions import Action, Examine, Report, Send
from ikev1.core.envelope import as_established, open_message, phase2_iv
from ikev1.core.establishment import after_establishment
from ikev1.core.events import Code, Failure
from ikev1.core.half_open import aggressive_caller, answer_first, make_room, recognise
from ikev1.core.informational import INFORMATIONAL, clear_notify, delete_ike, notify, tell
from ikev1.core.model import Exchange, IkeSa, IkeState, Path, Role
from ikev1.core.new_group_mode import NEW_GROUP_MODE
from ikev1.core.not_me import OWN_CALL
from ikev1.core.quick_mode import QUICK_MODE
from ikev1.core.record import replace
from ikev1.core.refusal import Refusal
from ikev1.core.script import Script, new_exchange
from ikev1.core.scripts import go_through, script_of
from ikev1.core.state import Arrival, Examination, State
from ikev1.core.tidings import take_informational
from ikev1.core.turn import Turn
from ikev1.core.verdict import Undecided, Verdict
from ikev1.crypto.errors import CryptoError
from ikev1.wire.errors import WireError
from ikev1.wire.header import NO_COOKIE, Header
from ikev1.wire.registry import ExchangeType, NotifyType

__all__ = ["answer", "receive"]

_PHASE_1 = frozenset({ExchangeType.IDENTITY_PROTECTION, ExchangeType.AGGRESSIVE})
_PHASE_2: dict[int, Script] = {script.exchange: script for script in (QUICK_MODE, NEW_GROUP_MODE)}
_CALLER_PATIENCE = 30.0  # seconds in which a peer must finish a Quick Mode that it began
_MOST_QUICK_MODES = 5000  # under one ISAKMP SA: all their message IDs are remembered


def receive(state: State, datagram: bytes, path: Path, now: float) -> list[Action]:
    """What to do about ``datagram``, which came by ``path``."""
    try:
        header = Header.parse(datagram)
    except WireError as error:
        return [Report(Failure(Code.MALFORMED, str(error), path.remote))]
    if header.CKY_R == NO_COOKIE and header.exchange in _PHASE_1 and state.is_own_cookie(header.CKY_I):
        return [Report(Failure(Code.REFLECTION, OWN_CALL, path.remote))]
    if header.CKY_R == NO_COOKIE and header.exchange == ExchangeType.IDENTITY_PROTECTION:
        return answer_first(state, header, datagram, path, now)
    known, sa = _find(state, header, datagram, path, now)
    if sa is None:
        return _unknown(header, path)
    arrival = Arrival(header, datagram, path, now)
    if header.exchange == ExchangeType.INFORMATIONAL:
        return take_informational(state, sa, arrival)
    exchange = sa.phase1
    if header.exchange in _PHASE_2:
        _hold(state, sa, arrival)
        exchange = _phase2(sa, header, now)
    if exchange is None or header.exchange != script_of(exchange).exchange or header.message_id != exchange.message_id:
        return []
    return _take(state, known, sa, exchange, arrival)


def _find(state: State, header: Header, datagram: bytes, path: Path, now: float) -> tuple[IkeSa | None, IkeSa | None]:
    """The SA that a message belongs to: as the table has it, and as it is to be gone on with.

    The two differ for a caller: of one in Main Mode nothing is kept before its message 3, of one in Aggressive Mode
    nothing before its message 1.
    """
    sas = state.table.by_cookies
    sa = sas.get(header.CKY_I + header.CKY_R)
    if sa is not None:
        return sa, sa
    if header.CKY_R == NO_COOKIE and header.exchange == ExchangeType.AGGRESSIVE:
        caller = aggressive_caller(state, header, datagram, path, now)
        return sas.get(caller.cookies), caller
    # A call of ours that was not answered yet: the answer brings the responder's cookie, or an error without one
    sa = sas.get(header.CKY_I + NO_COOKIE)
    if sa is not None and sa.path.remote_host == path.remote_host:
        return sa, sa
    return None, recognise(state, header, path, now)


def _unknown(header: Header, path: Path) -> list[Action]:
    text = f"a message for an ISAKMP SA that is not known here ({header.CKY_I.hex()}:{header.CKY_R.hex()})"
    return [Report(Failure(Code.UNKNOWN_SA, text, path.remote))]


def _phase2(sa: IkeSa, header: Header, now: float) -> Exchange | None:
    """The exchange that a message belongs to: one under way, or a new one; None where its message ID is spent."""
    for exchange in sa.exchanges:
        if exchange.message_id == header.message_id:
            return exchange
    over = header.message_id in sa.spent_message_ids or len(sa.spent_message_ids) >= _MOST_QUICK_MODES
    if over or sa.state is IkeState.CONNECTING or sa.awaits_user or header.message_id == 0:
        return None
    iv = phase2_iv(sa, header.message_id)
    return new_exchange(_PHASE_2[header.exchange], header.message_id, Role.RESPONDER, now + _CALLER_PATIENCE, iv)


def _take(
    state: State,
    known: IkeSa | None,
    sa: IkeSa,
    exchange: Exchange,
    arrival: Arrival,
    verdict: Verdict | None = None,
) -> list[Action]:
    """Takes a message through its exchange; ``known`` is the SA as the table has it, None before a caller is kept."""
    header, datagram, _, now = arrival
    digest = blake2b(datagram, digest_size=8).digest()
    if digest in exchange.received:
        again = digest == exchange.received[-1] and _answers_again(exchange)
        return [Send(sa.path, exchange.sent)] if again else []
    turn, moves = state.turn_for(sa, exchange, arrival)
    turn.verdict = verdict
    try:
        message, iv = open_message(sa, exchange.iv, header, datagram, script_of(exchange).hidden(exchange.step))
        turn.exchange = replace(exchange, received=(*exchange.received, digest), iv=iv)
        if exchange.message_id and exchange.step == 0:
            turn.sa = replace(turn.sa, spent_message_ids=turn.sa.spent_message_ids | {exchange.message_id})
        go_through(turn, message)
    except Undecided as question:
        return _ask(state, sa, turn, arrival, question)
    except (Refusal, WireError, CryptoError) as error:
        return _refuse(state, known, sa, exchange, arrival, error)
    turn.actions[:0] = moves
    actions = state.commit(known, turn, turn.exchange)
    if known is None:
        state.table.half_open[turn.sa.cookies] = None
        actions += make_room(state)
    if sa.state is IkeState.CONNECTING and turn.sa.state is IkeState.ESTABLISHED:
        actions += after_establishment(state, turn.sa, message, now)
    return actions


def _ask(state: State, sa: IkeSa, turn: Turn, arrival: Arrival, question: Undecided) -> list[Action]:
    """Puts the message aside until the world gave its verdict; of the SA nothing changes."""
    if sa.cookies in state.examined:
        return []
    request = state.next_unique_id()
    state.examined[sa.cookies] = Examination(request, arrival)
    return [Examine(request, question.certificates, question.identity, turn.connection, question.answers_call)]


def _hold(state: State, sa: IkeSa, arrival: Arrival) -> None:
    """Keeps what comes right behind a message that waits for its verdict: who concludes Aggressive Mode begins Quick
    Mode at once, and would wait for seconds before it repeated that.
    """
    waiting = state.examined.get(sa.cookies)
    if waiting is not None and waiting.follower is None:
        state.examined[sa.cookies] = waiting._replace(follower=arrival)


def answer(state: State, request: int, verdict: Verdict, now: float) -> list[Action]:
    """Takes the message that waited for ``verdict``, and the one behind it, as if they had just come."""
    cookies = next((cookies for cookies, waiting in state.examined.items() if waiting.request == request), b"")
    waiting = state.examined.pop(cookies, None)
    sa = state.table.by_cookies.get(cookies)
    if sa is None or sa.phase1 is None or waiting is None:
        return []
    actions = _take(state, sa, sa, sa.phase1, waiting.arrival._replace(now=now), verdict)
    if waiting.follower is not None and cookies in state.table.by_cookies:
        actions += receive(state, waiting.follower.datagram, waiting.follower.path, now)
    return actions


def _answers_again(exchange: Exchange) -> bool:
    """Whether the peer, which repeats its last message, missed ours, and only this tells us (RFC 2408 §5.1).

    An initiator repeats by its own clock all but the message that ends the exchange: if both sides sent something again
    for whatever comes twice, one duplicate would go to and fro for ever.
    """
    script = script_of(exchange)
    ours = script.speaker(exchange.step - 1) is exchange.role
    return ours and (exchange.role is Role.RESPONDER or exchange.step == len(script.rows))


def _refuse(
    state: State,
    known: IkeSa | None,
    sa: IkeSa,
    exchange: Exchange,
    arrival: Arrival,
    error: Refusal | WireError | CryptoError,
) -> list[Action]:
    """Says why a message was not taken, to people once and to the peer; gives up what cannot succeed any more."""
    header = arrival.header
    code, text = error.code if isinstance(error, Refusal) else Code.MALFORMED, str(error)
    if sa.state is IkeState.CONNECTING and header.encrypted and code is Code.MALFORMED:
        code, text = diagnosis.of_unreadable(sa, state.turn(sa, exchange, arrival.now).connection)
    if exchange.complaint is not None and exchange.complaint[0] == code:
        return []
    tunnel = exchange.quick.tunnel if exchange.quick is not None else ""
    failure = Report(Failure(code, text, sa.path.remote, sa, tunnel))
    told = (
        []
        if error.notify is None
        else _tell(state, sa, exchange, arrival, NotifyType(error.notify), isinstance(error, Refusal) and error.ends)
    )
    current = state.table.by_cookies.get(sa.cookies) if known is not None else None
    if current is None:
        return [failure, *told]
    if isinstance(error, Refusal) and error.ends:
        return [failure, *told, *_abandon(state, current, exchange, text)]
    said_at_the_end = state.complain(current, exchange, (code, text), arrival.now)
    return told if said_at_the_end else [failure, *told]


def _tell(state: State, sa: IkeSa, exchange: Exchange, arrival: Arrival, kind: NotifyType, ends: bool) -> list[Action]:
    if sa.state is not IkeState.CONNECTING:
        return state.say(sa, [notify(sa, kind)], arrival.now)
    if ends and arrival.header.encrypted:
        return _take_leave(state, sa, exchange, arrival, kind)
    message_id = int.from_bytes(state.random(4))
    header = arrival.header
    return [Send(sa.path, clear_notify(header.CKY_I, header.CKY_R, kind, message_id))]


def _take_leave(state: State, sa: IkeSa, exchange: Exchange, arrival: Arrival, kind: NotifyType) -> list[Action]:
    """Tells a peer that is not whom we expect why, under the keys of this phase 1: peers that have them take no notice
    of what comes in the clear. Whoever sent the last message believes that the SA is up, so it is told that it is not.
    """
    last_block = arrival.datagram[-len(exchange.iv) :]
    turn = state.turn(as_established(sa, last_block), new_exchange(INFORMATIONAL, 0, Role.INITIATOR, 0.0), 0.0)
    tell(turn, [notify(sa, kind)])
    if exchange.step + 1 == len(script_of(exchange).rows):
        tell(turn, [delete_ike(sa)])
    return turn.actions


def _abandon(state: State, sa: IkeSa, exchange: Exchange, reason: str) -> list[Action]:
    if sa.state is IkeState.CONNECTING:
        return state.end(sa, reason)
    left = tuple(other for other in sa.exchanges if other.message_id != exchange.message_id)
    state.table.put(sa, replace(sa, exchanges=left))
    return []
