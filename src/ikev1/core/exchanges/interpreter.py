"""The interpreter of the exchange tables.

An exchange is a `Script`: a table with one row per message. A row contains the grammar of the message from the RFC, a
function that builds the message, and a function that checks it. `begin` sends the first message, `take` checks a
message of the peer, `reply` sends the next message. Everything specific to an exchange is in its table.

A check returns its decision as a value, which is passed only to the function that builds the next message. An exchange
that this gateway initiates begins with such a value, too: the request.

Where a question must be answered first (allocate an SPI, install an SA), the exchange waits: the table returns the
question, the value is stored with the number of the question, and `resume` continues with the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from ikev1.core.exchanges import protection
from ikev1.core.exchanges.fragmentation import SMALLEST, datagrams_of
from ikev1.core.exchanges.payload_grammar import PayloadGrammar
from ikev1.core.exchanges.retransmission import first_wait, patience, transmit, unasked_wait
from ikev1.core.peer import path_changes
from ikev1.core.records.actions import Question, Report
from ikev1.core.records.answers import Answer
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, MessageSeen
from ikev1.core.records.exchange import Exchange, ExchangeData, Role, Waiting
from ikev1.core.records.record import present, replace
from ikev1.core.records.refusal import Refusal
from ikev1.wire.message import Message
from ikev1.wire.payloads import Payload
from ikev1.wire.registry import ExchangeType

LINGER = 60.0  # seconds for which the last message of an exchange is kept for retransmission to a peer that missed it


class Row(NamedTuple):
    """One message of an exchange.

    Attributes:
        sender: the initiator (``i``) or the responder (``r``) of the exchange.
        grammar: the contents of the message, in the notation of the RFC (`PayloadGrammar`).
        build: builds the payloads. Its second argument is the decision of the check in the previous row; in the first
            row, the value passed to `begin`.
        check: checks the message on the receiving side, and returns the decision for the next message, None if none.
    """

    sender: Literal["i", "r"]
    grammar: str
    build: Callable[[ExchangeContext, Any], list[Payload]]
    check: Callable[[ExchangeContext, Message], Any]


class Script:
    """An exchange as a table.

    Args:
        name: the prefix of the labels of its messages (``MM`` for ``MM1``).
        finish: called on each side when the exchange is complete.
        patient_responder: whether the responder, too, retransmits on a timer until the next message arrives. Only for
            exchanges with an authenticated peer: otherwise, this gateway would retransmit to a forged address.
        method: the authentication method of the table if an exchange has several tables; 0 in the table for all other
            methods.
        rounds: the maximum number of passes through the rows.
        again: called on each side at the end of each round except the last, with the data of the exchange; returns
            whether another round follows. Without it, none does.
        ask: called with the decision before this gateway builds its next message or completes the exchange; returns the
            question to be answered first, or None. It may be called again for the same question, and has no effects.
        pause: called before each question; returns the time until which the exchange waits before that.
        take_answer: processes the answer, and returns the new decision. It raises `Refusal` if the exchange cannot
            continue with the answer.

    Attributes:
        rows: the rows of all rounds, by the number of the message, from 0.
        grammars: the grammars of the messages, likewise.
        speakers: the roles that send the messages, likewise.
    """

    def __init__(
        self,
        name: str,
        exchange: ExchangeType,
        rows: tuple[Row, ...],
        finish: Callable[[ExchangeContext], None] | None = None,
        patient_responder: bool = False,
        method: int = 0,
        rounds: int = 1,
        again: Callable[[ExchangeData | None], bool] | None = None,
        ask: Callable[[ExchangeContext, Any], Question | None] | None = None,
        take_answer: Callable[[ExchangeContext, Any, Answer], Any] | None = None,
        pause: Callable[[ExchangeContext], float] | None = None,
    ) -> None:
        self.name = name
        self.exchange = exchange
        self.rows = rows * rounds
        self.grammars = tuple(PayloadGrammar(row.grammar) for row in rows) * rounds
        self.speakers = tuple(Role.INITIATOR if row.sender == "i" else Role.RESPONDER for row in self.rows)
        self.finish = finish
        self.patient_responder = patient_responder
        self.method = method
        self.ask = ask
        self.take_answer = take_answer
        self.pause = pause
        self._again = again
        self._round, self._most = len(rows), len(self.rows)
        count = range(1, len(self.rows) + 1)
        self.labels = (name,) if len(self.rows) == 1 else tuple(f"{name}{number}" for number in count)

    def is_over(self, exchange: Exchange) -> bool:
        """Return whether ``exchange`` has no further messages."""
        step = exchange.step
        if self._again is None:
            return step == self._most
        return self.is_over_after(step, exchange)

    def is_over_after(self, messages: int, exchange: Exchange) -> bool:
        """Return whether ``exchange`` has no further messages after the first ``messages``."""
        if messages == self._most:
            return True
        if self._again is None or messages == 0 or messages % self._round:
            return False
        return not self._again(exchange.data)

    def awaits(self, exchange: Exchange) -> bool:
        """Return whether the next message of ``exchange`` is one of the peer."""
        step = exchange.step
        if step == self._most or self.speakers[step] is exchange.role:
            return False
        return self._again is None or not self.is_over_after(step, exchange)

    def hidden(self, exchange: Exchange) -> frozenset[int]:
        """Return the types of payload whose bodies are encrypted separately in the next message, if there is one."""
        return frozenset() if self.is_over(exchange) else self.grammars[exchange.step].hidden

    def state_after(self, step: int, role: Role) -> str:
        """Return the state of the peer in ``role`` after message ``step``; empty in an exchange of one message, or of
        rounds.
        """
        return state_name(self, step + 1, role) if len(self.rows) > 1 and self._round == self._most else ""


def state_name(script: Script, step: int, role: Role) -> str:
    """Return the state of the peer in ``role`` before message ``step``, as Cisco names it: ``MM_WAIT_MSG4``."""
    if step >= len(script.rows):
        return "QM_IDLE"
    awaited = step if script.speakers[step] is not role else step + 1
    return f"{script.name}_WAIT_MSG{awaited + 1}" if awaited < len(script.rows) else "QM_IDLE"


def begin(script: Script, context: ExchangeContext, wanted: Any = None) -> None:
    """Send the first message of an exchange. ``wanted`` is passed to the function that builds the message.

    Raises:
        Refusal: the message cannot be built.
    """
    reply(script, context, wanted)


def take(script: Script, context: ExchangeContext, message: Message) -> Any:
    """Check the peer's ``message`` by the current row. If the row has one of the HASHes of phase 2, that was verified
    when the message was decrypted (`ikev1.core.exchanges.protection.open_proved`).

    Returns:
        The decision of the check, for `reply`.

    Raises:
        Refusal: the row does not allow the message; ``context`` must be discarded.
    """
    exchange = context.exchange
    step = exchange.step
    if not script.awaits(exchange):
        raise Refusal(Code.MALFORMED, f"unexpected message: {script.name} expects no further one")
    label, grammar = script.labels[step], script.grammars[step]
    grammar.admit(message, label)
    if grammar.hash:
        _follow(context)  # the HASH authenticated the complete message
    if context.engine.trace(context.sa, label, False):
        state = script.state_after(step, exchange.role)
        context.actions.append(Report(MessageSeen(context.sa, False, label, state, message)))
    decision = script.rows[step].check(context, message)
    if not grammar.hash and message.header.encrypted:
        _follow(context)  # in phase 1, the check authenticated the message
    exchange = context.exchange
    ends_at, complaint = exchange.ends_at, exchange.complaint
    if complaint is not None:
        if exchange.message_id == 0 and context.initiates:
            # An unauthenticated error had shortened the time limit, and this is the valid answer
            ends_at = max(ends_at, context.now + patience(context.engine.settings))
        # An answer to a question may still refuse a peer's Quick Mode: the same refusal is reported and sent only once
        if exchange.message_id == 0 or context.initiates:
            complaint = None
    context.exchange = replace(exchange, step=step + 1, resend_at=0.0, ends_at=ends_at, complaint=complaint)
    return decision


def reply(script: Script, context: ExchangeContext, decision: Any) -> None:
    """Send the next message, if there is one; ``decision`` is the value that `take` returned. If the table has a
    question, the exchange waits for the answer first.

    Raises:
        Refusal: the message cannot be built; ``context`` must be discarded.
    """
    while True:
        if script.pause is not None:
            until = script.pause(context)
            if until > context.now:
                resend_at = context.now + unasked_wait(1)
                context.exchange = replace(
                    context.exchange, waiting=Waiting(0, decision), proceeds_at=until, resend_at=resend_at
                )
                return
        if script.ask is not None:
            question = script.ask(context, decision)
            if question is not None:
                _wait(context, question, decision)
                return
        if script.is_over(context.exchange):
            _finish(script, context)
            return
        _speak(script, context, decision)
        if not script.is_over(context.exchange):
            return
        decision = None


def resume(script: Script, context: ExchangeContext, answer: Answer) -> None:
    """Continue an exchange that waits for ``answer``.

    Raises:
        Refusal: the exchange cannot continue; ``context`` must be discarded.
    """
    waiting, take_answer = context.exchange.waiting, script.take_answer
    assert waiting is not None
    assert take_answer is not None
    context.exchange = replace(context.exchange, waiting=None)
    decision = take_answer(context, waiting.decision, answer)
    reply(script, context, decision)


def proceed(script: Script, context: ExchangeContext) -> None:
    """Continue an exchange that waited for a time.

    Raises:
        Refusal: the exchange cannot continue; ``context`` must be discarded.
    """
    decision = present(context.exchange.waiting).decision
    context.exchange = replace(context.exchange, waiting=None, proceeds_at=0.0, resend_at=0.0)
    reply(script, context, decision)


def asked_again(script: Script, context: ExchangeContext) -> Question | None:
    """Return the question for whose answer an exchange waits, to be asked again.

    Raises:
        Refusal: the question cannot be asked any more.
    """
    waiting = present(context.exchange.waiting)
    asked = None if script.ask is None else script.ask(context, waiting.decision)
    return None if asked is None else asked._replace(request=waiting.request)


def _wait(context: ExchangeContext, question: Question, decision: Any) -> None:
    request = context.engine.next_request()
    context.exchange = replace(context.exchange, waiting=Waiting(request, decision))
    context.actions.append(type(question)(request, *question[1:]))


def _follow(context: ExchangeContext) -> None:
    """Change the peer's path to that of an authenticated message, if it has to follow (RFC 3947 §4, §7)."""
    seen, sa = context.seen, context.sa
    if (
        seen is None
        or seen == sa.path
        or sa.awaits_user
        or not path_changes.follows(sa, seen, context.engine.settings.encapsulation_port)
    ):
        return
    context.sa, moves = (
        path_changes.take_path(sa, seen) if sa.anchor is None else path_changes.moved(sa, seen, context.now)
    )
    context.exchange = path_changes.with_path(context.exchange, seen)
    context.actions += moves


def _speak(script: Script, context: ExchangeContext, decision: Any) -> None:
    step = context.exchange.step
    payloads = script.rows[step].build(context, decision)
    exchange = context.exchange
    datagram, iv, sealed = protection.seal(context.sa, exchange, script.exchange, script.grammars[step], payloads)
    awaits_answer = not script.is_over_after(step + 1, exchange)
    resend_at = exchange.resend_at  # already set if the message waited for an answer
    if not awaits_answer or not (script.patient_responder or context.initiates):
        resend_at = 0.0
    elif resend_at <= context.now:
        resend_at = context.now + first_wait(context.engine.settings, context.engine.random)
    exchange = context.exchange = replace(
        exchange,
        step=step + 1,
        iv=iv,
        datagrams=(datagram,) if len(datagram) <= SMALLEST else datagrams_of(context, datagram),
        tries=1,
        resend_at=resend_at,
        ends_at=exchange.ends_at if awaits_answer else context.now + LINGER,
        complaint=None,
    )
    context.actions += transmit(exchange, context.sa.path)
    if context.engine.trace(context.sa, script.labels[step], True):
        state = script.state_after(step, exchange.role)
        message = protection.in_the_clear(datagram, sealed)
        context.actions.append(Report(MessageSeen(context.sa, True, script.labels[step], state, message)))


def _finish(script: Script, context: ExchangeContext) -> None:
    if script.finish is not None:
        context.speaks_last = script.speakers[context.exchange.step - 1] is context.exchange.role
        script.finish(context)


def new_exchange(script: Script, message_id: int, role: Role, ends_at: float, iv: bytes = b"") -> Exchange:
    """Return an exchange of this script before its first message, which times out at ``ends_at``."""
    return Exchange(script=script.name, method=script.method, message_id=message_id, role=role, ends_at=ends_at, iv=iv)
