"""One pre-shared key for many peers: used with XAUTH, or from several addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.parsed import ParsedConversation, ParsedMessage
from ikev1.audit.topics import topic
from ikev1.core.peer.identity import text_of
from ikev1.crypto.algorithms import registered_name
from ikev1.wire.payloads import ConfigAttributes, Identification
from ikev1.wire.registry import AuthenticationMethod, ConfigAttribute

_XAUTH = frozenset({AuthenticationMethod.XAUTH_INIT_PRE_SHARED, AuthenticationMethod.XAUTH_RESP_PRE_SHARED})
_XAUTH_ATTRIBUTES = frozenset(
    {ConfigAttribute.XAUTH_TYPE, ConfigAttribute.XAUTH_USER_NAME, ConfigAttribute.XAUTH_USER_PASSWORD}
)


def with_xauth(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """A pre-shared key followed by XAUTH: a group key, and then the password of each user."""
    for conversation in conversations:
        if not conversation.shares_secret or conversation.chosen is None:
            continue
        message, offer = conversation.chosen
        evidence = [
            message.evidence("XAUTH attributes") for message in conversation.labelled("CFG") if _asks_for_user(message)
        ][:1]
        if conversation.method in _XAUTH:
            name = registered_name(AuthenticationMethod, conversation.method or 0)
            evidence.insert(0, message.at(f"AUTHENTICATION_METHOD = {name}", offer.offset, offer.length))
        if evidence:
            yield topic("group-secret").finding(
                Severity.HIGH,
                f"{conversation.report.initiator.address} authenticates with a pre-shared key and XAUTH: the key is "
                "shared by a group, whose members can obtain the password",
                *evidence,
                conversation=conversation.report.number,
            )


def _asks_for_user(message: ParsedMessage) -> bool:
    return any(
        attribute.type in _XAUTH_ATTRIBUTES
        for payload in message.wire.all(ConfigAttributes)
        for attribute in payload.attributes
    )


def seen_from_several(conversations: Iterable[ParsedConversation]) -> Iterator[Finding]:
    """One identity with a pre-shared key at several addresses."""
    calls = [
        (text_of(payload), conversation.report.responder.address, conversation.report.initiator.address, message)
        for conversation in conversations
        if conversation.shares_secret
        for message in conversation.labelled("AM1")
        if (payload := message.first(Identification)) is not None
    ]
    calls.sort(key=lambda call: call[:3])
    for (name, gateway), group in groupby(calls, key=lambda call: call[:2]):
        callers = {address: message for _, _, address, message in group}
        if len(callers) > 1:
            yield topic("group-secret").finding(
                Severity.HIGH,
                f"{len(callers)} addresses connected to {gateway} as {name} with a pre-shared key: it is a group key",
                *(message.evidence(f"{name} at {address}") for address, message in callers.items()),
            )
