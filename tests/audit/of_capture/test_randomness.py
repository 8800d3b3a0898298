"""Values that are to be new each time."""

from __future__ import annotations

from ikev1.audit.finding import Severity
from ikev1.audit.of_capture.randomness import repeated
from ikev1.audit.parsed import parse_report
from ikev1.wire.payloads import KeyExchange, Nonce
from reported import conversation, message, report, share


def test_new_values_each_time() -> None:
    first = conversation(message("MM3", *share(1)), message("MM4", *share(2)))
    second = conversation(message("MM3", *share(3)), message("MM4", *share(4)), number=2)
    assert list(repeated(parse_report(report(first, second)))) == []


def test_a_nonce_again() -> None:
    first = conversation(message("MM3", KeyExchange(b"one" * 9), Nonce(bytes(16))))
    second = conversation(message("MM3", KeyExchange(b"two" * 9), Nonce(bytes(16)), frame=7), number=2)
    (found,) = repeated(parse_report(report(first, second)))
    assert (found.code, found.severity) == ("repeated-randomness", Severity.HIGH)
    assert found.evidence[1].frames == (7,)


def test_a_public_value_again() -> None:
    first = conversation(message("MM3", KeyExchange(b"one" * 9), Nonce(bytes(16))))
    second = conversation(message("MM3", KeyExchange(b"one" * 9), Nonce(b"x" * 16)), number=2)
    (found,) = repeated(parse_report(report(first, second)))
    assert found.severity is Severity.MEDIUM


def test_values_that_a_peer_throws_back() -> None:
    reflected = conversation(message("MM3", *share(1)), message("MM4", *share(1)))
    assert [found.code for found in repeated(parse_report(report(reflected)))] == ["repeated-randomness"] * 2


def test_a_quick_mode_that_repeats_the_one_before() -> None:
    twice = conversation(message("QM1", *share(1)), message("QM1", *share(1), message_id="00000001"))
    assert [found.code for found in repeated(parse_report(report(twice)))] == ["repeated-randomness"] * 2


def test_two_answers_to_one_first_message_repeat_nothing() -> None:
    call = message("AM1", *share(1))
    first = conversation(call, message("AM2", *share(2)))
    second = conversation(call, message("AM2", *share(3)), number=2, initiator_cookie=first.initiator_cookie)
    assert list(repeated(parse_report(report(first, second)))) == []
