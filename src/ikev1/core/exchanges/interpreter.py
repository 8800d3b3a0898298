"""The one interpreter of the exchange tables.

An exchange is a `Script`: its messages as rows, each with the shape that the RFC gives it, a function that builds the
message and one that checks it. `advance` takes the peer's message through its row and builds our answer; what is
special about an exchange stands in its table and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from ikev1.core.exchanges import protection
from ikev1.core.exchanges.payload_grammar import PayloadGrammar
from ikev1.core.exchanges.retransmission import first_wait, patience
from ikev1.core.peer import path_changes
from ikev1.core.records.actions import Report, Send
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, MessageSeen
from ikev1.core.records.model import Exchange, Role
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.wire.message import Message
from ikev1.wire.payloads import Payload
from ikev1.wire.registry import ExchangeType

LINGER = 60.0  # seconds for which the last message of an exchange can be repeated for a peer that missed it


class Row(NamedTuple):
    """One message: who sends it, what it carries, how it is built and how it is checked."""

    sender: Literal["i", "r"]
    grammar: str
    build: Callable[[ExchangeContext], list[Payload]]
    check: Callable[[ExchangeContext, Message], None]


class Script:
    """An exchange as a table.

    ``name`` starts the labels of its messages (``MM1``). ``finish`` runs on each side once its last row is done.
    ``patient_responder`` tells that the responder, too, repeats its message by the clock until the next one comes: only
    where its peer is proved, for whoever forged the address of another would make us send there again and again.
    ``method`` is the method of authentication that the table is for where an exchange has several tables, 0 in the one
    for all others.
    """

    def __init__(
        self,
        name: str,
        exchange: ExchangeType,
        rows: tuple[Row, ...],
        finish: Callable[[ExchangeContext], None],
        patient_responder: bool = False,
        method: int = 0,
    ) -> None:
        self.name = name
        self.exchange = exchange
        self.rows = rows
        self.grammars = tuple(PayloadGrammar(row.grammar) for row in rows)
        self.finish = finish
        self.patient_responder = patient_responder
        self.method = method
        self.labels = (name,) if len(rows) == 1 else tuple(f"{name}{number}" for number in range(1, len(rows) + 1))

    def speaker(self, step: int) -> Role:
        """Who sends the message of this row."""
        return Role.INITIATOR if self.rows[step].sender == "i" else Role.RESPONDER

    def awaits(self, step: int, role: Role) -> bool:
        """Whether the side in ``role`` waits for the message of this row."""
        return step < len(self.rows) and self.speaker(step) is not role

    def hidden(self, step: int) -> frozenset[int]:
        """The types of payload whose bodies are encrypted on their own in the message of this row, if there is one."""
        return self.grammars[step].hidden if step < len(self.grammars) else frozenset()

    def state_after(self, step: int, role: Role) -> str:
        """What the side in ``role`` waits for once the message of row ``step`` was seen; empty for a lone message."""
        return state_name(self, step + 1, role) if len(self.rows) > 1 else ""


def state_name(script: Script, step: int, role: Role) -> str:
    """What the side in ``role`` waits for before row ``step``, in Cisco's words: ``MM_WAIT_MSG4``, ``QM_IDLE``."""
    if step >= len(script.rows):
        return "QM_IDLE"
    awaited = step if script.speaker(step) is not role else step + 1
    return f"{script.name}_WAIT_MSG{awaited + 1}" if awaited < len(script.rows) else "QM_IDLE"


def begin(script: Script, context: ExchangeContext) -> None:
    """Sends the first message of an exchange of ours.

    Raises:
        Refusal: it cannot be built.
    """
    _speak(script, context)
    _finish_if_done(script, context)


def advance(script: Script, context: ExchangeContext, message: Message) -> None:
    """Takes the peer's ``message`` through the row that is due, and answers it where a row is left.

    Raises:
        Refusal: the message is not what this row allows; ``context`` is to be dropped.
    """
    take(script, context, message)
    answer(script, context)


def take(script: Script, context: ExchangeContext, message: Message) -> None:
    """Takes the peer's ``message`` through the row that is due. Where the row has one of the HASHes of phase 2, it was
    found to be right when the message was opened (`ikev1.core.exchanges.protection.open_proved`).

    Raises:
        Refusal: the message is not what this row allows; ``context`` is to be dropped.
    """
    step = context.exchange.step
    if not script.awaits(step, context.exchange.role):
        raise Refusal(Code.MALFORMED, f"a further message of a {script.name} that waits for none")
    label, grammar = script.labels[step], script.grammars[step]
    grammar.admit(message, label)
    if grammar.hash:
        _follow(context)  # the HASH vouched for all of the message
    if context.engine.trace(context.sa, label):
        state = script.state_after(step, context.exchange.role)
        context.actions.append(Report(MessageSeen(context.sa, False, label, state, message)))
    script.rows[step].check(context, message)
    if message.header.encrypted and not grammar.hash:
        _follow(context)  # in phase 1 the check was the proof
    ends_at = context.exchange.ends_at
    if context.exchange.complaint is not None and context.exchange.message_id == 0 and context.initiates:
        # An error that anybody may have sent had shortened our patience, and here is the proper answer
        ends_at = max(ends_at, context.now + patience(context.engine.settings))
    context.exchange = replace(context.exchange, step=step + 1, resend_at=0.0, ends_at=ends_at, complaint=None)


def answer(script: Script, context: ExchangeContext) -> None:
    """Sends the message of the row after the one that was taken, if a row is left.

    Raises:
        Refusal: it cannot be built.
    """
    if context.exchange.step < len(script.rows):
        _speak(script, context)
    _finish_if_done(script, context)


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


def _speak(script: Script, context: ExchangeContext) -> None:
    step = context.exchange.step
    payloads = script.rows[step].build(context)
    datagram, iv, sealed = protection.seal(
        context.sa, context.exchange, script.exchange, script.grammars[step], payloads
    )
    awaits_answer = step + 1 < len(script.rows)
    repeats = awaits_answer and (context.initiates or script.patient_responder)
    context.exchange = replace(
        context.exchange,
        step=step + 1,
        iv=iv,
        sent=datagram,
        tries=1,
        resend_at=context.now + first_wait(context.engine.settings, context.engine.random) if repeats else 0.0,
        ends_at=context.exchange.ends_at if awaits_answer else context.now + LINGER,
    )
    context.actions.append(Send(context.sa.path, datagram))
    if context.engine.trace(context.sa, script.labels[step]):
        state = script.state_after(step, context.exchange.role)
        message = protection.in_the_clear(datagram, sealed)
        context.actions.append(Report(MessageSeen(context.sa, True, script.labels[step], state, message)))


def _finish_if_done(script: Script, context: ExchangeContext) -> None:
    if context.exchange.step == len(script.rows):
        context.speaks_last = script.speaker(context.exchange.step - 1) is context.exchange.role
        script.finish(context)


def new_exchange(script: Script, message_id: int, role: Role, ends_at: float, iv: bytes = b"") -> Exchange:
    """An exchange of this script before its first message, to be given up at ``ends_at``."""
    return Exchange(script=script.name, method=script.method, message_id=message_id, role=role, ends_at=ends_at, iv=iv)
