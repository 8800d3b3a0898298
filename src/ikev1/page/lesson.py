"""The page of a lesson: the ladder, each step with its formulas, and the messages with their fields and octets."""

from __future__ import annotations

from ikev1.lesson.record import Lesson
from ikev1.page.frame import frame
from ikev1.page.ladder import ladder
from ikev1.page.render import render

__all__ = ["lesson_page"]

_PREFIX = "l"  # of the elements that the arrows of the ladder lead to


def lesson_page(lesson: Lesson) -> str:
    """The lesson as one HTML page."""
    conversation = lesson.conversation
    body = render(
        "lesson.html",
        lesson=lesson,
        messages={message.label: (index, message) for index, message in enumerate(conversation.messages)},
        ladder=ladder(conversation, conversation.messages, _PREFIX),
        prefix=_PREFIX,
    )
    return frame(lesson.title, body, kind="Lesson", lead=lesson.introduction)
