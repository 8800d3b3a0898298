"""From a caller's message 1 to its message 3: nothing is kept of it before it showed that it receives what we send.

Aggressive Mode is the exception: its message 2 needs a record. How many there are, and how many answers go out, is
bounded for all strangers together (`ikev1.core.strangers`).
"""

from __future__ import annotations

from ikev1.core import diagnosis
from ikev1.core.actions import Action, Report, Send
from ikev1.core.aggressive_mode import AGGRESSIVE_MODE
from ikev1.core.events import Code, Failure, MessageSeen, Note
from ikev1.core.first_message import Answer, sa_from
from ikev1.core.informational import clear_notify
from ikev1.core.life import number_of
from ikev1.core.main_mode import MAIN_MODE
from ikev1.core.model import IkeSa, IkeState, Path, Role
from ikev1.core.phase1 import no_connection
from ikev1.core.record import replace
from ikev1.core.refusal import Refusal
from ikev1.core.script import answer, new_exchange, state_name, take
from ikev1.core.scripts import aggressive_mode, script_of
from ikev1.core.state import Arrival, State
from ikev1.core.strangers import TurnedAway, is_proportionate
from ikev1.wire.attributes import find
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, NO_COOKIE, Header
from ikev1.wire.message import build_chain, parse_message
from ikev1.wire.payloads import CLASSES, Payload, SecurityAssociation
from ikev1.wire.registry import ExchangeType, NotifyType, PayloadType, Phase1Attribute

__all__ = [
    "aggressive_caller",
    "answer_first",
    "ask_again",
    "awaits_message_3",
    "keep_caller",
    "known_aggressive",
    "recognise",
    "refuse_aggressive",
    "refused_aggressive",
]

_NEXT_PAYLOAD = 16  # its place in the header
_AFTER_SA = frozenset(CLASSES) - {PayloadType.SECURITY_ASSOCIATION}
_LARGEST = 8192  # octets of a message 1: dozens of proposals, vendor IDs and CAs' names fit in, and any public value
_DOUBT = 2.0  # seconds after which message 3 is no longer hoped for, if something came that does not open
_CALLER_PATIENCE = 30.0  # seconds in which a peer that calls us must finish phase 1


def answer_first(state: State, header: Header, datagram: bytes, path: Path, now: float) -> list[Action]:
    """Answers message 1 of Main Mode, from memory if the same was answered or refused before."""
    fault = _fault(state, header, datagram)
    if fault is not None:
        return [Report(Failure(Code.MALFORMED, fault, path.remote))]
    names, octets = _names(state, path), _after_cookies(header, datagram)
    if not names:
        return _turn_away(state, _as_told(no_connection(path)), header, path)
    key = (state.generation, names, octets)
    kept = state.first_messages.recall(key)
    if kept is None:
        mark = state.refusals.mark(*key)
        refused = state.refusals.recall(mark)
        if refused is not None:
            return _turn_away(state, refused, header, path)
        if not state.strangers.admits_first_message(now):
            return _overloaded(state, path, now, "Main Mode that were never seen before")
        try:
            kept = state.first_messages.keep(key, *_choose(state, header, datagram, path, now))
        except (Refusal, WireError) as error:
            return _turn_away(state, _remember(state, mark, error, path), header, path)
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
    if not state.trace:
        return [send]
    return _traced(kept, header, reply, datagram, send, path, now)


def _fault(state: State, header: Header, datagram: bytes) -> str | None:
    """Why a first message is not even looked into, if it is not."""
    if header.message_id or header.encrypted:
        return "message 1 with a message ID or encrypted"
    if len(datagram) > _LARGEST:
        return f"message 1 with {len(datagram)} octets: more than {_LARGEST} are not taken from a stranger"
    if header.CKY_I in state.table.own_cookies:
        return "message 1 with a cookie of ours: it came back, or we are to be led to call ourselves"
    return None


def _names(state: State, path: Path) -> tuple[str, ...]:
    return tuple(connection.name for connection in state.lookup.candidates(path.local_host, path.remote_host))


def _after_cookies(header: Header, datagram: bytes) -> bytes:
    """What peers with one configuration say alike in message 1 of Main Mode."""
    return datagram[_NEXT_PAYLOAD : _NEXT_PAYLOAD + 1] + datagram[HEADER_SIZE : header.length]


def _choose(state: State, header: Header, datagram: bytes, path: Path, now: float) -> tuple[IkeSa, int, bytes]:
    """Runs the first two rows of Main Mode for a caller without a name.

    Returns:
        The SA as it stands then, and the first payload and the payloads of message 2.
    """
    blank = IkeSa(0, "", Role.RESPONDER, path, header.CKY_I, NO_COOKIE, now)
    turn = state.turn(blank, new_exchange(MAIN_MODE, 0, Role.RESPONDER, 0.0), now)
    take(MAIN_MODE, turn, parse_message(header, datagram[HEADER_SIZE : header.length]))
    turn.prepared = _proportionate(turn.prepared, len(datagram))
    answer(script_of(turn.exchange), turn)
    reply = turn.exchange.sent
    template = replace(turn.sa, phase1=replace(turn.exchange, sent=b"", resend_at=0.0))
    return template, reply[_NEXT_PAYLOAD], reply[HEADER_SIZE:]


def _proportionate(payloads: list[Payload], received: int) -> list[Payload]:
    """As many of ``payloads`` as a stranger may have for so many octets: the choice, and what vendor IDs go with it."""
    kept = payloads[:]
    while len(kept) > 1 and not is_proportionate(HEADER_SIZE + len(build_chain(kept)[1]), received):
        kept.pop()
    return kept


def _remember(state: State, mark: bytes, error: Refusal | WireError, path: Path) -> TurnedAway:
    refused = _as_told(error)
    if path.remote_host not in refused.text:  # what is said of one caller is not said of the next
        state.refusals.keep(mark, refused)
    return refused


def _as_told(error: Refusal | WireError) -> TurnedAway:
    return TurnedAway(error.code if isinstance(error, Refusal) else Code.MALFORMED, str(error), error.notify)


def _turn_away(state: State, refused: TurnedAway, header: Header, path: Path) -> list[Action]:
    actions: list[Action] = [Report(Failure(refused.code, refused.text, path.remote))]
    if refused.notify is not None:
        message_id = int.from_bytes(state.random(4))
        reply = clear_notify(header.CKY_I, NO_COOKIE, NotifyType(refused.notify), message_id)
        if is_proportionate(len(reply), header.length):
            actions.append(Send(path, reply))
    return actions


def _overloaded(state: State, path: Path, now: float, what: str) -> list[Action]:
    """What is said, not more than once a second, when strangers send more than they are given time for."""
    count = state.strangers.turn_away(now)
    if not count:
        return []
    text = f"more first messages of {what} come in than are answered in a second: {count} were passed over since"
    return [Report(Failure(Code.OVERLOADED, text, path.remote))]


def _traced(
    kept: Answer, header: Header, reply: Header, datagram: bytes, send: Send, path: Path, now: float
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


def recognise(state: State, header: Header, path: Path, now: float) -> IkeSa | None:
    """The SA of a caller that sends message 3, if we answered its message 1: its CKY-R proves it."""
    if header.exchange != ExchangeType.IDENTITY_PROTECTION or header.encrypted or header.message_id:
        return None
    kept = state.first_messages.recognise(header.CKY_I, header.CKY_R, path, now)
    if kept is None:
        return None
    sa = sa_from(kept, state.next_unique_id(), path, header.CKY_I, header.CKY_R, now)
    assert sa.phase1 is not None
    return replace(sa, phase1=replace(sa.phase1, ends_at=now + _CALLER_PATIENCE))


def refuse_aggressive(state: State, arrival: Arrival, known: IkeSa | None) -> list[Action] | None:
    """What is done about message 1 of Aggressive Mode where it is not to be answered; None where it is.

    Its answer takes a Diffie-Hellman exchange, whoever asks, and is longer than the question: `Strangers` bounds both.
    """
    header, datagram, path, now = arrival
    fault = _fault(state, header, datagram)
    if fault is not None:
        return [Report(Failure(Code.MALFORMED, fault, path.remote))]
    if known is not None:
        return None if state.strangers.admits_repetition(now) else _overloaded(state, path, now, "Aggressive Mode")
    if not _names(state, path):
        return _turn_away(state, _as_told(no_connection(path)), header, path)
    refused = state.refusals.recall(_aggressive_mark(state, arrival))
    if refused is not None:
        return _turn_away(state, refused, header, path)
    return None if state.strangers.admits_aggressive(now) else _overloaded(state, path, now, "Aggressive Mode")


def refused_aggressive(state: State, arrival: Arrival, error: Refusal | WireError) -> list[Action]:
    """Says why message 1 of Aggressive Mode is refused, and remembers it."""
    refused = _remember(state, _aggressive_mark(state, arrival), error, arrival.path)
    return _turn_away(state, refused, arrival.header, arrival.path)


def _aggressive_mark(state: State, arrival: Arrival) -> bytes:
    octets = b"aggressive" + _after_cookies(arrival.header, arrival.datagram)
    return state.refusals.mark(state.generation, _names(state, arrival.path), octets)


def known_aggressive(state: State, arrival: Arrival) -> tuple[IkeSa | None, bytes]:
    """The SA of a caller whose message 1 of Aggressive Mode came before, if it did, and its CKY-R."""
    header, _, path, now = arrival
    current, previous = state.first_messages.kept_cookies(header.CKY_I, path, now)
    for CKY_R in (current, previous):
        known = state.table.by_cookies.get(header.CKY_I + CKY_R)
        if known is not None:
            return known, CKY_R
    return None, current


def aggressive_caller(state: State, arrival: Arrival, CKY_R: bytes) -> IkeSa:
    """The SA of a caller whose message 1 of Aggressive Mode came for the first time."""
    header, datagram, path, now = arrival
    script = aggressive_mode(_method_asked(header, datagram))
    exchange = new_exchange(script, 0, Role.RESPONDER, now + _CALLER_PATIENCE)
    return IkeSa(state.next_unique_id(), "", Role.RESPONDER, path, header.CKY_I, CKY_R, now, phase1=exchange)


def _method_asked(header: Header, datagram: bytes) -> int:
    """The method of authentication that message 1 of Aggressive Mode is for: the rest of it can be read only then."""
    try:
        unread = parse_message(header, datagram[HEADER_SIZE : header.length], _AFTER_SA)
        offered = unread.one(SecurityAssociation)
    except WireError:
        return 0  # which the table for all others will say again
    attributes = (each for proposal in offered.proposals for each in proposal.transforms[:1])
    methods = (find(transform.attributes, Phase1Attribute.AUTHENTICATION_METHOD) for transform in attributes)
    return next((number_of(method) for method in methods if method is not None), 0)


def keep_caller(state: State, sa: IkeSa, now: float) -> list[Action]:
    """Counts ``sa``, which was just put into the table, among those whose peers called us and are not done.

    Above the limit the oldest of its kind is dropped. A caller in Aggressive Mode, where nothing shows that it is
    there, takes nobody's place in Main Mode; its budget leaves each of them time to go on before it is the oldest.
    """
    if sa.phase1 is not None and sa.phase1.script == MAIN_MODE.name:
        queue = state.table.half_open
        state.first_messages.spend(sa.cookies, now)
    else:
        queue = state.table.aggressive_callers
    queue[sa.cookies] = None
    actions: list[Action] = []
    limit = state.settings.half_open_limit
    while len(queue) > limit:
        oldest = state.table.by_cookies[next(iter(queue))]
        state.table.drop(oldest)
        text = f"more than {limit} peers began phase 1 and did not finish; the oldest is dropped"
        actions.append(Report(Failure(Code.HALF_OPEN_LIMIT, text, oldest.path.remote_host, oldest)))
    return actions


def ask_again(state: State, sa: IkeSa, arrival: Arrival) -> list[Action]:
    """Sends message 2 of Aggressive Mode again to a caller that goes on as if the SA were up, as long as its message 3
    has not come: that makes it send message 3 again, and nothing else does. It knows our cookie, so it has message 2.
    """
    phase1, settings = sa.phase1, state.settings
    if sa.state is not IkeState.CONNECTING or phase1 is None or not awaits_message_3(sa):
        return []
    if phase1.tries > settings.retransmit_tries or arrival.path.remote_host != sa.path.remote_host:
        return []
    if not arrival.header.encrypted or not arrival.header.message_id or sa.cookies in state.examined:
        return []
    asking = replace(phase1, tries=phase1.tries + 1)
    if arrival.header.exchange == ExchangeType.INFORMATIONAL and phase1.complaint is None:
        # It may as well tell of an error under other keys: that is said if no message 3 comes soon
        complaint = diagnosis.of_unreadable(sa, state.turn(sa, phase1, arrival.now).connection)
        asking = replace(asking, complaint=complaint, resend_at=min(arrival.now + _DOUBT, phase1.ends_at))
    state.table.put(sa, replace(sa, phase1=asking))
    note = Note(Code.RETRANSMIT, "AM2 is sent again: the peer goes on, but its AM3 has not come", sa)
    return [Send(sa.path, phase1.sent), Report(note)]


def awaits_message_3(sa: IkeSa) -> bool:
    """Whether a caller in Aggressive Mode has our message 2, and we have not its message 3."""
    phase1 = sa.phase1
    return phase1 is not None and phase1.role is Role.RESPONDER and phase1.script == AGGRESSIVE_MODE.name
