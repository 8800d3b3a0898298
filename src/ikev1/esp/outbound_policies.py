"""Looks up the pair or trap of an outbound packet (RFC 4301 §5.1)."""

from __future__ import annotations

from collections import deque

from ikev1.core.records.selector import Selector
from ikev1.core.records.selector_index import SelectorIndex
from ikev1.esp.inner import decode
from ikev1.esp.plane import Trap
from ikev1.esp.sa_pair import SaPair

_MOST_WAITING = 16  # packets in a trap
_MOST_FLOWS = 8192  # remembered, before they are looked up again

_Selectors = tuple[Selector, Selector]  # local, remote


class TrapQueue:
    """The packets that match a trap and wait for its tunnel. Times are in seconds, by the clock of the caller."""

    def __init__(self, trap: Trap) -> None:
        self.trap = trap
        self._waiting: deque[bytes] = deque()
        self._say_again_at = 0.0

    def hold(self, packet: bytes) -> bool:
        """Queue a packet; False if the queue is full."""
        if len(self._waiting) >= _MOST_WAITING:
            return False
        self._waiting.append(packet)
        return True

    def release(self) -> list[bytes]:
        """Empty the queue and return its packets, in order. The next packet requests the tunnel at once."""
        packets = list(self._waiting)
        self._waiting.clear()
        self._say_again_at = 0.0
        return packets

    def due(self, now: float, interval: float) -> bool:
        """Whether the tunnel has to be requested now; afterwards, not for ``interval`` seconds."""
        if now < self._say_again_at:
            return False
        self._say_again_at = now + interval
        return True


Target = SaPair | TrapQueue


class _Answer:
    """The result of a look-up, valid for its flows until it is withdrawn."""

    __slots__ = ("target",)

    def __init__(self, target: Target) -> None:
        self.target: Target | None = target


class _Policy:
    """All targets with the same selectors: traps before pairs, the newest of each last."""

    __slots__ = ("answer", "local", "remote", "targets")

    def __init__(self, local: Selector, remote: Selector, target: Target) -> None:
        self.local = local
        self.remote = remote
        self.targets: tuple[Target, ...] = (target,)
        self.answer = _Answer(target)

    def withdraw(self) -> None:
        """Invalidate the flows of this policy, because there may be a narrower policy."""
        self.answer.target = None
        self.answer = _Answer(self.targets[-1])


class OutboundPolicies:
    """Outbound pairs and traps by their selectors. The narrowest that matches is used, of equal ones the newest.

    Pairs are preferred to traps with the same selectors. The result for a flow stays valid when other policies change,
    and when a pair is replaced by another one with the same selectors.
    """

    def __init__(self) -> None:
        self._index: SelectorIndex[_Policy] = SelectorIndex()
        self._policies: dict[_Selectors, _Policy] = {}
        # A cache of two generations: when the newer one is full, it becomes the older one, whose unused flows are
        # dropped. A port scan does not evict flows that are in use.
        self._flows: dict[bytes, _Answer] = {}
        self._older_flows: dict[bytes, _Answer] = {}

    def find(self, flow: bytes) -> Target | None:
        """The pair or trap for packets of ``flow`` (`ikev1.esp.inner.parse`)."""
        answer = self._flows.get(flow)
        if answer is not None and answer.target is not None:
            return answer.target
        return self._look_up(flow)

    @property
    def remembered(self) -> int:
        """The number of cached flows; some may be counted twice."""
        return len(self._flows) + len(self._older_flows)

    def add_pair(self, pair: SaPair) -> None:
        """Use ``pair`` for packets that its selectors match."""
        for local in pair.child.locals:
            self._add((local, pair.child.remote), pair)

    def remove_pair(self, pair: SaPair) -> None:
        """Remove ``pair``; an older one with the same selectors, or a trap, applies again."""
        for local in pair.child.locals:
            self._remove((local, pair.child.remote), pair)

    def add_trap(self, catch: TrapQueue) -> None:
        """Use a trap for packets that its selectors match, and those of no pair."""
        self._add((catch.trap.local, catch.trap.remote), catch)

    def remove_trap(self, catch: TrapQueue) -> None:
        """Remove a trap, and drop the packets in its queue."""
        self._remove((catch.trap.local, catch.trap.remote), catch)

    def _look_up(self, flow: bytes) -> Target | None:
        answer = self._older_flows.get(flow)
        if answer is None or answer.target is None:
            protocol, source, destination, source_port, destination_port = decode(flow)
            policy = self._index.find(source, destination, protocol, source_port, destination_port)
            if policy is None:
                return None  # not cached: a new policy may match it
            answer = policy.answer
        if len(self._flows) >= _MOST_FLOWS // 2:
            self._older_flows, self._flows = self._flows, {}
        self._flows[flow] = answer
        return answer.target

    def _add(self, selectors: _Selectors, target: Target) -> None:
        policy = self._policies.get(selectors)
        if policy is not None:
            policy.targets = tuple(sorted((*policy.targets, target), key=_is_pair))
            policy.answer.target = policy.targets[-1]
            return
        for wider in self._index.at_least_as_wide(*selectors):
            wider.withdraw()
        policy = self._policies[selectors] = _Policy(*selectors, target)
        self._index.add(*selectors, policy)

    def _remove(self, selectors: _Selectors, target: Target) -> None:
        policy = self._policies.get(selectors)
        if policy is None:
            return
        others = tuple(other for other in policy.targets if other is not target)
        if others:
            policy.targets = others
            policy.answer.target = others[-1]
            return
        policy.answer.target = None
        del self._policies[selectors]
        self._index.remove(*selectors, policy)


def _is_pair(target: Target) -> bool:
    return isinstance(target, SaPair)
