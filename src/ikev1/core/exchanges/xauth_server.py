"""XAUTH as server: the REQUEST to a client, and its REPLY as an attempt to authenticate a user."""

from __future__ import annotations

from collections.abc import Sequence

from ikev1.core.exchanges.config_attributes import number_in, octets_of, refuse_repeated, value_of
from ikev1.core.peer import user_connections
from ikev1.core.records.actions import CheckUser
from ikev1.core.records.answers import Answer, Failed, UserChecked
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.record import present, replace
from ikev1.core.records.remote_access import (
    Accepted,
    Challenged,
    Prompt,
    Rejected,
    Saying,
    Unavailable,
    Verdict,
    Xauth,
    XauthAttempt,
    XauthStep,
)
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import ConfigAttributes
from ikev1.wire.registry import ConfigAttribute, ConfigType, XauthStatus, XauthType

MOST_ROUNDS = 10  # REQUESTs under one ISAKMP SA
_LONGEST_NAME = 255  # octets of a user name, or of a domain
_LONGEST_SECRET = 1024  # octets
_LONGEST_TEXT = 1024  # octets of a message to the user
_GIVEN_UP = "the client gave up"

_ASKED: dict[Prompt, tuple[ConfigAttribute, ...]] = {
    Prompt.PASSWORD: (ConfigAttribute.XAUTH_USER_NAME, ConfigAttribute.XAUTH_USER_PASSWORD),
    Prompt.PASSCODE: (ConfigAttribute.XAUTH_USER_NAME, ConfigAttribute.XAUTH_PASSCODE),
    # XAUTH_NEXT_PIN "MUST NOT be used in conjunction with any attributes other than XAUTH-MESSAGE and / or XAUTH-TYPE";
    # XAUTH_ANSWER "MUST be accompanied by an XAUTH-MESSAGE attribute" and by no other than XAUTH_TYPE (§6.2)
    Prompt.NEXT_PIN: (ConfigAttribute.XAUTH_NEXT_PIN,),
    Prompt.ANSWER: (ConfigAttribute.XAUTH_ANSWER,),
}


# --- REQUEST and SET ------------------------------------------------------------------------------------------------


def request(xauth: Xauth) -> Saying:
    """The next REQUEST: "Attributes that it requires sent back in the reply MUST be included with a length of zero"
    (draft-beaulieu-ike-xauth-02 §6.1).
    """
    attributes = [Attribute(ConfigAttribute.XAUTH_TYPE, XauthType.GENERIC.value)]
    text = xauth.text.encode()[:_LONGEST_TEXT] or (b"Answer:" if xauth.prompt is Prompt.ANSWER else b"")
    if text:
        attributes.append(Attribute(ConfigAttribute.XAUTH_MESSAGE, text))
    attributes += [Attribute(kind, b"") for kind in _ASKED[xauth.prompt]]
    return Saying(ConfigType.REQUEST, xauth.identifier, tuple(attributes))


def status(xauth: Xauth, accepted: bool) -> Saying:
    """The SET that ends XAUTH. XAUTH_STATUS is its only attribute: some clients accept no other."""
    value = XauthStatus.OK if accepted else XauthStatus.FAIL
    return Saying(ConfigType.SET, xauth.identifier, (Attribute(ConfigAttribute.XAUTH_STATUS, value.value),))


# --- REPLY ----------------------------------------------------------------------------------------------------------


def replied(context: ExchangeContext, payload: ConfigAttributes) -> XauthAttempt | None:
    """Process the REPLY to our REQUEST.

    Returns:
        The attempt to be checked; None if the client gave up, or the values cannot be valid.

    Raises:
        Refusal: an attribute is repeated, or malformed.
    """
    xauth = present(context.sa.xauth)
    refuse_repeated(payload.attributes)
    if number_in(payload.attributes, ConfigAttribute.XAUTH_STATUS) is not None:
        # "a remote device can not set XAUTH_STATUS to anything but FAIL" (§5)
        _become(context, xauth, step=XauthStep.REJECTED, reason=_GIVEN_UP)
        return None
    attempt = _attempt(context, xauth, payload.attributes)
    if isinstance(attempt, Rejected):  # without a question to a backend
        take_verdict(context, attempt)
        return None
    _become(context, xauth, name=attempt.user, domain=attempt.domain)
    return attempt


def _attempt(context: ExchangeContext, xauth: Xauth, attributes: Sequence[Attribute]) -> XauthAttempt | Rejected:
    faults: list[str] = []
    type_ = number_in(attributes, ConfigAttribute.XAUTH_TYPE)
    if type_ not in (None, XauthType.GENERIC):
        faults.append("the client answered with another XAUTH_TYPE than was asked")
    name = _text(attributes, ConfigAttribute.XAUTH_USER_NAME, faults)
    domain = _text(attributes, ConfigAttribute.XAUTH_DOMAIN, faults)
    if xauth.name and (name or xauth.name, domain or xauth.domain) != (xauth.name, xauth.domain):
        faults.append("the client changed the user name or its domain from one round to the next")
    if not xauth.name and not name:
        faults.append("the client sent no user name")
    *_, wanted = _ASKED[xauth.prompt]
    if any(len(octets_of(attribute)) > _LONGEST_SECRET for attribute in attributes):
        faults.append(f"the client sent a value of more than {_LONGEST_SECRET} octets")
    if not value_of(attributes, wanted):
        faults.append(f"the client sent no {wanted.name}")
    if faults:
        return Rejected(faults[0])
    return XauthAttempt(
        user=xauth.name or name,
        domain=xauth.domain if xauth.name else domain,
        password=value_of(attributes, ConfigAttribute.XAUTH_USER_PASSWORD),
        passcode=value_of(attributes, ConfigAttribute.XAUTH_PASSCODE),
        next_pin=value_of(attributes, ConfigAttribute.XAUTH_NEXT_PIN),
        answer=value_of(attributes, ConfigAttribute.XAUTH_ANSWER),
        address=context.sa.path.remote_host,
        connection=context.connection.name,
        state=xauth.state,
    )


def _text(attributes: Sequence[Attribute], kind: ConfigAttribute, faults: list[str]) -> str:
    octets = value_of(attributes, kind)
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = "\0"
    if len(octets) > _LONGEST_NAME or not text.isprintable():
        faults.append(f"{kind.name} is longer than {_LONGEST_NAME} octets, or no printable text in UTF-8")
    return text


# --- the verdict ----------------------------------------------------------------------------------------------------


def question(context: ExchangeContext, attempt: XauthAttempt) -> CheckUser:
    """The question about an attempt."""
    return CheckUser(0, context.sa, context.connection, attempt, user_connections.alternatives(context))


def take_verdict_of(context: ExchangeContext, answer: Answer) -> None:
    """Process the answer to `question`."""
    if isinstance(answer, UserChecked):
        take_verdict(context, answer.verdict)
    else:
        reason = answer.reason if isinstance(answer, Failed) else "the question about the user was answered wrongly"
        take_verdict(context, Unavailable(reason))


def take_verdict(context: ExchangeContext, verdict: Verdict) -> None:
    """Record the consequence of the verdict: acceptance, another REQUEST, or failure."""
    xauth = present(context.sa.xauth)
    if isinstance(verdict, Accepted):
        if verdict.connection:
            user_connections.select(context, verdict.connection)
        if user_connections.permits(context.connection, verdict.user):
            _become(context, xauth, step=XauthStep.ACCEPTED, user=verdict.user, state=b"", challenge=b"")
            return
        verdict = Rejected("the connection of the user was changed or removed during the check")
    if isinstance(verdict, Challenged) and xauth.rounds < MOST_ROUNDS:
        _become(
            context,
            xauth,
            step=XauthStep.ASK,
            prompt=verdict.kind,
            text=verdict.text,
            challenge=verdict.challenge,
            state=verdict.state,
        )
        return
    reason = f"more than {MOST_ROUNDS} rounds" if isinstance(verdict, Challenged) else verdict.reason
    attempts = xauth.attempts + isinstance(verdict, Rejected)
    again = isinstance(verdict, Rejected) and attempts < context.connection.xauth_attempts
    _become(
        context,
        xauth,
        step=XauthStep.ASK if again and xauth.rounds < MOST_ROUNDS else XauthStep.REJECTED,
        attempts=attempts,
        prompt=Prompt.PASSWORD,
        text="",
        challenge=b"",
        state=b"",
        name="" if again else xauth.name,
        domain="",
        reason=reason,
    )


def _become(context: ExchangeContext, xauth: Xauth, **fields: object) -> None:
    context.sa = replace(context.sa, xauth=replace(xauth, **fields))
