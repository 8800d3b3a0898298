"""A look at what the data plane refuses, once a minute: what grows is worth a line in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

from ikev1.core.records.child_sa import ChildSa
from ikev1.daemon.observe.drop_counters import DropCounters
from ikev1.esp.plane import Counters

_MOST_LINES = 20  # of one look
_REFUSED = {
    "replays": "replays",
    "integrity_failures": "integrity failures",
    "malformed": "malformed packets",
    "selector_drops": "packets outside the negotiated networks",
    "refused_out": "packets dropped: sequence numbers or byte limit exhausted",
    "unsent": "packets that could not be sent",
}


_refused = attrgetter(*_REFUSED)
_NOTHING = _refused(Counters())


class DropMonitor:
    """Compares the counts of ``counters_of`` and ``drops`` with those of ``interval`` seconds ago.

    With ``kernel`` the drops include those of pairs, so pairs are queried only when the drops have grown: querying the
    kernel for thousands of pairs is slow. ``deadline`` is when to call `due` again.
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
        """The lines to log if the deadline has passed: packets dropped by the plane, and by each pair of IPsec SAs."""
        if now < self.deadline:
            return []
        self.deadline = now + self._interval
        lines = self._of_the_plane()
        if lines or not self._kernel:
            lines += self._of_pairs(children)
        if len(lines) > _MOST_LINES:
            lines[_MOST_LINES:] = [f"packets were dropped for {len(lines) - _MOST_LINES} more pairs of IPsec SAs"]
        return lines

    def _of_the_plane(self) -> list[str]:
        before, self._dropped = self._dropped, self._drops.moved()
        grown = {name: count - before.get(name, 0) for name, count in self._dropped.items()}
        listed = ", ".join(f"{count} {name}" for name, count in grown.items() if count > 0)
        return [f"packets dropped: {listed}; see `ikev1 show plane`"] if listed else []

    def _of_pairs(self, children: Iterable[ChildSa]) -> Iterator[str]:
        before, self._pairs = self._pairs, {}
        for child in children:
            spi = child.inbound.spi
            old, new = before.get(spi, _NOTHING), _refused(self._counters_of(child))
            self._pairs[spi] = new
            if new != old:
                pair = f"{child.connection}/{child.name}-{child.unique_id}"
                yield f"{pair}: {_growth(old, new)}; see `ikev1 show ipsec sa`"


def _growth(old: tuple[int, ...], new: tuple[int, ...]) -> str:
    """``3 replays, 1 malformed packets``, of counts in the order of `_REFUSED`."""
    grown = zip(_REFUSED.values(), old, new, strict=True)
    return ", ".join(f"{after - before} {words}" for words, before, after in grown if after > before)
