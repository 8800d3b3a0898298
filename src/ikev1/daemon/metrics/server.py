"""``GET /metrics``: an HTTP server for scrapes, on an address or a Unix socket.

A client that reads slowly or not at all costs one connection of a few, whose buffer holds one piece of the answer,
until its time is over; one that requests nothing, until another client comes. A flood of scrapes costs one snapshot
each second.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path

from prometheus_client import generate_latest

from ikev1.daemon.gateway import Gateway
from ikev1.daemon.metrics.collector import GatewayMetrics
from ikev1.daemon.net.places import Places
from ikev1.daemon.net.unix_socket import UnixSocket
from ikev1.daemon.observe.event_log import Level

_MOST = 8  # connections
_REQUEST_LIMIT = 8192  # octets
_PIECE = 65_536  # octets of an answer that are buffered
_FRESH = 1.0  # seconds for which a snapshot is used again
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsServer:
    """Serves the metrics of ``gateway`` at ``where``: ``address:port``, ``[address]:port``, or the path of a socket. A
    client has ``patience`` seconds for its request and the answer. With ``users``, names of remote users are shown.
    """

    def __init__(self, gateway: Gateway, where: str, *, users: bool = False, patience: float = 10.0) -> None:
        self._gateway = gateway
        self._where = where
        self._patience = patience
        self._metrics = GatewayMetrics(gateway, users=users)
        self._socket = UnixSocket(Path(where), _MOST) if "/" in where else None
        self._server: asyncio.Server | None = None
        self._places = Places(_MOST)
        self._one_at_a_time = asyncio.Lock()
        self._latest = b""
        self._taken_at: float | None = None

    @property
    def port(self) -> int:
        """The TCP port on which it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Accept clients from now on.

        Raises:
            OSError: the address cannot be used, or the socket cannot be created.
        """
        if self._socket is not None:
            sock = self._socket.listen()
            self._server = await asyncio.start_unix_server(self._accept, sock=sock, limit=_REQUEST_LIMIT)
        else:
            host, _, port = self._where.rpartition(":")
            self._server = await asyncio.start_server(
                self._accept, host.strip("[]"), int(port), limit=_REQUEST_LIMIT, backlog=_MOST
            )
        self._metrics.start()
        self._gateway.log.write(Level.INFO, "NET", f"serving metrics at {self._where}")

    async def close(self) -> None:
        """Disconnect all clients and stop listening."""
        self._metrics.stop()
        if self._server is None:
            return
        self._server.close()
        await self._places.close()
        await self._server.wait_closed()
        if self._socket is not None:
            self._socket.remove()
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._places.is_full:
            writer.transport.abort()
        else:
            task = self._places.serve(self._serve(reader, writer))
            task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._patience):
                try:
                    request = await reader.readuntil(b"\r\n\r\n")
                except asyncio.LimitOverrunError:
                    request = b""
                self._places.has_asked()
                await self._answer(request, writer)
                writer.close()
                await writer.wait_closed()
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass
        except Exception as error:
            self._gateway.log.bug("the answer to a scrape of metrics", error)

    async def _answer(self, request: bytes, writer: asyncio.StreamWriter) -> None:
        method, _, rest = request.partition(b" ")
        target = rest.partition(b" ")[0].partition(b"?")[0]
        if not rest.partition(b"\r\n")[0].endswith((b" HTTP/1.0", b" HTTP/1.1")):
            status, body = HTTPStatus.BAD_REQUEST, b""
        elif method not in (b"GET", b"HEAD"):
            status, body = HTTPStatus.METHOD_NOT_ALLOWED, b""
        elif target != b"/metrics":
            status, body = HTTPStatus.NOT_FOUND, b""
        else:
            status, body = HTTPStatus.OK, await self._current()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            f"Content-Type: {_CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode())
        if method == b"HEAD":
            return
        for start in range(0, len(body), _PIECE):
            writer.write(body[start : start + _PIECE])
            await writer.drain()

    async def _current(self) -> bytes:
        """The metrics as text, at most `_FRESH` seconds old."""
        clock = asyncio.get_running_loop().time
        async with self._one_at_a_time:
            if self._taken_at is None or clock() - self._taken_at >= _FRESH:
                snapshot = await self._metrics.snapshot()
                # in a thread: text for thousands of tunnels takes long
                self._latest = await asyncio.to_thread(generate_latest, snapshot)
                self._taken_at = clock()
            return self._latest
