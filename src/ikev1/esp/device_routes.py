"""The routes to the TUN device: by address for tunnels, and by protocol and port too for transport mode."""

from __future__ import annotations

from collections.abc import Collection, Hashable

from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.selector import Selector
from ikev1.esp.exemptions import Exemptions, Traffic
from ikev1.esp.reach import Reach
from ikev1.esp.routes import Routes, metric_of
from ikev1.esp.steering import Steering, steered

# In transport mode, the kernel must not fragment packets for the device: it fragments the ESP packets if necessary
_LARGEST_DATAGRAM = 65_000  # octets, so that the ESP packet does not exceed the maximum size of IP


class DeviceRoutes:
    """The routes of pairs and traps to ``device``, each held under a key; ``mtu`` is that of the device in octets.

    Raises:
        PlaneError: there is no such device, or the kernel refused.
    """

    def __init__(self, device: str, mtu: int) -> None:
        self._routes = Routes(metric_of(device))
        try:
            self._hop = self._routes.bring_up(device, mtu)
            self._steering = Steering(self._routes, self._hop, _LARGEST_DATAGRAM)
            self._exemptions = Exemptions(self._routes, metric_of(device))
        except BaseException:
            self._routes.close()
            raise

    def hold(self, key: Hashable, mode: IpsecMode, local: Selector, remote: Selector, mtu: int) -> None:
        """Route what ``local`` sends to ``remote`` to the device, in place of what ``key`` held.

        Raises:
            PlaneError: the kernel refused.
        """
        what = steered(local, remote) if mode is IpsecMode.TRANSPORT else None
        if what is not None:
            self._steering.hold(key, what, local, remote)
            return
        self._routes.hold(key, local, remote, self._hop, mtu if mode is IpsecMode.TUNNEL else _LARGEST_DATAGRAM)

    def release(self, key: Hashable) -> None:
        """Give up what ``key`` holds, if it holds anything."""
        self._steering.release(key)
        self._routes.release(key)

    def confine(self, address: str, reach: Reach | None) -> None:
        """As `Routes.confine`."""
        self._routes.confine(address, reach)

    def exempt(self, traffic: Collection[Traffic]) -> None:
        """As `Exemptions.change`."""
        self._exemptions.change(traffic)

    def sweep(self) -> None:
        """As `Routes.sweep`."""
        self._routes.sweep()

    def follow(self) -> None:
        """Update rules and routes for the current links and addresses, as `Routes.follow`."""
        self._routes.follow()
        self._steering.follow()
        self._exemptions.follow()

    def addresses(self) -> frozenset[str]:
        """As `Routes.addresses`."""
        return self._routes.addresses()

    def changed(self) -> bool:
        """As `Routes.changed`."""
        return self._routes.changed()

    def fileno(self) -> int:
        """As `Routes.fileno`."""
        return self._routes.fileno()

    def close(self) -> None:
        """Remove all routes and rules."""
        self._exemptions.close()
        self._steering.close()
        self._routes.close()
