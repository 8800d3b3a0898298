"""Tunnels that are initiated without a command: at start (``start``), or by their first packet (``trap``)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from ikev1.core.peer.connection_lookup import is_address, known_selectors
from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.events import ChildDown, Event
from ikev1.core.records.settings import Connection, Settings, Start, Tunnel
from ikev1.daemon.initiation_window import InitiationWindow
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.pending_operations import NotEstablished
from ikev1.esp.plane import DataPlane, PlaneError, Trap
from ikev1.wire.registry import ProtocolId

Initiate = Callable[[str, str], Awaitable[None]]
Key = tuple[str, str]  # connection, tunnel


class Autostart:
    """Keeps the tunnels of ``settings`` up, or their traps installed, according to ``start`` of each tunnel.

    A tunnel that does not come up is initiated again after the first of ``waits`` (seconds), then after twice that, up
    to the second. A tunnel that the operator closes stays closed until the operator initiates it or reloads the
    configuration.
    """

    def __init__(
        self,
        plane: DataPlane,
        initiate: Initiate,
        is_up: Callable[[str, str], bool],
        log: EventLog,
        waits: tuple[float, float] = (5.0, 300.0),
        window: InitiationWindow | None = None,
    ) -> None:
        self._plane = plane
        self._initiate = initiate
        self._is_up = is_up
        self._log = log
        self.waits = waits
        self._window = window or InitiationWindow(Settings().initiation_window, Settings().retransmit_timeout)
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._fell: dict[Key, asyncio.Event] = {}
        self._retry: dict[Key, asyncio.Event] = {}
        self._down: set[Key] = set()  # of those with a task
        self._on_demand: set[asyncio.Task[bool]] = set()
        self.traps: dict[Key, tuple[Connection, Tunnel]] = {}

    def adopt(self, settings: Settings) -> None:
        """Start and stop initiating tunnels, and install and remove traps, so that they match ``settings``."""
        self._window.resize(settings.initiation_window, settings.retransmit_timeout)
        wanted = {(c.name, t.name): (c, t) for c, t in _tunnels(settings)}
        started = {key for key, (_, tunnel) in wanted.items() if tunnel.start is Start.START}
        trapped = {key for key, (_, tunnel) in wanted.items() if tunnel.start is Start.TRAP}
        for key in self._tasks.keys() - started:
            self.release(*key)
        for key in [key for key in self.traps if key not in trapped or self.traps[key] != wanted[key]]:
            self.remove_trap(*key)
        for key in wanted:
            if key in trapped and key not in self.traps:
                self.install_trap(*wanted[key])
            elif key in started and key not in self._tasks:
                self._fell[key], self._retry[key] = asyncio.Event(), asyncio.Event()
                self._tasks[key] = asyncio.get_running_loop().create_task(self._keep_up(key))

    def release(self, connection: str, tunnel: str | None = None) -> None:
        """Stop keeping ``tunnel`` (None: every tunnel of the connection) up."""
        for key in [key for key in self._tasks if key[0] == connection and tunnel in (None, key[1])]:
            self._tasks.pop(key).cancel()
            del self._fell[key], self._retry[key]
            self._down.discard(key)

    def install_trap(self, connection: Connection, tunnel: Tunnel) -> str:
        """Initiate ``tunnel`` when the first packet matches it. Return the reason if that is not possible, else ""."""
        trap = _trap(connection, tunnel)
        if trap is None:
            reason = "the local and remote networks must be known before negotiation"
        else:
            try:
                self._plane.install_trap(trap)
            except PlaneError as error:
                reason = str(error)
            else:
                self.traps[connection.name, tunnel.name] = connection, tunnel
                return ""
        self._log.write(Level.ERROR, "CHD", f"cannot install trap for {connection.name}/{tunnel.name}: {reason}")
        return reason

    def remove_trap(self, connection: str, tunnel: str) -> bool:
        """Remove the trap; False if there was none."""
        if self.traps.pop((connection, tunnel), None) is None:
            return False
        try:
            self._plane.remove_trap(connection, tunnel)
        except PlaneError as error:
            self._log.write(Level.ERROR, "CHD", f"cannot remove trap for {connection}/{tunnel} completely: {error}")
        return True

    def acquire(self, connection: str, tunnel: str) -> None:
        """Initiate ``tunnel``, because a packet matched its trap."""
        task = asyncio.get_running_loop().create_task(self._try(connection, tunnel))
        self._on_demand.add(task)
        task.add_done_callback(self._on_demand.discard)

    @property
    def failing(self) -> set[str]:
        """The connections with tunnels that are kept up, but are down now."""
        return {connection for connection, _ in self._down}

    def keeps_up(self, connection: str, tunnel: str) -> bool:
        """Whether the tunnel is initiated again whenever it goes down."""
        return (connection, tunnel) in self._tasks

    def retry(self, connection: str) -> None:
        """Initiate the tunnels of ``connection`` that are down now, or once they are, without the usual wait."""
        for key in self._down:
            if key[0] == connection:
                self._retry[key].set()

    def observe(self, event: Event) -> None:
        """Initiate a tunnel that went down again, if it is to be kept up."""
        if isinstance(event, ChildDown) and event.child.state is not ChildState.REKEYED:
            fell = self._fell.get((event.child.connection, event.child.name))
            if fell is not None:
                fell.set()

    async def close(self) -> None:
        """Stop initiating."""
        tasks: list[asyncio.Task[Any]] = [*self._tasks.values(), *self._on_demand]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    async def _try(self, connection: str, tunnel: str) -> bool:
        """Initiate the tunnel; whether it is up now."""
        try:
            async with self._window.turn():
                await self._initiate(connection, tunnel)
        except NotEstablished as error:
            self._log.write(Level.WARNING, "CHD", f"{connection}/{tunnel} did not come up: {error}", code=error.code)
            return False
        except Exception as error:
            self._log.bug(f"the initiation of {connection}/{tunnel}", error)
            return False
        return True

    async def _keep_up(self, key: Key) -> None:
        fell, retry, wait = self._fell[key], self._retry[key], self.waits[0]
        while True:
            fell.clear()
            retry.clear()
            self._down.add(key)
            try:
                up = self._is_up(*key) or await self._try(*key)
            except Exception as error:
                self._log.bug(f"keeping {key[0]}/{key[1]} up", error)
                up = False
            if up:
                wait = self.waits[0]
                self._down.discard(key)
                await fell.wait()
                continue
            try:
                async with asyncio.timeout(wait):
                    await retry.wait()
            except TimeoutError:
                wait = min(2 * wait, self.waits[1])
            else:
                wait = self.waits[0]


def _trap(connection: Connection, tunnel: Tunnel) -> Trap | None:
    """The trap for ``tunnel``; None if a network, or the address that stands for it, is not known."""
    local_host, remote_host = (
        host if is_address(host) else "" for host in (connection.local_address, connection.remote_address)
    )
    selectors = known_selectors(connection, tunnel)
    if selectors is None:
        return None
    return Trap(
        connection.name,
        tunnel.name,
        *selectors,
        local_host,
        remote_host,
        tunnel.mode,
        tunnel.proposals[0].suite.protocol if tunnel.proposals else ProtocolId.ESP,
        tunnel.compress,
        tunnel.marks,
    )


def _tunnels(settings: Settings) -> Iterator[tuple[Connection, Tunnel]]:
    for connection in settings.connections:
        for tunnel in connection.tunnels:
            yield connection, tunnel
