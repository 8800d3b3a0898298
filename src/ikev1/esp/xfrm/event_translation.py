"""Translates events of the kernel to those of `ikev1.esp.plane`."""

from __future__ import annotations

from ikev1.core.records.path import UdpPath
from ikev1.esp.netlink import GarbledAnswer
from ikev1.esp.plane import Acquire, Expired, Listener, PeerMoved, PeerSends, RekeyNeeded
from ikev1.esp.xfrm.events import Acquired, EventSocket, Mapped, Overrun, StateExpired
from ikev1.esp.xfrm.pairs import Entry, Pairs, unmarked
from ikev1.esp.xfrm.policy_sets import PolicySets
from ikev1.esp.xfrm.requests import Xfrm
from ikev1.esp.xfrm.state import Limits


class EventTranslator:
    """Reads the kernel's events, and passes those about pairs and traps of this gateway to ``listener``.

    Raises:
        OSError: the socket cannot be read, or the kernel refused to list its states.
    """

    def __init__(self, events: EventSocket, xfrm: Xfrm, pairs: Pairs, guard: PolicySets, listener: Listener) -> None:
        self._events = events
        self._xfrm = xfrm
        self._pairs = pairs
        self._guard = guard
        self._listener = listener

    def read(self) -> None:
        """Read a bounded number of events."""
        try:
            for event in self._events.read():
                if isinstance(event, StateExpired):
                    self._expired(event)
                elif isinstance(event, Acquired):
                    self._acquired(event)
                elif isinstance(event, Mapped):
                    self._mapped(event)
                elif isinstance(event, Overrun):
                    self.compare()
        except GarbledAnswer:  # its content is lost, as in an overrun
            self.compare()

    def compare(self) -> None:
        """Compare our pairs with the kernel's states, because events about them may have been lost."""
        there = {info.id: info for info in self._xfrm.states()}
        for entry in self._pairs:
            for state in entry.states():
                info = there.get(unmarked(state.id))
                if info is None:
                    self._say(entry, Expired(entry.child, "one of its SAs was removed from the kernel"))
                else:
                    self._carried(entry, state.limits, info.octets, info.packets)

    def _expired(self, event: StateExpired) -> None:
        entry = self._pairs.of_state(event.id)
        if entry is None or entry.reqid != event.reqid:
            return
        limits = next((state.limits for state in entry.states() if unmarked(state.id) == event.id), Limits())
        if event.hard:
            self._say(entry, Expired(entry.child, _reason(event, limits)))
        else:
            self._carried(entry, limits, event.octets, event.packets)

    def _carried(self, entry: Entry, limits: Limits, octets: int, packets: int) -> None:
        """A state of ``entry`` has carried so much."""
        if limits.is_soft(octets, packets):
            self._say(entry, RekeyNeeded(entry.child, f"{octets} octets in {packets} packets"))
        elif packets and not entry.sends:
            self._say(entry, PeerSends(entry.child))

    def _acquired(self, event: Acquired) -> None:
        for reqid in event.reqids:
            bearer = self._guard.bearer(reqid, event.flow)
            if isinstance(bearer, tuple):
                self._listener(Acquire(*bearer, str(event.flow)))
                return
            entry = self._pairs.get(bearer) if isinstance(bearer, int) else None
            if entry is not None and any(self._xfrm.find(state.id) is None for state in entry.states()):
                self._say(entry, Expired(entry.child, "one of its SAs was removed from the kernel"))
                return

    def _mapped(self, event: Mapped) -> None:
        entry = self._pairs.of_state(event.id)
        if entry is None:
            return
        path = entry.child.path
        # the kernel does not report the interface of a link-local address
        host = path.remote_host if path.remote_host.partition("%")[0] == event.host else event.host
        source = host, event.port
        if entry.peer == source:
            return
        entry.peer = source
        if source != (path.remote_host, path.remote_port):
            self._listener(PeerMoved(entry.child, UdpPath(path.local_host, path.local_port, *source)))

    def _say(self, entry: Entry, event: RekeyNeeded | Expired | PeerSends) -> None:
        if entry.first_time(event):
            self._listener(event)


def _reason(event: StateExpired, limits: Limits) -> str:
    if event.octets >= limits.hard_octets:
        return "its byte limit is exhausted"
    if event.packets >= limits.hard_packets:
        return "its sequence numbers are exhausted"
    return "its lifetime has expired"
