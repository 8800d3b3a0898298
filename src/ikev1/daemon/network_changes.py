"""Reacts to changes of links, addresses and routes: the data plane follows them, and SAs whose own address cannot be
used any more are replaced.

A link that goes down or up causes several changes, and on a router with many routes there are always some. Therefore
changes are collected for a moment, and followed at limited intervals.
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
from ikev1.esp.plane import DataPlane, PlaneError

SETTLE = 0.1  # seconds in which changes with one cause occur
INTERVAL = 1.0  # seconds between the beginnings of two comparisons

PathNow = Callable[[str], UdpPath | None]


class Stranded(NamedTuple):
    """An ISAKMP SA whose own address cannot be used any more, and the path on which another phase 1 would begin."""

    sa: IkeSa
    path: UdpPath


def stranded(sas: Iterable[IkeSa], usable: Collection[str], path_now: PathNow) -> list[Stranded]:
    """Return the ``sas`` whose own address is not among the ``usable`` ones, if their peer can be called from another.

    Other SAs are kept, because the old address may come back: those of a peer without a single address, and those
    without a route to the peer, or with a configured local address.
    """
    found: list[Stranded] = []
    for sa in sas:
        if sa.path.local_host in usable:
            continue
        path = path_now(sa.connection)
        if path is not None and path.local_host != sa.path.local_host and path.local_host in usable:
            found.append(Stranded(sa, path))
    return found


class Caller(Protocol):
    """Initiates tunnels and deletes SAs; implemented by `ikev1.daemon.gateway.Gateway`."""

    def follow_attached(self) -> None:
        """Follow the networks to which this host is attached, as client."""

    def sas(self) -> Collection[IkeSa]:
        """All ISAKMP SAs."""

    def path_now(self, connection: str) -> UdpPath | None:
        """The path on which phase 1 with the peer of ``connection`` would begin, None if there is none."""

    def abandon(self, sa: IkeSa, local_host: str) -> None:
        """Delete ``sa`` and its pairs, and tell the peer from the address ``local_host``."""

    def call_again(self, connection: str, tunnel: str) -> None:
        """Bring up ``tunnel`` in the background, unless it is up."""

    def failing(self) -> Iterable[tuple[str, UdpPath | None]]:
        """The connections without an ISAKMP SA and with tunnels that are kept up, and the path on which each was called
        last.
        """

    def retry(self, connection: str) -> None:
        """Initiate the tunnels of ``connection`` that are kept up but are down, without the usual wait."""


class NetworkChanges:
    """Makes ``plane`` follow changes of the network, and ``caller`` call the peers whose path has changed."""

    def __init__(self, plane: DataPlane, caller: Caller, log: EventLog) -> None:
        self._plane = plane
        self._caller = caller
        self._log = log
        self._followed_at = -math.inf  # of the event loop's clock
        self._due: asyncio.TimerHandle | None = None

    def notice(self) -> None:
        """Note that something changed; it is followed soon."""
        if self._due is not None:
            return
        loop = asyncio.get_running_loop()
        at = max(loop.time() + SETTLE, self._followed_at + INTERVAL)
        self._due = loop.call_at(at, self._follow)

    def close(self) -> None:
        """Stop following changes."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _follow(self) -> None:
        self._due = None
        self._followed_at = asyncio.get_running_loop().time()
        try:
            self._plane.follow()
            self._caller.follow_attached()
            self._call_anew(self._plane.addresses())
            self._retry()
        except PlaneError as error:
            text = f"cannot follow a change of the network: {error}"
            self._log.write(Level.ERROR, "NET", text, kind="changes of the network", code=error.code)
        except Exception as error:
            self._log.bug("the following of a change of the network", error)

    def _call_anew(self, usable: frozenset[str]) -> None:
        tunnels: dict[tuple[str, str], None] = {}
        for sa, path in stranded(self._caller.sas(), usable, self._caller.path_now):
            text = f"the local address {sa.path.local_host} cannot be used any more: calling from {path.local_host}"
            self._log.write(Level.INFO, "IKE", text, connection=sa.connection)
            carried = (child for child in sa.children if child.state is ChildState.INSTALLED)
            tunnels |= dict.fromkeys((child.connection, child.name) for child in carried)
            self._caller.abandon(sa, path.local_host)
        for connection, tunnel in tunnels:
            self._caller.call_again(connection, tunnel)

    def _retry(self) -> None:
        for connection, called in tuple(self._caller.failing()):
            path = self._caller.path_now(connection)
            if path is not None and path != called:
                self._caller.retry(connection)
