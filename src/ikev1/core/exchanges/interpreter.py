"""The one interpreter of the exchange tables.

An exchange is a `Script`: its messages as rows, each with the grammar that the RFC gives it, a function that builds the
message and one that checks it. `begin` sends the first message, `take` checks a message of the peer, `reply` sends the
message after it; what is special about an exchange stands in its table and nowhere else.

What a check decides is a value: it goes to the function that builds the next message, and nowhere else. An exchange of
ours begins with such a value, too: with what we want of it.

Where the world must do or say something first (an SPI, an installed SA), the exchange waits: the table asks, the value
is kept with the number of the question, and `resume` goes on with the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from ikev1.core.exchanges import protection
from ikev1.core.exchanges.payload_grammar import PayloadGrammar
from ikev1.core.exchanges.retransmission import first_wait, patience, transmit
from ikev1.core.peer import path_changes
from ikev1.core.records.actions import Question, Report
from ikev1.core.records.answers import Answer
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, MessageSeen
from ikev1.core.records.model import Exchange, ExchangeData, Role, Waiting
from ikev1.core.records.record import present, replace
from ikev1.core.records.refusal import Refusal
from ikev1.wire.message import Message
from ikev1.wire.payloads import Payload
from ikev1.wire.registry import ExchangeType

LINGER = 60.0  # seconds for which the last message of an exchange can be repeated for a peer that missed it


class Row(NamedTuple):
    """One message of an exchange.

    Attributes:
        sender: the initiator (``i``) or the responder (``r``) of the exchange.
        grammar: what the message carries, in the RFC's notation (`PayloadGrammar`).
        build: makes the payloads. Its second argument is what the check of the row before decided; in the first row
            what the exchange was begun with (`begin`).
        check: checks the message on the other side, and returns what it decides about the next one, None if nothing.
    """

    sender: Literal["i", "r"]
    grammar: str
    build: Callable[[ExchangeContext, Any], list[Payload]]
    check: Callable[[ExchangeContext, Message], Any]


class Script:
    """An exchange as a table.

    Args:
        name: the start of the labels of its messages (``MM1``).
        finish: runs on each side once the exchange is over.
        patient_responder: the responder, too, retransmits its message by the clock until the next one comes. Only for
            exchanges with a proved peer: elsewhere, a forged address would make us send there again and again.
        method: the method of authentication that the table is for where an exchange has several tables, 0 in the one
            for all others.
        rounds: how often the rows are gone through at most.
        again: asked on each side at the end of each round but the last, about what the exchange knows by then: whether
            another round follows. Without it none does.
        ask: what the world must do or say before the next message of ours is built, or the exchange is over, given what
            was decided about that; None if nothing. It may be called again for the same question, and changes nothing.
        take_answer: takes the world's answer, and returns what is decided then. It raises `Refusal` if the exchange
            cannot go on with it.

    Attributes:
        rows: the rows of all rounds, by the number of the message, from 0.
        grammars: what the messages carry, likewise.
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
    ) -> None:
        self.name = name
        self.exchange = exchange
        self.rows = rows * rounds
        self.grammars = tuple(PayloadGrammar(row.grammar) for row in rows) * rounds
        self.finish = finish
        self.patient_responder = patient_responder
        self.method = method
        self.ask = ask
        self.take_answer = take_answer
        self._again = again
        self._round, self._most = len(rows), len(self.rows)
        count = range(1, len(self.rows) + 1)
        self.labels = (name,) if len(self.rows) == 1 else tuple(f"{name}{number}" for number in count)

    def speaker(self, step: int) -> Role:
        """Who sends message number ``step``."""
        return Role.INITIATOR if self.rows[step].sender == "i" else Role.RESPONDER

    def is_over(self, exchange: Exchange) -> bool:
        """Whether no further message of ``exchange`` is due."""
        return self.is_over_after(exchange.step, exchange)

    def is_over_after(self, messages: int, exchange: Exchange) -> bool:
        """Whether no further message of ``exchange`` is due after so many."""
        if messages == self._most:
            return True
        if self._again is None or messages == 0 or messages % self._round:
            return False
        return not self._again(exchange.data)

    def awaits(self, exchange: Exchange) -> bool:
        """Whether a message of the peer is due in ``exchange``."""
        return not self.is_over(exchange) and self.speaker(exchange.step) is not exchange.role

    def hidden(self, exchange: Exchange) -> frozenset[int]:
        """The types of payload whose bodies are encrypted on their own in the message that is due, if one is."""
        return frozenset() if self.is_over(exchange) else self.grammars[exchange.step].hidden

    def state_after(self, step: int, role: Role) -> str:
        """What the side in ``role`` waits for once message ``step`` was seen; empty for a lone message."""
        return state_name(self, step + 1, role) if len(self.rows) > 1 else ""


def state_name(script: Script, step: int, role: Role) -> str:
    """What the side in ``role`` waits for before message ``step``, in Cisco's words: ``MM_WAIT_MSG4``, ``QM_IDLE``."""
    if step >= len(script.rows):
        return "QM_IDLE"
    awaited = step if script.speaker(step) is not role else step + 1
    return f"{script.name}_WAIT_MSG{awaited + 1}" if awaited < len(script.rows) else "QM_IDLE"


def begin(script: Script, context: ExchangeContext, wanted: Any = None) -> None:
    """Sends the first message of an exchange of ours. ``wanted`` goes to the function that builds it.

    Raises:
        Refusal: the message cannot be built.
    """
    reply(script, context, wanted)


def take(script: Script, context: ExchangeContext, message: Message) -> Any:
    """Takes the peer's ``message`` through the row that is due. Where the row has one of the HASHes of phase 2, it was
    found to be right when the message was opened (`ikev1.core.exchanges.protection.open_proved`).

    Returns:
        What the check of the row decided, for `reply`.

    Raises:
        Refusal: the message is not what this row allows; ``context`` is to be dropped.
    """
    exchange, step = context.exchange, context.exchange.step
    if not script.awaits(exchange):
        raise Refusal(Code.MALFORMED, f"unexpected message: {script.name} expects no further one")
    label, grammar = script.labels[step], script.grammars[step]
    grammar.admit(message, label)
    if grammar.hash:
        _follow(context)  # the HASH vouched for all of the message
    if context.engine.trace(context.sa, label):
        state = script.state_after(step, exchange.role)
        context.actions.append(Report(MessageSeen(context.sa, False, label, state, message)))
    decision = script.rows[step].check(context, message)
    if message.header.encrypted and not grammar.hash:
        _follow(context)  # in phase 1 the check was the proof
    ends_at = context.exchange.ends_at
    if context.exchange.complaint is not None and context.exchange.message_id == 0 and context.initiates:
        # An error that anybody may have sent had shortened our patience, and here is the proper answer
        ends_at = max(ends_at, context.now + patience(context.engine.settings))
    # A peer's Quick Mode may still be refused by the world: the same refusal is reported and sent once
    keeps = exchange.message_id and not context.initiates
    complaint = context.exchange.complaint if keeps else None
    context.exchange = replace(context.exchange, step=step + 1, resend_at=0.0, ends_at=ends_at, complaint=complaint)
    return decision


def reply(script: Script, context: ExchangeContext, decision: Any) -> None:
    """Sends the message after the one that was taken, if one is left; ``decision`` is what `take` returned. Where the
    world is asked first, the exchange waits.

    Raises:
        Refusal: the message cannot be built; ``context`` is to be dropped.
    """
    while True:
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
    """Goes on with an exchange that waited for ``answer``.

    Raises:
        Refusal: it cannot go on; ``context`` is to be dropped.
    """
    waiting = present(context.exchange.waiting)
    context.exchange = replace(context.exchange, waiting=None)
    decision = present(script.take_answer)(context, waiting.decision, answer)
    reply(script, context, decision)


def asked_again(script: Script, context: ExchangeContext) -> Question | None:
    """What an exchange waits for whose message or end waits, asked once more.

    Raises:
        Refusal: it cannot be asked any more.
    """
    waiting = present(context.exchange.waiting)
    asked = None if script.ask is None else script.ask(context, waiting.decision)
    return None if asked is None else asked._replace(request=waiting.request)


def _wait(context: ExchangeContext, question: Question, decision: Any) -> None:
    request = context.engine.next_request()
    context.exchange = replace(context.exchange, waiting=Waiting(request, decision))
    context.actions.append(question._replace(request=request))


def _follow(context: ExchangeContext) -> None:
    """Sends to where the message came from, now that it was checked, if that is reason enough (RFC 3947 §4, §7)."""
    seen, sa = context.seen, context.sa
    if seen is None or not path_changes.follows(sa, seen, context.engine.settings.encapsulation_port):
        return
    context.sa, moves = (
        path_changes.take_path(sa, seen) if sa.anchor is None else path_changes.moved(sa, seen, context.now)
    )
    context.exchange = path_changes.with_path(context.exchange, seen)
    context.actions += moves


def _speak(script: Script, context: ExchangeContext, decision: Any) -> None:
    step = context.exchange.step
    payloads = script.rows[step].build(context, decision)
    datagram, iv, sealed = protection.seal(
        context.sa, context.exchange, script.exchange, script.grammars[step], payloads
    )
    awaits_answer = not script.is_over_after(step + 1, context.exchange)
    repeats = awaits_answer and (context.initiates or script.patient_responder)
    resend_at = context.exchange.resend_at  # decided already where the message waited for the world
    if not repeats:
        resend_at = 0.0
    elif resend_at <= context.now:
        resend_at = context.now + first_wait(context.engine.settings, context.engine.random)
    context.exchange = replace(
        context.exchange,
        step=step + 1,
        iv=iv,
        datagrams=(datagram,),
        tries=1,
        resend_at=resend_at,
        ends_at=context.exchange.ends_at if awaits_answer else context.now + LINGER,
        complaint=None,
    )
    context.actions += transmit(context.exchange, context.sa.path)
    if context.engine.trace(context.sa, script.labels[step]):
        state = script.state_after(step, context.exchange.role)
        message = protection.in_the_clear(datagram, sealed)
        context.actions.append(Report(MessageSeen(context.sa, True, script.labels[step], state, message)))


def _finish(script: Script, context: ExchangeContext) -> None:
    if script.finish is not None:
        context.speaks_last = script.speaker(context.exchange.step - 1) is context.exchange.role
        script.finish(context)


def new_exchange(script: Script, message_id: int, role: Role, ends_at: float, iv: bytes = b"") -> Exchange:
    """An exchange of this script before its first message, to be given up at ``ends_at``."""
    return Exchange(script=script.name, method=script.method, message_id=message_id, role=role, ends_at=ends_at, iv=iv)
