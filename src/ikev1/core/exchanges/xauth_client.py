"""XAUTH as client: the answers to a gateway's REQUEST and SET, from the configuration or by the user.

The gateway has authenticated itself in phase 1, also with hybrid authentication. A pre-shared key proves only that it
knows the key: every member of the group could impersonate the gateway.
"""

from __future__ import annotations

from ikev1.core.exchanges.config_attributes import number_in, refuse_repeated, value_of
from ikev1.core.records.actions import AskUser
from ikev1.core.records.answers import Answer, UserInput
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.remote_access import Saying, XauthQuestions, XauthStep
from ikev1.core.records.settings import Connection
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import ConfigAttributes
from ikev1.wire.registry import ConfigAttribute, ConfigType, NotifyType, XauthStatus, XauthType
from ikev1.wire.words import printable

MOST_ROUNDS = 20  # REQUESTs of a gateway under one ISAKMP SA that are answered without its verdict
_LONGEST_TEXT = 1024  # octets of a message that is shown to the user

_ANSWERABLE = frozenset(
    {
        ConfigAttribute.XAUTH_USER_NAME,
        ConfigAttribute.XAUTH_USER_PASSWORD,
        ConfigAttribute.XAUTH_PASSCODE,
        ConfigAttribute.XAUTH_DOMAIN,
        ConfigAttribute.XAUTH_NEXT_PIN,
        ConfigAttribute.XAUTH_ANSWER,
    }
)
# Values that only the user can provide: the code of a token, a new PIN, the answer to a message
_OF_USER = frozenset({ConfigAttribute.XAUTH_PASSCODE, ConfigAttribute.XAUTH_NEXT_PIN, ConfigAttribute.XAUTH_ANSWER})


# --- REQUEST --------------------------------------------------------------------------------------------------------


def asked(context: ExchangeContext, payload: ConfigAttributes) -> XauthQuestions:
    """Process a REQUEST.

    Raises:
        Refusal: an attribute is repeated, or malformed.
    """
    refuse_repeated(payload.attributes)
    sa, connection = context.sa, context.connection
    kinds = tuple(attribute.type for attribute in payload.attributes if attribute.type in _ANSWERABLE)
    type_ = number_in(payload.attributes, ConfigAttribute.XAUTH_TYPE)
    refused = ""
    if not kinds:
        refused = "the gateway asks for nothing that XAUTH has"
    elif type_ == XauthType.RADIUS_CHAP:
        refused = "the gateway asks for RADIUS-CHAP, which is not supported"
    used = True  # XAUTH is complete
    if sa.xauth is not None:
        rounds = sa.xauth.rounds + 1
        used = sa.xauth.used_secret
        context.sa = replace(sa, xauth=replace(sa.xauth, rounds=rounds))
        if rounds > MOST_ROUNDS:
            refused = f"the gateway asked more than {MOST_ROUNDS} times"
    _be_patient(context)
    return XauthQuestions(
        payload.identifier,
        kinds,
        type_,
        _shown(payload, ConfigAttribute.XAUTH_MESSAGE),
        value_of(payload.attributes, ConfigAttribute.XAUTH_CHALLENGE)[:_LONGEST_TEXT],
        connection.xauth_user,
        used,
        refused,
    )


def _be_patient(context: ExchangeContext) -> None:
    """Extend the time limit of the exchange to ``xauth_timeout``, so that the user can answer."""
    ends_at = max(context.exchange.ends_at, context.now + context.connection.xauth_timeout)
    context.exchange = replace(context.exchange, ends_at=ends_at)


def _shown(payload: ConfigAttributes, kind: int) -> str:
    """A text of the gateway for display to the user, without control characters."""
    text = value_of(payload.attributes, kind)[:_LONGEST_TEXT].decode(errors="replace")
    return printable(text, " ").strip()


def question(context: ExchangeContext, questions: XauthQuestions) -> AskUser | None:
    """The question to the user, None if the configuration has all values."""
    if questions.refused or _configured(context.connection, questions) is not None:
        return None
    return AskUser(0, context.sa, context.connection, questions)


def _configured(connection: Connection, questions: XauthQuestions) -> dict[int, bytes] | None:
    """The values from the configuration, None unless it has all. The secret is sent only once, because a gateway that
    asks again has rejected it, and repeated attempts may lock the account.
    """
    generic = questions.xauth_type in (None, XauthType.GENERIC)
    if not generic or questions.again or any(kind in _OF_USER for kind in questions.kinds):
        return None
    known = {
        ConfigAttribute.XAUTH_USER_NAME.value: connection.xauth_user.encode(),
        ConfigAttribute.XAUTH_USER_PASSWORD.value: connection.xauth_secret,
        ConfigAttribute.XAUTH_DOMAIN.value: connection.xauth_domain.encode(),
    }
    found = {kind: known[kind] for kind in questions.kinds}
    optional = ConfigAttribute.XAUTH_DOMAIN
    return found if all(value or kind == optional for kind, value in found.items()) else None


def take_input(context: ExchangeContext, questions: XauthQuestions, answer: Answer) -> Saying:
    """The REPLY with the input of the user."""
    values = answer.values if isinstance(answer, UserInput) else None
    if values is None or not all(kind in values for kind in questions.kinds):
        return _give_up(context, questions, "the user gave no answer, or cannot be asked")
    return _reply(questions, values)


def reply(context: ExchangeContext, questions: XauthQuestions) -> Saying:
    """The REPLY from the configuration."""
    values = None if questions.refused else _configured(context.connection, questions)
    if values is None:
        return _give_up(context, questions, questions.refused or "the user name or the secret is not configured")
    xauth = context.sa.xauth
    if xauth is not None and ConfigAttribute.XAUTH_USER_PASSWORD in questions.kinds:
        context.sa = replace(context.sa, xauth=replace(xauth, used_secret=True))
    return _reply(questions, values)


def _reply(questions: XauthQuestions, values: dict[int, bytes]) -> Saying:
    """ "The XAUTH-TYPE in a REPLY MUST be identical to the XAUTH-TYPE in the REQUEST. If the XAUTH-TYPE was not present
    in the REQUEST, then it MUST NOT be present in the REPLY" (§6.2). The values follow in the order of the REQUEST.
    """
    type_ = () if questions.xauth_type is None else (Attribute(ConfigAttribute.XAUTH_TYPE, questions.xauth_type),)
    attributes = (*type_, *(Attribute(kind, values[kind]) for kind in questions.kinds))
    return Saying(ConfigType.REPLY, questions.identifier, attributes)


def _give_up(context: ExchangeContext, questions: XauthQuestions, why: str) -> Saying:
    """ "if the proper authentication attributes can not be retrieved, then this message MUST contain the XAUTH-STATUS
    attribute with a value of FAIL" (§6.1).
    """
    if context.sa.xauth is not None:
        context.sa = replace(context.sa, xauth=replace(context.sa.xauth, reason=why))
    type_ = () if questions.xauth_type is None else (Attribute(ConfigAttribute.XAUTH_TYPE, questions.xauth_type),)
    fail = Attribute(ConfigAttribute.XAUTH_STATUS, XauthStatus.FAIL.value)
    return Saying(ConfigType.REPLY, questions.identifier, (*type_, fail))


# --- SET ------------------------------------------------------------------------------------------------------------


def told(context: ExchangeContext, payload: ConfigAttributes) -> Saying:
    """Process the SET with the verdict on the user, and acknowledge it.

    Raises:
        Refusal: it has no XAUTH_STATUS, or an attribute is repeated.
    """
    refuse_repeated(payload.attributes)
    status = number_in(payload.attributes, ConfigAttribute.XAUTH_STATUS)
    if status is None:
        text = "a SET of XAUTH has no XAUTH_STATUS"
        raise Refusal(Code.MALFORMED, text, notify=NotifyType.PAYLOAD_MALFORMED)
    xauth, accepted = context.sa.xauth, status == XauthStatus.OK
    if xauth is not None:
        said = _shown(payload, ConfigAttribute.XAUTH_MESSAGE)
        reason = xauth.reason or "the gateway rejected the user name or the password"
        if said and not accepted:
            reason = f"{reason}: {said!r}"
        step = XauthStep.ACCEPTED if accepted else XauthStep.REJECTED
        context.sa = replace(context.sa, xauth=replace(xauth, step=step, reason="" if accepted else reason))
    return Saying(ConfigType.ACK, payload.identifier, (Attribute(ConfigAttribute.XAUTH_STATUS, b""),))
