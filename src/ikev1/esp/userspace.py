"""The data plane in userspace: a TUN device on one side, the daemon's UDP sockets and raw sockets on the other."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from functools import partial
from itertools import groupby

from ikev1.clock import since_boot
from ikev1.core.negotiation.ipsec_suite import kernel_only
from ikev1.core.records.child_sa import ChildSa, IpsecMode, IpsecSuite, PacketMarks
from ikev1.core.records.path import UdpPath
from ikev1.esp.clear_traffic import Traffic, traffic_of
from ikev1.esp.inner import TCP, InnerPacketError, decode, matches, parse
from ikev1.esp.mss import clamp_mss
from ikev1.esp.nat_clients import NatClients, redirected
from ikev1.esp.offload import Bundle, LongSegment, coalesce
from ikev1.esp.outbound_policies import OutboundPolicies, TrapQueue
from ikev1.esp.overhead import inner_mtu
from ikev1.esp.path_mtu import path_mtu
from ikev1.esp.plane import (
    Acquire,
    Counters,
    Drops,
    Listener,
    NetworkChanged,
    PacketsWait,
    PlaneError,
    Protected,
    Reader,
    RoutedInterface,
    SendUdp,
    Shunted,
    Trap,
    UnknownSpi,
)
from ikev1.esp.reach import EVERYTHING, Reach
from ikev1.esp.run_ciphers import FEWEST
from ikev1.esp.sa_pair import SaPair
from ikev1.esp.segments import Run
from ikev1.esp.surroundings import MakeSurroundings, of_host
from ikev1.esp.transforms import HEADER_SIZE, UnsupportedError
from ikev1.esp.transport_pair import TransportPair
from ikev1.esp.tunnel_pair import TunnelPair
from ikev1.esp.unknown_spis import UnknownSpis
from ikev1.wire.registry import ProtocolId

_BATCH = 64  # packets per call of a reader
_ACQUIRE_INTERVAL = 1.0  # seconds between two calls for the same tunnel
_LEAST_MTU = {4: 576, 6: 1280}
_RESERVED_SPIS = 256  # RFC 4303 §2.1: 1 to 255 are IANA's, 0 is for ourselves; RFC 3173 §3.3 says so of CPIs
_FIRST_PRIVATE_CPI = 61_440  # RFC 3173 §3.3


class UserspacePlane:
    """A `ikev1.esp.plane.DataPlane` that requires a TUN device, CAP_NET_ADMIN and CAP_NET_RAW, unless ``surroundings``
    does without them (`ikev1.esp.confined`).

    ``path_mtu`` is the largest outer packet in octets; the MTU of the first hop may lower it. The kernel builds the
    outer header for our sockets. Its traffic class is 0, so that no congestion mark is lost at decapsulation (RFC 3168
    §9.1.1, limited functionality); the kernel decrements the inner TTL when it forwards.

    Raises:
        PlaneError: the device, routes or sockets are not available.
    """

    def __init__(
        self,
        listener: Listener,
        send_udp: SendUdp,
        *,
        device: str = "ikev1",
        path_mtu: int = 1500,
        random: Callable[[int], bytes] = os.urandom,
        clock: Callable[[], float] = since_boot,
        surroundings: MakeSurroundings | None = None,
    ) -> None:
        self._listener = listener
        self._send_udp = send_udp
        self._path_mtu = path_mtu
        self._random = random
        self._clock = clock
        self._pairs: dict[int, SaPair] = {}  # by inbound SPI
        self._policies = OutboundPolicies()
        self._traps: dict[tuple[str, str], TrapQueue] = {}
        self._holding: dict[TrapQueue, None] = {}  # those in which packets wait
        self._protected: frozenset[Protected] = frozenset()
        self._exempt: list[Traffic] = []
        self._unknown_spi = self._no_policy = self._trapped = 0
        self._unknown = UnknownSpis()
        self._clients = NatClients()
        around = (surroundings or partial(of_host, device, path_mtu))(self.receive, listener)
        self._around = around
        self._tun, self._raw, self._routes, self._guard = around.tun, around.raw, around.routes, around.guard

    @property
    def separates_clients(self) -> bool:
        return True

    def prepare_socket(self, udp: socket.socket, encapsulates: bool) -> None:
        self._around.prepare(udp)
        self._guard.allow_port(udp.getsockname()[1])

    def allocate_spi(self, path: UdpPath, protocol: int) -> int:
        end = _FIRST_PRIVATE_CPI if protocol == ProtocolId.IPCOMP else 2**32
        while True:
            spi = int.from_bytes(self._random(4)) % end
            if spi >= _RESERVED_SPIS and spi not in self._pairs:
                return spi

    def adopt(self, children: Sequence[ChildSa]) -> frozenset[int]:
        self._routes.sweep()
        return frozenset()

    def install_inbound(self, child: ChildSa) -> int:
        pair = self._pair(child)
        pair.receives = True
        if child.shares_address:
            self._clients.join(pair.child)
        return 0

    def install_outbound(self, child: ChildSa) -> None:
        pair = self._pair(child)
        if pair.sends:
            return
        self._routes.hold(pair, child.mode, child.locals[0], child.remote, pair.mtu)
        pair.sends = True
        if child.shares_address:
            self._clients.add(pair)
        self._policies.add_pair(pair)
        self._guard.change({pair: traffic_of(child)})
        if not self._holding:
            return
        if child.initiator:
            self._listener(PacketsWait(child.without_keys(), self._release))
        else:  # the peer has installed the pair before it sent the message that had us do so
            self._release()

    def _release(self) -> None:
        """Send the packets that wait in traps. Those without a pair are queued again."""
        waiting = tuple(self._holding)
        self._holding.clear()
        for catch in waiting:
            self._send([packet] for packet in catch.release())

    def remove(self, child: ChildSa) -> None:
        pair = self._pairs.pop(child.inbound.spi, None)
        if pair is not None:
            if pair.child.shares_address:
                self._clients.remove(pair)
            self._policies.remove_pair(pair)
            self._routes.release(pair)
            self._guard.change({pair: ()})

    def move(self, child: ChildSa) -> None:
        pair = self._pairs.get(child.inbound.spi)
        if pair is None:
            return
        earlier = pair.mtu, pair.child.local, pair.child.remote
        if pair.child.shares_address:
            self._clients.moving(pair, child)
        if pair.sends and earlier[1:] != (child.local, child.remote):
            self._policies.remove_pair(pair)
        pair.move(child, self._mtu(child))
        if not pair.sends or earlier == (pair.mtu, child.local, child.remote):
            return
        if earlier[1:] != (child.local, child.remote):
            self._policies.add_pair(pair)
            self._guard.change({pair: traffic_of(child)})
        self._routes.hold(pair, child.mode, child.locals[0], child.remote, pair.mtu)

    def counters(self, child: ChildSa) -> Counters:
        pair = self._pairs.get(child.inbound.spi)
        return pair.counters(self._clock()) if pair else Counters()

    def drops(self) -> Drops:
        return Drops(self._unknown_spi, self._no_policy, self._trapped, *self._guard.dropped())

    def install_trap(self, trap: Trap) -> None:
        _require_no_kernel_features(IpsecSuite(0, protocol=trap.protocol), trap.compress, trap.marks)
        self.remove_trap(trap.connection, trap.tunnel)
        catch = TrapQueue(trap)
        self._routes.hold(catch, trap.mode, trap.local, trap.remote, self._path_mtu)
        self._traps[trap.connection, trap.tunnel] = catch
        self._policies.add_trap(catch)

    def remove_trap(self, connection: str, tunnel: str) -> None:
        catch = self._traps.pop((connection, tunnel), None)
        if catch is not None:
            self._holding.pop(catch, None)
            self._policies.remove_trap(catch)
            self._routes.release(catch)

    def protect(self, traffic: Collection[Protected]) -> None:
        # marks and interface IDs tell packets apart that look alike here, and no tunnel with them comes up here
        wanted = frozenset(protected for protected in traffic if protected.marks == PacketMarks())
        changed: dict[Hashable, Collection[Traffic]] = dict.fromkeys(self._protected - wanted, ())
        changed |= {protected: [(protected.local, protected.remote)] for protected in wanted - self._protected}
        self._guard.change(changed)
        self._protected = wanted

    def shunt(self, traffic: Collection[Shunted]) -> None:
        passing, dropping = (
            [(entry.local, entry.remote) for entry in traffic if entry.drops is drops] for drops in (False, True)
        )
        self._routes.exempt(passing)
        self._guard.shunt(passing, dropping)
        self._exempt = passing

    def interfaces(self, wanted: Collection[RoutedInterface]) -> None:
        if wanted:
            names = ", ".join(interface.name for interface in wanted)
            raise PlaneError(f'interfaces of tunnels ({names}) require data_plane = "kernel"')

    def receive(self, packets: Iterable[bytes | memoryview], path: UdpPath) -> None:
        now = self._clock()
        if isinstance(packets, Run):
            pair = self._pairs.get(packets.spi)
            if pair is not None and not pair.child.shares_address:
                self._tun.write(pair.open_run(packets, path, now))
                return
        opened: list[bytes] = []
        for spi, run in groupby(packets, _spi):
            pair = self._pairs.get(spi)
            if pair is None:
                self._unknown_spi += sum(1 for _ in run)
                if spi and self._unknown.persists(spi, path, now):
                    self._listener(UnknownSpi(spi, path))
            elif pair.child.shares_address:
                opened += self._clients.inbound(pair, pair.open(run, path, now), now)
            else:
                opened += pair.open(run, path, now)
        self._tun.write(coalesce(opened))

    def readers(self) -> Sequence[Reader]:
        news = (self._routes.fileno(), self._read_news)
        around = self._around.readers
        return [(self._tun.fd, self._read_tun), news, *self._raw.readers(), *self._guard.readers(), *around]

    def follow(self) -> None:
        self._routes.follow()

    def addresses(self) -> frozenset[str]:
        return self._routes.addresses()

    def hold_address(self, address: str, reach: Reach = EVERYTHING) -> None:
        self._routes.confine(address, reach)
        try:
            self._around.addresses.hold(address)
        except PlaneError:
            self._routes.confine(address, None)
            raise

    def release_address(self, address: str) -> None:
        self._routes.confine(address, None)
        self._around.addresses.release(address)

    def close(self, *, keep_protected: bool = False) -> None:
        self._holding.clear()
        try:
            if keep_protected and self._pairs:
                self._guard.change(dict.fromkeys(self._pairs.values(), ()))
            self._guard.close(keep=keep_protected)
        finally:
            self._around.close()

    def _read_news(self) -> None:
        if self._routes.changed():
            self._listener(NetworkChanged())

    def _read_tun(self) -> None:
        self._send(self._tun.read(_BATCH))

    def _send(self, bundles: Iterable[Bundle]) -> None:
        """Encrypt and send bundles of IP packets with the pairs that their selectors match."""
        now = self._clock()
        batches: dict[SaPair, list[bytes]] = {}
        for bundle in bundles:
            try:
                flow, upper, _ = parse(bundle.packet if isinstance(bundle, LongSegment) else bundle[0])
            except InnerPacketError:
                self._no_policy += len(bundle)
                continue
            if self._exempt and any(matches(decode(flow), *traffic) for traffic in self._exempt):
                self._no_policy += len(bundle)  # a source address was chosen that was not known when it was routed
                continue
            target = self._policies.find(flow)
            if (isinstance(target, SaPair) and target.child.shares_address) or self._clients.knows(flow):
                answer = self._clients.outbound(flow, now)
                target = answer.pair if answer is not None else None
                if answer is not None and answer.port is not None:
                    bundle = [redirected(packet, answer.port) for packet in bundle]
            if target is None:
                self._no_policy += len(bundle)
            elif not isinstance(target, SaPair):
                self._catch(target, bundle, flow, now)
            elif isinstance(bundle, LongSegment) and bundle.whole >= FEWEST:
                self._transmit(target, target.seal(batches.pop(target, ()), now))
                self._transmit(target, target.seal_long(bundle, now))
            else:
                if flow[0] == TCP and upper and isinstance(bundle, list):  # a SYN is never one of many
                    bundle = [clamp_mss(packet, upper, target.mtu) for packet in bundle]
                batches.setdefault(target, []).extend(bundle)
        for pair, batch in batches.items():
            self._transmit(pair, pair.seal(batch, now))

    def _transmit(self, pair: SaPair, sealed: Sequence[bytes | memoryview]) -> None:
        if sealed:
            send = self._send_udp if pair.child.udp_encapsulation else self._raw.send
            pair.count_unsent(send(pair.child.path, sealed))

    def _catch(self, catch: TrapQueue, packets: Iterable[bytes], flow: bytes, now: float) -> None:
        self._holding[catch] = None
        self._trapped += sum(not catch.hold(packet) for packet in packets)
        if catch.due(now, _ACQUIRE_INTERVAL):
            self._listener(Acquire(catch.trap.connection, catch.trap.tunnel, str(decode(flow))))

    def _pair(self, child: ChildSa) -> SaPair:
        pair = self._pairs.get(child.inbound.spi)
        if pair is None:
            if not child.udp_encapsulation and not self._raw.available:
                raise PlaneError("ESP without UDP requires a raw socket, which this process may not open (CAP_NET_RAW)")
            compressed = child.compression is not None
            _require_no_kernel_features(child.suite, compressed, child.marks)
            kind = TunnelPair if child.mode is IpsecMode.TUNNEL else TransportPair
            try:
                pair = kind(child, self._mtu(child), self._random, self._listener)
            except UnsupportedError as error:
                raise PlaneError(str(error)) from error
            self._pairs[child.inbound.spi] = pair
        return pair

    def _mtu(self, child: ChildSa) -> int:
        least = _LEAST_MTU[child.local.version]
        return max(least, inner_mtu(child, path_mtu(child.path.remote_host, self._path_mtu)))


def _require_no_kernel_features(suite: IpsecSuite, compressed: bool, marks: PacketMarks) -> None:
    missing = kernel_only((suite,), compressed, marks)
    if missing:
        raise PlaneError(f'the userspace data plane does not support {missing}: use data_plane = "kernel"')


def _spi(packet: bytes | memoryview) -> int:
    """The SPI; 0, which no SA has (RFC 4303 §2.1), if the packet is too short for an ESP header."""
    return int.from_bytes(packet[:4]) if len(packet) >= HEADER_SIZE else 0
