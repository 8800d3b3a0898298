"""The page of a capture: each conversation with its ladder, messages and answers, within limits that let a browser open
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from ikev1.capture.records.report import Conversation, Field, Message, Report
from ikev1.page.frame import frame
from ikev1.page.ladder import ladder
from ikev1.page.render import render

PAGE = 8_000_000
"""The approximate limit for all messages of a page, in octets of HTML."""

CONVERSATIONS = 200
"""The maximum number of conversations on a page."""

FLOWS = 200
"""The maximum number of ESP flows in a table."""

_MESSAGE = 1_800  # octets of HTML of a message without its fields and octets
_FIELD = 260
_OCTET = 3


def shown_messages(conversations: Sequence[Conversation], room: int = PAGE) -> list[int]:
    """The number of messages shown of each conversation, starting with the first; all of them if there is room.

    Short conversations are considered first, so that long ones with hours of keepalives do not displace them.
    """
    shown = [0] * len(conversations)
    for index in sorted(range(len(conversations)), key=lambda index: len(conversations[index].messages)):
        for message in conversations[index].messages:
            room -= _weight(message)
            if room < 0:
                return shown
            shown[index] += 1
    return shown


def _weight(message: Message) -> int:
    octets = (len(message.octets) + len(message.plaintext)) // 2
    return _MESSAGE + _FIELD * sum(map(_count, message.fields)) + _OCTET * octets


def _count(field: Field) -> int:
    return 1 + sum(map(_count, field.fields))


class _Shown(NamedTuple):
    """A conversation, and the part of it that is on the page."""

    whole: Conversation
    messages: tuple[Message, ...]
    ladder: Markup
    id: str


def report_page(report: Report, *, room: int = PAGE) -> str:
    """The report as one HTML page, with about ``room`` octets for messages.

    The page states what was omitted: the last messages of long conversations, and conversations beyond
    `CONVERSATIONS`.
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
