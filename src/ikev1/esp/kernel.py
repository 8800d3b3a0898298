"""The kernel's data plane: XFRM, configured over netlink."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ikev1.core.records.child_sa import ChildSa, IpsecMode
from ikev1.core.records.path import UdpPath
from ikev1.esp.exemptions import Exemptions
from ikev1.esp.inner import Flow, matches
from ikev1.esp.plane import (
    Acquire,
    Counters,
    Drops,
    Listener,
    NetworkChanged,
    PlaneError,
    Protected,
    Reader,
    RoutedInterface,
    Shunted,
    Trap,
)
from ikev1.esp.reach import EVERYTHING, Reach
from ikev1.esp.routes import MARK, Routes
from ikev1.esp.virtual_addresses import VirtualAddresses
from ikev1.esp.xfrm import statistics
from ikev1.esp.xfrm.event_translation import EventTranslator
from ikev1.esp.xfrm.events import EventSocket
from ikev1.esp.xfrm.interfaces import TunnelInterfaces
from ikev1.esp.xfrm.layout import flow_of
from ikev1.esp.xfrm.ownership_file import AddressNote, OwnershipFile, RouteNote, StateNote
from ikev1.esp.xfrm.pairs import Pairs, unmarked
from ikev1.esp.xfrm.policy_sets import Bearer, PolicySets
from ikev1.esp.xfrm.probe import probe as probe
from ikev1.esp.xfrm.requests import Xfrm
from ikev1.esp.xfrm.shared_addresses import SharedAddresses
from ikev1.esp.xfrm.sockets import bypass_policies, take_esp
from ikev1.esp.xfrm.spd import Spd
from ikev1.esp.xfrm.translate import Flows, protected_flows, shunted_flows, trap_flows, trap_templates

_VIRTUAL_ADDRESSES_ON = "lo"  # the kernel's ESP has no interface of its own


class KernelPlane:
    """A `ikev1.esp.plane.DataPlane` for Linux with CONFIG_XFRM_USER and CONFIG_INET_ESP; it needs CAP_NET_ADMIN.

    ``owner`` is the file that records which kernel state is its own (`ikev1.esp.xfrm.ownership_file`); each gateway of
    a machine needs a separate one. ``metric`` is that of its routes (`ikev1.esp.routes.metric_of`).

    Raises:
        PlaneError: netlink, routes or the file are not available.
    """

    def __init__(self, listener: Listener, owner: Path, metric: int = 0) -> None:
        with _failing_as("the kernel's data plane is not available"), ExitStack() as opened:
            self._owner = OwnershipFile(owner)
            opened.callback(self._owner.close)
            self._xfrm = Xfrm()
            opened.callback(self._xfrm.close)
            self._events = EventSocket()
            opened.callback(self._events.close)
            self._routes = Routes(metric)
            opened.callback(self._routes.close)
            self._exemptions = Exemptions(self._routes, metric)
            opened.callback(self._exemptions.close)
            self._interfaces = TunnelInterfaces(self._owner, metric)
            self._opened = opened.pop_all()
        self._shared = SharedAddresses(owner, listener)
        self._virtual = VirtualAddresses(_VIRTUAL_ADDRESSES_ON)
        self._listener = listener
        self._spd = Spd(self._xfrm, self._owner)
        self._guard = PolicySets(self._spd, self._routes, self._owner)
        self._pairs = Pairs(self._xfrm, self._guard, self._owner)
        self._traps: dict[tuple[str, str], Flows] = {}
        self._translator = EventTranslator(self._events, self._xfrm, self._pairs, self._guard, listener)
        self._adopted = False
        self._awaited: list[Flow] = []  # by packets of an earlier process
        self._before = statistics.read()

    @property
    def separates_clients(self) -> bool:
        return self._shared.possible

    def prepare_socket(self, udp: socket.socket, encapsulates: bool) -> None:
        self._shared.allow_port(udp.getsockname()[1])
        with _failing_as("cannot set up the socket"):
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
            bypass_policies(udp)
            if encapsulates:
                take_esp(udp)

    def allocate_spi(self, path: UdpPath, protocol: int) -> int:
        with _failing_as("cannot allocate an SPI"):
            return self._pairs.allocate(path, protocol)

    def adopt(self, children: Sequence[ChildSa]) -> frozenset[int]:
        with _failing_as("cannot take over the SAs and policies of an earlier process"):
            states = self._xfrm.states()
            self._spd.avoid(info.reqid for info in states)
            self._awaited = [flow_of(info.selector) for info in states if info.larval]
            survivors = [child for child in sorted(children, key=lambda child: child.created_at) if self._resume(child)]
            _remove_legacy(self._xfrm, self._routes, self._owner, self._pairs, self._spd)
            left = [note for note in self._owner.left if isinstance(note, AddressNote)]
            gone = [note for note in left if note.address not in self._virtual]
            for note in gone:
                self._virtual.remove(note.address)
            self._owner.strike(*gone)
            self._adopted = True
            # limits that were reached while nobody read the kernel's events
            self._translator.compare()
        return frozenset(child.inbound.spi for child in survivors)

    def install_inbound(self, child: ChildSa) -> int:
        with _failing_as("cannot install the inbound SA"):
            return self._pairs.install_inbound(self._shared.marked(child))

    def install_outbound(self, child: ChildSa) -> None:
        with _failing_as("cannot install the outbound SA"):
            marked = self._shared.marked(child)
            self._shared.guard(marked)
            self._pairs.install_outbound(marked)

    def remove(self, child: ChildSa) -> None:
        with _failing_as("cannot remove the SAs"):
            self._pairs.remove(child)
            self._shared.remove(child)

    def move(self, child: ChildSa) -> None:
        entry = self._pairs.get(child.inbound.spi)
        with _failing_as("cannot change the addresses of the SAs"):
            if entry is not None and entry.child.path != child.path:
                self._shared.moving(entry.child)
            marked = self._shared.marked(child) if entry is not None else child
            self._pairs.move(marked)
            if entry is not None and entry.sends:
                self._shared.guard(marked)

    def counters(self, child: ChildSa) -> Counters:
        with _failing_as("cannot read the counters of the SAs"):
            return self._pairs.counters(child)

    def drops(self) -> Drops:
        """The drops of this network namespace, including those of other programs."""
        now = statistics.read()

        def since(name: str) -> int:
            return now.get(name, 0) - self._before.get(name, 0)

        return Drops(
            unknown_spi=since("XfrmInNoStates"), no_policy=since("XfrmInNoPols"), trapped=since("XfrmOutNoStates")
        )

    def install_trap(self, trap: Trap) -> None:
        if not trap.remote_host:
            raise PlaneError("a trap requires a peer with a known address")
        self.remove_trap(trap.connection, trap.tunnel)
        flows, key = trap_flows(trap), (trap.connection, trap.tunnel)
        with _failing_as("cannot install the trap"):
            templates = trap_templates(trap, self._guard.reqid(flows))
            peer = trap.remote_host if trap.mode is IpsecMode.TUNNEL else ""
            self._guard.attach(flows, key, Bearer(*templates, peer, trap=True))
        self._traps[key] = flows
        # a packet that the kernel asked an SA for, while no gateway read its events or of one that has ended meanwhile
        asked = next((flow for flow in self._awaited if matches(flow, trap.local, trap.remote)), None)
        if asked is not None:
            self._awaited.remove(asked)
            self._listener(Acquire(*key, str(asked)))

    def remove_trap(self, connection: str, tunnel: str) -> None:
        flows = self._traps.pop((connection, tunnel), None)
        if flows is not None:
            with _failing_as("cannot remove the trap"):
                self._guard.detach(flows, (connection, tunnel))

    def protect(self, traffic: Collection[Protected]) -> None:
        """A policy of another program for the same packets stays, and is reported; the rest is protected.

        Until the first call after `adopt`, the policies of an earlier process stay in place.
        """
        with _failing_as("cannot block clear traffic of tunnels"):
            others = self._shared.protect(traffic)
            foreign = self._guard.protect([protected_flows(entry) for entry in others])
            if self._adopted:
                self._spd.settle()
        if foreign:
            raise PlaneError(
                f"another program has IPsec policies for traffic of tunnels ({foreign}), which is not protected: see "
                "`ip xfrm policy`; all other traffic is protected"
            )

    def shunt(self, traffic: Collection[Shunted]) -> None:
        """A policy of another program for the same packets stays, and is reported; the rest is in force."""
        passing, dropping = (
            [shunted_flows(entry) for entry in traffic if entry.drops is drops] for drops in (False, True)
        )
        self._exemptions.change([(flows.local, flows.remote) for flows in passing])
        with _failing_as("cannot install policies for traffic without tunnels"):
            foreign = self._guard.shunt(passing, dropping)
        if foreign:
            raise PlaneError(
                f"another program has IPsec policies for traffic of shunts ({foreign}): see `ip xfrm policy`; all "
                "others are in force"
            )

    def interfaces(self, wanted: Collection[RoutedInterface]) -> None:
        with _failing_as("cannot make interfaces for tunnels"):
            self._interfaces.change(wanted)

    def receive(self, packets: Iterable[bytes | memoryview], path: UdpPath) -> None:
        """Does nothing: the kernel receives ESP from the sockets that `prepare_socket` has configured."""

    def readers(self) -> Sequence[Reader]:
        own = [(self._events.fileno(), self._read_events), (self._routes.fileno(), self._read_news)]
        return [*own, *self._shared.readers()]

    def follow(self) -> None:
        self._routes.follow()
        self._exemptions.follow()
        self._interfaces.follow()

    def addresses(self) -> frozenset[str]:
        return self._routes.addresses()

    def hold_address(self, address: str, reach: Reach = EVERYTHING) -> None:
        note, is_new = AddressNote(address), address not in self._virtual
        with _failing_as("cannot route the traffic of a virtual address"):
            self._guard.confine(address, reach)
        try:
            if note in self._owner.left:
                self._virtual.remove(address)  # of an earlier process
            self._owner.note(note)
            self._virtual.hold(address)
        except (OSError, PlaneError):
            if is_new:
                self._guard.confine(address, None)
            raise
        finally:
            if address not in self._virtual:
                self._owner.strike(note)

    def release_address(self, address: str) -> None:
        with _failing_as("cannot route the traffic of a virtual address"):
            self._guard.confine(address, None)
        if address in self._virtual:
            self._virtual.release(address)
            self._owner.strike(AddressNote(address))

    def close(self, *, keep_protected: bool = False) -> None:
        # what cannot be removed stays in the ownership file
        if not keep_protected:
            with suppress(PlaneError):
                self.protect(())
            with suppress(PlaneError):
                self.shunt(())
        for connection, tunnel in tuple(self._traps):
            with suppress(PlaneError):
                self.remove_trap(connection, tunnel)
        for entry in self._pairs:
            with suppress(PlaneError):
                self.remove(entry.child)
        with suppress(OSError):
            self._guard.close()
        with suppress(PlaneError):
            self._shared.close(keep_protected=keep_protected)
        for address in self._virtual.all():
            self.release_address(address)
        with suppress(PlaneError):
            self._interfaces.close(keep=keep_protected)
        self._opened.close()

    def _resume(self, child: ChildSa) -> bool:
        marked = self._shared.marked(child)
        resumed = self._pairs.resume(marked)
        if resumed:
            self._shared.guard(marked)
        else:
            self._shared.remove(child)
        return resumed

    def _read_news(self) -> None:
        if self._routes.changed():
            self._listener(NetworkChanged())

    def _read_events(self) -> None:
        with _failing_as("cannot read the kernel's events"):
            self._translator.read()


@contextmanager
def _failing_as(what: str) -> Iterator[None]:
    """Raise OSErrors as PlaneErrors that say which operation failed."""
    try:
        yield
    except OSError as error:
        raise PlaneError(f"{what}: {error.strerror or error}") from error


def _remove_legacy(xfrm: Xfrm, routes: Routes, owner: OwnershipFile, pairs: Pairs, spd: Spd) -> None:
    """Remove what ``owner`` listed when it was opened, and neither ``pairs`` nor ``spd`` took over.

    Only what has the recorded reqid is removed: another program may have added the same since. First the packets of the
    policies are dropped (`Spd.hold`), because they would wait for SAs otherwise; `Spd.settle` ends that.

    Raises:
        OSError: the kernel refused.
    """
    spd.hold()
    states = [note for note in owner.left if isinstance(note, StateNote) and not pairs.of_state(unmarked(note.id))]
    for state in states:
        found = xfrm.find(state.id)
        if found is not None and found.reqid == state.reqid:
            xfrm.delete(state.id)
    ways = [note for note in owner.left if isinstance(note, RouteNote) and not routes.routed(note.network)]
    for way in ways:
        routes.forget(way.network)
    if ways:
        routes.tidy()
    owner.strike(*states, *ways)
