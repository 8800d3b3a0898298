"""The interfaces of tunnels, which exist as long as they are configured."""

from __future__ import annotations

from ikev1.core.peer.connection_lookup import is_address
from ikev1.core.records.settings import Connection, InterfaceKind, Settings, Tunnel
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.esp.plane import DataPlane, PlaneError, RoutedInterface


class Interfaces:
    """Keeps those of ``plane`` up to date."""

    def __init__(self, plane: DataPlane, log: EventLog) -> None:
        self._plane = plane
        self._log = log

    def adopt(self, settings: Settings) -> None:
        """Have the interfaces of ``settings``; a failure is logged."""
        found: dict[str, RoutedInterface] = {}
        for connection in settings.connections:
            for tunnel in connection.tunnels:
                made = _of(connection, tunnel)
                if made is not None:
                    earlier = found.get(made.name, made)
                    found[made.name] = made._replace(routes=tuple(dict.fromkeys(earlier.routes + made.routes)))
        try:
            self._plane.interfaces(tuple(found.values()))
        except PlaneError as error:
            self._log.write(Level.ERROR, "ESP", str(error), code=error.code)


def _of(connection: Connection, tunnel: Tunnel) -> RoutedInterface | None:
    interface = tunnel.interface
    if interface is None:
        return None
    routes = interface.routes
    if routes is None:
        network = tunnel.remote.network if not tunnel.remote.dynamic else None
        routes = () if network is None or tunnel.remote.has_all_addresses else (network,)
    ends = connection.local_address, connection.remote_address
    local, remote = (end if interface.kind is InterfaceKind.VTI and is_address(end) else "" for end in ends)
    number = tunnel.marks.if_id_out or tunnel.marks.mark_out.value
    return RoutedInterface(
        interface.name, interface.kind, number, interface.addresses, interface.mtu, routes, local, remote
    )
