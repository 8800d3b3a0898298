"""Limits on the reports and answers that unauthenticated messages cause.

The counts are not part of a record, because an unauthenticated message must not change one.
"""

from __future__ import annotations

_MOST_ACKNOWLEDGEMENTS = 20  # per second and peer
_MOST_ENDED = 1024  # ended SAs that are remembered
_LATE_MESSAGES = 4  # per ended SA, ignored without a report


class ReportLimits:
    """Reports made, acknowledgements sent and late messages ignored, by the cookies of an ISAKMP SA."""

    def __init__(self) -> None:
        self._said: dict[bytes, set[str]] = {}
        self._acknowledged: dict[bytes, tuple[int, int]] = {}  # a second, and the number of acknowledgements in it
        self._ended: dict[bytes, int] = {}  # late messages still to be ignored, in the order in which the SAs ended

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

    def note_end(self, cookies: bytes) -> None:
        """Record that an established SA with these cookies has ended."""
        while len(self._ended) >= _MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        self._ended[cookies] = _LATE_MESSAGES

    def rename(self, old: bytes, new: bytes) -> None:
        """Move the records of an SA from the cookies ``old`` to ``new``, after the responder chose its cookie."""
        if old in self._said:
            self._said[new] = self._said.pop(old)

    def forget(self, cookies: bytes) -> None:
        """Delete the records of the SA with these cookies."""
        self._said.pop(cookies, None)
        self._acknowledged.pop(cookies, None)
