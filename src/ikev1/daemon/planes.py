"""Who carries the packets: the kernel or this process, as the configuration asks and the machine allows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ikev1.config import GatewayOptions
from ikev1.esp.kernel import KernelPlane, probe
from ikev1.esp.plane import DataPlane, Listener, PlaneError, SendUdp

__all__ = ["MakePlane", "PlaneChoice", "choose"]

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


def _kernel(options: GatewayOptions, reason: str) -> PlaneChoice:
    owner = Path(f"{options.control}.kernel")

    def make(listener: Listener, _: SendUdp) -> DataPlane:
        owner.parent.mkdir(parents=True, exist_ok=True)
        return KernelPlane(listener, owner)

    return PlaneChoice("kernel", reason, make)
