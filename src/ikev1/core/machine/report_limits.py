"""How much may be reported and answered on account of messages that prove nothing.

None of it is part of a record, for such a message must not change one.
"""

from __future__ import annotations

_MOST_ACKNOWLEDGEMENTS = 20  # in one second, to one peer
_MOST_ENDED = 1024  # SAs that are remembered after their end
_LATE_MESSAGES = 4  # for each of them


class ReportLimits:
    """What was said, acknowledged and forgiven already, by the cookies of an ISAKMP SA."""

    def __init__(self) -> None:
        self._said: dict[bytes, set[str]] = {}
        self._acknowledged: dict[bytes, tuple[int, int]] = {}  # a second, and how often something was in it
        self._ended: dict[bytes, int] = {}  # how many late messages mean nothing, the SA that ended first comes first

    def is_news(self, cookies: bytes, what: str) -> bool:
        """Whether ``what`` was not said of an SA yet; from now on it was."""
        said = self._said.setdefault(cookies, set())
        if what in said:
            return False
        said.add(what)
        return True

    def may_acknowledge(self, cookies: bytes, now: float) -> bool:
        """Whether the peer of an SA gets one more answer to dead peer detection in this second."""
        second, count = self._acknowledged.get(cookies, (0, 0))
        count = count + 1 if second == int(now) else 1
        self._acknowledged[cookies] = int(now), count
        return count <= _MOST_ACKNOWLEDGEMENTS

    def is_late(self, cookies: bytes) -> bool:
        """Whether a message for an SA that is not known means nothing: one of these cookies was up, and this is one of
        the first messages after its end. Both sides may delete an SA at once, and what they sent is still under way.
        """
        left = self._ended.get(cookies, 0)
        if left:
            self._ended[cookies] = left - 1
        return left > 0

    def note_end(self, cookies: bytes) -> None:
        """Remembers for a while that an SA of these cookies was up, and ended."""
        while len(self._ended) >= _MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        self._ended[cookies] = _LATE_MESSAGES

    def rename(self, old: bytes, new: bytes) -> None:
        """The SA that had the cookies ``old`` has ``new`` ones: the responder chose its own."""
        if old in self._said:
            self._said[new] = self._said.pop(old)

    def forget(self, cookies: bytes) -> None:
        """The SA of these cookies is gone."""
        self._said.pop(cookies, None)
        self._acknowledged.pop(cookies, None)
