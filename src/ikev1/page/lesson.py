"""The page of a lesson: the ladder, each step with its formulas, and the messages with their fields and octets."""

from __future__ import annotations

from msgspec.structs import replace

from ikev1.capture.records.report import Message
from ikev1.lesson.record import Lesson
from ikev1.page.frame import frame
from ikev1.page.ladder import ladder
from ikev1.page.render import render

_PREFIX = "l"  # of the elements that the arrows of the ladder open


def lesson_page(lesson: Lesson) -> str:
    """The lesson as one HTML page."""
    conversation = lesson.conversation
    explained = {step.label for step in lesson.steps}
    numbered = enumerate(conversation.messages)
    body = render(
        "lesson.html",
        lesson=lesson,
        messages={message.label: (index, _without_formulas(message, explained)) for index, message in numbered},
        ladder=ladder(conversation, conversation.messages, _PREFIX),
        prefix=_PREFIX,
    )
    return frame(lesson.title, body, kind="Lesson", lead=lesson.introduction)


def _without_formulas(message: Message, explained: set[str]) -> Message:
    """Remove the formulas that the step above the message already shows."""
    return replace(message, formulas=()) if message.label in explained else message
