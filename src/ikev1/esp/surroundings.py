"""What the userspace data plane uses of the host: the TUN device, raw sockets, routes, addresses and the packet filter.

`of_host` opens all of it in the network namespace of this process, which requires privileges. `ikev1.esp.confined` is
the alternative for a process that has none.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import NamedTuple, Protocol

from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.esp.clear_traffic import ClearTrafficFilter, Traffic
from ikev1.esp.device_routes import DeviceRoutes
from ikev1.esp.plane import Listener, Reader
from ikev1.esp.raw_sockets import RawSockets, Receive
from ikev1.esp.reach import Reach
from ikev1.esp.routes import MARK
from ikev1.esp.tun import Tun
from ikev1.esp.virtual_addresses import VirtualAddresses

_SOCKET_BUFFER = 4 << 20  # octets
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33  # <asm-generic/socket.h>


class EspSockets(Protocol):
    """As `RawSockets`; not ``available`` if ESP is sent in UDP only."""

    available: bool

    def send(self, path: UdpPath, packets: Sequence[bytes | memoryview]) -> int:
        """As `RawSockets.send`."""

    def readers(self) -> Sequence[Reader]:
        """As `RawSockets.readers`."""


class TunnelRoutes(Protocol):
    """As `DeviceRoutes`."""

    def hold(self, key: Hashable, mode: IpsecMode, local: Selector, remote: Selector, mtu: int) -> None:
        """As `DeviceRoutes.hold`."""

    def release(self, key: Hashable) -> None:
        """As `DeviceRoutes.release`."""

    def confine(self, address: str, reach: Reach | None) -> None:
        """As `DeviceRoutes.confine`."""

    def exempt(self, traffic: Collection[Traffic]) -> None:
        """As `DeviceRoutes.exempt`."""

    def sweep(self) -> None:
        """As `DeviceRoutes.sweep`."""

    def follow(self) -> None:
        """As `DeviceRoutes.follow`."""

    def addresses(self) -> frozenset[str]:
        """As `DeviceRoutes.addresses`."""

    def changed(self) -> bool:
        """As `DeviceRoutes.changed`."""

    def fileno(self) -> int:
        """As `DeviceRoutes.fileno`."""


class HeldAddresses(Protocol):
    """As `VirtualAddresses`."""

    def hold(self, address: str) -> None:
        """As `VirtualAddresses.hold`."""

    def release(self, address: str) -> None:
        """As `VirtualAddresses.release`."""


class ClearTrafficGuard(Protocol):
    """As `ClearTrafficFilter`."""

    def allow_port(self, port: int) -> None:
        """As `ClearTrafficFilter.allow_port`."""

    def change(self, wanted: Mapping[Hashable, Collection[Traffic]]) -> None:
        """As `ClearTrafficFilter.change`."""

    def shunt(self, passing: Collection[Traffic], dropping: Collection[Traffic]) -> None:
        """As `ClearTrafficFilter.shunt`."""

    def dropped(self) -> tuple[int, int]:
        """As `ClearTrafficFilter.dropped`."""

    def readers(self) -> Sequence[Reader]:
        """As `ClearTrafficFilter.readers`."""

    def close(self, *, keep: bool) -> None:
        """As `ClearTrafficFilter.close`."""


class Surroundings(NamedTuple):
    """The parts, open. ``close`` releases all but ``guard``; ``prepare`` sets up a UDP socket that carries ESP."""

    tun: Tun
    raw: EspSockets
    routes: TunnelRoutes
    addresses: HeldAddresses
    guard: ClearTrafficGuard
    prepare: Callable[[socket.socket], None]
    close: Callable[[], None]
    readers: Sequence[Reader] = ()  # beside those of the parts


MakeSurroundings = Callable[[Receive, Listener], Surroundings]


def of_host(device: str, path_mtu: int, receive: Receive, listener: Listener) -> Surroundings:
    """Open the parts in the network namespace of this process. ``receive`` gets the ESP packets of raw sockets.

    Raises:
        PlaneError: the device, routes or sockets are not available.
    """
    with ExitStack() as opened:
        tun = Tun(device)
        opened.callback(tun.close)
        raw = RawSockets(receive, _prepare)
        opened.callback(raw.close)
        routes = DeviceRoutes(tun.name, path_mtu)
        opened.callback(routes.close)
        addresses = VirtualAddresses(tun.name)
        guard = ClearTrafficFilter(tun.name, MARK, listener)
        return Surroundings(tun, raw, routes, addresses, guard, _prepare, opened.pop_all().close)


def _prepare(sender: socket.socket) -> None:
    """Mark a socket, so that the tunnels' routes do not apply to it, and enlarge its buffers."""
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
    enlarge_buffers(sender)


def enlarge_buffers(sender: socket.socket) -> None:
    """Make room for bursts of ESP packets in both directions."""
    for limited, forced in ((socket.SO_RCVBUF, _SO_RCVBUFFORCE), (socket.SO_SNDBUF, _SO_SNDBUFFORCE)):
        sender.setsockopt(socket.SOL_SOCKET, limited, _SOCKET_BUFFER)
        with suppress(PermissionError):  # only the machine's own root may go beyond net.core.rmem_max
            sender.setsockopt(socket.SOL_SOCKET, forced, _SOCKET_BUFFER)
