"""Limits on the reports and answers that unauthenticated messages cause.

The counts are not part of a record, because an unauthenticated message must not change one.
"""

from __future__ import annotations

import math

from ikev1.core.machine.admission import Budget
from ikev1.core.records.record import Record

_MOST_ACKNOWLEDGEMENTS = 20  # per second and peer
_MOST_ENDED = 1024  # ended SAs that are remembered
_LATE_MESSAGES = 4  # per ended SA, ignored without a report
_ERRORS = 20  # INVALID-COOKIE and INVALID-SPI per second, to all peers
_BETWEEN_ERRORS = 5.0  # seconds between two of them to one address
_MOST_HOSTS = 1024  # addresses that are remembered


class DumpedLimits(Record, frozen=True):
    """What `ReportLimits` knows of peers whose SAs have ended; reports may be repeated in another process."""

    ended: tuple[tuple[bytes, int], ...] = ()
    former: tuple[str, ...] = ()
    told: tuple[tuple[str, float], ...] = ()
    errors: tuple[float, float] = (float(_ERRORS), 0.0)


class ReportLimits:
    """Reports made, acknowledgements sent and late messages ignored, by the cookies of an ISAKMP SA."""

    def __init__(self) -> None:
        self._said: dict[bytes, set[str]] = {}
        self._acknowledged: dict[bytes, tuple[int, int]] = {}  # a second, and the number of acknowledgements in it
        self._ended: dict[bytes, int] = {}  # late messages still to be ignored, in the order in which the SAs ended
        self._former: dict[str, None] = {}  # addresses of peers whose SAs ended, the oldest first
        self._told: dict[str, float] = {}  # when an error was last sent to an address, the oldest first
        self._errors = Budget(_ERRORS)

    def is_news(self, cookies: bytes, what: str) -> bool:
        """Return whether ``what`` was not reported for an SA before, and record that it is reported now."""
        said = self._said.setdefault(cookies, set())
        if what in said:
            return False
        said.add(what)
        return True

    def may_acknowledge(self, cookies: bytes, now: float) -> bool:
        """Return whether one more R-U-THERE of the peer may be acknowledged in this second, and count it."""
        second, count = self._acknowledged.get(cookies, (0, 0))
        count = count + 1 if second == int(now) else 1
        self._acknowledged[cookies] = int(now), count
        return count <= _MOST_ACKNOWLEDGEMENTS

    def is_late(self, cookies: bytes) -> bool:
        """Return whether a message for an unknown SA is one of the first messages after the end of an SA with these
        cookies, and count it. Such messages are expected: the peers may delete an SA simultaneously, with messages
        still in transit.
        """
        left = self._ended.get(cookies, 0)
        if left:
            self._ended[cookies] = left - 1
        return left > 0

    def note_end(self, cookies: bytes, host: str) -> None:
        """Record that an established SA with these cookies has ended, and where its peer was."""
        while len(self._ended) >= _MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        self._ended[cookies] = _LATE_MESSAGES
        self._former.pop(host, None)
        while len(self._former) >= _MOST_HOSTS:
            del self._former[next(iter(self._former))]
        self._former[host] = None

    def is_former(self, host: str) -> bool:
        """Return whether an established SA with a peer at this address has ended."""
        return host in self._former

    def may_tell(self, host: str, now: float) -> bool:
        """Return whether INVALID-COOKIE or INVALID-SPI may be sent to a known address now, and count it."""
        if now - self._told.get(host, -math.inf) < _BETWEEN_ERRORS or not self._errors.is_open(now):
            return False
        self._errors.spend(1)
        self._told.pop(host, None)
        while len(self._told) >= _MOST_HOSTS:
            del self._told[next(iter(self._told))]
        self._told[host] = now
        return True

    def dump(self) -> DumpedLimits:
        """Return what another process needs."""
        return DumpedLimits(
            tuple(self._ended.items()),
            tuple(self._former),
            tuple(self._told.items()),
            self._errors.dump(),
        )

    def restore(self, dumped: DumpedLimits) -> None:
        """Restore what `dump` returned."""
        self._ended, self._former, self._told = dict(dumped.ended), dict.fromkeys(dumped.former), dict(dumped.told)
        self._errors.restore(dumped.errors)

    def rename(self, old: bytes, new: bytes) -> None:
        """Move the records of an SA from the cookies ``old`` to ``new``, after the responder chose its cookie."""
        if old in self._said:
            self._said[new] = self._said.pop(old)

    def forget(self, cookies: bytes) -> None:
        """Delete the records of the SA with these cookies."""
        self._said.pop(cookies, None)
        self._acknowledged.pop(cookies, None)
