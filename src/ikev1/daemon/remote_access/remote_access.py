"""The parts of remote access that need the event loop: checks of users, accounting, updown hooks, and name servers."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Collection
from pathlib import Path

from ikev1.aaa.backend import Backend
from ikev1.config import BackendOptions
from ikev1.core.records.actions import CheckUser
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import (
    ChildDown,
    ChildUp,
    ConfigAssigned,
    ConfigReceived,
    Failure,
    IkeDown,
    XauthUp,
)
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.remote_access import Verdict
from ikev1.core.records.settings import Settings
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.remote_access.accounting import Sessions
from ikev1.daemon.remote_access.backends import Backends, accounting_of
from ikev1.daemon.remote_access.name_servers import NameServers
from ikev1.daemon.remote_access.resolver import Resolver
from ikev1.daemon.remote_access.updown import Raised, Updown
from ikev1.daemon.remote_access.users import UserChecker
from ikev1.esp.addresses import Addresses
from ikev1.esp.netlink import GarbledAnswer
from ikev1.esp.plane import Counters
from ikev1.files.journal import Journal


class RemoteAccess:
    """Checks users, reports their sessions, and runs hooks.

    ``answer`` is called with the verdicts. ``device`` is the device of the data plane, empty for the kernel's.
    ``journal`` is the file that records the hooks for the next process, None for none; ``resolver`` is the program that
    installs name servers. ``of_connection`` gives the SAs of a connection.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        log: EventLog,
        *,
        answer: Callable[[int, Verdict], None],
        counters_of: Callable[[ChildSa], Counters],
        of_connection: Callable[[str], Collection[IkeSa]],
        device: str,
        journal: Path | None,
        resolver: Resolver | None,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._log = log
        self._checks = BackendOptions()
        self._backends = Backends(clock, log)
        self._users = UserChecker(answer, clock, lambda: secrets.token_hex(8), log=log)
        self._sessions = Sessions(counters_of, clock, wall, log)
        opened = None if journal is None else self._open(journal)
        self._updown = Updown(settings, lambda child: device or interface_with(child.path.local_host), log, opened)
        self._name_servers = NameServers(settings, of_connection, self._updown, resolver, log)

    def adopt(self, checks: BackendOptions) -> None:
        """Check users as ``checks`` says, in the running event loop."""
        backends: dict[str, Backend] = self._backends.adopt(checks)
        self._users.adopt(backends)
        if checks.radius != self._checks.radius:
            interval = 0 if checks.radius is None else checks.radius.accounting_interval
            self._sessions.adopt(accounting_of(checks, self._clock, self._wall), interval)
        self._checks = checks

    def begin(self, sas: Collection[IkeSa]) -> None:
        """Resume the sessions and hooks of ``sas``, which were taken over from an earlier process."""
        for sa in sas:
            self._sessions.begin(sa)
        self._sessions.starts()
        self._updown.begin((sa, child) for sa in sas for child in sa.complete_children)
        self._name_servers.begin(sas)

    def check(self, question: CheckUser) -> None:
        """Begin to check a user. ``answer`` is never called before this call returns."""
        self._users.check(question)

    def follow_events(self, follow: Callable[..., None]) -> None:
        """Have what happens to SAs reported by ``follow``, which is `Performer.follow`."""
        follow(self._users.observe, IkeDown)
        follow(self._sessions.observe, XauthUp, ConfigAssigned, ChildUp, Failure, IkeDown)
        follow(self._updown.observe, ChildUp, ChildDown)
        follow(self._name_servers.observe, ConfigReceived, ChildUp, ChildDown, IkeDown)

    def removed(self, child: ChildSa) -> None:
        """A pair is about to be removed from the data plane."""
        self._sessions.removed(child)
        self._updown.removed(child)

    def ends(self) -> None:
        """The gateway stops: the sessions that end from now on are ended by it."""
        self._sessions.ends()

    async def hooks_done(self) -> None:
        """Wait until the hooks of the tunnels that are up, and the resolver, have been run."""
        await self._updown.done()

    async def close(self) -> None:
        """Wait for the remaining hooks and notices, for a limited time."""
        await self._users.close()
        await self._updown.close()
        await self._sessions.close()

    def _open(self, file: Path) -> Journal[Raised] | None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            return Journal(file, Raised)
        except OSError as error:
            text = f"the file of updown hooks cannot be used, so they are not run down after a kill: {error}"
            self._log.write(Level.WARNING, "CHD", text)
            return None


def interface_with(host: str) -> str:
    """The interface that has the address ``host``; ``unknown`` if there is none, as with strongSwan."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    packed = socket.inet_pton(family, host.partition("%")[0])
    try:
        addresses = Addresses()
        try:
            found = next((each.interface for each in addresses.all() if each.packed == packed), 0)
        finally:
            addresses.close()
        return socket.if_indextoname(found) if found else "unknown"
    except (OSError, GarbledAnswer):
        return "unknown"
