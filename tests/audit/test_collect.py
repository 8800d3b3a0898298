"""Findings put together."""

from __future__ import annotations

from ikev1.audit.finding import Evidence, Finding, Severity, collected
from ikev1.audit.topics import topic


def finding(frame: int, found: str = "the same", severity: Severity = Severity.LOW) -> Finding:
    evidence = Evidence(text="x", frames=(frame,))
    return topic("weak-group").finding(severity, found, evidence, conversation=frame)


def test_the_same_of_several_conversations_is_said_once() -> None:
    (one,) = collected([finding(1), finding(2), finding(2)])
    assert [evidence.frames for evidence in one.evidence] == [(1,), (2,)]
    assert one.conversation == 1


def test_what_differs_stays_apart() -> None:
    assert len(collected([finding(1), finding(2, "another"), finding(3, severity=Severity.HIGH)])) == 3


def test_the_worst_comes_first_and_the_order_stays() -> None:
    low, first, second = finding(1), finding(2, "a", Severity.HIGH), finding(3, "b", Severity.HIGH)
    assert collected([low, first, second]) == (first, second, low)


def test_evidence_has_an_end() -> None:
    (one,) = collected(finding(number) for number in range(1000))
    assert len(one.evidence) == 20
