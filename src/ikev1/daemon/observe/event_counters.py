"""How often what happened, in all and for each connection."""

from __future__ import annotations

from collections import Counter, defaultdict

from ikev1.core.records.events import (
    ChildDown,
    ChildUp,
    Event,
    Failure,
    IkeConfirmed,
    IkeDown,
    IkeUp,
    MessageSeen,
    Note,
)


class EventCounters:
    """Counts events since the daemon began, or since a reset. What has no SA is counted in ``total`` only."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()
        self.by_connection: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def observe(self, event: Event) -> None:
        """Count ``event``. Messages are not counted: the engine reports them only while somebody reads the log."""
        if isinstance(event, MessageSeen):
            return
        name = _name(event)
        sa = event.sa
        self.total[name] += 1
        if sa is not None:
            self.by_connection[sa.connection][name] += 1

    def reset(self, connection: str | None = None) -> None:
        """Begin again at 0, for one connection or, without a name, for all that is counted."""
        if connection is None:
            self.total.clear()
            self.by_connection.clear()
        else:
            self.by_connection.pop(connection, None)


def _name(event: IkeUp | IkeConfirmed | IkeDown | ChildUp | ChildDown | Failure | Note) -> str:
    if isinstance(event, IkeUp):
        return "ike-up"
    if isinstance(event, IkeConfirmed):
        return "ike-confirmed"
    if isinstance(event, IkeDown):
        return "ike-down"
    if isinstance(event, ChildUp):
        return "child-rekey" if event.replaces else "child-up"
    if isinstance(event, ChildDown):
        return "child-down"
    return ("failed-" if isinstance(event, Failure) else "note-") + event.code
