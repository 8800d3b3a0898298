"""Mode config as a topic of the Transaction exchange: addresses and networks of a client.

Without a pool, a REQUEST is answered without attributes, and a SET is acknowledged without accepting any
(draft-dukes-ike-mode-cfg-02 §2).
"""

from __future__ import annotations

from ikev1.core.exchanges.transaction_topic import Topic
from ikev1.core.records.actions import Question
from ikev1.core.records.answers import Answer
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.exchange import TransactionDecision
from ikev1.core.records.remote_access import Saying
from ikev1.wire.payloads import ConfigAttributes
from ikev1.wire.registry import ConfigType


def _asked(context: ExchangeContext, payload: ConfigAttributes) -> TransactionDecision:
    kind = ConfigType.REPLY if payload.type == ConfigType.REQUEST else ConfigType.ACK
    return Saying(kind, payload.identifier)


def _answer(context: ExchangeContext, decision: Saying) -> Saying:
    return decision


def _answered(context: ExchangeContext, payload: ConfigAttributes) -> None:
    return None


def _ask(context: ExchangeContext, decision: TransactionDecision) -> Question | None:
    return None


def _take_answer(context: ExchangeContext, decision: TransactionDecision, answer: Answer) -> TransactionDecision | None:
    return decision


def _goes_on(saying: Saying) -> bool:
    return False


MODE_CONFIG = Topic("config", _asked, _answer, _answered, _ask, _take_answer, _goes_on)
