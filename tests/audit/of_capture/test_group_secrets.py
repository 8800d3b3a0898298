"""One pre-shared key for many."""

from __future__ import annotations

from ikev1.audit.of_capture.group_secrets import seen_from_several, with_xauth
from ikev1.audit.parsed import parse_report
from ikev1.capture.records.report import Conversation
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import ConfigAttributes, Hash, Identification, Payload
from ikev1.wire.registry import AuthenticationMethod, ConfigAttribute, ConfigType, IdType
from reported import CALLER, conversation, message, phase1, report, sa, share

GROUP = Identification(IdType.KEY_ID, 0, 0, b"staff")


def call(
    number: int = 1,
    caller: str = CALLER,
    method: int = AuthenticationMethod.PRE_SHARED_KEY,
    name: Identification = GROUP,
    after: tuple[Payload, ...] = (),
) -> Conversation:
    chosen = phase1(method=method)
    return conversation(
        message("AM1", sa(chosen), *share(number), name, caller=caller),
        message("AM2", sa(chosen), *share(number + 50), name, Hash(bytes(32)), caller=caller),
        *([message("CFG", *after, caller=caller)] if after else []),
        number=number,
        caller=caller,
    )


def asks_for(*types: int) -> tuple[Payload, ...]:
    return Hash(bytes(32)), ConfigAttributes(ConfigType.REQUEST, 1, tuple(Attribute(each, b"") for each in types))


def test_xauth_that_was_negotiated() -> None:
    (found,) = with_xauth(parse_report(report(call(method=AuthenticationMethod.XAUTH_INIT_PRE_SHARED))))
    assert found.code == "group-secret"


def test_xauth_that_followed() -> None:
    conversations = call(after=asks_for(ConfigAttribute.XAUTH_USER_NAME, ConfigAttribute.XAUTH_USER_PASSWORD))
    assert [found.code for found in with_xauth(parse_report(report(conversations)))] == ["group-secret"]


def test_xauth_after_signatures_shares_nothing() -> None:
    assert list(with_xauth(parse_report(report(call(method=AuthenticationMethod.XAUTH_INIT_RSA))))) == []


def test_mode_config_alone_is_no_xauth() -> None:
    assert list(with_xauth(parse_report(report(call(after=asks_for(ConfigAttribute.INTERNAL_IP4_ADDRESS)))))) == []


def test_one_name_at_several_addresses() -> None:
    (found,) = seen_from_several(parse_report(report(call(1), call(2, "192.0.2.9"))))
    assert len(found.evidence) == 2


def test_the_same_caller_again_is_no_group() -> None:
    assert list(seen_from_several(parse_report(report(call(1), call(2))))) == []


def test_different_names_are_no_group() -> None:
    other = call(2, "192.0.2.9", name=Identification(IdType.KEY_ID, 0, 0, b"sales"))
    assert list(seen_from_several(parse_report(report(call(1), other)))) == []
