"""One pre-shared key for many peers: used with XAUTH, or from several addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from ikev1.audit.finding import Finding, Severity
from ikev1.audit.reading import Reading, Seen
from ikev1.audit.topics import topic
from ikev1.core.peer.identity import text_of
from ikev1.crypto.algorithms import registered_name
from ikev1.wire.payloads import ConfigAttributes, Identification
from ikev1.wire.registry import AuthenticationMethod, ConfigAttribute

_XAUTH = frozenset({AuthenticationMethod.XAUTH_INIT_PRE_SHARED, AuthenticationMethod.XAUTH_RESP_PRE_SHARED})
_XAUTH_ATTRIBUTES = frozenset(
    {ConfigAttribute.XAUTH_TYPE, ConfigAttribute.XAUTH_USER_NAME, ConfigAttribute.XAUTH_USER_PASSWORD}
)


def with_xauth(readings: Iterable[Reading]) -> Iterator[Finding]:
    """A pre-shared key followed by XAUTH: a group key, and then the password of each user."""
    for reading in readings:
        if not reading.shares_secret or reading.chosen is None:
            continue
        seen, offer = reading.chosen
        evidence = [seen.evidence("XAUTH attributes") for seen in reading.labelled("CFG") if _asks_for_user(seen)][:1]
        if reading.method in _XAUTH:
            name = registered_name(AuthenticationMethod, reading.method or 0)
            evidence.insert(0, seen.at(f"AUTHENTICATION_METHOD = {name}", offer.offset, offer.length))
        if evidence:
            yield topic("group-secret").finding(
                Severity.HIGH,
                f"{reading.conversation.initiator.address} authenticates with a pre-shared key and XAUTH: the key is "
                "shared by a group, whose members can obtain the password",
                *evidence,
                conversation=reading.conversation.number,
            )


def _asks_for_user(seen: Seen) -> bool:
    return any(
        attribute.type in _XAUTH_ATTRIBUTES
        for payload in seen.message.all(ConfigAttributes)
        for attribute in payload.attributes
    )


def seen_from_several(readings: Iterable[Reading]) -> Iterator[Finding]:
    """One identity with a pre-shared key at several addresses."""
    calls = [
        (text_of(payload), reading.conversation.responder.address, reading.conversation.initiator.address, seen)
        for reading in readings
        if reading.shares_secret
        for seen in reading.labelled("AM1")
        if (payload := seen.first(Identification)) is not None
    ]
    calls.sort(key=lambda call: call[:3])
    for (name, gateway), group in groupby(calls, key=lambda call: call[:2]):
        callers = {address: seen for _, _, address, seen in group}
        if len(callers) > 1:
            yield topic("group-secret").finding(
                Severity.HIGH,
                f"{len(callers)} addresses connected to {gateway} as {name} with a pre-shared key: it is a group key",
                *(seen.evidence(f"{name} at {address}") for address, seen in callers.items()),
            )
