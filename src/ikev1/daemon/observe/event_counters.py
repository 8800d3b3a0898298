"""Counters of events, in total and for each connection."""

from __future__ import annotations

from collections import Counter, defaultdict

from ikev1.core.records.events import (
    ChildDown,
    ChildReady,
    ChildUp,
    ConfigAssigned,
    ConfigReceived,
    Event,
    EventOfSa,
    Failure,
    IkeConfirmed,
    IkeDown,
    IkeUp,
    MessageSeen,
    Note,
    XauthUp,
)


class EventCounters:
    """Counts events since the daemon started, or since a reset. Events of peers without an SA are in ``without_sa``."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()
        self.without_sa: Counter[str] = Counter()
        self.by_connection: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def observe(self, event: Event) -> None:
        """Count ``event``."""
        if isinstance(event, MessageSeen):
            return
        name = _counter(event)
        sa = event.sa
        self.total[name] += 1
        of_peer = self.without_sa if sa is None else self.by_connection[sa.connection]
        of_peer[name] += 1

    def reset(self, connection: str | None = None) -> None:
        """Reset the counters of one connection or, without a name, all counters."""
        if connection is None:
            self.total.clear()
            self.without_sa.clear()
            self.by_connection.clear()
        else:
            self.by_connection.pop(connection, None)


REKEYED = "child-rekey"
NAMES: dict[type, str] = {
    IkeUp: "ike-up",
    XauthUp: "xauth-up",
    IkeConfirmed: "ike-confirmed",
    IkeDown: "ike-down",
    ConfigAssigned: "config-assigned",
    ConfigReceived: "config-received",
    ChildReady: "child-ready",
    ChildUp: "child-up",
    ChildDown: "child-down",
}

COUNTED = *NAMES, Failure, Note
"""The kinds of events that are counted: not messages, which the engine reports only while they are logged."""


def name_of(event: EventOfSa) -> str:
    """The stable name of an event in the life of an ISAKMP SA."""
    return REKEYED if isinstance(event, ChildUp) and event.replaces else NAMES[type(event)]


def _counter(event: EventOfSa | Failure | Note) -> str:
    if isinstance(event, (Failure, Note)):
        return ("failed-" if isinstance(event, Failure) else "note-") + event.code
    return name_of(event)
