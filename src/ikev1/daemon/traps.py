"""Traps: tunnels that come up with their first packet (``start = "trap"``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ikev1.core.peer.connection_lookup import is_address, is_host_name, known_selectors
from ikev1.core.records.settings import Connection, Tunnel
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.esp.plane import DataPlane, PlaneError, Trap
from ikev1.wire.registry import ProtocolId

Key = tuple[str, str]  # connection, tunnel


class Traps:
    """The traps that are installed in ``plane``. ``called`` gives the addresses at which the peer of a connection is
    called, as far as they are known.
    """

    def __init__(self, plane: DataPlane, called: Callable[[str], tuple[str, ...]], log: EventLog) -> None:
        self._plane = plane
        self._called = called
        self._log = log
        self.installed: dict[Key, tuple[Connection, Tunnel]] = {}
        self._hosts: dict[Key, str] = {}  # the peer's address in each trap
        self._nameless: dict[Key, tuple[Connection, Tunnel]] = {}  # traps that wait for the addresses of a host name

    def adopt(self, wanted: Mapping[Key, tuple[Connection, Tunnel]]) -> None:
        """Install and remove traps until there are those for ``wanted``; those that have not changed stay."""
        self._nameless.clear()
        for key in [key for key, trapped in self.installed.items() if wanted.get(key) != trapped]:
            self.remove(*key)
        for key, (connection, tunnel) in wanted.items():
            if key not in self.installed:
                self.install(connection, tunnel)

    def has(self, key: Key) -> bool:
        """Whether the trap is installed, or will be as soon as the addresses of a host name are known."""
        return key in self.installed or key in self._nameless

    def follow_names(self) -> None:
        """Adapt the traps to addresses of host names that have changed."""
        moved = [key for key, host in self._hosts.items() if self._host(key[0]) not in ("", host)]
        for connection, tunnel in (*map(self.installed.__getitem__, moved), *self._nameless.values()):
            self.install(connection, tunnel)

    def install(self, connection: Connection, tunnel: Tunnel) -> str:
        """Initiate ``tunnel`` when the first packet matches it. Return the reason if that is not possible, else ""."""
        key = connection.name, tunnel.name
        host = self._host(connection.name)
        trap = _trap(connection, tunnel, host)
        self._nameless.pop(key, None)
        if trap is None:
            reason = "the local and remote networks must be known before negotiation"
        else:
            try:
                self._plane.install_trap(trap)
            except PlaneError as error:
                reason = str(error)
                if not host and any(map(is_host_name, connection.remotes)):
                    self._nameless[key] = connection, tunnel
                    return reason
            else:
                self.installed[key] = connection, tunnel
                self._hosts[key] = host
                return ""
        self._log.write(Level.ERROR, "CHD", f"cannot install trap for {connection.name}/{tunnel.name}: {reason}")
        return reason

    def remove(self, connection: str, tunnel: str) -> bool:
        """Remove the trap; False if there was none."""
        self._hosts.pop((connection, tunnel), None)
        if self.installed.pop((connection, tunnel), None) is None:
            return False
        try:
            self._plane.remove_trap(connection, tunnel)
        except PlaneError as error:
            self._log.write(Level.ERROR, "CHD", f"cannot remove trap for {connection}/{tunnel} completely: {error}")
        return True

    def _host(self, connection: str) -> str:
        return next(iter(self._called(connection)), "")


def _trap(connection: Connection, tunnel: Tunnel, remote_host: str) -> Trap | None:
    """The trap for ``tunnel``; None if a network, or the address that stands for it, is not known."""
    selectors = known_selectors(connection, tunnel)
    if selectors is None:
        return None
    return Trap(
        connection.name,
        tunnel.name,
        *selectors,
        connection.local_address if is_address(connection.local_address) else "",
        remote_host,
        tunnel.mode,
        tunnel.proposals[0].suite.protocol if tunnel.proposals else ProtocolId.ESP,
        tunnel.compress,
        tunnel.marks,
    )
