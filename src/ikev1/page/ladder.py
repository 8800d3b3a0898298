"""The ladder diagram as SVG: two lifelines and an arrow per message, coloured by the style of the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from markupsafe import Markup

from ikev1.capture.records.report import Conversation, EspFlow, Message
from ikev1.page.render import render
from ikev1.page.words import after, ends_of, kind_of, mark_of, timeless, when

WIDTH = 400
LEFT, RIGHT = 66, 388  # the lifelines; times are to the left
_HEAD = 62
_ROW = 38
_HEADING = 30
_HEAD_LENGTH = 7  # of an arrowhead
_FLOWS = 8  # ESP flows drawn


class Arrow(NamedTuple):
    """The arrow of a message or of an ESP flow; ``y`` is the position of its line."""

    y: int
    rightward: bool
    label: str
    detail: str
    time: str
    kind: str  # clear, sealed, shut, esp
    repeated: bool
    mark: str  # as returned by `words.mark_of`, or "" without checks
    target: str  # the element that a click opens
    spoken: str  # the label for screen readers

    @property
    def tip(self) -> str:
        """The points of the arrowhead in SVG notation."""
        end, side = (RIGHT, -1) if self.rightward else (LEFT, 1)
        return f"{end},{self.y} {end + side * _HEAD_LENGTH},{self.y - 4} {end + side * _HEAD_LENGTH},{self.y + 4}"


class Heading(NamedTuple):
    """The heading of an exchange."""

    y: int
    text: str


def ladder(conversation: Conversation, messages: Sequence[Message], prefix: str) -> Markup:
    """Draw ``messages``, the first messages of the conversation, and its ESP flows.

    A click on message n opens the element ``{prefix}m{n}``, a click on ESP ``{prefix}esp``.
    """
    rows = list(_rows(conversation, messages, prefix))
    height = rows[-1].y + _ROW // 2 if rows else _HEAD
    return render(
        "ladder.svg",
        conversation=conversation,
        arrows=[row for row in rows if isinstance(row, Arrow)],
        headings=[row for row in rows if isinstance(row, Heading)],
        width=WIDTH,
        height=height,
        left=LEFT,
        right=RIGHT,
        head=_HEAD,
    )


def _rows(conversation: Conversation, messages: Sequence[Message], prefix: str) -> Iterator[Arrow | Heading]:
    y, exchange = _HEAD - _ROW // 2, None
    for index, message in enumerate(messages):
        if (message.exchange, message.message_id) != exchange:
            exchange = message.exchange, message.message_id
            y += _HEADING
            yield Heading(y, message.exchange)
        y += _ROW
        yield _arrow(y, message, conversation, f"{prefix}m{index}")
    if conversation.esp:
        y += _HEADING
        yield Heading(y, "ESP")
    for flow in conversation.esp[:_FLOWS]:
        y += _ROW
        yield _flow(y, flow, conversation, f"{prefix}esp")


def _arrow(y: int, message: Message, conversation: Conversation, target: str) -> Arrow:
    marks = {mark_of(check) for check in message.checks}
    return Arrow(
        y=y,
        rightward=message.sender == "initiator",
        label=message.label,
        detail=f"#{message.frames[0]}" + (" again" if message.retransmission_of is not None else ""),
        time=when(message, conversation),
        kind=kind_of(message),
        repeated=message.retransmission_of is not None,
        mark=next((mark for mark in ("wrong", "differs", "unknown", "right") if mark in marks), ""),
        target=target,
        spoken=f"{message.label} from the {message.sender}: {message.line}",
    )


def _flow(y: int, flow: EspFlow, conversation: Conversation, target: str) -> Arrow:
    packets = f"{flow.packets} packet{'s' if flow.packets != 1 else ''}"
    return Arrow(
        y=y,
        rightward=ends_of(flow.source)[0] == conversation.initiator.address,
        label=f"SPI {flow.spi}",
        detail=packets,
        time="" if timeless(conversation) else after(flow.first_time - conversation.first_time),
        kind="esp",
        repeated=False,
        mark="wrong" if flow.wrong else "unknown" if flow.unopened else "right" if flow.opened else "",
        target=target,
        spoken=f"{packets} of ESP under SPI {flow.spi}",
    )
