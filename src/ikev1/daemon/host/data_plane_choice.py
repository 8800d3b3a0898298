"""Who carries the packets: the kernel or this process, as the configuration asks and the machine allows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ikev1.config import GatewayOptions
from ikev1.core.records.model import IpsecSuite
from ikev1.core.records.settings import Settings
from ikev1.esp.clear_traffic import forget as forget_guard
from ikev1.esp.kernel import KernelPlane, probe
from ikev1.esp.plane import DataPlane, Listener, PlaneError, SendUdp

MakePlane = Callable[[Listener, SendUdp], DataPlane]


class PlaneChoice(NamedTuple):
    """A data plane, why it was chosen, and how to make it."""

    name: str
    reason: str
    make: MakePlane

    @property
    def kernel(self) -> bool:
        """Whether the kernel carries the packets."""
        return self.name == "kernel"


def choose(options: GatewayOptions, missing: Callable[[], str] = probe) -> PlaneChoice:
    """The data plane that ``options`` ask for; ``missing`` says what the kernel lacks, if anything.

    Raises:
        PlaneError: it has to be the kernel, and the kernel cannot.
    """
    if options.data_plane == "userspace":
        return _userspace(options, "as configured")
    lacks = missing()
    if not lacks:
        return _kernel(options, "it has ESP, and takes orders from us")
    if options.data_plane == "kernel":
        raise PlaneError(f'data_plane = "kernel" cannot be: {lacks}. With "auto" this process carries the packets')
    return _userspace(options, lacks)


def _userspace(options: GatewayOptions, reason: str) -> PlaneChoice:
    def make(listener: Listener, send_udp: SendUdp) -> DataPlane:
        from ikev1.esp.userspace import UserspacePlane  # not above: its NumPy is large, and of no use to the kernel's

        return UserspacePlane(listener, send_udp, device=options.tun)

    return PlaneChoice("userspace", reason, make)


def forget_kernel(options: GatewayOptions) -> bool:
    """Take away what an earlier gateway had the kernel do, before this process does it; whether there was anything.

    Raises:
        PlaneError: it may still be there, and keep packets from us.
    """
    owner = _owner(options)
    if not owner.exists():
        return False
    plane = KernelPlane(lambda event: None, owner)
    try:
        plane.adopt(())
    finally:
        plane.close()
    return True


def forget_userspace(options: GatewayOptions) -> bool:
    """Take away the packet filter of an earlier gateway that carried packets itself; whether there was any.

    Raises:
        PlaneError: it may still be there, and drop packets that the kernel opened.
    """
    return forget_guard(options.tun)


def suites_lacking(settings: Settings, missing: Callable[[IpsecSuite], str] = probe) -> list[str]:
    """What the kernel cannot do of that which the tunnels propose, a line for each suite.

    Each suite is tried, so that the kernel loads modules now and not while peers wait.
    """
    proposed: dict[IpsecSuite, str] = {}
    for connection in settings.connections:
        for tunnel in connection.tunnels:
            for proposal in tunnel.proposals:
                proposed.setdefault(proposal.suite, f"{connection.name}/{tunnel.name}")
    found = ((tunnel, missing(suite)) for suite, tunnel in proposed.items())
    return [f"{tunnel} proposes what cannot be: {lacks}" for tunnel, lacks in found if lacks]


def _owner(options: GatewayOptions) -> Path:
    return Path(f"{options.control}.kernel")


def _kernel(options: GatewayOptions, reason: str) -> PlaneChoice:
    owner = _owner(options)

    def make(listener: Listener, _: SendUdp) -> DataPlane:
        owner.parent.mkdir(parents=True, exist_ok=True)
        return KernelPlane(listener, owner)

    return PlaneChoice("kernel", reason, make)
