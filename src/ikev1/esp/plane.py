"""The data plane as the daemon sees it: who carries the packets of the second tunnel (RFC 4301).

One interface, two backends. Userspace ESP over a TUN device does everything itself; the kernel's (XFRM) hands the same
calls to netlink, and has all protocols. Calls go down as records of the core, what the
plane notices comes up as `PlaneEvent` values. A plane knows nothing of asyncio: it names its file descriptors, and the
daemon's loop calls back when one is readable.

| call             | userspace                                    | kernel                                     |
|------------------|----------------------------------------------|--------------------------------------------|
| prepare_socket   | marks the socket: its packets miss our routes | UDP_ENCAP, and a policy that bypasses ESP |
| allocate_spi     | a random number                              | a reservation in the kernel's table        |
| adopt            | no pair outlives the process                 | keeps what is known, removes what is not   |
| install_inbound  | an entry by SPI                              | an SA                                      |
| install_outbound | an entry by selectors, routes to the device  | an SA, policies                            |
| install_trap     | routes to the device, an entry without SA    | policies without SA                        |
| protect          | rules of a packet filter, routes             | policies that block                        |
| follow           | routes to the device, their sources          | routes to the peers, their sources         |
| receive          | ESP that the daemon's UDP sockets got        | never called: the kernel keeps it          |
| PlaneEvent       | noticed while a packet is handled            | messages of a netlink socket in `readers`  |
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from ikev1.core.records.child_sa import ChildSa, IpsecMode, PacketMarks
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.errors import LocalError
from ikev1.wire.registry import ProtocolId


class PlaneError(LocalError):
    """The data plane cannot do what it was asked: no TUN device, no privilege, a suite that it does not know."""

    code = "data-plane"


class Counters(NamedTuple):
    """What one pair of IPsec SAs has carried and refused since it was installed.

    Octets are those of the inner packets. ``idle_in`` and ``idle_out`` are seconds since the last packet, None before
    the first one. A backend that cannot tell a count leaves it 0.
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
    selector_drops: int = 0  # RFC 4301 §5.2 step 4: authentic, but not of the networks agreed upon
    dummies: int = 0  # RFC 4303 §2.6: next header 59, sent to hide how much traffic there is
    refused_out: int = 0  # not sent: sequence numbers or kilobytes are used up
    unsent: int = 0  # the network took them not


class Drops(NamedTuple):
    """Packets dropped that belong to no pair of IPsec SAs."""

    unknown_spi: int = 0  # RFC 4303 §3.4.2: no SA, or too short to name one
    no_policy: int = 0  # routed to us, but the selectors of no tunnel match
    trapped: int = 0  # a trap matched, and its queue was full
    unprotected_in: int = 0  # RFC 4301 §5.2: came in the clear, and a tunnel protects it
    unprotected_out: int = 0  # RFC 4301 §5.1: would have left in the clear, and a tunnel protects it


class Trap(NamedTuple):
    """A tunnel that comes up with its first packet.

    What it would negotiate stands in it, for a kernel wants to know what it waits for. ``local_host`` and
    ``remote_host`` are addresses in text, empty where they are not known yet; the kernel needs the remote one.
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
    """Traffic that only a tunnel may carry (RFC 4301 §4.4.1, PROTECT): unprotected it neither leaves nor comes in.

    Neither selector is dynamic.
    """

    connection: str
    tunnel: str
    local: Selector
    remote: Selector
    marks: PacketMarks = PacketMarks()
    mode: IpsecMode = IpsecMode.TUNNEL


class RekeyNeeded(NamedTuple):
    """A soft limit is reached: another pair should take over; said once for each pair."""

    child: ChildSa
    reason: str


class Expired(NamedTuple):
    """A hard limit is reached: the pair carries nothing outbound any more; said once for each pair."""

    child: ChildSa
    reason: str


class Acquire(NamedTuple):
    """A packet met a trap: bring up ``tunnel`` of ``connection``. ``packet`` says which, for a log line.

    Said again while packets still come, at most once a second in user space: a listener limits its attempts itself.
    """

    connection: str
    tunnel: str
    packet: str


class PeerMoved(NamedTuple):
    """An authentic packet, newer than any before it, came on ``path``, which is not where we send this pair's.

    The plane goes on sending to the old place until `DataPlane.move` says otherwise.
    """

    child: ChildSa
    path: UdpPath


class PeerSends(NamedTuple):
    """The first authentic packet came for a pair that does not send yet: the peer can receive with it, too.

    Said once for each pair, by a backend that can tell; without it, the pair sends some seconds later.
    """

    child: ChildSa


class PacketsWait(NamedTuple):
    """Packets that a trap has caught wait for ``child``, which has just begun to send. The peer may install it a moment
    later, when it has processed our last message: call ``release`` then.
    """

    child: ChildSa
    release: Callable[[], None]


class UnknownSpi(NamedTuple):
    """ESP packets keep coming on ``path`` with an SPI that no pair has: the sender has a pair that is not here any
    more. Said once in some seconds, and only by a plane that sees such packets.
    """

    spi: int
    path: UdpPath


class Unguarded(NamedTuple):
    """Protected traffic could pass unprotected, or still can; ``reason`` says which, and why."""

    reason: str


class NetworkChanged(NamedTuple):
    """Links, addresses, routes or rules of this host may have changed: see `DataPlane.follow`."""


PlaneEvent = (
    RekeyNeeded | Expired | Acquire | PeerMoved | PeerSends | PacketsWait | UnknownSpi | Unguarded | NetworkChanged
)
Listener = Callable[[PlaneEvent], None]

# Sends each of the packets as a UDP datagram of its own, in this order, from the daemon's socket that ``path`` names.
# Packets that the socket does not accept are lost, as on any network; returns how many were not sent.
# Runs of packets equal in size come together: `ikev1.esp.segments` sends them by one system call.
SendUdp = Callable[[UdpPath, Sequence[bytes]], int]

# A file descriptor, and what to call when it is readable; a call reads a bounded number of packets. It raises
# `PlaneError` when the plane can carry nothing any more (its device was deleted): then stop watching it.
Reader = tuple[int, Callable[[], None]]


class DataPlane(Protocol):
    """Carries packets for pairs of IPsec SAs, which are identified by ``child.inbound.spi``.

    Every method may raise `PlaneError`; a method that does has changed nothing.
    """

    @property
    def separates_clients(self) -> bool:
        """Whether it tells pairs apart whose `ChildSa.shares_address` and whose selectors are the same: what local
        programs answer goes to the peer that asked.
        """

    def prepare_socket(self, udp: socket.socket, encapsulates: bool) -> None:
        """Set up one of the daemon's UDP sockets, bound but not used yet; ``encapsulates`` if ESP comes on it, too.

        It keeps the socket's packets out of the tunnels, even where a tunnel's remote network holds the peer itself.
        """

    def allocate_spi(self, path: UdpPath, protocol: int) -> int:
        """An SPI for what the peer of ``path`` is to send us, unused by any other; for IPComp (RFC 3173) a CPI.

        ``protocol`` is a `ikev1.wire.registry.ProtocolId`: ESP, AH or IPCOMP. It stays reserved for half a minute at
        least, and is simply free again if no pair comes.
        """

    def adopt(self, children: Sequence[ChildSa]) -> frozenset[int]:
        """Called once, before anything is installed: take over or remove the state of an earlier process.

        Pairs of ``children`` whose both directions still work go on, as if they had been installed here; what else was
        ours is removed. Comes back: the inbound SPIs of those that go on.
        """

    def install_inbound(self, child: ChildSa) -> None:
        """Receive with ``child.inbound`` from now on, beside all older pairs (RFC 4301 §4.4.2: inbound goes by SPI)."""

    def install_outbound(self, child: ChildSa) -> None:
        """Send with ``child.outbound`` what the selectors match, in place of older pairs with the same selectors.

        An older pair takes over again if this one is removed first. Never install a pair twice that was removed, or
        that another process has used: its sequence numbers would begin anew (RFC 4303 §3.3.3). After a restart rekey
        those that `adopt` did not name.
        """

    def remove(self, child: ChildSa) -> None:
        """Forget both directions; a pair that is not there is no error."""

    def move(self, child: ChildSa) -> None:
        """Send on ``child.path`` from now on; keys and sequence numbers stay, and need not be in ``child``."""

    def counters(self, child: ChildSa) -> Counters:
        """The counters of the pair; all zero for an unknown one."""

    def drops(self) -> Drops:
        """The drops that belong to no pair."""

    def install_trap(self, trap: Trap) -> None:
        """Route the networks here, and say `Acquire` when a packet matches and no pair does.

        It replaces an earlier one of the same tunnel. In userspace the first few packets wait, and are sent once a pair
        comes whose selectors match; a kernel drops them unless ``net.core.xfrm_larval_drop`` is 0.
        """

    def remove_trap(self, connection: str, tunnel: str) -> None:
        """Take the trap away; one that is not there is no error."""

    def protect(self, traffic: Collection[Protected]) -> None:
        """Let this traffic pass through tunnels only, from now on, in place of what was named before: unprotected it
        neither leaves nor comes in, whether or not a pair carries it (RFC 4301 §5.1, §5.2).

        The traffic of installed pairs is protected in any case. What protects outlives a process that is killed; the
        next one takes it over with its first call, which comes after `adopt`.
        """

    def follow(self) -> None:
        """Update the routes into the tunnels for the current links, addresses and routes of this host.

        The daemon calls it after `NetworkChanged`.
        """

    def addresses(self) -> frozenset[str]:
        """The addresses of this host from which packets can be sent, in text and without scope."""

    def hold_address(self, address: str) -> None:
        """Give this host a virtual address: packets of its programs leave from it, into the tunnels that carry it.

        Called before `adopt` for the addresses that an earlier process had and this one needs as well.
        """

    def release_address(self, address: str) -> None:
        """Take a virtual address away; one that is not held is no error."""

    def receive(self, packets: Sequence[bytes | memoryview], path: UdpPath) -> None:
        """Take ESP packets, one to each item, that came in UDP on ``path`` (RFC 3948 §2.1)."""

    def readers(self) -> Sequence[Reader]:
        """The file descriptors to watch, for as long as the plane is open."""

    def close(self, *, keep_protected: bool = False) -> None:
        """Give back devices, routes and sockets; the plane is of no use afterwards.

        What `protect` named stays protected with ``keep_protected``, until another plane is told otherwise.
        """
