"""Changes of links, addresses and routes: the data plane follows them, and SAs whose own address is gone are replaced.

Several changes come at once when a link goes or comes, and on a router with many routes they never end. So they are
collected for a moment, and followed once in a while at most.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple, Protocol

from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.pending_operations import NotEstablished
from ikev1.esp.plane import DataPlane, PlaneError

SETTLE = 0.1  # seconds: changes that belong together come within these
INTERVAL = 1.0  # seconds between the beginnings of two comparisons

FirstPath = Callable[[str], UdpPath]  # raises `NotEstablished`


class Stranded(NamedTuple):
    """An ISAKMP SA whose own address is gone, and the path on which its peer is called now."""

    sa: IkeSa
    path: UdpPath


def stranded(sas: Iterable[IkeSa], usable: Collection[str], first_path: FirstPath) -> list[Stranded]:
    """The ``sas`` whose own address is not among the ``usable`` ones, and whose peer can be called from another.

    Others stay: a peer that has no single address cannot be called, and where there is no way to the peer yet, or only
    from an address that the configuration fixes, the old address may come back.
    """
    found: list[Stranded] = []
    for sa in sas:
        if sa.path.local_host in usable:
            continue
        try:
            path = first_path(sa.connection)
        except NotEstablished:
            continue
        if path.local_host != sa.path.local_host and path.local_host in usable:
            found.append(Stranded(sa, path))
    return found


class Caller(Protocol):
    """Who initiates tunnels, and gives SAs up; `ikev1.daemon.gateway` is one."""

    def sas(self) -> Collection[IkeSa]:
        """All ISAKMP SAs."""

    def first_path(self, connection: str) -> UdpPath:
        """The path on which the peer of ``connection`` is called now.

        Raises:
            NotEstablished: there is none.
        """

    def abandon(self, sa: IkeSa, local_host: str) -> None:
        """Delete ``sa`` and its pairs, and tell the peer from the address ``local_host``."""

    def call(self, connection: str, tunnel: str) -> None:
        """Initiate ``tunnel``, in the background."""

    def failing(self) -> Iterable[tuple[str, UdpPath | None]]:
        """The connections whose tunnels are to be up and are not, and the path on which each was called last."""

    def retry(self, connection: str) -> None:
        """Initiate the tunnels of ``connection`` that are to be up at once, not after the usual wait."""


class NetworkChanges:
    """Has ``plane`` follow changes of the network, and ``caller`` call the peers whose way has changed."""

    def __init__(self, plane: DataPlane, caller: Caller, log: EventLog) -> None:
        self._plane = plane
        self._caller = caller
        self._log = log
        self._followed_at = -math.inf  # of the event loop's clock
        self._due: asyncio.TimerHandle | None = None

    def notice(self) -> None:
        """Something changed: follow it soon."""
        if self._due is not None:
            return
        loop = asyncio.get_running_loop()
        at = max(loop.time() + SETTLE, self._followed_at + INTERVAL)
        self._due = loop.call_at(at, self._follow)

    def close(self) -> None:
        """Follow nothing any more."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _follow(self) -> None:
        self._due = None
        self._followed_at = asyncio.get_running_loop().time()
        try:
            self._plane.follow()
            self._call_anew(self._plane.addresses())
            self._retry()
        except PlaneError as error:
            text = f"cannot follow a change of the network: {error}"
            self._log.write(Level.ERROR, "NET", text, kind="changes of the network", code=error.code)
        except Exception as error:
            self._log.bug("the following of a change of the network", error)

    def _call_anew(self, usable: frozenset[str]) -> None:
        tunnels: dict[tuple[str, str], None] = {}
        for sa, path in stranded(self._caller.sas(), usable, self._caller.first_path):
            text = f"{sa.path.local_host} is no longer an address of this host: calling from {path.local_host}"
            self._log.write(Level.INFO, "IKE", text, connection=sa.connection)
            carried = (child for child in sa.children if child.state is ChildState.INSTALLED)
            tunnels |= dict.fromkeys((child.connection, child.name) for child in carried)
            self._caller.abandon(sa, path.local_host)
        for connection, tunnel in tunnels:
            self._caller.call(connection, tunnel)

    def _retry(self) -> None:
        for connection, called in tuple(self._caller.failing()):
            try:
                path = self._caller.first_path(connection)
            except NotEstablished:
                continue
            if path != called:
                self._caller.retry(connection)
