"""The SOCKS5 server: accepts clients, connects to what they ask for, and copies in both directions."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from ikev1.daemon.net.places import Places
from ikev1.daemon.socks.handshake import Reply, Target, as_address, negotiate, reply
from ikev1.daemon.socks.orders import Login
from ikev1.esp.networks import socket_address

Resolve = Callable[[str], Awaitable[Sequence[str]]]

_CHUNK = 65_536  # octets
_PAUSE = 0.1  # seconds after an error of accept(2), such as too many open files
_MOST_ADDRESSES = 8  # of one name
_REPLIES = {
    errno.ENETUNREACH: Reply.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Reply.NETWORK_UNREACHABLE,
    errno.EADDRNOTAVAIL: Reply.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: Reply.HOST_UNREACHABLE,
    errno.ETIMEDOUT: Reply.HOST_UNREACHABLE,
    errno.ECONNREFUSED: Reply.REFUSED,
    errno.EACCES: Reply.NOT_ALLOWED,
    errno.EPERM: Reply.NOT_ALLOWED,
}


class Limits(NamedTuple):
    """The number of clients at once, and times in seconds."""

    clients: int = 256
    greeting: float = 20.0  # until the request of a client is complete
    connecting: float = 30.0  # to an address of what it asked for
    idle: float = 7440.0  # without data in either direction; two hours and four minutes (RFC 5382 §5)
    half_closed: float = 300.0  # the same, once one end has sent everything


class SocksServer:
    """Serves the clients of ``listener``. ``resolve`` gives the addresses of a name."""

    def __init__(self, listener: socket.socket, resolve: Resolve, login: Login, limits: Limits | None = None) -> None:
        self._listener = listener
        self._resolve = resolve
        self._login = login
        self._limits = limits or Limits()
        self._places = Places(self._limits.clients)

    async def serve(self) -> None:
        """Accept clients until this is cancelled. One beyond the limit takes the place of the oldest without a complete
        request; if there is none, it waits.
        """
        loop = asyncio.get_running_loop()
        self._listener.setblocking(False)
        try:
            while True:
                try:
                    connection, _ = await loop.sock_accept(self._listener)
                except OSError:
                    await asyncio.sleep(_PAUSE)
                    continue
                try:
                    await self._places.available()
                except BaseException:
                    connection.close()
                    raise
                self._places.serve(self._serve_client(connection))
                await asyncio.sleep(0)  # a task that is cancelled before it began would not close its connection
        finally:
            await self._places.close()

    async def _serve_client(self, connection: socket.socket) -> None:
        # OSError: a connection was reset. A client that is too slow, or closes early, gets no answer
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            reader, writer = await asyncio.open_connection(sock=connection)
            async with _closed(writer):
                async with asyncio.timeout(self._limits.greeting):
                    target = await negotiate(reader, writer.write, self._login)
                if target is not None:
                    self._places.has_asked()
                    await self._connect(target, reader, writer)
                await writer.drain()

    async def _connect(self, target: Target, reader: StreamReader, writer: StreamWriter) -> None:
        outcome = await self._dial(target)
        if isinstance(outcome, Reply):
            writer.write(reply(outcome))
            return
        far_reader, far_writer = outcome
        async with _closed(far_writer):
            writer.write(reply(Reply.SUCCEEDED, far_writer.get_extra_info("sockname")[:2]))
            for each in (writer, far_writer):
                # a peer that has vanished is noticed
                each.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                # `drain` waits until all octets are written: after the end, a slow reader would have no limit
                each.transport.set_write_buffer_limits(0)
            await _relay((reader, far_writer), (far_reader, writer), self._limits)

    async def _dial(self, target: Target) -> tuple[StreamReader, StreamWriter] | Reply:
        """A connection to the first address that accepts one, or what to reply."""
        address = as_address(target.host)
        addresses = (str(address),) if address is not None else await self._resolve(target.host)
        outcome = Reply.HOST_UNREACHABLE  # no such name, as far as is known
        for host in addresses[:_MOST_ADDRESSES]:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            tcp = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                async with asyncio.timeout(self._limits.connecting):
                    await asyncio.get_running_loop().sock_connect(tcp, socket_address(host, target.port))
                return await asyncio.open_connection(sock=tcp)
            except TimeoutError:
                tcp.close()
                outcome = Reply.HOST_UNREACHABLE
            except OSError as error:
                tcp.close()
                outcome = _REPLIES.get(error.errno or 0, Reply.GENERAL_FAILURE)
            except BaseException:
                tcp.close()
                raise
        return outcome


_Way = tuple[StreamReader, StreamWriter]


async def _relay(one: _Way, other: _Way, limits: Limits) -> None:
    """Copy in both directions until both have ended, or nothing has come for too long."""
    loop = asyncio.get_running_loop()
    idle = limits.idle

    async def copy(reader: StreamReader, writer: StreamWriter) -> None:
        nonlocal idle
        while data := await reader.read(_CHUNK):
            clock.reschedule(loop.time() + idle)
            writer.write(data)
            await writer.drain()
        idle = limits.half_closed
        clock.reschedule(loop.time() + idle)
        if writer.can_write_eof():
            writer.write_eof()

    async with asyncio.timeout(idle) as clock:
        ways = [asyncio.ensure_future(copy(*way)) for way in (one, other)]
        try:
            await asyncio.gather(*ways)  # the first error ends both
        finally:
            for way in ways:
                way.cancel()


class _closed:  # noqa: N801  used as `contextlib.closing` is
    """Closes a writer at the end: at once, if there was an error or the time was over, else when all is written."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._writer.close()
        else:
            self._writer.transport.abort()
