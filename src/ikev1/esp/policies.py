"""Where an outbound packet belongs: to a pair, to a trap, or to nobody (RFC 4301 §5.1)."""

from __future__ import annotations

from collections import deque
from operator import itemgetter

from ikev1.core.selector import Selector
from ikev1.esp.inner import decode, matches
from ikev1.esp.pair import Pair
from ikev1.esp.plane import Trap

__all__ = ["Catch", "Policies"]

_MOST_WAITING = 16  # packets in a trap
_MOST_FLOWS = 8192  # remembered, before they are looked up again

_Selectors = tuple[Selector, Selector]  # local, remote
_Rank = tuple[int, int, bool, bool, bool]  # extents of the remote and the local network, then what is left open


class Catch:
    """What a trap has caught: the packets that wait for its tunnel; times are the caller's."""

    def __init__(self, trap: Trap) -> None:
        self.trap = trap
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


Target = Pair | Catch


class Policies:
    """Outbound pairs and traps by their selectors: the narrowest that matches, and of equals the newest, wins.

    A pair goes before any trap with the same selectors.
    """

    def __init__(self) -> None:
        # By rank, the narrowest first, then by selectors: traps before pairs, the newest of each last
        self._targets: dict[_Rank, dict[_Selectors, tuple[Target, ...]]] = {}
        self._flows: dict[bytes, Target | None] = {}

    def find(self, flow: bytes) -> Target | None:
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
        self._add((pair.child.local, pair.child.remote), pair)

    def remove_pair(self, pair: Pair) -> None:
        """Take ``pair`` away; an older one with the same selectors, or a trap, takes over."""
        self._remove((pair.child.local, pair.child.remote), pair)

    def add_trap(self, catch: Catch) -> None:
        """Let a trap catch what its selectors match and no pair does."""
        self._add((catch.trap.local, catch.trap.remote), catch)

    def remove_trap(self, catch: Catch) -> None:
        """Take a trap away, and forget what waits in it."""
        self._remove((catch.trap.local, catch.trap.remote), catch)

    def _search(self, flow: bytes) -> Target | None:
        decoded = decode(flow)
        for group in self._targets.values():
            for (local, remote), targets in group.items():
                if matches(decoded, local, remote):
                    return targets[-1]
        return None

    def _add(self, selectors: _Selectors, target: Target) -> None:
        rank = _rank(*selectors)
        if rank not in self._targets:
            self._targets = dict(sorted([*self._targets.items(), (rank, {})], key=itemgetter(0)))
        group = self._targets[rank]
        group[selectors] = tuple(sorted((*group.get(selectors, ()), target), key=_is_pair))
        self._flows.clear()

    def _remove(self, selectors: _Selectors, target: Target) -> None:
        rank = _rank(*selectors)
        group = self._targets.get(rank, {})
        others = tuple(other for other in group.get(selectors, ()) if other is not target)
        if others:
            group[selectors] = others
        elif group.pop(selectors, None) and not group:
            del self._targets[rank]
        self._flows.clear()


def _rank(local: Selector, remote: Selector) -> _Rank:
    return _extent(remote), _extent(local), not remote.protocol, not remote.port, not local.port


def _extent(selector: Selector) -> int:
    return int.from_bytes(selector.last) - int.from_bytes(selector.first)


def _is_pair(target: Target) -> bool:
    return isinstance(target, Pair)
