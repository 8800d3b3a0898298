"""The VICI server: the Unix socket to which swanctl and other VICI clients connect."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ikev1.core.records.events import Event
from ikev1.daemon.gateway import Gateway
from ikev1.daemon.observe.event_log import Level, Line
from ikev1.daemon.vici.commands import COMMANDS
from ikev1.daemon.vici.connection import ClientConnection
from ikev1.daemon.vici.events import log_event, translate

# A user who may connect may control the gateway, but must not lock out other users or fill its memory: the buffer of
# each client may hold most of a segment (512 KiB).
_MOST = 64
_MOST_OF_A_USER = 24

_PEER_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid (unix(7))
_OWNER_AND_GROUP = 0o117  # the umask for mode 0660: whoever may write to the socket controls the gateway


class ViciServer:
    """Serves ``gateway`` to the clients that connect to the Unix socket ``path``. A client must complete a segment
    within ``patience`` seconds.
    """

    def __init__(self, gateway: Gateway, path: Path, patience: float = 10.0) -> None:
        self._patience = patience
        self._gateway = gateway
        self._path = path
        self._clients: dict[ClientConnection, asyncio.Task[None]] = {}
        self._users: Counter[int] = Counter()  # number of clients by user
        self._inode: tuple[int, int] | None = None
        self._server: asyncio.Server | None = None
        self._detach_log: Callable[[], None] | None = None
        gateway.observers.append(self._observe)

    async def start(self) -> None:
        """Accept clients from now on.

        Raises:
            OSError: the socket cannot be created, another daemon listens on it, or ``path`` is something else than a
                socket.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(self._path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        umask = os.umask(_OWNER_AND_GROUP)
        try:
            listener.bind(str(self._path))
            listener.listen(_MOST)  # at once: another daemon would take a socket that does not listen for a stale one
            self._inode = _inode(self._path)
        except OSError as error:
            listener.close()
            raise OSError(error.errno, os.strerror(error.errno or 0), str(self._path)) from error
        finally:
            os.umask(umask)
        self._server = await asyncio.start_unix_server(self._accept, sock=listener)

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
        with contextlib.suppress(FileNotFoundError):
            if _inode(self._path) == self._inode:
                self._path.unlink()
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
        client = ClientConnection(reader, writer, self._gateway, COMMANDS, self._listen_to_log, self._patience)
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


def _inode(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


def _remove_stale(path: Path) -> None:
    """Remove the socket that a daemon which no longer runs left behind, and nothing else."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        why = "not a socket: remove it, or set `control` to another path"
        raise FileExistsError(errno.EEXIST, why, str(path))
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.setblocking(False)  # a daemon that runs may be too busy to accept
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            if _inode(path) == (status.st_dev, status.st_ino):
                path.unlink()
            return
        except FileNotFoundError:
            return
        except BlockingIOError:
            pass
        except OSError as error:
            why = f"another program uses this socket: {os.strerror(error.errno or 0)}"
            raise FileExistsError(errno.EEXIST, why, str(path)) from error
    raise FileExistsError(errno.EEXIST, "another daemon listens on this socket", str(path))
