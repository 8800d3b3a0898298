"""The way of one datagram: which SA, which exchange, is it a repetition, and if not, through its table."""

from __future__ import annotations

from hashlib import blake2b

from ikev1.core.exchanges.informational import INFORMATIONAL, clear_notify, delete_child, delete_ike, notify, tell
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.message_ids import is_own, was_heard
from ikev1.core.exchanges.new_group_mode import NEW_GROUP_MODE
from ikev1.core.exchanges.protection import as_established, begins_well, open_message, open_proved, phase2_iv
from ikev1.core.exchanges.registry import PHASE_2_SCRIPTS, go_through, script_of
from ikev1.core.exchanges.retransmission import transmit
from ikev1.core.machine import dpd
from ikev1.core.machine.admission import is_proportionate
from ikev1.core.machine.aggressive_responder import (
    aggressive_caller,
    ask_again,
    known_aggressive,
    refuse_aggressive,
    refused_aggressive,
)
from ikev1.core.machine.engine_state import Arrival, PendingCheck, State
from ikev1.core.machine.established import after_establishment, confirm
from ikev1.core.machine.half_open import answer_first, keep_caller, recognise
from ikev1.core.machine.receive_informational import take_informational
from ikev1.core.peer import diagnosis, path_changes
from ikev1.core.peer.reflection import OWN_CALL
from ikev1.core.records.actions import Action, CheckCertificate, Keep, Remove, Report, Send
from ikev1.core.records.certificate_check import CertificateVerdict, NeedsCertificateCheck
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, Failure, Note
from ikev1.core.records.model import Exchange, IkeSa, IkeState, Role, UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal, Unproved
from ikev1.crypto.algorithms import registered_name
from ikev1.crypto.errors import CryptoError
from ikev1.wire.errors import WireError
from ikev1.wire.header import NO_COOKIE, Header
from ikev1.wire.message import Message, without_trailer
from ikev1.wire.registry import ExchangeType, NotifyType

_PHASE_1 = frozenset({ExchangeType.IDENTITY_PROTECTION, ExchangeType.AGGRESSIVE})
_CALLER_PATIENCE = 30.0  # seconds in which a peer must finish a Quick Mode that it began
_MOST_QUICK_MODES = 5000  # of the peer's under one ISAKMP SA: all their message IDs are remembered
_MANY_QUICK_MODES = 4000  # after which it is time for another ISAKMP SA
_MOST_UNDER_WAY = 256  # Quick Modes that the peer began and did not finish
_MOST_PAIRS = 2000  # under one ISAKMP SA, which is written as a whole with each change
_SETTLED = 1.0  # seconds without another move after which a peer that has just moved is asked where it is
_MOST_HELD = 4  # messages behind one that waits for a verdict
_AGAIN = "further ones are not taken under it"


def receive(state: State, datagram: bytes, path: UdpPath, now: float) -> list[Action]:
    """What to do about ``datagram``, which came by ``path``."""
    datagram, trailer = without_trailer(datagram)
    try:
        header = Header.parse(datagram)
    except WireError as error:
        return [Report(Failure(Code.MALFORMED, str(error), path.remote))]
    if header.CKY_R == NO_COOKIE and header.exchange in _PHASE_1 and state.is_own_cookie(header.CKY_I):
        return [Report(Failure(Code.REFLECTION, OWN_CALL, path.remote))]
    if header.CKY_R == NO_COOKIE and header.exchange == ExchangeType.IDENTITY_PROTECTION:
        return answer_first(state, header, datagram, path, now)
    arrival = Arrival(header, datagram, path, now)
    if header.CKY_R == NO_COOKIE and header.exchange == ExchangeType.AGGRESSIVE:
        return _aggressive_first(state, arrival)
    known, sa = _find(state, header, path, now)
    if sa is None:
        return _unknown(state, header, path)
    noted = _note_trailer(state, sa, trailer) if trailer and known is not None else []
    return noted + _receive(state, known, sa, arrival)


def _receive(state: State, known: IkeSa | None, sa: IkeSa, arrival: Arrival) -> list[Action]:
    header = arrival.header
    if header.exchange == ExchangeType.INFORMATIONAL:
        return take_informational(state, sa, arrival) or ask_again(state, sa, arrival)
    exchange = sa.phase1
    if header.exchange in PHASE_2_SCRIPTS:
        _hold(state, sa, arrival)
        if sa.state is IkeState.CONNECTING:
            return ask_again(state, sa, arrival)
        exchange = _phase2(state, sa, header, arrival.now)
    elif header.exchange not in _PHASE_1 and sa.state is not IkeState.CONNECTING:
        text = f"messages of exchange type {registered_name(ExchangeType, header.exchange)} are ignored"
        return state.note_once(sa, Code.UNPROVED, text)
    if exchange is None or header.exchange != script_of(exchange).exchange or header.message_id != exchange.message_id:
        return []
    return _take(state, known, sa, exchange, arrival)


def _aggressive_first(state: State, arrival: Arrival) -> list[Action]:
    known, CKY_R = known_aggressive(state, arrival)
    refused = refuse_aggressive(state, arrival, known)
    if refused is not None:
        return refused
    sa = known or aggressive_caller(state, arrival, CKY_R)
    if sa.phase1 is None:
        return []
    actions = _take(state, known, sa, sa.phase1, arrival)
    state.admission.sent(sum(len(action.datagram) for action in actions if isinstance(action, Send)))
    return actions


def _find(state: State, header: Header, path: UdpPath, now: float) -> tuple[IkeSa | None, IkeSa | None]:
    """The SA that a message belongs to: as the table has it, and as it is to be gone on with.

    The two differ for a caller in Main Mode, of which nothing is kept before its message 3.
    """
    sas = state.table.by_cookies
    sa = sas.get(header.CKY_I + header.CKY_R)
    if sa is not None:
        return (None, None) if sa.state is IkeState.DELETED else (sa, sa)
    # A call of ours that was not answered yet: the answer brings the responder's cookie, or an error without one
    sa = sas.get(header.CKY_I + NO_COOKIE)
    if sa is not None and sa.path.remote_host == path.remote_host:
        return sa, sa
    return None, recognise(state, header, path, now)


def _note_trailer(state: State, sa: IkeSa, octets: int) -> list[Action]:
    return state.note_once(sa, Code.MALFORMED, f"the peer sends {octets} zeros behind a message, which are ignored")


def _unknown(state: State, header: Header, path: UdpPath) -> list[Action]:
    if state.table.is_late(header.CKY_I + header.CKY_R):
        return []
    text = f"a message for an ISAKMP SA that is not known here ({header.CKY_I.hex()}:{header.CKY_R.hex()})"
    return [Report(Failure(Code.UNKNOWN_SA, text, path.remote))]


def _phase2(state: State, sa: IkeSa, header: Header, now: float) -> Exchange | None:
    """The exchange that a message belongs to: one under way, or a new one; None where its message ID is spent."""
    for exchange in sa.exchanges:
        if exchange.message_id == header.message_id:
            return exchange
    if not sa.is_up or sa.awaits_user or header.message_id == 0 or not state.believes(sa):
        return None
    if header.message_id in sa.spent_message_ids or is_own(sa, header.message_id) or was_heard(sa, header.message_id):
        return None
    iv = phase2_iv(sa, header.message_id)
    return new_exchange(PHASE_2_SCRIPTS[header.exchange], header.message_id, Role.RESPONDER, now + _CALLER_PATIENCE, iv)


def _take(
    state: State,
    known: IkeSa | None,
    sa: IkeSa,
    exchange: Exchange,
    arrival: Arrival,
    verdict: CertificateVerdict | None = None,
) -> list[Action]:
    """Takes a message through its exchange; ``known`` is the SA as the table has it, None before a caller is kept."""
    _, datagram, _, now = arrival
    digest = blake2b(datagram, digest_size=8).digest()
    if digest in exchange.received:
        again = digest == exchange.received[-1] and _answers_again(exchange)
        return transmit(exchange, _path_for_again(sa, arrival.path)) if again else []
    context = state.context(sa, exchange, now)
    context.seen = arrival.path
    context.verdict = verdict
    try:
        message, iv = _opened(sa, exchange, arrival)
        context.exchange = replace(exchange, received=(*exchange.received, digest), iv=iv)
        if exchange.message_id and exchange.step == 0:
            _begin(context)
        go_through(context, message)
    except NeedsCertificateCheck as question:
        return _ask(state, sa, context, arrival, question)
    except Unproved as error:
        return state.say_unproved(sa, f"a message of {script_of(exchange).name}", error)
    except (Refusal, WireError, CryptoError) as error:
        if exchange.message_id:
            return _refuse_proved(state, sa, exchange, digest, error, now)
        return _refuse(state, known, sa, exchange, arrival, error)
    actions = state.commit(known, context, context.exchange)
    if known is None:
        actions += keep_caller(state, context.sa, now)
    if sa.state is IkeState.CONNECTING and context.sa.state is IkeState.ESTABLISHED:
        actions += after_establishment(state, context.sa.cookies, message, now)
    elif exchange.message_id:
        actions += confirm(state, sa.cookies, now)
    current = state.table.by_cookies.get(context.sa.cookies)
    if current is not None and current.moves != sa.moves:
        actions += _ask_where_it_is(state, current, now)
    elif current is not None and arrival.header.encrypted:
        actions += peer_seen(state, current, arrival.path, now)
    return actions


def peer_seen(state: State, sa: IkeSa, path: UdpPath, now: float) -> list[Action]:
    """Follows the peer of ``sa``, which sent something by ``path`` that was checked whole and is no repetition."""
    port = state.settings.encapsulation_port
    if path_changes.follows(sa, path, port):
        moved, moves = path_changes.moved(sa, path, now)
        state.table.put(sa, moved)
        if now - sa.moved_at >= _SETTLED or not dpd.answers(moved):
            return [Keep(moved), *moves, *_ask_where_it_is(state, moved, now)]
        # Each packet may come from another port: once that is over, the question is put, and the record stored with it
        state.table.put(moved, dpd.deferred(state, moved, now + _SETTLED))
        return moves
    return dpd.ask(state, sa, path, now) if path_changes.wants_probe(sa, path, port) else []


def _ask_where_it_is(state: State, sa: IkeSa, now: float) -> list[Action]:
    """Asks a peer that seems to have another port: the port may be forged, and who the peer is among those behind its
    NAT changes once it has answered there.
    """
    return dpd.ask(state, replace(sa, probe=None), sa.path, now)


def _path_for_again(sa: IkeSa, seen: UdpPath) -> UdpPath:
    """Where to send our last message again: to where its repetition came from, if that is the same host, for its NAT
    may have given it another port. Our own path stays: anybody can repeat a message.
    """
    same = (seen.local_host, seen.remote_host) == (sa.path.local_host, sa.path.remote_host)
    return seen if same and seen.local_port == sa.path.local_port else sa.path


def _opened(sa: IkeSa, exchange: Exchange, arrival: Arrival) -> tuple[Message, bytes]:
    """The message that came for ``exchange``, and the IV for the one after it.

    Raises:
        Unproved: there must be a proof that it is the peer's, and there is none.
        WireError, Refusal: it cannot be read.
    """
    script, (header, datagram, _, _) = script_of(exchange), arrival
    if exchange.message_id == 0:
        if sa.state is not IkeState.CONNECTING:
            raise Unproved("phase 1 is over")
        if sa.keys is not None and not header.encrypted and script.grammars[exchange.step].must_be_encrypted:
            raise Unproved("it is in the clear")
        return open_message(sa, exchange.iv, header, datagram, script.hidden(exchange))
    if not script.awaits(exchange):
        raise Unproved("no further one is due")
    return open_proved(sa, exchange, script.grammars[exchange.step].hash, header, datagram)


def _begin(context: ExchangeContext) -> None:
    """Takes note that the peer begins an exchange of phase 2.

    Raises:
        Refusal: it has begun too many.
    """
    sa, spent = context.sa, len(context.sa.spent_message_ids) + 1
    others = [each for each in sa.exchanges if each.message_id != context.exchange.message_id]
    under_way = sum(each.role is Role.RESPONDER for each in others)
    if spent > _MOST_QUICK_MODES:
        raise Refusal(
            Code.QUICK_MODE_LIMIT, f"the peer began {_MOST_QUICK_MODES} Quick Modes under this ISAKMP SA: {_AGAIN}"
        )
    if under_way >= _MOST_UNDER_WAY:
        raise Refusal(Code.QUICK_MODE_LIMIT, f"the peer has {_MOST_UNDER_WAY} Quick Modes under way at once: {_AGAIN}")
    if len(sa.children) >= _MOST_PAIRS:
        raise Refusal(Code.QUICK_MODE_LIMIT, f"the peer has {_MOST_PAIRS} pairs under this ISAKMP SA: {_AGAIN}")
    context.sa = replace(sa, spent_message_ids=sa.spent_message_ids | {context.exchange.message_id})
    if spent >= _MANY_QUICK_MODES and sa.state is IkeState.ESTABLISHED and context.now < sa.rekey_at:
        context.sa = replace(context.sa, rekey_at=context.now)
        context.report(Note(Code.QUICK_MODE_LIMIT, f"the ISAKMP SA is replaced early, after {spent} Quick Modes", sa))


def _ask(
    state: State, sa: IkeSa, context: ExchangeContext, arrival: Arrival, question: NeedsCertificateCheck
) -> list[Action]:
    """Puts the message aside until the world gave its verdict; of the SA nothing changes."""
    if sa.cookies in state.pending_checks:
        _hold(state, sa, arrival)
        return []
    request = state.next_unique_id()
    state.pending_checks[sa.cookies] = PendingCheck(request, arrival)
    return [
        CheckCertificate(request, question.certificates, question.identity, context.connection, question.answers_call)
    ]


def _hold(state: State, sa: IkeSa, arrival: Arrival) -> None:
    """Keeps what comes right behind a message that waits for its verdict: who concludes Aggressive Mode begins Quick
    Mode at once, and would wait for seconds before it repeated that. And in Aggressive Mode, where the message that
    waits may be forged, the peer's own comes behind it, and does not come again.
    """
    waiting = state.pending_checks.get(sa.cookies)
    if waiting is None or len(waiting.followers) >= _MOST_HELD:
        return
    if all(arrival.datagram != held.datagram for held in (waiting.arrival, *waiting.followers)):
        state.pending_checks[sa.cookies] = waiting._replace(followers=(*waiting.followers, arrival))


def answer(state: State, request: int, verdict: CertificateVerdict, now: float) -> list[Action]:
    """Takes the message that waited for ``verdict``, and those behind it, as if they had just come."""
    cookies = next((cookies for cookies, waiting in state.pending_checks.items() if waiting.request == request), b"")
    waiting = state.pending_checks.pop(cookies, None)
    sa = state.table.by_cookies.get(cookies)
    if sa is None or sa.phase1 is None or waiting is None:
        return []
    actions = _take(state, sa, sa, sa.phase1, waiting.arrival._replace(now=now), verdict)
    for follower in waiting.followers:
        if cookies in state.table.by_cookies:
            actions += receive(state, follower.datagram, follower.path, now)
    return actions


def _answers_again(exchange: Exchange) -> bool:
    """Whether the peer, which repeats its last message, missed ours, and only this tells us (RFC 2408 §5.1).

    An initiator repeats by its own clock all but the message that ends the exchange: if both sides sent something again
    for whatever comes twice, one duplicate would go to and fro for ever.
    """
    if exchange.step == 0:
        return bool(exchange.datagrams)  # why its first message was refused
    script = script_of(exchange)
    ours = script.speaker(exchange.step - 1) is exchange.role
    return ours and (exchange.role is Role.RESPONDER or script.is_over(exchange))


def _refuse_proved(
    state: State,
    sa: IkeSa,
    exchange: Exchange,
    digest: bytes,
    error: Refusal | WireError | CryptoError,
    now: float,
) -> list[Action]:
    """Says why a message of phase 2 was not taken that the peer proved to have sent, to people and to the peer.

    The refusal stays with the exchange for a while: a copy of the message brings at most the same answer again, and a
    better message of the peer's is still taken.
    """
    code, text = error.code if isinstance(error, Refusal) else Code.MALFORMED, str(error)
    # No HASH covers the exchange type: a New Group Mode that does not look like one may be a copy of something else
    if error.notify is None or (script_of(exchange) is NEW_GROUP_MODE and code is Code.MALFORMED):
        return state.say_once(sa, code, text)
    if exchange.complaint is not None and exchange.complaint[0] == code:
        return []
    tunnel = exchange.quick.tunnel if exchange.quick is not None else ""
    refused = replace(exchange, complaint=(code, text), received=(*exchange.received, digest))
    context = state.context(sa, refused, now)
    told = tell(context, [notify(sa, NotifyType(error.notify))])
    begun = exchange.step == 0
    if begun:
        context.exchange = replace(refused, datagrams=told.datagrams)
        context.sa = replace(context.sa, spent_message_ids=context.sa.spent_message_ids | {exchange.message_id})
    gone = isinstance(error, Refusal) and error.ends and not begun
    if gone and exchange.child is not None:
        # the peer sent the last message, and believes that the pair is up
        tell(context, [delete_child(exchange.child)])
        context.actions.append(Remove(exchange.child))
    if gone:
        left = tuple(other for other in sa.exchanges if other.message_id != exchange.message_id)
        context.sa = replace(context.sa, exchanges=left)
    return [
        Report(Failure(code, text, sa.path.remote, sa, tunnel)),
        *state.commit(sa, context, None if gone else context.exchange),
    ]


def _refuse(
    state: State,
    known: IkeSa | None,
    sa: IkeSa,
    exchange: Exchange,
    arrival: Arrival,
    error: Refusal | WireError | CryptoError,
) -> list[Action]:
    """Says why a message of phase 1 was not taken, to people once and to the peer; gives up what cannot succeed."""
    header = arrival.header
    if header.CKY_R == NO_COOKIE and known is None and not isinstance(error, CryptoError):
        return refused_aggressive(state, arrival, error)
    code, text = error.code if isinstance(error, Refusal) else Code.MALFORMED, str(error)
    if header.encrypted and isinstance(error, WireError):
        keys_fit = begins_well(sa, exchange, arrival.datagram)
        connection = state.context(sa, exchange, arrival.now).connection
        code, text = diagnosis.of_changed(sa) if keys_fit else diagnosis.of_unreadable(sa, connection)
    # What anybody forged before is not to silence what a caller's own message shows, so that is told apart by its words
    by_words = exchange.role is Role.RESPONDER
    if exchange.complaint is not None and exchange.complaint[: 1 + by_words] == (code, text)[: 1 + by_words]:
        return []
    failure = Report(Failure(code, text, sa.path.remote, sa))
    told = (
        []
        if error.notify is None
        else _tell(state, sa, exchange, arrival, NotifyType(error.notify), isinstance(error, Refusal) and error.ends)
    )
    current = state.table.by_cookies.get(sa.cookies) if known is not None else None
    if current is None:
        return [failure, *told]
    if isinstance(error, Refusal) and error.ends:
        return [failure, *told, *state.end(current, text)]
    said_at_the_end = state.complain(current, exchange, (code, text), arrival.now)
    return told if said_at_the_end else [failure, *told]


def _tell(state: State, sa: IkeSa, exchange: Exchange, arrival: Arrival, kind: NotifyType, ends: bool) -> list[Action]:
    """Tells the peer why its message of phase 1 was refused, in no more octets than came: anybody may have sent it."""
    header = arrival.header
    if ends and header.encrypted:
        return _take_leave(state, sa, exchange, arrival, kind)
    reply = clear_notify(header.CKY_I, header.CKY_R, kind, int.from_bytes(state.random(4)))
    return [Send(sa.path, reply)] if is_proportionate(len(reply), len(arrival.datagram)) else []


def _take_leave(state: State, sa: IkeSa, exchange: Exchange, arrival: Arrival, kind: NotifyType) -> list[Action]:
    """Tells a peer that is not whom we expect why, under the keys of this phase 1: peers that have them take no notice
    of what comes in the clear. Whoever sent the last message believes that the SA is up, so it is told that it is not.
    """
    last_block = arrival.datagram[-len(exchange.iv) :]
    context = state.context(as_established(sa, last_block), new_exchange(INFORMATIONAL, 0, Role.INITIATOR, 0.0), 0.0)
    tell(context, [notify(sa, kind)])
    if exchange.step + 1 == len(script_of(exchange).rows):
        tell(context, [delete_ike(sa)])
    return context.actions
