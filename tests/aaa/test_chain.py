"""Several backends, asked in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ikev1.aaa.chain import check_in_order
from ikev1.core.records.remote_access import (
    Accepted,
    Challenged,
    Prompt,
    Rejected,
    Unavailable,
    User,
    Verdict,
    XauthAttempt,
)

YES, NO, DOWN = Accepted(User("alice")), Rejected("no"), Unavailable("down")
ASKS = Challenged(Prompt.PASSCODE, "Code?", state=b"its own")


class Fixed:
    """A backend with one verdict for each attempt, in order."""

    def __init__(self, *verdicts: Verdict, name: str = "fixed") -> None:
        self.name = name
        self._verdicts = list(verdicts)
        self.asked: list[XauthAttempt] = []

    async def check(self, attempt: XauthAttempt) -> Verdict:
        self.asked.append(attempt)
        return self._verdicts.pop(0)

    async def close(self) -> None:
        pass


def check(backends: Sequence[Fixed], attempt: XauthAttempt) -> Verdict:
    return asyncio.run(check_in_order(backends, attempt))


@pytest.mark.parametrize(
    ("verdicts", "expected", "asked"),
    [
        ([YES, NO], YES, 1),
        ([NO, YES], YES, 2),
        ([DOWN, YES], YES, 2),
        ([NO, DOWN], NO, 2),
        ([DOWN, NO], NO, 2),
        ([DOWN, DOWN], DOWN, 2),
        ([NO, NO], NO, 2),
    ],
)
def test_the_order(verdicts: list[Verdict], expected: Verdict, asked: int) -> None:
    backends = [Fixed(verdict) for verdict in verdicts]
    assert check(backends, XauthAttempt("alice", b"x")) == expected
    assert sum(len(backend.asked) for backend in backends) == asked


def test_without_a_backend_nobody_is_checked() -> None:
    assert isinstance(check([], XauthAttempt("alice", b"x")), Unavailable)


def test_the_answer_goes_to_the_backend_that_asked_and_to_no_other() -> None:
    first, second = Fixed(NO, name="first"), Fixed(ASKS, ASKS, NO, name="second")
    verdict = check([first, second], XauthAttempt("alice", b"x"))
    for _ in range(2):
        assert isinstance(verdict, Challenged)
        verdict = check([first, second], XauthAttempt("alice", answer=b"1", state=verdict.state))
    assert verdict == NO
    assert len(first.asked) == 1
    assert [attempt.state for attempt in second.asked] == [b"", b"its own", b"its own"]


def test_an_answer_goes_to_the_same_backend_after_a_reload_that_moves_it() -> None:
    asks, other = Fixed(ASKS, YES, name="pam"), Fixed(NO, YES, name="command")
    challenge = check([other, asks], XauthAttempt("alice", b"x"))
    assert isinstance(challenge, Challenged)
    assert check([asks, other], XauthAttempt("alice", answer=b"1", state=challenge.state)) == YES
    assert len(other.asked) == 1


def test_an_answer_to_a_backend_that_is_gone_is_rejected() -> None:
    challenge = check([Fixed(ASKS, name="pam")], XauthAttempt("alice", b"x"))
    assert isinstance(challenge, Challenged)
    answer = XauthAttempt("alice", answer=b"1", state=challenge.state)
    other = Fixed(YES, name="command")
    assert isinstance(check([other], answer), Rejected)
    assert isinstance(check([], answer), Rejected)
    assert other.asked == []
