"""The log: the only place where events become text.

A line is formatted only if a sink is attached for its level. Lines that peers can cause are rate-limited:
unauthenticated peers share one budget for each kind of line; each authenticated peer, and each peer that this gateway
initiates to, has its own. Suppressed lines are counted, and the count is logged. Lines about the daemon itself and
about operators' commands are not limited.
"""

from __future__ import annotations

import logging
import math
import time
import traceback
from collections.abc import Callable, Hashable, Mapping
from enum import IntEnum
from typing import NamedTuple

from ikev1.core.peer import identity
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import (
    ChildDown,
    ChildReady,
    ChildUp,
    Code,
    ConfigAssigned,
    ConfigReceived,
    Event,
    Failure,
    IkeConfirmed,
    IkeDown,
    IkeUp,
    MessageSeen,
    Note,
    XauthUp,
)
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.mode_config import ModeConfig
from ikev1.crypto.algorithms import registered_name
from ikev1.daemon.observe.event_counters import NAMES, REKEYED, name_of
from ikev1.daemon.observe.log_rate_limit import LogRateLimit
from ikev1.errors import describe_bug
from ikev1.wire.describe import describe
from ikev1.wire.registry import AuthenticationMethod


class Level(IntEnum):
    """The severity of a line; the names are those of the configuration."""

    ERROR = logging.ERROR
    WARNING = logging.WARNING
    INFO = logging.INFO
    DEBUG = logging.DEBUG


class Line(NamedTuple):
    """One line of the log. ``group`` is the subsystem, in strongSwan's three letters."""

    level: Level
    group: str
    text: str
    sa: IkeSa | None = None
    code: str = ""  # the stable name of a failure or note (`ikev1.core.records.events.Code`)
    event: str = ""  # the stable name of what happened: one of `EVENT_NAMES`, empty for a line about the daemon itself
    peer: str = ""  # the address of a peer without an SA

    def __str__(self) -> str:
        sa = f" <{self.sa.connection}|{self.sa.unique_id}>" if self.sa else ""
        code = f" ({self.code})" if self.code else ""
        return f"[{self.group}]{sa} {self.text}{code}"


Sink = Callable[[Line], None]
_WARNING, _INFO = Level.WARNING, Level.INFO  # looked up once: each event needs one
_NO_LEVELS: Mapping[str, Level] = {}
SUPPRESSED = "suppressed"  # the event of a line about lines that were not written
EVENT_NAMES = ("message", "failure", "note", SUPPRESSED, *NAMES.values(), REKEYED)


_OF_STRANGERS = 20  # lines of one kind per second, for all unauthenticated peers together
_OF_A_PEER = 600  # lines of one kind per minute
_OF_ALL_PEERS = (
    6000  # lines with one code per minute: an attacker who sees the cookies of many SAs can cause failures of all
)


_NAMES: dict[type, str] = {
    MessageSeen: "messages",
    IkeUp: "established ISAKMP SAs",
    ConfigAssigned: "assigned configurations",
    ConfigReceived: "received configurations",
    IkeConfirmed: "confirmed ISAKMP SAs",
    XauthUp: "authenticated users",
    IkeDown: "closed ISAKMP SAs",
    ChildReady: "negotiated IPsec SAs",
    ChildUp: "established IPsec SAs",
    ChildDown: "closed IPsec SAs",
}


class _Kind(NamedTuple):
    """What a budget is for: the label of a message (``MM1``) or a noun, the level, and the `Code` if there is one."""

    name: str
    level: Level
    code: str = ""


class EventLog:
    """Passes each line to the sinks attached for its level; ``clock`` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._sinks: dict[object, tuple[Level, Mapping[str, Level], Sink]] = {}
        self.leaves_out = False  # whether lines were suppressed that `tell_what_was_left_out` has not written
        self._lowest: int = logging.CRITICAL
        self._lowest_of_messages: int = logging.CRITICAL
        self._lowest_of_all: int = logging.CRITICAL
        self._lowest_of: dict[str, int] = {}  # by group, if some sink has a level for it
        self._strangers: LogRateLimit[_Kind] = LogRateLimit(_OF_STRANGERS, 1.0, clock)
        self._peers: LogRateLimit[_Kind] = LogRateLimit(_OF_A_PEER, 60.0, clock)
        self._all_peers: LogRateLimit[_Kind] = LogRateLimit(_OF_ALL_PEERS, 60.0, clock)
        self._limiters = (
            (self._strangers, "second", "unauthenticated peers"),
            (self._peers, "minute", "single peers"),
            (self._all_peers, "minute", "all authenticated peers together"),
        )

    def listens(self, level: Level, group: str = "") -> bool:
        """Whether a sink is attached for lines of ``level``, in ``group``."""
        return level >= self._lowest_of.get(group, self._lowest)

    def attach(self, level: Level, sink: Sink, levels: Mapping[str, Level] = _NO_LEVELS) -> Callable[[], None]:
        """Pass all lines of ``level`` and above to ``sink`` until the returned function is called; ``levels`` has other
        levels for some groups.
        """
        key = object()
        self._sinks[key] = level, levels, sink
        self._measure()

        def detach() -> None:
            if self._sinks.pop(key, None):
                self._measure()

        return detach

    def _measure(self) -> None:
        sinks = tuple(self._sinks.values())
        self._lowest = min((level for level, _, _ in sinks), default=logging.CRITICAL)
        groups = {group for _, levels, _ in sinks for group in levels}
        self._lowest_of = {group: min(levels.get(group, level) for level, levels, _ in sinks) for group in groups}
        self._lowest_of_messages = self._lowest_of.get("ENC", self._lowest)
        self._lowest_of_all = min((self._lowest, *self._lowest_of.values()))

    def write(
        self, level: Level, group: str, text: str, *, kind: str = "", connection: str = "", code: str = ""
    ) -> None:
        """Write a line about the daemon itself; ``code`` is the `Code` of a failure, if it has one.

        A line that peers can cause has a ``kind`` and counts against the budget for that kind: the budget of
        ``connection`` if its peer is authenticated, else that of unauthenticated peers.
        """
        if not self.listens(level, group):
            return
        if kind:
            self.tell_what_was_left_out()
            limiter = self._peers if connection else self._strangers
            if not self._passes(limiter, _Kind(kind, level), connection):
                return
        self._hand_out(Line(level, group, text, code=code))

    def bug(self, where: str, error: Exception) -> None:
        """A line about an exception that no code expected: its type and place, not its message, which may hold secrets.

        At the level DEBUG, the lines of the traceback follow.
        """
        kind, text = "internal errors", f"internal error in {where}: {describe_bug(error)}"
        self.write(Level.ERROR, "DMN", text, kind=kind, code=Code.INTERNAL_ERROR)
        if self.listens(Level.DEBUG, "DMN"):
            trace = "".join(traceback.format_tb(error.__traceback__))
            self.write(Level.DEBUG, "DMN", trace, kind=f"{kind} (traceback)")

    def event(self, event: Event) -> None:
        """Write a line about an event of the engine, if the budget of the peer that caused it allows one.

        For a `MessageSeen`, the engine has already called `wants_message`.
        """
        level = _level(event)
        if level < self._lowest_of_all or not self.listens(level, _group(event)):
            return
        self.tell_what_was_left_out()
        if isinstance(event, MessageSeen) or self._allows(_kind(event), event.sa):
            self._hand_out(_line(event))

    def wants_message(self, sa: IkeSa | None, label: str) -> bool:
        """Whether a message of ``sa`` (None: the peer has no SA) with this label is to be reported.

        Called before the report is made, because most of the cost of logging a flood is making the reports.
        """
        return self._lowest_of_messages <= _INFO and self._allows(_Kind(label, Level.INFO), sa)

    def _allows(self, kind: _Kind, sa: IkeSa | None) -> bool:
        if sa is None or (sa.state is IkeState.CONNECTING and sa.role is Role.RESPONDER):
            return self._passes(self._strangers, kind)
        peer = (sa.connection, sa.peer_id_body, sa.path.remote_host)
        return self._passes(self._peers, kind, peer) and (not kind.code or self._passes(self._all_peers, kind))

    def _passes(self, limiter: LogRateLimit[_Kind], kind: _Kind, source: Hashable = None) -> bool:
        passes = limiter.passes(kind, source)
        self.leaves_out |= not passes
        return passes

    @property
    def tells_by(self) -> float:
        """The seconds after which to call `tell_what_was_left_out`, infinity if no line was suppressed."""
        return min((limiter.period for limiter, _, _ in self._limiters if limiter.holds_back), default=math.inf)

    def tell_what_was_left_out(self) -> None:
        """Write how many lines of each kind were suppressed in the periods that have ended."""
        if not self.leaves_out:
            return
        for limiter, period, peers in self._limiters:
            for kind, count in limiter.held_back().items():
                text = f"{count} more {kind.name} per {period} by {peers} were not logged"
                self._hand_out(Line(kind.level, "IKE", text, code=kind.code, event=SUPPRESSED))
        self.leaves_out = self.tells_by < math.inf

    def _hand_out(self, line: Line) -> None:
        for level, levels, sink in tuple(self._sinks.values()):
            if line.level >= levels.get(line.group, level):
                sink(line)


def _kind(event: Event) -> _Kind:
    if isinstance(event, Failure | Note):
        return _Kind("lines with this code", _level(event), event.code)
    return _Kind(_NAMES[type(event)], _level(event))


def _level(event: Event) -> Level:
    warning = isinstance(event, Failure) or (isinstance(event, Note) and event.code is Code.WEAK)
    return _WARNING if warning else _INFO


def _group(event: Event) -> str:
    if isinstance(event, MessageSeen):
        return "ENC"
    of_a_tunnel = isinstance(event, ChildReady | ChildUp | ChildDown) or (isinstance(event, Failure) and event.tunnel)
    return "CHD" if of_a_tunnel else "IKE"


def _line(event: Event) -> Line:
    code = event.code if isinstance(event, Failure | Note) else ""
    peer = event.peer if isinstance(event, Failure) else ""
    return Line(_level(event), _group(event), _text(event), event.sa, code, _name(event), peer)


def _name(event: Event) -> str:
    if isinstance(event, MessageSeen):
        return "message"
    if isinstance(event, Failure | Note):
        return "failure" if isinstance(event, Failure) else "note"
    return name_of(event)


def _text(event: Event) -> str:
    if isinstance(event, MessageSeen):
        return _message(event)
    if isinstance(event, IkeUp):
        return _ike_up(event.sa)
    if isinstance(event, XauthUp):
        return _xauth_up(event.sa)
    if isinstance(event, IkeConfirmed):
        return "the peer has confirmed the ISAKMP SA"
    if isinstance(event, ConfigAssigned):
        return f"assigned {_config(event.sa.assigned)}"
    if isinstance(event, ConfigReceived):
        return f"received {_config(event.sa.received)}"
    if isinstance(event, IkeDown):
        return f"ISAKMP SA closed: {event.reason}"
    if isinstance(event, ChildReady):
        return f"{_pair(event.child)} negotiated, and send in a few seconds, or once the peer sends with them"
    if isinstance(event, ChildUp):
        return _child_up(event.child, event.replaces)
    if isinstance(event, ChildDown):
        return f"{_pair(event.child)} closed: {event.reason}"
    if isinstance(event, Failure):
        return (f"{event.peer}: " if event.sa is None and event.peer else "") + event.text
    return event.text


def _ike_up(sa: IkeSa) -> str:
    """Who was authenticated, and how."""
    method = registered_name(AuthenticationMethod, sa.chosen.suite.authentication) if sa.chosen is not None else ""
    who = f": {_who(sa.peer_id_body)} authenticated by {method}, we are {_who(sa.local_id_body)}" if method else ""
    return f"ISAKMP SA established with {sa.path.remote_host}{who}"


def _who(body: bytes) -> str:
    return identity.text_of(identity.parse(body)) if body else "%any"


def _config(config: ModeConfig | None) -> str:
    """The virtual addresses in a configuration, and what else it has."""
    if config is None or not config.addresses:
        return "a configuration without virtual addresses"
    found = {"DNS": config.dns, "split include": config.split_include, "split exclude": config.split_exclude}
    rest = "".join(f", {what} {' '.join(items)}" for what, items in found.items() if items)
    return f"virtual address {' and '.join(config.addresses)}{rest}"


def _xauth_up(sa: IkeSa) -> str:
    if sa.user is None:
        return f"XAUTH: {sa.path.remote_host} has accepted the user"
    return f'XAUTH: user "{sa.user_name}" is authenticated'


def _message(event: MessageSeen) -> str:
    direction = "sent" if event.sent else "received"
    waiting = f"; {event.state}" if event.state else ""
    return f"{event.label} {direction}: {describe(event.message)}{waiting}"


def _pair(child: ChildSa) -> str:
    rekeyed = "rekeyed " if child.state is ChildState.REKEYED else ""
    return f"{rekeyed}IPsec SAs {child.name}-{child.unique_id}"


def _child_up(child: ChildSa, replaces: ChildSa | None) -> str:
    replaced = f" replacing {replaces.name}-{replaces.unique_id}" if replaces else ""
    spis = f"SPIs {child.inbound.spi:08x} in, {child.outbound.spi:08x} out"
    return f"{_pair(child)} established{replaced}: {spis}, {', '.join(map(str, child.locals))} === {child.remote}"
