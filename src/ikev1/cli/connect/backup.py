"""Backup servers: the other gateways that a gateway named (Cisco Unity), for when it does not answer any more. They are
remembered: the gateway may not answer the next time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from ikev1.core.peer.connection_lookup import is_address
from ikev1.core.records.events import ChildUp, Code, ConfigReceived, Event, Failure
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Settings
from ikev1.daemon.remote_access.usable import is_domain
from ikev1.files.private import check_folder, open_private, read_private

_MOST = 10
_MOST_GATEWAYS = 100


class BackupServers:
    """Follows the events of a client connection to ``gateway``. What this one names is kept in ``file`` for the next
    process; ``warn`` is told why it cannot be.
    """

    def __init__(self, gateway: str, file: Path, warn: Callable[[str], None]) -> None:
        self._gateway, self._file, self._warn = gateway, file, warn
        self._tried = {gateway}
        self._named: dict[str, None] = {}
        try:
            self._name(_read(file).get(gateway, ()))
        except (OSError, ValueError) as error:
            warn(f"the backup servers of earlier connections are not known: {error}")
        self._is_dead = False
        self.was_up = False  # with any of them

    def observe(self, event: Event) -> None:
        """Note the servers that the gateway names, and whether it answers."""
        if isinstance(event, ConfigReceived) and event.sa.received is not None:
            of_gateway = len(self._tried) == 1
            if of_gateway:
                self._named.clear()
            self._name(event.sa.received.backup_servers)
            if of_gateway:
                self._remember()
        elif isinstance(event, ChildUp):
            self.was_up, self._is_dead = True, False
        elif isinstance(event, Failure):
            self._is_dead = event.code in (Code.PEER_DEAD, Code.PEER_SILENT)

    def _remember(self) -> None:
        try:
            _write(self._file, self._gateway, list(self._named))
        except (OSError, ValueError) as error:
            self._warn(f"the backup servers are not remembered for the next connection: {error}")

    def _name(self, servers: Iterable[str]) -> None:
        for server in servers:
            if len(self._named) < _MOST and (is_address(server) or is_domain(server)):
                self._named[server] = None

    def next(self, *, silent: bool = False) -> str | None:
        """The server to call in place of the gateway with which the connection has ended; None if that was no silence,
        or no server is left. Each is called once. ``silent``: the gateway has not answered at all, or has no address.
        """
        dead = silent or self._is_dead
        left = [server for server in self._named if server not in self._tried] if dead else []
        self._tried.update(left[:1])
        return left[0] if left else None


def at(settings: Settings, server: str) -> Settings:
    """The ``settings`` of a client connection, with ``server`` as its gateway."""
    (connection,) = settings.connections
    return replace(settings, connections=(replace(connection, remote_address=server, further_remote_addresses=()),))


def memory() -> Path:
    """The file of the servers that gateways have named to this user."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "ikev1" / "backup-servers.json"


def _write(file: Path, gateway: str, servers: list[str]) -> None:
    known = _read(file)
    if known.pop(gateway, []) == servers:
        return
    if servers:
        known[gateway] = servers
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_folder(file.parent)
    written = file.with_suffix(f".{os.getpid()}")
    with os.fdopen(open_private(written, os.O_WRONLY | os.O_TRUNC), "w") as opened:
        json.dump(dict(list(known.items())[-_MOST_GATEWAYS:]), opened)
    written.replace(file)


def _read(file: Path) -> dict[str, list[str]]:
    try:
        found = json.loads(read_private(file, of_user=True))
    except FileNotFoundError:
        return {}
    lists = isinstance(found, dict) and all(isinstance(each, list) for each in found.values())
    if not lists or not all(isinstance(name, str) for each in found.values() for name in each):
        raise ValueError(f"{file} does not have lists of names for gateways")
    return dict(found)
