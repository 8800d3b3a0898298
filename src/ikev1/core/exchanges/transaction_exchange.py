"""The Transaction exchange, which carries XAUTH and mode config (draft-dukes-ike-mode-cfg-02 §3.1).

Either peer begins one, with a message ID of its own: a REQUEST is answered by a REPLY, a SET by an ACK. This gateway
begins a new exchange for each pair of messages. A peer may continue XAUTH under one message ID, so the table repeats
its rows.

A *topic* processes the attributes: `ikev1.core.exchanges.xauth` or `ikev1.core.exchanges.mode_config`.
`ikev1.core.machine.remote_access` decides which exchange is next.
"""

from __future__ import annotations

from ikev1.core.exchanges import mode_config, xauth
from ikev1.core.exchanges.config_attributes import XAUTH_ATTRIBUTES
from ikev1.core.exchanges.interpreter import Row, Script
from ikev1.core.exchanges.transaction_topic import Topic
from ikev1.core.records.actions import Question
from ikev1.core.records.answers import Answer
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import ExchangeData, TransactionData, TransactionDecision
from ikev1.core.records.record import present, replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.remote_access import Saying
from ikev1.wire.message import Message
from ikev1.wire.payloads import ConfigAttributes, Payload
from ikev1.wire.registry import ConfigType, ExchangeType, NotifyType

_ANSWER_TO = {ConfigType.REQUEST.value: ConfigType.REPLY.value, ConfigType.SET.value: ConfigType.ACK.value}
_NO_IDENTIFIER = 0  # in all answers of strongSwan: the message ID ties them to their requests
_ROUNDS = 16  # pairs of messages under one message ID

TOPICS: dict[str, Topic] = {topic.name: topic for topic in (xauth.XAUTH, mode_config.MODE_CONFIG)}


def topic_of(payload: ConfigAttributes) -> Topic:
    """Return the topic of the peer's message: XAUTH if it has an attribute of XAUTH; its other attributes are then
    ignored.
    """
    of_xauth = any(attribute.type in XAUTH_ATTRIBUTES for attribute in payload.attributes)
    return xauth.XAUTH if of_xauth else mode_config.MODE_CONFIG


# --- REQUEST and SET ------------------------------------------------------------------------------------------------


def _begin(context: ExchangeContext, saying: Saying) -> list[Payload]:
    return _say(context, saying, present(context.exchange.transaction).topic)


def _asked(context: ExchangeContext, message: Message) -> TransactionDecision:
    payload = message.one(ConfigAttributes)
    if payload.type not in _ANSWER_TO:
        text = f"a Transaction exchange begins with a message of type {ConfigType(payload.type).name}"
        raise Refusal(Code.MALFORMED, text, notify=NotifyType.PAYLOAD_MALFORMED)
    topic = topic_of(payload)
    before = context.exchange.transaction
    if before is not None and before.topic != topic.name:
        raise Refusal(
            Code.MALFORMED,
            "a Transaction exchange continues with attributes of another kind",
            notify=NotifyType.PAYLOAD_MALFORMED,
        )
    context.exchange = replace(context.exchange, data=TransactionData(payload.identifier, payload.type, topic.name))
    return topic.asked(context, payload)


# --- REPLY and ACK --------------------------------------------------------------------------------------------------


def _answer(context: ExchangeContext, decision: TransactionDecision) -> list[Payload]:
    topic = TOPICS[present(context.exchange.transaction).topic]
    saying = decision if isinstance(decision, Saying) else topic.answer(context, decision)
    payloads = _say(context, saying, topic.name)
    if topic.goes_on(saying):
        context.exchange = replace(context.exchange, data=replace(present(context.exchange.transaction), goes_on=True))
    return payloads


def _answered(context: ExchangeContext, message: Message) -> TransactionDecision | None:
    payload, asked = message.one(ConfigAttributes), present(context.exchange.transaction)
    if payload.type != _ANSWER_TO[asked.kind]:
        text = f"{ConfigType(asked.kind).name} was answered by {ConfigType(payload.type).name}"
        raise Refusal(Code.MALFORMED, text, notify=NotifyType.PAYLOAD_MALFORMED)
    if payload.identifier not in (asked.identifier, _NO_IDENTIFIER):
        text = f"the answer has identifier {payload.identifier}, the request {asked.identifier}"
        raise Refusal(Code.MALFORMED, text, notify=NotifyType.PAYLOAD_MALFORMED)
    topic = TOPICS[asked.topic]
    decision = topic.answered(context, payload)
    context.exchange = replace(context.exchange, data=replace(present(context.exchange.transaction), kind=payload.type))
    return decision


def _say(context: ExchangeContext, saying: Saying, topic: str) -> list[Payload]:
    context.exchange = replace(context.exchange, data=TransactionData(saying.identifier, saying.kind, topic))
    return [ConfigAttributes(saying.kind, saying.identifier, saying.attributes)]


def _goes_on(data: ExchangeData | None) -> bool:
    return isinstance(data, TransactionData) and data.goes_on


# --- questions ------------------------------------------------------------------------------------------------------


def _ask(context: ExchangeContext, decision: TransactionDecision | None) -> Question | None:
    if decision is None or isinstance(decision, Saying):
        return None
    return TOPICS[present(context.exchange.transaction).topic].ask(context, decision)


def _take_answer(context: ExchangeContext, decision: TransactionDecision, answer: Answer) -> TransactionDecision | None:
    return TOPICS[present(context.exchange.transaction).topic].take_answer(context, decision, answer)


TRANSACTION = Script(
    "CFG",
    ExchangeType.TRANSACTION,
    (
        #   from  draft-dukes-ike-mode-cfg-02 §3.1.1   build     check
        Row("i", "HDR*, HASH(1), ATTR", _begin, _asked),
        Row("r", "HDR*, HASH(1), ATTR", _answer, _answered),
    ),
    rounds=_ROUNDS,
    again=_goes_on,
    ask=_ask,
    take_answer=_take_answer,
)
