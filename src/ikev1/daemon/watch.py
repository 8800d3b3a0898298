"""A look at what the data plane refuses, once a minute: what grows is worth a line in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ikev1.core.model import ChildSa
from ikev1.daemon.drops import DropCounters
from ikev1.esp.plane import Counters

__all__ = ["Watch"]

_MOST_LINES = 20  # of one look
_REFUSED = {
    "replays": "replays",
    "integrity_failures": "integrity failures",
    "malformed": "malformed packets",
    "selector_drops": "packets of other networks",
    "refused_out": "packets too many for sequence numbers or lifetime",
    "unsent": "packets that the network did not take",
}


class Watch:
    """Compares what ``counters_of`` and ``drops`` tell with what they told ``interval`` seconds ago.

    ``deadline`` is when to ask `due` again, in seconds since the epoch.
    """

    def __init__(
        self, counters_of: Callable[[ChildSa], Counters], drops: DropCounters, now: float, interval: float = 60.0
    ) -> None:
        self._counters_of = counters_of
        self._drops = drops
        self._interval = interval
        self.deadline = now + interval
        self._dropped: dict[str, int] = {}
        self._pairs: dict[int, Counters] = {}

    def due(self, now: float, children: Iterable[ChildSa]) -> list[str]:
        """What to write, if it is time: which of the pairs refused how many packets of which kind, and what was dropped
        besides.
        """
        if now < self.deadline:
            return []
        self.deadline = now + self._interval
        lines = [*self._of_the_plane(), *self._of_pairs(children)]
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES:] = [f"and {len(lines) - _MOST_LINES} more pairs refused packets"]
        return lines

    def _of_the_plane(self) -> Iterator[str]:
        before, self._dropped = self._dropped, self._drops.moved()
        grown = {name: count - before.get(name, 0) for name, count in self._dropped.items()}
        if said := ", ".join(f"{count} {name}" for name, count in grown.items() if count > 0):
            yield f"dropped: {said}; `ikev1 show plane` explains"

    def _of_pairs(self, children: Iterable[ChildSa]) -> Iterator[str]:
        before, self._pairs = self._pairs, {}
        for child in children:
            counters = self._pairs[child.inbound.spi] = self._counters_of(child)
            old = before.get(child.inbound.spi, Counters())
            grown = {words: getattr(counters, name) - getattr(old, name) for name, words in _REFUSED.items()}
            if said := ", ".join(f"{count} {words}" for words, count in grown.items() if count > 0):
                yield f"{child.connection}/{child.name}-{child.unique_id}: {said}; `ikev1 show ipsec sa` explains"
