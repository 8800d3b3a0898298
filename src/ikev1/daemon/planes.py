"""Who carries the packets: the kernel or this process, as the configuration asks and the machine allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ikev1.config import GatewayOptions
from ikev1.esp.plane import DataPlane, Listener, PlaneError, SendUdp
from ikev1.esp.userspace import UserspacePlane

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


def choose(options: GatewayOptions) -> PlaneChoice:
    """The data plane that ``options`` ask for.

    Raises:
        PlaneError: it cannot be had here.
    """
    if options.data_plane == "kernel":
        raise PlaneError("this version carries packets in user space only: set data_plane to auto or userspace")

    def make(listener: Listener, send_udp: SendUdp) -> DataPlane:
        return UserspacePlane(listener, send_udp, device=options.tun)

    return PlaneChoice("userspace", f"this process carries the packets, over the device {options.tun}", make)
