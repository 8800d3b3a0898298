"""Where an outbound packet belongs: to a pair, to a trap, or to nobody (RFC 4301 §5.1)."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator

from ikev1.core.selector import Selector
from ikev1.esp.inner import decode, matches
from ikev1.esp.pair import Pair

__all__ = ["Policies", "Trap"]

_MOST_WAITING = 16  # packets in a trap
_MOST_FLOWS = 8192  # remembered, before they are looked up again


class Trap:
    """A tunnel that comes up with its first packet, and the packets that wait for that; times are the caller's."""

    def __init__(self, connection: str, tunnel: str, local: Selector, remote: Selector) -> None:
        self.connection = connection
        self.tunnel = tunnel
        self.local = local
        self.remote = remote
        self._waiting: deque[bytes] = deque()
        self._say_again_at = 0.0

    def hold(self, packet: bytes) -> bool:
        """Keep a packet until a pair comes; False when too many wait already."""
        if len(self._waiting) >= _MOST_WAITING:
            return False
        self._waiting.append(packet)
        return True

    def release(self) -> list[bytes]:
        """The packets that waited, in order; none wait any more."""
        packets = list(self._waiting)
        self._waiting.clear()
        return packets

    def due(self, now: float, interval: float) -> bool:
        """Whether it is time to ask for the tunnel; then not again for ``interval`` seconds."""
        if now < self._say_again_at:
            return False
        self._say_again_at = now + interval
        return True


class _Entry:
    """All that share one pair of selectors: the pairs, the newest last, and traps."""

    def __init__(self, local: Selector, remote: Selector) -> None:
        self.local = local
        self.remote = remote
        self.pairs: list[Pair] = []
        self.traps: list[Trap] = []
        self.rank = (_extent(remote), _extent(local), not remote.protocol, not remote.port, not local.port)

    @property
    def target(self) -> Pair | Trap:
        return self.pairs[-1] if self.pairs else self.traps[-1]


def _extent(selector: Selector) -> int:
    return int.from_bytes(selector.last) - int.from_bytes(selector.first)


class Policies:
    """Outbound pairs and traps by their selectors: the narrowest that matches, and of equals the newest, wins."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._by_selectors: dict[tuple[Selector, Selector], _Entry] = {}
        self._flows: dict[bytes, Pair | Trap | None] = {}

    def find(self, flow: bytes) -> Pair | Trap | None:
        """Who carries packets of ``flow`` (see `ikev1.esp.inner.parse`)."""
        try:
            return self._flows[flow]
        except KeyError:
            if len(self._flows) >= _MOST_FLOWS:
                self._flows.clear()
            found = self._flows[flow] = self._search(flow)
            return found

    def add_pair(self, pair: Pair) -> None:
        """Let ``pair`` carry what its selectors match."""
        self._entry(pair.child.local, pair.child.remote).pairs.append(pair)
        self._flows.clear()

    def remove_pair(self, pair: Pair) -> None:
        """Take ``pair`` away; an older one with the same selectors, or a trap, takes over."""
        entry = self._by_selectors.get((pair.child.local, pair.child.remote))
        if entry is not None and pair in entry.pairs:
            entry.pairs.remove(pair)
            self._tidy(entry)

    def add_trap(self, trap: Trap) -> None:
        """Let ``trap`` catch what its selectors match and no pair does."""
        self._entry(trap.local, trap.remote).traps.append(trap)
        self._flows.clear()

    def remove_trap(self, trap: Trap) -> None:
        """Take ``trap`` away, and forget what waits in it."""
        entry = self._by_selectors[trap.local, trap.remote]
        entry.traps.remove(trap)
        self._tidy(entry)

    def traps(self) -> Iterator[Trap]:
        """All traps."""
        for entry in self._entries:
            yield from entry.traps

    def _search(self, flow: bytes) -> Pair | Trap | None:
        decoded = decode(flow)
        matching: Iterable[_Entry] = (e for e in self._entries if matches(decoded, e.local, e.remote))
        entry = next(iter(matching), None)
        return entry.target if entry else None

    def _entry(self, local: Selector, remote: Selector) -> _Entry:
        entry = self._by_selectors.get((local, remote))
        if entry is None:
            entry = self._by_selectors[local, remote] = _Entry(local, remote)
            insort(self._entries, entry, key=lambda each: each.rank)
        return entry

    def _tidy(self, entry: _Entry) -> None:
        if not entry.pairs and not entry.traps:
            del self._by_selectors[entry.local, entry.remote]
            self._entries.remove(entry)
        self._flows.clear()
