"""The surroundings of a userspace data plane whose TUN device is in another network namespace.

Nothing of this host's network is changed: its routes, addresses and packet filter stay as they are, and no privilege is
required. A process in the other namespace has the device, and receives routes and addresses (`OtherSide`). It has no
other way out, so its packets either match a tunnel or go nowhere, and nothing has to be blocked in the clear. ESP is
sent and received in UDP only (RFC 3948), by the daemon's sockets.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Hashable, Mapping, Sequence
from contextlib import ExitStack
from typing import Protocol

from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.esp.clear_traffic import Traffic
from ikev1.esp.host_network import HostNetwork
from ikev1.esp.plane import PlaneError, Reader
from ikev1.esp.reach import Reach
from ikev1.esp.surroundings import Surroundings, enlarge_buffers
from ikev1.esp.tun import Tun

_NO_TABLE, _NO_PORT = 0, -1  # no change of this host's routes is ours


class OtherSide(Protocol):
    """The process in the other namespace. Each method may raise `ikev1.esp.plane.PlaneError`."""

    def hold_route(self, number: int, mode: IpsecMode, local: Selector, remote: Selector, mtu: int) -> None:
        """As `ikev1.esp.device_routes.DeviceRoutes.hold`; ``number`` is the key."""

    def release_route(self, number: int) -> None:
        """As `ikev1.esp.device_routes.DeviceRoutes.release`."""

    def hold(self, address: str) -> None:
        """As `ikev1.esp.virtual_addresses.VirtualAddresses.hold`."""

    def release(self, address: str) -> None:
        """As `ikev1.esp.virtual_addresses.VirtualAddresses.release`."""


def confined(tun: Tun, other_side: OtherSide, readers: Sequence[Reader] = ()) -> Surroundings:
    """Surroundings around ``tun``, a device of the other namespace; they own it.

    Raises:
        ikev1.esp.plane.PlaneError: the kernel does not report addresses.
    """
    with ExitStack() as opened:
        opened.callback(tun.close)
        try:
            network = HostNetwork(_NO_TABLE, _NO_PORT)
            opened.callback(network.close)
        except OSError as error:
            raise PlaneError(f"the addresses of this host cannot be read: {error}") from error
        routes = ConfinedRoutes(network, other_side)
        close = opened.pop_all().close
        return Surroundings(tun, _NoRawSockets(), routes, other_side, _NoGuard(), enlarge_buffers, close, readers)


class ConfinedRoutes:
    """Routes in the other namespace; ``network`` is that of this one."""

    def __init__(self, network: HostNetwork, other_side: OtherSide) -> None:
        self.addresses = network.addresses
        self.changed = network.changed
        self.fileno = network.fileno
        self._other_side = other_side
        self._numbers: dict[Hashable, int] = {}
        self._unused = itertools.count(1)

    def hold(self, key: Hashable, mode: IpsecMode, local: Selector, remote: Selector, mtu: int) -> None:
        """Have the route added in the other namespace."""
        number = self._numbers.get(key) or next(self._unused)
        self._other_side.hold_route(number, mode, local, remote, mtu)
        self._numbers[key] = number

    def release(self, key: Hashable) -> None:
        """Have what ``key`` holds removed there."""
        number = self._numbers.pop(key, None)
        if number is not None:
            self._other_side.release_route(number)

    def confine(self, address: str, reach: Reach | None) -> None:
        """Nothing: programs there have no way out but the device, so all that they send is for the tunnels."""

    def exempt(self, traffic: Collection[Traffic]) -> None:
        """Nothing: what is sent there must not reach this host's network.

        Raises:
            PlaneError: some traffic is to be exempt.
        """
        if traffic:
            raise PlaneError("programs in a network namespace of their own have no way past the tunnels")

    def sweep(self) -> None:
        """Nothing, as `follow`."""

    def follow(self) -> None:
        """Nothing: no route of this host is ours."""


class _NoRawSockets:
    available = False

    def send(self, path: UdpPath, packets: Sequence[bytes | memoryview]) -> int:
        return len(packets)

    def readers(self) -> Sequence[Reader]:
        return ()


class _NoGuard:
    def allow_port(self, port: int) -> None:
        pass

    def change(self, wanted: Mapping[Hashable, Collection[Traffic]]) -> None:
        pass

    def shunt(self, passing: Collection[Traffic], dropping: Collection[Traffic]) -> None:
        pass

    def dropped(self) -> tuple[int, int]:
        return 0, 0

    def readers(self) -> Sequence[Reader]:
        return ()

    def close(self, *, keep: bool) -> None:
        pass
