"""What happened, in lines that people read: the one place where events become text.

Nothing is formatted unless somebody listens at its level: a gateway under load may write warnings only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from ikev1.core.events import ChildDown, ChildUp, Code, Event, Failure, IkeConfirmed, IkeDown, IkeUp, MessageSeen, Note
from ikev1.core.model import ChildSa, ChildState, IkeSa, IkeState, Role
from ikev1.daemon.limiter import Limiter
from ikev1.wire.describe import describe

__all__ = ["Level", "Line", "Logbook", "Sink", "write_to_logger"]


class Level(IntEnum):
    """How much a line matters; the names are those of the configuration."""

    ERROR = logging.ERROR
    WARNING = logging.WARNING
    INFO = logging.INFO
    DEBUG = logging.DEBUG


class Line(NamedTuple):
    """One line of the log. ``group`` is the part of the daemon, in strongSwan's three letters."""

    level: Level
    group: str
    text: str
    sa: IkeSa | None = None
    code: str = ""  # the stable name of a failure (`ikev1.core.events.Code`)

    def __str__(self) -> str:
        whose = f" <{self.sa.connection}|{self.sa.unique_id}>" if self.sa else ""
        code = f" ({self.code})" if self.code else ""
        return f"[{self.group}]{whose} {self.text}{code}"


Sink = Callable[[Line], None]


class Logbook:
    """Hands each line to the sinks that listen at its level.

    ``listeners_changed`` is called whenever `listens` may say something else than before.
    """

    def __init__(self) -> None:
        self._sinks: dict[object, tuple[Level, Sink]] = {}
        self._lowest: int = logging.CRITICAL
        self._limiter = Limiter()
        self.listeners_changed: Callable[[], None] = lambda: None

    def listens(self, level: Level) -> bool:
        """Whether anybody wants lines of ``level``."""
        return level >= self._lowest

    def attach(self, level: Level, sink: Sink) -> Callable[[], None]:
        """Send ``sink`` all lines of ``level`` and above, until the function that is returned is called."""
        key = object()
        self._sinks[key] = level, sink
        self._measure()

        def detach() -> None:
            if self._sinks.pop(key, None):
                self._measure()

        return detach

    def _measure(self) -> None:
        self._lowest = min((level for level, _ in self._sinks.values()), default=logging.CRITICAL)
        self.listeners_changed()

    def write(self, level: Level, group: str, text: str) -> None:
        """A line about the daemon itself."""
        if self.listens(level):
            self._hand_out(Line(level, group, text))

    def event(self, event: Event) -> None:
        """A line about what the engine reports; of what strangers cause, not more than people can read."""
        if not self.listens(_level(event)):
            return
        for code, count in self._limiter.held_back().items():
            self._hand_out(Line(Level.WARNING, "IKE", f"{count} more of these in a second were not written", code=code))
        if not (isinstance(event, Failure) and _of_a_stranger(event)) or self._limiter.passes(event.code):
            self._hand_out(_line(event))

    def _hand_out(self, line: Line) -> None:
        for level, sink in tuple(self._sinks.values()):
            if line.level >= level:
                sink(line)


def write_to_logger(line: Line) -> None:
    """The sink that writes to the logger ``ikev1`` of the standard library."""
    logging.getLogger("ikev1").log(line.level, "%s", line)


def _of_a_stranger(event: Failure) -> bool:
    return event.sa is None or (event.sa.state is IkeState.CONNECTING and event.sa.role is Role.RESPONDER)


def _level(event: Event) -> Level:
    worrying = isinstance(event, Failure) or (isinstance(event, Note) and event.code is Code.WEAK)
    return Level.WARNING if worrying else Level.INFO


def _line(event: Event) -> Line:
    level = _level(event)
    if isinstance(event, MessageSeen):
        return Line(level, "ENC", _message(event), event.sa)
    if isinstance(event, IkeUp):
        return Line(level, "IKE", f"ISAKMP SA established with {event.sa.path.remote_host}", event.sa)
    if isinstance(event, IkeConfirmed):
        return Line(level, "IKE", "the peer has shown that it has the ISAKMP SA", event.sa)
    if isinstance(event, IkeDown):
        return Line(level, "IKE", f"ISAKMP SA closed: {event.reason}", event.sa)
    if isinstance(event, ChildUp):
        return Line(level, "CHD", _child_up(event.child, event.replaces), event.sa)
    if isinstance(event, ChildDown):
        return Line(level, "CHD", f"{_pair(event.child)} closed: {event.reason}", event.sa)
    if isinstance(event, Failure):
        peer = f"{event.peer}: " if event.sa is None and event.peer else ""
        return Line(level, "CHD" if event.tunnel else "IKE", peer + event.text, event.sa, event.code)
    return _note(event)


def _note(event: Note) -> Line:
    return Line(_level(event), "IKE", event.text, event.sa, event.code)


def _message(event: MessageSeen) -> str:
    direction = "sent" if event.sent else "received"
    waiting = f"; {event.state}" if event.state else ""
    return f"{event.label} {direction}: {describe(event.message)}{waiting}"


def _pair(child: ChildSa) -> str:
    rekeyed = "rekeyed " if child.state is ChildState.REKEYED else ""
    return f"{rekeyed}IPsec SAs {child.name}-{child.unique_id}"


def _child_up(child: ChildSa, replaces: ChildSa | None) -> str:
    instead = f" in place of {replaces.name}-{replaces.unique_id}" if replaces else ""
    spis = f"SPIs {child.inbound.spi:08x} in, {child.outbound.spi:08x} out"
    return f"{_pair(child)} established{instead}: {spis}, {child.local} === {child.remote}"
