"""Pairs of IPsec SAs in the kernel: their states and policies."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from ikev1.core.records.child_sa import ChildSa, IpsecMode, Mark
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.esp.netlink import NetlinkError
from ikev1.esp.networks import packed
from ikev1.esp.plane import Counters, Expired, PeerSends, PlaneError, RekeyNeeded
from ikev1.esp.routes import MARK
from ikev1.esp.xfrm.idleness import Idleness
from ikev1.esp.xfrm.ownership_file import OwnershipFile, StateNote
from ikev1.esp.xfrm.policy_sets import Bearer, PolicySets
from ikev1.esp.xfrm.requests import Xfrm
from ikev1.esp.xfrm.state import State, StateId, leap
from ikev1.esp.xfrm.translate import (
    PROTOCOLS,
    flows,
    inbound_states,
    inbound_templates,
    outbound_states,
    outbound_templates,
)

_RESERVED = 200.0  # seconds after which the kernel has released an unused SPI; its default is 30
_LEAP = 1 << 20  # packets: more than can be sent while a state is replaced


class Entry:
    """One pair: its record in the engine, and the events that were already reported about it."""

    __slots__ = ("_said", "child", "idle_in", "idle_out", "integrity_failures", "peer", "replays", "reqid", "sends")

    def __init__(self, child: ChildSa, reqid: int) -> None:
        self.turn_to(child, reqid)
        self.sends = False
        self.idle_in, self.idle_out = Idleness(), Idleness()
        self.replays = self.integrity_failures = 0  # of states that this one's have replaced
        self._said: tuple[type, ...] = ()

    def turn_to(self, child: ChildSa, reqid: int) -> None:
        """Replace the record by ``child``."""
        self.child = child.without_keys()  # only the kernel keeps them
        self.reqid = reqid
        self.peer = child.path.remote_host, child.path.remote_port

    def inbound(self) -> list[State]:
        """The inbound states."""
        return inbound_states(self.child, self.reqid)

    def outbound(self) -> list[State]:
        """The outbound states."""
        return outbound_states(self.child, self.reqid, MARK)

    def states(self) -> list[State]:
        """All of its states that are in the kernel."""
        return [*self.inbound(), *(self.outbound() if self.sends else ())]

    def bearer(self) -> Bearer:
        """The pair as the bearer of policies."""
        child = self.child
        return Bearer(
            inbound_templates(child, self.reqid),
            outbound_templates(child, self.reqid) if self.sends else (),
            child.path.remote_host if self.sends and child.mode is IpsecMode.TUNNEL else "",
        )

    def first_time(self, event: RekeyNeeded | Expired | PeerSends) -> bool:
        """Whether this is the first event of its kind; the kind is recorded."""
        new = type(event) not in self._said
        self._said += (type(event),) * new
        return new


class Pairs:
    """The pairs of one gateway, by inbound SPI.

    Raises:
        PlaneError: a suite has no name in the kernel, or policies are another program's.
        OSError: the kernel refused.
    """

    def __init__(self, xfrm: Xfrm, guard: PolicySets, owner: OwnershipFile) -> None:
        self._xfrm = xfrm
        self._guard = guard
        self._owner = owner
        self._entries: dict[int, Entry] = {}
        self._by_state: dict[StateId, Entry] = {}  # ids without their marks
        self._reserved: dict[StateId, float] = {}  # and the time of the reservation, the oldest first

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries.values()))

    def get(self, spi: int) -> Entry | None:
        """The pair with this inbound SPI."""
        return self._entries.get(spi)

    def of_state(self, id: StateId) -> Entry | None:
        """The pair to which a state belongs."""
        return self._by_state.get(unmarked(id))

    def allocate(self, path: UdpPath, protocol: int) -> int:
        """Reserve an SPI, or a CPI for IPComp."""
        now = time.monotonic()
        while self._reserved and next(iter(self._reserved.values())) < now - _RESERVED:
            del self._reserved[next(iter(self._reserved))]
        local, remote, kernels = packed(path.local_host), packed(path.remote_host), PROTOCOLS[protocol]
        while True:
            spi = self._xfrm.allocate(local, remote, kernels)
            self._reserved[StateId(local, spi, kernels)] = now
            if spi not in self._entries:  # the kernel may allocate an SPI once for each of our addresses
                return spi

    def install_inbound(self, child: ChildSa) -> int:
        """Install the inbound states, and return their reqid. Until the pair sends, the kernel reports that the peer
        sends with it.
        """
        if child.inbound.spi in self._entries:
            return self._entries[child.inbound.spi].reqid
        entry = Entry(child, self._guard.reqid(flows(child)))
        try:
            states = inbound_states(child, entry.reqid)
            self._install([state._replace(limits=state.limits.at_first_packet()) for state in states])
            self._attach(entry, states)
        except (PlaneError, OSError):
            self._guard.detach(flows(child), child.inbound.spi)
            raise
        self._entries[child.inbound.spi] = entry
        return entry.reqid

    def install_outbound(self, child: ChildSa) -> None:
        """Install the outbound states, and use them in place of those of older pairs."""
        self.install_inbound(child)
        entry = self._entries[child.inbound.spi]
        if entry.sends:
            return
        states = outbound_states(replace(entry.child, outbound=child.outbound), entry.reqid, MARK)
        self._install(states)
        entry.sends = True
        try:
            self._attach(entry, states)
        except (PlaneError, OSError):
            entry.sends = False
            raise
        self._apply_limits(entry)

    def _apply_limits(self, entry: Entry) -> None:
        """Have the kernel report the soft limits of a pair that has begun to send."""
        limited = [state for state in entry.inbound() if state.limits.has_soft]
        with self._keys_of(limited) as states:
            for state in states:
                self._xfrm.update(state)

    def remove(self, child: ChildSa) -> None:
        """Remove the pair: first from the policies, then its states."""
        entry = self._entries.get(child.inbound.spi)
        if entry is not None:
            self._guard.detach(flows(entry.child), child.inbound.spi)
            self._uninstall(entry.states())
            self._leave(entry)

    def move(self, child: ChildSa) -> None:
        """Move the pair to another path, with the same keys, sequence numbers and counters."""
        entry = self._entries.get(child.inbound.spi)
        if entry is None or (entry.child.path, entry.child.udp_encapsulation) == (child.path, child.udp_encapsulation):
            return
        with self._keys_of(entry.states()) as earlier:
            self._move(entry, earlier, child)

    def _move(self, entry: Entry, earlier: Sequence[State], child: ChildSa) -> None:
        """Move all states, or none."""
        old, spi, counted = entry.child, child.inbound.spi, (entry.replays, entry.integrity_failures)
        earlier_reqid = entry.reqid
        entry.turn_to(child, self._guard.reqid(flows(child)))
        later = zip(entry.states(), earlier, strict=True)
        pairs = [(before, after._replace(algorithms=before.algorithms)) for after, before in later]
        undo: list[Callable[[], object]] = []
        try:
            if _only_ports(old, child):
                for before, after in pairs:
                    self._redirect(before, after, undo)
                return
            for before, after in pairs:
                self._replace(entry, before, after, undo)
            self._guard.attach(flows(child), spi, entry.bearer())
        except (PlaneError, OSError):
            entry.turn_to(old, earlier_reqid)
            entry.replays, entry.integrity_failures = counted
            for step in reversed(undo):
                with suppress(PlaneError, OSError):  # the first refusal is the one that says why
                    step()
            if flows(old) != flows(child):
                self._guard.detach(flows(child), spi)
            raise
        if flows(old) != flows(child):
            self._guard.detach(flows(old), spi)
        gone = [before for before, after in pairs if before.id != after.id]
        self._uninstall(gone)
        self._owner.strike(*(StateNote(state.id, earlier_reqid) for state in earlier if entry.reqid != earlier_reqid))
        for state in gone:
            self._by_state.pop(unmarked(state.id), None)
        self._by_state |= {unmarked(state.id): entry for state in entry.states()}

    def counters(self, child: ChildSa) -> Counters:
        """The kernel's counters of the pair."""
        entry = self._entries.get(child.inbound.spi)
        if entry is None:
            return Counters()
        received = self._xfrm.find(entry.inbound()[0].id)
        sent = self._xfrm.find(entry.outbound()[0].id) if entry.sends else None
        return Counters(
            bytes_in=received.octets if received else 0,
            packets_in=received.packets if received else 0,
            bytes_out=sent.octets if sent else 0,
            packets_out=sent.packets if sent else 0,
            idle_in=entry.idle_in.look(received.packets, received.last_used) if received else None,
            idle_out=entry.idle_out.look(sent.packets, sent.last_used) if sent else None,
            replays=entry.replays + (received.replays if received else 0),
            integrity_failures=entry.integrity_failures + (received.integrity_failures if received else 0),
        )

    def resume(self, child: ChildSa) -> bool:
        """Take over a pair of an earlier process, if all its states exist and belong to this gateway."""
        states = [*inbound_states(child, 0), *outbound_states(child, 0, MARK)]
        reqids = set()
        for state in states:
            info = self._xfrm.find(state.id)
            if info is None or info.source != state.source or not self._guard.was_ours(info.reqid):
                return False
            reqids.add(info.reqid)
        if len(reqids) > 1 or not self._guard.resume(flows(child), *reqids):
            return False
        entry = Entry(child, *reqids)
        entry.sends = True
        self._guard.attach(flows(child), child.inbound.spi, entry.bearer())
        self._entries[child.inbound.spi] = entry
        self._by_state |= {unmarked(state.id): entry for state in states}
        return True

    def _attach(self, entry: Entry, states: Sequence[State]) -> None:
        """Name ``entry`` in the policies. If this fails, its newest ``states`` are removed again."""
        try:
            self._guard.attach(flows(entry.child), entry.child.inbound.spi, entry.bearer())
        except (PlaneError, OSError):
            self._uninstall(states)
            raise
        self._by_state |= {unmarked(state.id): entry for state in states}

    def _leave(self, entry: Entry) -> None:
        del self._entries[entry.child.inbound.spi]
        for state in entry.states():
            self._by_state.pop(unmarked(state.id), None)

    def _install(self, states: Sequence[State]) -> None:
        """Add all of ``states``, or none."""
        notes = [StateNote(state.id, state.reqid) for state in states]
        self._owner.note(*notes)
        added: list[State] = []
        try:
            for state in states:
                self._add(state)
                added.append(state)
        except (PlaneError, OSError):
            for state in added:
                self._xfrm.delete(state.id)
            self._owner.strike(*notes)
            raise

    def _add(self, state: State) -> None:
        if self._reserved.pop(state.id, None) is not None:
            try:
                self._xfrm.update(state)
            except NetlinkError as error:
                if error.errno != errno.ESRCH:  # the reservation has expired
                    raise
            else:
                return
        self._xfrm.add(state)

    def _uninstall(self, states: Sequence[State]) -> None:
        for state in states:
            self._xfrm.delete(state.id)
        self._owner.strike(*(StateNote(state.id, state.reqid) for state in states))

    @contextmanager
    def _keys_of(self, states: Sequence[State]) -> Iterator[list[State]]:
        """``states`` with their keys, read from the kernel and wiped at the end."""
        found: list[bytearray] = []
        try:
            for state in states:
                algorithms = self._xfrm.algorithms(state.id)
                if algorithms is None:
                    raise PlaneError(f"the kernel no longer has an SA with SPI {state.id.spi:08x}")
                found.append(algorithms)
            yield [state._replace(algorithms=octets) for state, octets in zip(states, found, strict=True)]
        finally:
            for octets in found:
                octets[:] = bytes(len(octets))

    def _redirect(self, old: State, new: State, undo: list[Callable[[], object]]) -> None:
        """Change the ports of ``old`` to those of ``new``."""
        if old.encapsulation:
            undo.append(partial(self._xfrm.update, old))
            self._xfrm.update(new)

    def _replace(self, entry: Entry, old: State, new: State, undo: list[Callable[[], object]]) -> None:
        """Replace ``old`` by ``new``, or add ``new`` beside it if its key in the kernel differs."""
        info = self._xfrm.find(old.id)
        if info is None:
            raise PlaneError(f"the kernel no longer has an SA with SPI {old.id.spi:08x}")
        if new.inbound:
            entry.replays += info.replays
            entry.integrity_failures += info.integrity_failures
        carried = info.carried if new.inbound else leap(info.carried, _LEAP)
        if old.id != new.id:
            self._install([new._replace(carried=carried)])
            undo.append(partial(self._uninstall, [new]))
            return
        note = StateNote(new.id, new.reqid)
        self._owner.note(note)
        if old.reqid != new.reqid:
            undo.append(partial(self._owner.strike, note))
        again = carried if new.inbound else leap(carried, _LEAP)
        undo.append(partial(self._xfrm.exchange, new.id, old._replace(carried=again)))
        self._xfrm.exchange(old.id, new._replace(carried=carried))


def unmarked(id: StateId) -> StateId:
    """The key without the mark, because marks of events are not read."""
    return id._replace(mark=Mark())


def _only_ports(old: ChildSa, new: ChildSa) -> bool:
    """Whether the pairs differ in their UDP ports only, and both use ESP in UDP."""
    hosts = [(child.path.local_host, child.path.remote_host) for child in (old, new)]
    return hosts[0] == hosts[1] and old.udp_encapsulation and new.udp_encapsulation
