"""`Topic`: the processing of a Transaction exchange, for XAUTH or for mode config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ikev1.core.records.actions import Question
from ikev1.core.records.answers import Answer
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.exchange import TransactionDecision
from ikev1.core.records.remote_access import Saying
from ikev1.wire.payloads import ConfigAttributes


class Topic(NamedTuple):
    """The functions of a topic. A decision is a record, which is stored with the exchange while a question is open.

    Attributes:
        name: as in `TransactionData.topic`.
        asked: decides about a REQUEST or SET of the peer.
        answer: returns the REPLY or ACK for that decision.
        answered: processes the peer's REPLY or ACK, whose type and identifier were checked; returns a decision if it
            requires a question, else None.
        ask: returns the question that a decision requires, or None. It has no side effects, and may be called again.
        take_answer: processes the answer, and returns the new decision: what to answer to the peer's REQUEST or SET, or
            None if the peer has answered ours.
        goes_on: whether the peer may continue under the same message ID after this answer of ours.
    """

    name: str
    asked: Callable[[ExchangeContext, ConfigAttributes], TransactionDecision]
    answer: Callable[[ExchangeContext, Any], Saying]
    answered: Callable[[ExchangeContext, ConfigAttributes], TransactionDecision | None]
    ask: Callable[[ExchangeContext, Any], Question | None]
    take_answer: Callable[[ExchangeContext, Any, Answer], TransactionDecision | None]
    goes_on: Callable[[Saying], bool]
