"""The VICI server: a Unix socket on which swanctl and every other client of VICI finds the daemon."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

from ikev1.core.events import Event
from ikev1.daemon.gateway import Gateway
from ikev1.daemon.logbook import Level, Line
from ikev1.daemon.vici.commands import COMMANDS
from ikev1.daemon.vici.connection import ClientConnection
from ikev1.daemon.vici.events import log_event, translate

__all__ = ["ViciServer"]

_OWNER_AND_GROUP = 0o117  # the umask that leaves 0660: who may write to the socket commands the gateway


class ViciServer:
    """Serves ``gateway`` to the clients that connect to the Unix socket ``path``."""

    def __init__(self, gateway: Gateway, path: Path) -> None:
        self._gateway = gateway
        self._path = path
        self._clients: dict[ClientConnection, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._detach_log: Callable[[], None] | None = None
        gateway.observers.append(self._observe)

    async def start(self) -> None:
        """Accept clients from now on.

        Raises:
            OSError: the socket cannot be made, or another daemon answers on it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(self._path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        umask = os.umask(_OWNER_AND_GROUP)
        try:
            listener.bind(str(self._path))
        except OSError as error:
            listener.close()
            raise OSError(error.errno, os.strerror(error.errno or 0), str(self._path)) from error
        finally:
            os.umask(umask)
        self._server = await asyncio.start_unix_server(self._accept, sock=listener)

    async def close(self) -> None:
        """Let every client go and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        tasks = tuple(self._clients.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._path.unlink(missing_ok=True)
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = ClientConnection(reader, writer, self._gateway, COMMANDS, self._listen_to_log)
        serving = asyncio.get_running_loop().create_task(client.serve())
        self._clients[client] = serving
        serving.add_done_callback(lambda _: self._clients.pop(client))

    def _observe(self, event: Event) -> None:
        if not self._clients:
            return
        translated = translate(event, self._gateway.counters_of, self._gateway.now())
        if translated is not None:
            name, body = translated
            for client in self._clients:
                client.event(name, lambda: body)

    def _listen_to_log(self) -> None:
        """Be a sink of the log only while a client wants lines."""
        wanted = any("log" in client.registered for client in self._clients)
        if wanted and self._detach_log is None:
            self._detach_log = self._gateway.logbook.attach(Level.INFO, self._log)
        elif not wanted and self._detach_log is not None:
            self._detach_log()
            self._detach_log = None

    def _log(self, line: Line) -> None:
        for client in self._clients:
            client.event("log", lambda: log_event(line, thread=True))


def _remove_stale(path: Path) -> None:
    """Remove the socket of a daemon that is no more."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except FileNotFoundError:
            pass
        else:
            raise FileExistsError(f"another daemon answers on {path}")
