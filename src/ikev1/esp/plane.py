"""The interface between the daemon and the data plane, which carries the packets of IPsec SAs (RFC 4301).

It has two backends. The user-space backend does everything itself, over a TUN device. The kernel backend (XFRM)
translates the calls to netlink, and supports all protocols. Calls have records of the core as arguments, and the plane
reports `PlaneEvent` values. A plane does not use asyncio: it returns its file descriptors, and the daemon's loop calls
it when one is readable.

| call             | userspace                                    | kernel                                     |
|------------------|----------------------------------------------|--------------------------------------------|
| prepare_socket   | a mark: its packets do not use our routes    | UDP_ENCAP, and a policy that bypasses ESP  |
| allocate_spi     | a random number                              | a reservation in the kernel's table        |
| adopt            | no pair outlives the process                 | keeps known state, removes other state     |
| install_inbound  | an entry by SPI                              | an SA                                      |
| install_outbound | an entry by selectors, routes to the device  | an SA, policies                            |
| install_trap     | routes to the device, an entry without SA    | policies without SA                        |
| protect          | rules of a packet filter, routes             | policies that block                        |
| shunt            | rules of routing and of a packet filter      | policies that let pass or block, rules     |
| interfaces       | refused                                      | XFRM interfaces or VTIs, and their routes  |
| follow           | routes to the device, their sources          | routes to the peers, their sources         |
| receive          | ESP that the daemon's UDP sockets received   | never called: the kernel processes it      |
| PlaneEvent       | reported while a packet is processed         | messages of a netlink socket in `readers`  |
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

from ikev1.core.records.child_sa import ChildSa, IpsecMode, PacketMarks
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import InterfaceKind
from ikev1.errors import LocalError
from ikev1.esp.reach import EVERYTHING, Reach
from ikev1.wire.registry import ProtocolId


class PlaneError(LocalError):
    """The data plane cannot do what was requested: for example, a TUN device, a privilege or the suite is missing."""

    code = "data-plane"


class Counters(NamedTuple):
    """The packets that one pair of IPsec SAs has carried and refused since it was installed.

    Octets are those of the inner packets. ``idle_in`` and ``idle_out`` are seconds since the last packet, None before
    the first one. Counts that a backend does not have are 0.
    """

    bytes_in: int = 0
    packets_in: int = 0
    bytes_out: int = 0
    packets_out: int = 0
    idle_in: float | None = None
    idle_out: float | None = None
    replays: int = 0  # RFC 4303 §3.4.3: seen before, or older than the window
    integrity_failures: int = 0  # RFC 4303 §3.4.4: the ICV is wrong
    malformed: int = 0  # authentic, but its padding or inner packet is not what RFC 4303 §2.4 and §2.6 say
    selector_drops: int = 0  # RFC 4301 §5.2 step 4: authentic, but outside the negotiated networks
    dummies: int = 0  # RFC 4303 §2.6: next header 59, sent to hide the amount of traffic
    refused_out: int = 0  # not sent: sequence numbers or kilobytes are used up
    unsent: int = 0  # not accepted by the network


class Drops(NamedTuple):
    """The dropped packets that belong to no pair of IPsec SAs."""

    unknown_spi: int = 0  # RFC 4303 §3.4.2: no SA, or too short to name one
    no_policy: int = 0  # routed to us, but the selectors of no tunnel match
    trapped: int = 0  # a trap matched, and its queue was full
    unprotected_in: int = 0  # RFC 4301 §5.2: received in the clear, but protected by a tunnel
    unprotected_out: int = 0  # RFC 4301 §5.1: would have been sent in the clear, but protected by a tunnel


class Trap(NamedTuple):
    """A tunnel that is brought up by its first packet.

    It includes what will be negotiated, because the kernel needs a template. ``local_host`` and ``remote_host`` are
    addresses in text, empty if not known yet; the kernel needs the remote one.
    """

    connection: str
    tunnel: str
    local: Selector
    remote: Selector
    local_host: str = ""
    remote_host: str = ""
    mode: IpsecMode = IpsecMode.TUNNEL
    protocol: int = ProtocolId.ESP  # or AH
    compress: bool = False
    marks: PacketMarks = PacketMarks()


class Protected(NamedTuple):
    """Traffic that is neither sent nor accepted unprotected (RFC 4301 §4.4.1, PROTECT). Neither selector is dynamic."""

    connection: str
    tunnel: str
    local: Selector
    remote: Selector
    marks: PacketMarks = PacketMarks()
    mode: IpsecMode = IpsecMode.TUNNEL


class Shunted(NamedTuple):
    """Traffic without IPsec SAs: exempt from all tunnels, or dropped unless a tunnel carries it. Neither selector is
    dynamic.
    """

    local: Selector
    remote: Selector
    drops: bool = False


class RoutedInterface(NamedTuple):
    """An interface for packets of tunnels. ``number`` is the interface ID or the mark of their policies; ``addresses``
    have a prefix length, and ``routes`` are networks, in text. A VTI is for the peers at ``local_host`` and
    ``remote_host``, empty for any.
    """

    name: str
    kind: InterfaceKind
    number: int
    addresses: tuple[str, ...]
    mtu: int
    routes: tuple[str, ...]
    local_host: str = ""
    remote_host: str = ""


class RekeyNeeded(NamedTuple):
    """A pair has reached a soft limit and should be replaced. Reported once for each pair."""

    child: ChildSa
    reason: str


class Expired(NamedTuple):
    """A pair has reached a hard limit and does not send any more. Reported once for each pair."""

    child: ChildSa
    reason: str


class Acquire(NamedTuple):
    """A packet matches the trap of ``tunnel`` of ``connection``, which has to be brought up. ``packet`` describes the
    packet, for the log.

    Reported again while packets still match, in user space at most once a second; the listener limits its attempts.
    """

    connection: str
    tunnel: str
    packet: str


class PeerMoved(NamedTuple):
    """An authentic packet, newer than all before it, was received on ``path``, which differs from the path of the pair.

    The plane continues to send on the path of the pair until `DataPlane.move`.
    """

    child: ChildSa
    path: UdpPath


class PeerSends(NamedTuple):
    """The first authentic packet was received with a pair that does not send yet, so the peer can receive with it, too.

    Reported once for each pair. Without this event, the pair sends some seconds later.
    """

    child: ChildSa


class PacketsWait(NamedTuple):
    """Packets that matched a trap wait for ``child``, which has just begun to send. The peer may install the pair a
    moment later, after it has processed our last message: the listener calls ``release`` then.
    """

    child: ChildSa
    release: Callable[[], None]


class UnknownSpi(NamedTuple):
    """Several ESP packets with an SPI that no pair has were received on ``path``: the sender has a pair that does not
    exist here any more. Reported once in several seconds, and only by a plane that sees such packets.
    """

    spi: int
    path: UdpPath


class Unguarded(NamedTuple):
    """Protected traffic could pass unprotected, or still can; ``reason`` is text."""

    reason: str


class NetworkChanged(NamedTuple):
    """Links, addresses, routes or rules of this host may have changed: see `DataPlane.follow`."""


PlaneEvent = (
    RekeyNeeded | Expired | Acquire | PeerMoved | PeerSends | PacketsWait | UnknownSpi | Unguarded | NetworkChanged
)
Listener = Callable[[PlaneEvent], None]

# Sends each of the packets as a separate UDP datagram, in order, from the daemon's socket for ``path``. Packets that
# the socket does not accept are lost, as on any network. Returns the number of these. Runs of packets of equal size are
# sent by one system call (`ikev1.esp.segments`).
SendUdp = Callable[[UdpPath, Sequence[bytes | memoryview]], int]

# A file descriptor, and the function to call when it is readable, which reads a bounded number of packets. It raises
# `PlaneError` if the plane does not work any more (its device was deleted); the caller then stops watching it.
Reader = tuple[int, Callable[[], None]]


class DataPlane(Protocol):
    """The interface of a data plane. Pairs of IPsec SAs are identified by ``child.inbound.spi``.

    Every method may raise `PlaneError`; a method that raises has changed nothing.
    """

    @property
    def separates_clients(self) -> bool:
        """Whether it distinguishes pairs with `ChildSa.shares_address` and the same selectors, so that answers of local
        programs are sent to the peer that asked.
        """

    def prepare_socket(self, udp: socket.socket, encapsulates: bool) -> None:
        """Set up one of the daemon's UDP sockets, bound but not used yet; ``encapsulates`` if it also receives ESP.

        Packets of the socket are exempt from the tunnels, even if the remote network of a tunnel contains the peer.
        """

    def allocate_spi(self, path: UdpPath, protocol: int) -> int:
        """Allocate an unused inbound SPI for the peer of ``path``; for IPComp (RFC 3173), a CPI.

        ``protocol`` is a `ikev1.wire.registry.ProtocolId`: ESP, AH or IPCOMP. The number is reserved for at least 30
        seconds, and is free again if no pair is installed with it.
        """

    def adopt(self, children: Sequence[ChildSa]) -> frozenset[int]:
        """Take over or remove the state of an earlier process. Called once, before anything is installed.

        Pairs of ``children`` of which both directions still work are taken over, as if they had been installed by this
        process; all other state of this gateway is removed. Returns the inbound SPIs of the pairs taken over.
        """

    def install_inbound(self, child: ChildSa) -> int:
        """Receive with ``child.inbound``, beside all older pairs (RFC 4301 §4.4.2: inbound SAs are found by SPI).
        Returns the reqid of the pair in the kernel, 0 if the kernel does not carry it.
        """

    def install_outbound(self, child: ChildSa) -> None:
        """Send packets that match the selectors with ``child.outbound``, in place of older pairs with equal selectors.

        An older pair is used again if this one is removed first. A pair that was removed, or that another process has
        used, must not be installed again, because its sequence numbers would restart (RFC 4303 §3.3.3). After a
        restart, pairs that `adopt` did not return have to be rekeyed.
        """

    def remove(self, child: ChildSa) -> None:
        """Remove both directions. An unknown pair is not an error."""

    def move(self, child: ChildSa) -> None:
        """Send on ``child.path``. Keys and sequence numbers are kept; ``child`` need not include the keys."""

    def counters(self, child: ChildSa) -> Counters:
        """The counters of the pair; all zero for an unknown one."""

    def drops(self) -> Drops:
        """The drops that belong to no pair."""

    def install_trap(self, trap: Trap) -> None:
        """Route the networks to the plane, and report `Acquire` for a packet that matches no pair.

        This replaces an earlier trap of the same tunnel. In user space, the first packets are queued and sent once a
        pair with matching selectors sends; the kernel drops them unless ``net.core.xfrm_larval_drop`` is 0.
        """

    def remove_trap(self, connection: str, tunnel: str) -> None:
        """Remove the trap. An unknown one is not an error."""

    def protect(self, traffic: Collection[Protected]) -> None:
        """Neither send nor accept this traffic unprotected, whether or not a pair carries it (RFC 4301 §5.1, §5.2).
        This replaces the traffic of an earlier call.

        The traffic of installed pairs is protected in any case. The protection remains if the process is killed; the
        next one takes it over with its first call, after `adopt`.
        """

    def shunt(self, traffic: Collection[Shunted]) -> None:
        """Exempt this traffic from all tunnels, or drop it unless a tunnel carries it (RFC 4301 §4.4.1, BYPASS and
        DISCARD). This replaces the traffic of an earlier call; what is called first after `adopt` precedes `protect`.
        """

    def interfaces(self, wanted: Collection[RoutedInterface]) -> None:
        """Have exactly these interfaces, with their addresses and routes. This replaces those of an earlier call, and
        those of an earlier process if it is the first one after `adopt`.
        """

    def follow(self) -> None:
        """Update the routes into the tunnels for the current links, addresses and routes of this host.

        The daemon calls it after `NetworkChanged`.
        """

    def addresses(self) -> frozenset[str]:
        """The addresses of this host from which packets can be sent, in text and without scope."""

    def hold_address(self, address: str, reach: Reach = EVERYTHING) -> None:
        """Add a virtual address to this host: the source of its packets into the tunnels that carry the address.
        ``reach`` says what is routed into these; another call for the same address replaces it.

        Called before `adopt` for the addresses of an earlier process that this one needs as well.
        """

    def release_address(self, address: str) -> None:
        """Remove a virtual address. An unknown one is not an error."""

    def receive(self, packets: Iterable[bytes | memoryview], path: UdpPath) -> None:
        """Process ESP packets that were received in UDP on ``path`` (RFC 3948 §2.1). A
        `ikev1.esp.segments.Run` of one SPI is processed faster.
        """

    def readers(self) -> Sequence[Reader]:
        """The file descriptors to watch, for as long as the plane is open."""

    def close(self, *, keep_protected: bool = False) -> None:
        """Release devices, routes and sockets. The plane cannot be used afterwards.

        With ``keep_protected``, the traffic of `protect` stays protected, until another plane changes that.
        """
