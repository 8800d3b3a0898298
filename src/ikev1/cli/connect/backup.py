"""Backup servers: the other gateways that a gateway named (Cisco Unity), for when it does not answer any more."""

from __future__ import annotations

from ikev1.core.peer.connection_lookup import is_address
from ikev1.core.records.events import ChildUp, Code, ConfigReceived, Event, Failure
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Settings
from ikev1.daemon.remote_access.usable import is_domain

_MOST = 10


class BackupServers:
    """Follows the events of a client connection to ``gateway``."""

    def __init__(self, gateway: str) -> None:
        self._tried = {gateway}
        self._named: dict[str, None] = {}
        self._is_dead = False
        self.was_up = False  # with any of them

    def observe(self, event: Event) -> None:
        """Note the servers that the gateway names, and whether it answers."""
        if isinstance(event, ConfigReceived) and event.sa.received is not None:
            for server in event.sa.received.backup_servers:
                if len(self._named) < _MOST and (is_address(server) or is_domain(server)):
                    self._named[server] = None
        elif isinstance(event, ChildUp):
            self.was_up, self._is_dead = True, False
        elif isinstance(event, Failure):
            self._is_dead = event.code in (Code.PEER_DEAD, Code.PEER_SILENT, Code.NAME_NOT_RESOLVED)

    def next(self) -> str | None:
        """The server to call in place of the gateway with which the connection has ended; None if that was no silence,
        or no server is left. Each is called once.
        """
        left = [server for server in self._named if server not in self._tried] if self._is_dead else []
        self._tried.update(left[:1])
        return left[0] if left else None


def at(settings: Settings, server: str) -> Settings:
    """The ``settings`` of a client connection, with ``server`` as its gateway."""
    (connection,) = settings.connections
    return replace(settings, connections=(replace(connection, remote_address=server, further_remote_addresses=()),))
