"""A real exchange on loopback."""

from __future__ import annotations

import pytest

from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.settings import Settings
from ikev1.lesson.peers import responder_settings
from ikev1.lesson.run import LessonFailed, Subject, run
from ikev1.wire.header import Header
from ikev1.wire.registry import ExchangeType

SUITE = "aes128-sha256-ecp256"
SECRET = b"only the two of us know this"
MAIN, AGGRESSIVE, QUICK = ExchangeType.IDENTITY_PROTECTION, ExchangeType.AGGRESSIVE, ExchangeType.QUICK_MODE


@pytest.mark.parametrize(
    ("subject", "exchanges"),
    [
        (Subject.MAIN, [MAIN] * 6),
        (Subject.AGGRESSIVE, [AGGRESSIVE] * 3),
        (Subject.QUICK, [MAIN] * 6 + [QUICK] * 3),
    ],
)
def test_the_messages_of_each_subject(subject: Subject, exchanges: list[ExchangeType]) -> None:
    done = run(subject, SUITE, SECRET)
    assert [Header.parse(datagram.payload).exchange for datagram in done.datagrams] == exchanges
    assert [datagram.frames for datagram in done.datagrams] == [(number + 1,) for number in range(len(exchanges))]
    for end in (done.initiator, done.responder):
        assert end.sa.state is IkeState.ESTABLISHED
        assert (end.child is not None) == (subject is Subject.QUICK)


def test_it_ran_on_loopback() -> None:
    first, second, *_ = run(Subject.MAIN, SUITE, SECRET).datagrams
    assert (first.source, first.destination) == (second.destination, second.source) == ("127.0.0.1", "127.0.0.2")
    assert (first.source_port, first.destination_port) == (second.destination_port, second.source_port)


def test_no_two_runs_are_alike() -> None:
    one, other = run(Subject.AGGRESSIVE, SUITE, SECRET), run(Subject.AGGRESSIVE, SUITE, SECRET)
    assert one.initiator.sa.CKY_I != other.initiator.sa.CKY_I
    assert one.initiator.sa.keys != other.initiator.sa.keys


def test_the_responder_takes_the_second_offer() -> None:
    done = run(Subject.MAIN, SUITE, SECRET)
    assert done.responder.sa.chosen is not None
    assert done.responder.sa.chosen.suite.key_length == 128


def test_what_the_initiator_prefers_can_be_the_subject_itself() -> None:
    done = run(Subject.AGGRESSIVE, "aes256-sha512-ecp256", SECRET)
    assert done.responder.sa.chosen is not None
    assert done.responder.sa.chosen.suite.key_length == 256


def test_a_suite_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="aes129"):
        run(Subject.MAIN, "aes129-sha256-ecp256", SECRET)


def test_secrets_are_in_no_repr() -> None:
    assert SECRET.decode() not in repr(run(Subject.AGGRESSIVE, SUITE, SECRET))


def test_a_failure_of_the_engine_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def strangers(suite: str, secret: bytes) -> Settings:
        return responder_settings(suite, b"another secret")

    monkeypatch.setattr("ikev1.lesson.run.responder_settings", strangers)
    with pytest.raises(LessonFailed, match="pre-shared key"):
        run(Subject.AGGRESSIVE, SUITE, SECRET)
