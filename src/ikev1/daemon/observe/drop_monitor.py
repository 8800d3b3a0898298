"""A look at what the data plane refuses, once a minute: what grows is worth a line in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter

from ikev1.core.records.child_sa import ChildSa
from ikev1.daemon.observe.drop_counters import DropCounters
from ikev1.esp.plane import Counters

_MOST_LINES = 20  # of one look
_AT_A_TIME = 256  # pairs
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
    kernel for thousands of pairs is slow. ``deadline`` is when to call `due` again, which looks at some pairs only, so
    that a look at many does not hold up anything else.
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
        self._looks_at = now + interval  # when the next look begins
        self._dropped: dict[str, int] = {}
        self._pairs: dict[int, tuple[int, ...]] = {}
        self._before: dict[int, tuple[int, ...]] = {}
        self._left: list[ChildSa] = []  # that this look has yet to look at
        self._told = 0  # lines of this look

    def due(self, now: float, children: Iterable[ChildSa], is_there: Callable[[int], bool]) -> list[str]:
        """The lines to log if the deadline has passed: packets dropped by the plane, and by each of the next pairs of
        IPsec SAs; ``is_there`` says whether a pair of this number still exists.
        """
        if now < self.deadline:
            return []
        lines: list[str] = []
        if now >= self._looks_at:
            lines, self._told = self._of_the_plane(), 0
            self._looks_at = now + self._interval
            if lines or not self._kernel:
                self._left = [*children]
                self._before, self._pairs = self._pairs, {}
        part = self._left[-_AT_A_TIME:]
        del self._left[-_AT_A_TIME:]
        lines += self._of_pairs(child for child in part if is_there(child.unique_id))
        before, self._told = self._told, self._told + len(lines)
        if self._told > _MOST_LINES:
            del lines[max(0, _MOST_LINES - before) :]
        self.deadline = now if self._left else self._looks_at
        if not self._left and self._told > _MOST_LINES:
            lines.append(f"packets were dropped for {self._told - _MOST_LINES} more pairs of IPsec SAs")
        return lines

    def _of_the_plane(self) -> list[str]:
        before, self._dropped = self._dropped, self._drops.moved()
        grown = {name: count - before.get(name, 0) for name, count in self._dropped.items()}
        listed = ", ".join(f"{count} {name}" for name, count in grown.items() if count > 0)
        return [f"packets dropped: {listed}; see `ikev1 show plane`"] if listed else []

    def _of_pairs(self, children: Iterable[ChildSa]) -> Iterator[str]:
        for child in children:
            spi = child.inbound.spi
            old, new = self._before.get(spi, _NOTHING), _refused(self._counters_of(child))
            self._pairs[spi] = new
            if new != old:
                pair = f"{child.connection}/{child.name}-{child.unique_id}"
                yield f"{pair}: {_growth(old, new)}; see `ikev1 show ipsec sa`"


def _growth(old: tuple[int, ...], new: tuple[int, ...]) -> str:
    """``3 replays, 1 malformed packets``, of counts in the order of `_REFUSED`."""
    grown = zip(_REFUSED.values(), old, new, strict=True)
    return ", ".join(f"{after - before} {words}" for words, before, after in grown if after > before)
