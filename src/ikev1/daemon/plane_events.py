"""What the data plane reports: pairs that are used up or expire, packets that wait for a tunnel, peers that moved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from ikev1.core.engine import Engine
from ikev1.core.records.actions import Action
from ikev1.core.records.child_sa import ChildSa
from ikev1.daemon.autostart import Autostart
from ikev1.daemon.dead_peers import isakmp_path
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.performer import child_name
from ikev1.esp.plane import (
    Acquire,
    Expired,
    NetworkChanged,
    PacketsWait,
    PeerMoved,
    PeerSends,
    PlaneEvent,
    RekeyNeeded,
    Unguarded,
    UnknownSpi,
)
from ikev1.wire.registry import ProtocolId

_PEER_INSTALLS_WITHIN = 0.1  # seconds after our last message of Quick Mode; strongSwan on a busy machine takes 0.02


class PlaneEvents:
    """Hands events of the data plane to ``engine`` and ``autostart``, in the running event loop.

    ``ask`` performs a command of the engine for a pair, ``apply`` performs actions. ``port`` is the local port for
    ISAKMP.
    """

    def __init__(
        self,
        engine: Engine,
        autostart: Autostart,
        log: EventLog,
        *,
        apply: Callable[[Iterable[Action]], None],
        ask: Callable[[Callable[[int, float], list[Action]], ChildSa], None],
        network_changed: Callable[[], None],
        clock: Callable[[], float],
        port: int,
    ) -> None:
        self._engine = engine
        self._log = log
        self._apply = apply
        self._ask = ask
        self._clock = clock
        self._port = port
        self._handlers: dict[type, Callable[[Any], None]] = {
            RekeyNeeded: self._rekey,
            Expired: self._expired,
            Acquire: lambda event: autostart.acquire(event.connection, event.tunnel, event.packet),
            PeerMoved: lambda event: apply(engine.peer_moved(event.child.inbound.spi, event.path, clock())),
            PeerSends: lambda event: apply(engine.peer_sends(event.child.inbound.spi, clock())),
            PacketsWait: self._packets_wait,
            NetworkChanged: lambda _: network_changed(),
            UnknownSpi: self._unknown_spi,
            Unguarded: lambda event: log.write(Level.ERROR, "ESP", event.reason),
        }

    def notice(self, event: PlaneEvent) -> None:
        """Handle ``event`` soon: the data plane may be in the middle of a packet, and what follows may change its
        tables.
        """
        asyncio.get_running_loop().call_soon(self._handle, event)

    def _handle(self, event: PlaneEvent) -> None:
        try:
            self._handlers[type(event)](event)
        except Exception as error:
            self._log.bug(f"the event {type(event).__name__} of the data plane", error)

    def _rekey(self, event: RekeyNeeded) -> None:
        self._log.write(Level.INFO, "CHD", f"rekeying {child_name(event.child)}: {event.reason}")
        self._ask(self._engine.rekey_child, event.child)

    def _expired(self, event: Expired) -> None:
        self._log.write(Level.WARNING, "CHD", f"closing {child_name(event.child)}: {event.reason}")
        self._ask(self._engine.close_child, event.child)

    def _packets_wait(self, event: PacketsWait) -> None:
        asyncio.get_running_loop().call_later(_PEER_INSTALLS_WITHIN, self._release, event)

    def _release(self, event: PacketsWait) -> None:
        try:
            event.release()
        except Exception as error:
            self._log.bug("the release of waiting packets", error)

    def _unknown_spi(self, event: UnknownSpi) -> None:
        path = isakmp_path(event.path, self._port)
        self._apply(self._engine.unknown_spi(event.spi, ProtocolId.ESP, path, self._clock()))
