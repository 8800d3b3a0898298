"""A look at what the data plane refuses, once a minute: what grows is worth a line in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

from ikev1.core.records.model import ChildSa
from ikev1.daemon.observe.drop_counters import DropCounters
from ikev1.esp.plane import Counters

_MOST_LINES = 20  # of one look
_REFUSED = {
    "replays": "replays",
    "integrity_failures": "integrity failures",
    "malformed": "malformed packets",
    "selector_drops": "packets of other networks",
    "refused_out": "packets too many for sequence numbers or lifetime",
    "unsent": "packets that the network did not take",
}


_refused = attrgetter(*_REFUSED)
_NOTHING = _refused(Counters())


class DropMonitor:
    """Compares what ``counters_of`` and ``drops`` tell with what they told ``interval`` seconds ago.

    Where ``kernel`` is set what a pair refuses is among the drops, too, and pairs are asked only when these grew: to
    ask a kernel for thousands of pairs takes its time. ``deadline`` is when to ask `due` again, in seconds since the
    epoch.
    """

    def __init__(
        self,
        counters_of: Callable[[ChildSa], Counters],
        drops: DropCounters,
        now: float,
        *,
        kernel: bool = False,
        interval: float = 60.0,
    ) -> None:
        self._counters_of = counters_of
        self._drops = drops
        self._kernel = kernel
        self._interval = interval
        self.deadline = now + interval
        self._dropped: dict[str, int] = {}
        self._pairs: dict[int, tuple[int, ...]] = {}

    def due(self, now: float, children: Iterable[ChildSa]) -> list[str]:
        """What to write, if it is time: which of the pairs refused how many packets of which kind, and what was dropped
        besides.
        """
        if now < self.deadline:
            return []
        self.deadline = now + self._interval
        lines = self._of_the_plane()
        if lines or not self._kernel:
            lines += self._of_pairs(children)
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES:] = [f"and {len(lines) - _MOST_LINES} more pairs refused packets"]
        return lines

    def _of_the_plane(self) -> list[str]:
        before, self._dropped = self._dropped, self._drops.moved()
        grown = {name: count - before.get(name, 0) for name, count in self._dropped.items()}
        said = ", ".join(f"{count} {name}" for name, count in grown.items() if count > 0)
        return [f"dropped: {said}; `ikev1 show plane` explains"] if said else []

    def _of_pairs(self, children: Iterable[ChildSa]) -> Iterator[str]:
        before, self._pairs = self._pairs, {}
        for child in children:
            spi = child.inbound.spi
            old, new = before.get(spi, _NOTHING), _refused(self._counters_of(child))
            self._pairs[spi] = new
            if new != old:
                pair = f"{child.connection}/{child.name}-{child.unique_id}"
                yield f"{pair}: {_growth(old, new)}; `ikev1 show ipsec sa` explains"


def _growth(old: tuple[int, ...], new: tuple[int, ...]) -> str:
    """``3 replays, 1 malformed packets``, of counts in the order of `_REFUSED`."""
    grown = zip(_REFUSED.values(), old, new, strict=True)
    return ", ".join(f"{after - before} {words}" for words, before, after in grown if after > before)
