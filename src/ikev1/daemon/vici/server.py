"""The VICI server: the Unix socket to which swanctl and other VICI clients connect."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ikev1.config import GatewayOptions
from ikev1.core.records.events import Event
from ikev1.daemon.gateway import Gateway
from ikev1.daemon.net.unix_socket import UnixSocket
from ikev1.daemon.observe.event_log import Level, Line
from ikev1.daemon.vici.commands import COMMANDS
from ikev1.daemon.vici.connection import ClientConnection
from ikev1.daemon.vici.events import log_event, translate
from ikev1.daemon.vici.loaded import LoadedConfiguration

# A user who may connect may control the gateway, but must not lock out other users or fill its memory: the buffer of
# each client may hold most of a segment (512 KiB).
_MOST = 64
_MOST_OF_A_USER = 24

_PEER_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid (unix(7))


class ViciServer:
    """Serves ``gateway`` to the clients that connect to the Unix socket ``path``. A client must complete a segment
    within ``patience`` seconds. ``options`` are those of the gateway, which what they load must fit.
    """

    def __init__(
        self,
        gateway: Gateway,
        path: Path,
        patience: float = 10.0,
        options: GatewayOptions = GatewayOptions(),  # noqa: B008  it cannot change
    ) -> None:
        self._patience = patience
        self._gateway = gateway
        self._loaded = LoadedConfiguration(gateway, options)
        self._socket = UnixSocket(path, _MOST)
        self._clients: dict[ClientConnection, asyncio.Task[None]] = {}
        self._users: Counter[int] = Counter()  # number of clients by user
        self._server: asyncio.Server | None = None
        self._detach_log: Callable[[], None] | None = None
        gateway.observers.append(self._observe)

    async def start(self) -> None:
        """Accept clients from now on.

        Raises:
            OSError: the socket cannot be created, another daemon listens on it, or ``path`` is something else than a
                socket.
        """
        self._server = await asyncio.start_unix_server(self._accept, sock=self._socket.listen())

    async def close(self) -> None:
        """Disconnect all clients and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        tasks = tuple(self._clients.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._socket.remove()
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        user = _user(writer.get_extra_info("socket"))
        if len(self._clients) >= _MOST or self._users[user] >= _MOST_OF_A_USER:
            text = f"rejected a VICI client of user {user}: {self._users[user]} clients of this user and "
            self._gateway.log.write(
                Level.WARNING, "CFG", f"{text}{len(self._clients)} in total are connected", kind="rejected VICI clients"
            )
            writer.transport.abort()
            return
        client = ClientConnection(
            reader,
            writer,
            self._gateway,
            self._loaded,
            COMMANDS,
            self._listen_to_log,
            self._patience,
            by_owner=user in (0, os.geteuid()),
        )
        serving = asyncio.get_running_loop().create_task(client.serve())
        self._clients[client] = serving
        self._users[user] += 1
        serving.add_done_callback(lambda _: self._forget(client, user))

    def _forget(self, client: ClientConnection, user: int) -> None:
        del self._clients[client]
        self._users[user] -= 1
        if not self._users[user]:
            del self._users[user]

    def _observe(self, event: Event) -> None:
        if not self._clients:
            return
        translated = translate(event, self._gateway.counters_of, self._gateway.now())
        if translated is not None:
            name, body = translated
            for client in self._clients:
                client.event(name, lambda: body)

    def _listen_to_log(self) -> None:
        """Attach to the log only while a client is registered for its lines."""
        wanted = any("log" in client.registered for client in self._clients)
        if wanted and self._detach_log is None:
            self._detach_log = self._gateway.log.attach(Level.INFO, self._log)
        elif not wanted and self._detach_log is not None:
            self._detach_log()
            self._detach_log = None

    def _log(self, line: Line) -> None:
        for client in self._clients:
            client.event("log", lambda: log_event(line, thread=True))


def _user(stream: socket.socket) -> int:
    """The user ID of the process that connected."""
    credentials = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    uid: int = _PEER_CREDENTIALS.unpack(credentials)[1]
    return uid
