"""Processing of an answer of the environment: resume the exchange that waits for it (`ikev1.core.records.answers`).

An exchange waits in one of two ways: with the decision of a row, which continues with the answer, or with messages of
the peer, which are processed as if they had just been received.
"""

from __future__ import annotations

from functools import partial

from ikev1.core.exchanges.interpreter import asked_again, resume
from ikev1.core.exchanges.registry import go_through, script_of
from ikev1.core.machine import lineage, liveness, remote_access
from ikev1.core.machine.boundary import contain
from ikev1.core.machine.engine_state import State
from ikev1.core.machine.established import confirm
from ikev1.core.machine.receive import arrival_of, opened, question_of, receive_held, released, take
from ikev1.core.machine.refuse import refuse_answer
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.records.actions import Action, Question
from ikev1.core.records.answers import Answer, Failed
from ikev1.core.records.certificate_check import NeedsCertificateCheck, Trusted, Untrusted
from ikev1.core.records.exchange import Exchange, Held
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.key_exchange import NeedsSharedSecret, SharedSecret
from ikev1.core.records.record import present, replace
from ikev1.core.records.refusal import Refusal
from ikev1.crypto.errors import CryptoError
from ikev1.wire.errors import WireError


def answered(state: State, request: int, answer: Answer, now: float) -> list[Action]:
    """Resume the exchange that waits for ``answer``: send the next message, or process the messages held from the peer
    as if they had just been received.
    """
    found = state.table.of_request(request)
    if found is None:
        return []
    sa, exchange = found
    if exchange is None:
        return contain(state, now, lambda tx: liveness.take_traffic(tx.of(sa), answer), None, sa.path)
    waiting = exchange.waiting
    held = () if waiting is None else waiting.held
    if not held:
        actions = contain(state, now, lambda tx: _resume(tx.of(sa), exchange, answer), None, sa.path)
        return actions + released(state, sa.cookies, now)
    first, *followers = held
    actions = contain(state, now, lambda tx: _take_held(tx.of(sa), exchange, first, answer), None, first.path)
    for follower in followers:
        if sa.cookies in state.table.by_cookies:
            actions += contain(state, now, partial(receive_held, held=follower), None, follower.path)
    return actions


def _resume(ref: SaRef, exchange: Exchange, answer: Answer) -> None:
    ref.tx.at_work = ref.cookies, exchange.message_id
    context = ref.context(exchange)
    try:
        resume(script_of(exchange), context, answer)
    except (Refusal, WireError, CryptoError) as error:
        refuse_answer(ref, exchange, error, answer)
        return
    ref.commit(context, context.exchange)
    if exchange.received and context.exchange.waiting is None:
        confirm(ref)
    remote_access.after_exchange(ref, exchange)
    lineage.pass_on(ref)


def questions(state: State) -> list[Question]:
    """Return the questions that exchanges wait for, to be asked again."""
    of_exchanges = [
        question
        for sa in state.table
        for exchange in sa.waiting
        if (question := _question(state, sa, exchange)) is not None
    ]
    tx = Transaction(state, 0.0)
    of_traffic = (liveness.question(tx.of(sa)) for sa in state.table if sa.liveness.request)
    return [*of_exchanges, *filter(None, of_traffic)]


def _question(state: State, sa: IkeSa, exchange: Exchange) -> Question | None:
    waiting, context = present(exchange.waiting), state.context(sa, exchange, 0.0)
    try:
        if not waiting.held:
            return asked_again(script_of(exchange), context)
        held = waiting.held[0]
        context.seen = held.path
        message, _ = opened(sa, exchange, arrival_of(held, 0.0))
        go_through(context, message)
    except (NeedsCertificateCheck, NeedsSharedSecret) as needed:
        return question_of(needed, waiting.request, context.connection)
    except (Refusal, WireError, CryptoError):  # the configuration has changed: the message is refused when it expires
        pass
    return None


def _take_held(ref: SaRef, exchange: Exchange, held: Held, answer: Answer) -> None:
    """Process a message that was held while a certificate was being checked, or g^xy computed."""
    assert isinstance(answer, (Trusted, Untrusted, SharedSecret, Failed))
    exchange = replace(exchange, waiting=None)
    ref.change(phase1=exchange)
    take(ref, exchange, arrival_of(held, ref.tx.now), answer)
