"""The page of a lesson: everything that the lesson has, and arrows that lead to its messages."""

from __future__ import annotations

import re

import pytest

from ikev1.lesson.evidence import evidence_of
from ikev1.lesson.record import Lesson
from ikev1.lesson.run import Subject, run
from ikev1.lesson.teach import lesson_of
from ikev1.page.lesson import lesson_page


@pytest.fixture(scope="module", params=list(Subject))
def lesson(request: pytest.FixtureRequest) -> Lesson:
    return lesson_of(evidence_of(run(request.param, "aes128-sha256-ecp256", b"<script>alert(1)</script>")))


def test_every_arrow_leads_to_a_message(lesson: Lesson) -> None:
    page = lesson_page(lesson)
    targets = re.findall(r'href="#(lm\d+)"', page)
    assert len(targets) == len(lesson.conversation.messages)
    assert [f'id="{target}"' in page for target in targets] == [True] * len(targets)
    assert len(re.findall(r'id="lm\d+"', page)) == len(targets)


def test_every_formula_is_there_once_with_its_result(lesson: Lesson) -> None:
    page = lesson_page(lesson)
    for step in lesson.steps:
        for formula in step.formulas:
            assert f"<strong>{formula.name}</strong>" in page
            assert formula.result in page
    assert page.count("<strong>SKEYID</strong>") == (2 if lesson.mode == "Quick Mode" else 1)


def test_every_misreading_and_toy_line_is_there(lesson: Lesson) -> None:
    page = lesson_page(lesson)
    assert lesson.toy is not None
    for text in (each.often for step in lesson.steps for each in step.misreadings):
        assert text.replace("'", "&#39;") in page
    assert all(line.small in page for line in lesson.toy.lines)


def test_the_key_of_the_run_is_not_obeyed(lesson: Lesson) -> None:
    assert "<script>alert(1)</script>" not in lesson_page(lesson)
