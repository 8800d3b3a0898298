"""XAUTH as a topic of the Transaction exchange: a user name and a password after phase 1 (draft-beaulieu-ike-xauth-02).

Only the server initiates: `xauth_server` has its messages, `xauth_client` those of the client.
"""

from __future__ import annotations

from ikev1.core.exchanges import xauth_client, xauth_server
from ikev1.core.exchanges.transaction_topic import Topic
from ikev1.core.peer.xauth_role import xauth_role
from ikev1.core.records.actions import Question
from ikev1.core.records.answers import Answer
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import TransactionDecision
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.remote_access import Saying, XauthAttempt, XauthQuestions
from ikev1.core.records.settings import XauthRole
from ikev1.wire.payloads import ConfigAttributes
from ikev1.wire.registry import ConfigType


def _asked(context: ExchangeContext, payload: ConfigAttributes) -> TransactionDecision:
    if not _is_client(context):
        connection, host = context.connection, context.sa.path.remote_host
        text = f"{host} requires XAUTH (a user name and a password) after phase 1, but connection {connection.name!r} "
        if connection.xauth is XauthRole.CLIENT:
            text += (
                "negotiated a method without XAUTH: set xauth_method = false if the gateway begins XAUTH unannounced"
            )
        else:
            text += 'does not have xauth = "client": configure xauth_user'
        raise Refusal(Code.XAUTH_REQUIRED, text)
    if payload.type == ConfigType.SET:
        return xauth_client.told(context, payload)
    return xauth_client.asked(context, payload)


def _is_client(context: ExchangeContext) -> bool:
    """Whether the peer may authenticate our user: XAUTH was negotiated in phase 1, or is configured to come without
    that. Otherwise nobody is given the user's password.
    """
    sa = context.sa
    if sa.xauth is not None:
        return not sa.xauth.serves
    return xauth_role(sa.suite.authentication, sa.role, context.connection) is XauthRole.CLIENT


def _answer(context: ExchangeContext, questions: XauthQuestions) -> Saying:
    return xauth_client.reply(context, questions)


def _answered(context: ExchangeContext, payload: ConfigAttributes) -> TransactionDecision | None:
    """Process a REPLY as server. The ACK of a SET, and a REPLY after the end of XAUTH, are ignored."""
    data, xauth = context.exchange.transaction, context.sa.xauth
    asked = data is not None and data.kind == ConfigType.REQUEST
    return xauth_server.replied(context, payload) if asked and xauth is not None else None


def _ask(context: ExchangeContext, decision: TransactionDecision) -> Question | None:
    if isinstance(decision, XauthAttempt):
        return xauth_server.question(context, decision)
    return xauth_client.question(context, decision) if isinstance(decision, XauthQuestions) else None


def _take_answer(context: ExchangeContext, decision: TransactionDecision, answer: Answer) -> TransactionDecision | None:
    if isinstance(decision, XauthQuestions):
        return xauth_client.take_input(context, decision, answer)
    if context.sa.xauth is not None:
        xauth_server.take_verdict_of(context, answer)
    return None


def _goes_on(saying: Saying) -> bool:
    return saying.kind == ConfigType.REPLY


XAUTH = Topic("xauth", _asked, _answer, _answered, _ask, _take_answer, _goes_on)
