"""The page of a capture: each conversation with its ladder, messages and answers."""

from __future__ import annotations

from typing import NamedTuple

from markupsafe import Markup

from ikev1.capture.records.report import Conversation, Message, Report
from ikev1.page.frame import frame
from ikev1.page.ladder import ladder
from ikev1.page.limits import CONVERSATIONS, FLOWS, PAGE, shown_messages
from ikev1.page.render import render


class _Shown(NamedTuple):
    """A conversation, and the part of it that is on the page."""

    whole: Conversation
    messages: tuple[Message, ...]
    ladder: Markup
    id: str


def report_page(report: Report, *, room: int = PAGE) -> str:
    """The report as one HTML page, with about ``room`` octets for messages.

    The page states what was omitted: the last messages of long conversations, and conversations beyond
    `limits.CONVERSATIONS`.
    """
    conversations = report.conversations[:CONVERSATIONS]
    body = render(
        "report.html",
        report=report,
        conversations=[
            _shown(conversation, messages)
            for conversation, messages in zip(conversations, shown_messages(conversations, room), strict=True)
        ],
        most_flows=FLOWS,
        left_out=len(report.conversations) - len(conversations),
    )
    return frame(report.source, body, kind="Capture", lead=_lead(report))


def _shown(conversation: Conversation, number: int) -> _Shown:
    name = f"c{conversation.number}"
    messages = conversation.messages[:number]
    return _Shown(conversation, messages, ladder(conversation, messages, name), name)


def _lead(report: Report) -> str:
    many = len(report.conversations)
    return f"{report.frames} frames, {many or 'no'} IKEv1 conversation{'s' if many != 1 else ''}."
