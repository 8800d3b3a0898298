"""Why each configured tunnel is down: its last failure, and how its last pair of IPsec SAs ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.events import ChildDown, ChildUp, Event, Failure, IkeUp
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.settings import Settings

Place = tuple[str, str]  # connection and tunnel; the tunnel is empty for phase 1 of the connection


class LastFailure(NamedTuple):
    """A failure: ``code`` is a `Code`, or ``not-established``; ``text`` is for people; ``at`` is by the clock of
    `LastFailures`.

    ``caller`` is the address of the peer if it called and had proved nothing yet, otherwise empty: anyone can call and
    fail.
    """

    code: str
    text: str
    caller: str
    at: float


class LastEnd(NamedTuple):
    """The end of a pair of IPsec SAs; ``reason`` is text for people, ``at`` is by the clock of `LastFailures`."""

    reason: str
    at: float


class LastFailures:
    """The last failure and the last end of each place, until the tunnel or the ISAKMP SA is up again.

    A failure of a peer that has proved nothing replaces only one of its kind. Memory is bounded by the connections and
    tunnels that are configured; `adopt` forgets the others. ``clock`` gives seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[Place, LastFailure] = {}
        self._ends: dict[Place, LastEnd] = {}

    def adopt(self, settings: Settings) -> None:
        """Forget what happened in places that are not configured any more."""
        places = {(c.name, tunnel) for c in settings.connections for tunnel in ("", *(t.name for t in c.tunnels))}
        self._failures = {place: last for place, last in self._failures.items() if place in places}
        self._ends = {place: last for place, last in self._ends.items() if place in places}

    def attempt_failed(self, connection: str, tunnel: str, code: str, text: str) -> None:
        """Note that an attempt of this gateway failed."""
        self._note((connection, tunnel), code, text, "")

    def _note(self, place: Place, code: str, text: str, caller: str) -> None:
        known = self._failures.get(place)
        if not caller or known is None or known.caller:
            self._failures[place] = LastFailure(code, text, caller, self._clock())

    def failure(self, connection: str, tunnel: str) -> LastFailure | None:
        """The last failure of the tunnel or of phase 1 of its connection; the former, if both are equally old."""
        found = filter(None, (self._failures.get((connection, tunnel)), self._failures.get((connection, ""))))
        return max(found, key=lambda last: (not last.caller, last.at), default=None)

    def end(self, connection: str, tunnel: str) -> LastEnd | None:
        """How the last pair of IPsec SAs of the tunnel ended, None if none ended or another one is up."""
        return self._ends.get((connection, tunnel))

    def observe(self, event: Event) -> None:
        """Note a failure of an SA, or the end of a tunnel; forget both when it is up."""
        sa = event.sa
        if sa is None or not sa.connection:
            return
        if isinstance(event, Failure):
            unproved = sa.state is IkeState.CONNECTING and sa.role is Role.RESPONDER
            self._note((sa.connection, event.tunnel), event.code, event.text, event.peer if unproved else "")
        elif isinstance(event, IkeUp):
            self._failures.pop((sa.connection, ""), None)
        elif isinstance(event, ChildUp):
            place = sa.connection, event.child.name
            self._failures.pop(place, None)
            self._ends.pop(place, None)
        elif isinstance(event, ChildDown) and event.child.state is not ChildState.REKEYED:
            self._ends[sa.connection, event.child.name] = LastEnd(event.reason, self._clock())
