"""The choice of the data plane: the kernel or this process, by the configuration and the kernel's features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ikev1.config import GatewayOptions
from ikev1.core.records.child_sa import IpsecSuite
from ikev1.core.records.settings import Settings
from ikev1.esp.clear_traffic import forget as forget_guard
from ikev1.esp.kernel import KernelPlane, probe
from ikev1.esp.plane import DataPlane, Listener, PlaneError, SendUdp
from ikev1.esp.routes import metric_of

MakePlane = Callable[[Listener, SendUdp], DataPlane]


class PlaneChoice(NamedTuple):
    """A data plane, why it was chosen, and how to make it.

    A ``confined`` one carries the packets of another network namespace: no route, address or name server of this host
    is to be changed for its tunnels.
    """

    name: str
    reason: str
    make: MakePlane
    device: str = ""  # that all packets pass through; empty with the kernel's, and where it is in another namespace
    confined: bool = False

    @property
    def kernel(self) -> bool:
        """Whether the kernel carries the packets."""
        return self.name == "kernel"


def choose(options: GatewayOptions, missing: Callable[[], str] = probe) -> PlaneChoice:
    """The data plane that ``options`` select; ``missing`` returns what the kernel lacks, empty if nothing.

    Raises:
        PlaneError: ``data_plane`` is ``kernel``, and the kernel does not support IPsec or denies it.
    """
    if options.data_plane == "userspace":
        return _userspace(options, "as configured")
    lacks = missing()
    if not lacks:
        return _kernel(options, "the kernel supports ESP and this process may configure it")
    if options.data_plane == "kernel":
        raise PlaneError(f'data_plane = "kernel" is not possible: {lacks}; "auto" falls back to ESP in userspace')
    return _userspace(options, lacks)


def _userspace(options: GatewayOptions, reason: str) -> PlaneChoice:
    def make(listener: Listener, send_udp: SendUdp) -> DataPlane:
        from ikev1.esp.userspace import UserspacePlane  # not above: the kernel's plane does not need NumPy

        return UserspacePlane(listener, send_udp, device=options.tun)

    return PlaneChoice("userspace", reason, make, options.tun)


def forget_kernel(options: GatewayOptions) -> bool:
    """Remove the SAs and policies that an earlier gateway left in the kernel; whether there were any.

    Raises:
        PlaneError: they may remain, and intercept packets of this process.
    """
    owner = _owner(options)
    if not owner.exists():
        return False
    plane = KernelPlane(lambda event: None, owner, metric_of(options.tun))
    try:
        plane.adopt(())
    finally:
        plane.close()
    return True


def forget_userspace(options: GatewayOptions) -> bool:
    """Remove the packet filter of an earlier gateway that ran the userspace plane; whether there was any.

    Raises:
        PlaneError: it may remain, and drop packets that the kernel has decrypted.
    """
    return forget_guard(options.tun)


def suites_lacking(settings: Settings, missing: Callable[[IpsecSuite], str] = probe) -> list[str]:
    """The proposed suites that the kernel does not support, a line for each.

    Each suite is tried, so that the kernel loads its modules now and not while a peer waits.
    """
    proposed: dict[IpsecSuite, str] = {}
    for connection in settings.connections:
        for tunnel in connection.tunnels:
            for proposal in tunnel.proposals:
                proposed.setdefault(proposal.suite, f"{connection.name}/{tunnel.name}")
    found = ((tunnel, missing(suite)) for suite, tunnel in proposed.items())
    return [f"{tunnel} proposes a suite that the kernel does not support: {lacks}" for tunnel, lacks in found if lacks]


def _owner(options: GatewayOptions) -> Path:
    return Path(f"{options.control}.kernel")


def _kernel(options: GatewayOptions, reason: str) -> PlaneChoice:
    owner = _owner(options)

    def make(listener: Listener, _: SendUdp) -> DataPlane:
        owner.parent.mkdir(parents=True, exist_ok=True)
        return KernelPlane(listener, owner, metric_of(options.tun))

    return PlaneChoice("kernel", reason, make)
