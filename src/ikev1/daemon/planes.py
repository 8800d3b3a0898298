"""The data planes that the daemon can run with."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.config import GatewayOptions
from ikev1.esp.plane import DataPlane, Listener, SendUdp
from ikev1.esp.userspace import UserspacePlane

__all__ = ["MakePlane", "userspace"]

MakePlane = Callable[[Listener, SendUdp], DataPlane]


def userspace(options: GatewayOptions) -> MakePlane:
    """ESP in this process, over the TUN device that ``options`` name."""

    def make(listener: Listener, send_udp: SendUdp) -> DataPlane:
        return UserspacePlane(listener, send_udp, device=options.tun)

    return make
