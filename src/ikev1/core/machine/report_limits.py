"""Limits on the reports and answers that unauthenticated messages cause.

The counts are not part of a record, because an unauthenticated message must not change one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ikev1.core.machine.admission import Budget
from ikev1.core.records.record import Record

_MOST_ACKNOWLEDGEMENTS = 20  # per second and peer
_MOST_ENDED = 1024  # ended SAs that are remembered
_LATE_MESSAGES = 4  # per ended SA, ignored without a report
_LATE_FOR = 30.0  # seconds after its end; a peer that uses it later has missed the Delete
_ERRORS = 20  # INVALID-COOKIE and INVALID-SPI per second, to all peers
_BETWEEN_ERRORS = 5.0  # seconds between two of them to one address
_MOST_HOSTS = 1024  # addresses that are remembered

_Key = TypeVar("_Key", bytes, str)
_Value = TypeVar("_Value")


class DumpedLimits(Record, frozen=True):
    """What `ReportLimits` knows of peers whose SAs have ended; reports may be repeated in another process."""

    ended: tuple[tuple[bytes, tuple[int, float]], ...] = ()
    former: tuple[str, ...] = ()
    told: tuple[tuple[str, float], ...] = ()
    errors: tuple[float, float] = (float(_ERRORS), 0.0)


class ReportLimits:
    """Reports made, acknowledgements sent and late messages ignored, by the cookies of an ISAKMP SA."""

    def __init__(self) -> None:
        self._said: dict[bytes, frozenset[str]] = {}
        self._acknowledged: dict[bytes, tuple[int, int]] = {}  # a second, and the number of acknowledgements in it
        # Late messages still to be ignored and until when, in the order in which the SAs ended
        self._ended: dict[bytes, tuple[int, float]] = {}
        self._former: dict[str, bool] = {}  # addresses of peers whose SAs ended, the oldest first
        self._told: dict[str, float] = {}  # when an error was last sent to an address, the oldest first
        self._errors = Budget(_ERRORS)
        self.steps: list[Callable[[], object]] = []  # that undo what the current transaction noted

    def begin(self) -> None:
        """A transaction begins: what was noted before stays."""
        self.steps.clear()

    def undo(self) -> None:
        """Forget what the current transaction noted, except what it took from the budget of errors: its reports and
        replies are not made.
        """
        for step in reversed(self.steps):
            step()
        self.steps.clear()

    def _note(self, table: dict[_Key, _Value], key: _Key, value: _Value) -> None:
        self.steps.append(partial(_restore, table, key, table.get(key)))
        table[key] = value

    def _drop(self, table: dict[_Key, Any], key: _Key) -> None:
        if key in table:
            self.steps.append(partial(_restore, table, key, table.pop(key)))

    def is_news(self, cookies: bytes, what: str) -> bool:
        """Return whether ``what`` was not reported for an SA before, and record that it is reported now."""
        said = self._said.get(cookies, frozenset())
        if what in said:
            return False
        self._note(self._said, cookies, said | {what})
        return True

    def may_acknowledge(self, cookies: bytes, now: float) -> bool:
        """Return whether one more R-U-THERE of the peer may be acknowledged in this second, and count it."""
        second, count = self._acknowledged.get(cookies, (0, 0))
        count = count + 1 if second == int(now) else 1
        self._note(self._acknowledged, cookies, (int(now), count))
        return count <= _MOST_ACKNOWLEDGEMENTS

    def is_late(self, cookies: bytes, now: float) -> bool:
        """Return whether a message for an unknown SA is one of the first messages after the end of an SA with these
        cookies, and count it. Such messages are expected: the peers may delete an SA simultaneously, with messages
        still in transit.
        """
        left, until = self._ended.get(cookies, (0, 0.0))
        if not left or now > until:
            return False
        self._note(self._ended, cookies, (left - 1, until))
        return True

    def note_end(self, cookies: bytes, host: str, now: float) -> None:
        """Record that an established SA with these cookies has ended, and where its peer was."""
        while len(self._ended) >= _MOST_ENDED:
            self._drop(self._ended, next(iter(self._ended)))
        self._note(self._ended, cookies, (_LATE_MESSAGES, now + _LATE_FOR))
        self._drop(self._former, host)
        while len(self._former) >= _MOST_HOSTS:
            self._drop(self._former, next(iter(self._former)))
        self._note(self._former, host, True)

    def is_former(self, host: str) -> bool:
        """Return whether an established SA with a peer at this address has ended."""
        return host in self._former

    def may_tell(self, host: str, now: float) -> bool:
        """Return whether INVALID-COOKIE or INVALID-SPI may be sent to a known address now, and count it."""
        if now - self._told.get(host, -math.inf) < _BETWEEN_ERRORS or not self._errors.is_open(now):
            return False
        self._errors.spend(1)
        self._drop(self._told, host)
        while len(self._told) >= _MOST_HOSTS:
            self._drop(self._told, next(iter(self._told)))
        self._note(self._told, host, now)
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
        self._ended, self._told = dict(dumped.ended), dict(dumped.told)
        self._former = dict.fromkeys(dumped.former, True)
        self._errors.restore(dumped.errors)

    def rename(self, old: bytes, new: bytes) -> None:
        """Move the records of an SA from the cookies ``old`` to ``new``, after the responder chose its cookie."""
        said = self._said.get(old)
        if said is not None:
            self._drop(self._said, old)
            self._note(self._said, new, said)

    def forget(self, cookies: bytes) -> None:
        """Delete the records of the SA with these cookies."""
        self._drop(self._said, cookies)
        self._drop(self._acknowledged, cookies)


def _restore(table: dict[_Key, _Value], key: _Key, value: _Value | None) -> None:
    """Give ``key`` the ``value`` that it had, None for none. Its place in the order of the table may be another one."""
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value
