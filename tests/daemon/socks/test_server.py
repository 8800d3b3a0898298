"""The proxy on loopback: what clients say, what it replies, and how many it serves."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from ikev1.daemon.socks.handshake import Reply
from ikev1.daemon.socks.namespace import why_denied
from ikev1.daemon.socks.orders import Login
from ikev1.daemon.socks.server import Limits, Resolve, SocksServer

HELLO = b"\5\1\0"
LOGIN = Login(b"alice", b"wonderland")
LOOPBACK = b"\x7f\0\0\1"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Talk = Callable[[Callable[[], Awaitable[Streams]], int], Awaitable[None]]


async def _names(name: str) -> Sequence[str]:
    return ["127.0.0.1"] if name == "echo.lab" else []


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.read()).upper())
    writer.close()


def played(
    talk: Talk,
    login: Login | None = None,
    limits: Limits | None = None,
    *,
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] = _echo,
    resolve: Resolve = _names,
    send_buffer: int | None = None,
) -> None:
    """Run ``talk`` with a function that opens a connection to the proxy, and the port of a server that it can reach.

    ``serve`` is that server. ``send_buffer`` is the size of the kernel's buffer for octets to a client.
    """

    async def run() -> None:
        target = await asyncio.start_server(serve, "127.0.0.1", 0)
        listener = socket.create_server(("127.0.0.1", 0))
        if send_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        port = listener.getsockname()[1]
        with listener:
            serving = asyncio.ensure_future(SocksServer(listener, resolve, login or Login(), limits).serve())
            try:
                async with asyncio.timeout(30):
                    await talk(lambda: asyncio.open_connection("127.0.0.1", port), target.sockets[0].getsockname()[1])
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
                target.close()

    asyncio.run(run())


def request(host: bytes, port: int, command: int = 1) -> bytes:
    return bytes((5, command, 0)) + host + port.to_bytes(2)


@pytest.mark.parametrize(
    "host", [b"\1" + LOOPBACK, b"\3\x08echo.lab", b"\3\x09127.0.0.1"], ids=["ipv4", "name", "text"]
)
def test_data_in_both_directions(host: bytes) -> None:
    async def talk(connect: Callable[[], Awaitable[Streams]], port: int) -> None:
        reader, writer = await connect()
        writer.write(HELLO + request(host, port) + b"hello")  # at once, as a client may
        writer.write_eof()
        assert await reader.readexactly(2) == b"\5\0"
        answer = await reader.readexactly(10)
        assert answer[:4] == b"\5\0\0\1"
        assert answer[4:8] == LOOPBACK
        assert await reader.read() == b"HELLO"
        writer.close()

    played(talk)


def test_a_client_that_says_one_octet_at_a_time() -> None:
    async def talk(connect: Callable[[], Awaitable[Streams]], port: int) -> None:
        reader, writer = await connect()
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        said = b"\5\xff" + bytes(range(254, 255)) * 254 + b"\2" + b"\1\5alice\x0awonderland"
        for octet in said + request(b"\3\x08echo.lab", port):
            writer.write(bytes((octet,)))
            await asyncio.sleep(0)
        writer.write_eof()
        assert (await reader.readexactly(8))[:6] == b"\5\2\1\0\5\0"
        writer.close()

    played(talk, LOGIN)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (request(b"\1" + LOOPBACK, 9, command=2), Reply.COMMAND_NOT_SUPPORTED),
        (request(b"\1" + LOOPBACK, 0, command=3), Reply.COMMAND_NOT_SUPPORTED),
        (request(b"\2", 9), Reply.ADDRESS_TYPE_NOT_SUPPORTED),
        (request(b"\3\7nowhere", 9), Reply.HOST_UNREACHABLE),
        (request(b"\3\0", 9), Reply.GENERAL_FAILURE),
        (request(b"\3\2a\0", 9), Reply.GENERAL_FAILURE),
        (request(b"\1" + LOOPBACK, 0), Reply.GENERAL_FAILURE),
    ],
    ids=["bind", "udp associate", "address type", "name", "empty name", "nul", "port 0"],
)
def test_what_is_refused(asked: bytes, code: Reply) -> None:
    async def talk(connect: Callable[[], Awaitable[Streams]], _: int) -> None:
        reader, writer = await connect()
        writer.write(HELLO + asked)
        assert (await reader.read())[2:4] == bytes((5, code))
        writer.close()

    played(talk)


def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        async def talk(connect: Callable[[], Awaitable[Streams]], _: int) -> None:
            reader, writer = await connect()
            writer.write(HELLO + request(b"\1" + LOOPBACK, unused.getsockname()[1]))
            assert (await reader.read())[3] == Reply.REFUSED
            writer.close()

        played(talk)


@pytest.mark.parametrize("hello", [b"\4\1\0\1\x7f\0\0\1\0", b"GET / HTTP/1.1\r\n\r\n"], ids=["SOCKS4", "HTTP"])
def test_another_protocol_gets_no_answer(hello: bytes) -> None:
    async def talk(connect: Callable[[], Awaitable[Streams]], _: int) -> None:
        reader, writer = await connect()
        writer.write(hello)
        with contextlib.suppress(ConnectionResetError):  # it had not read everything
            assert await reader.read() == b""
        writer.close()

    played(talk)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"\5\1\0", b"\5\xff"),
        (b"\5\2\0\2\1\5alice\x0awonderland", b"\5\2\1\0"),
        (b"\5\1\2\1\5alice\4rose", b"\5\2\1\1"),
        (b"\5\1\2\1\3bob\x0awonderland", b"\5\2\1\1"),
        (b"\5\1\2\1\0\0", b"\5\2\1\1"),
    ],
    ids=["no method", "right", "password", "user", "empty"],
)
def test_log_in(said: bytes, answer: bytes) -> None:
    async def talk(connect: Callable[[], Awaitable[Streams]], _: int) -> None:
        reader, writer = await connect()
        writer.write(said)
        assert await reader.readexactly(len(answer)) == answer
        if answer[-1]:
            assert await reader.read() == b""
        writer.close()

    played(talk, LOGIN)


def test_a_slow_client_makes_room_for_the_next() -> None:
    async def talk(connect: Callable[[], Awaitable[Streams]], port: int) -> None:
        slow = await connect()
        reader, writer = await connect()
        writer.write(HELLO + request(b"\1" + LOOPBACK, port))
        writer.write_eof()
        assert await slow[0].read() == b""
        assert (await reader.read())[:4] == b"\5\0\5\0"
        for each in (slow[1], writer):
            each.close()

    played(talk, limits=Limits(clients=1, greeting=60.0))


def test_idle_clients_take_no_places_from_others_that_are_connected() -> None:
    async def talk(connect: Callable[[], Awaitable[Streams]], port: int) -> None:
        reader, writer = await connect()
        writer.write(HELLO + request(b"\1" + LOOPBACK, port))
        await reader.readexactly(12)
        idle = [await connect() for _ in range(10)]
        for silent, _ in idle[:9]:
            assert await silent.read() == b""
        writer.write(b"still here")
        writer.write_eof()
        assert await reader.read() == b"STILL HERE"
        for each in (writer, *(each for _, each in idle)):
            each.close()

    played(talk, limits=Limits(clients=2, greeting=60.0))


def test_a_client_waits_while_all_places_are_used() -> None:
    async def talk(connect: Callable[[], Awaitable[Streams]], port: int) -> None:
        first, writer = await connect()
        writer.write(HELLO + request(b"\1" + LOOPBACK, port))
        await first.readexactly(12)
        second, next_writer = await connect()
        next_writer.write(HELLO + request(b"\1" + LOOPBACK, port))
        writer.write_eof()
        assert await first.read() == b""
        await second.readexactly(12)
        for each in (writer, next_writer):
            each.close()

    played(talk, limits=Limits(clients=1))


def test_an_idle_connection_ends() -> None:
    async def talk(connect: Callable[[], Awaitable[Streams]], port: int) -> None:
        reader, writer = await connect()
        writer.write(HELLO + request(b"\1" + LOOPBACK, port))
        # the answers are with the kernel before the time begins, however short it is
        assert (await reader.readexactly(12))[2:4] == b"\5\0"
        assert await reader.read() == b""
        writer.close()

    played(talk, limits=Limits(idle=0.05))


def test_a_client_that_does_not_read_the_end_is_not_waited_for_without_limit() -> None:
    connected = asyncio.Event()

    async def send(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        writer.write(bytes(60_000))
        writer.close()

    async def talk(connect: Callable[[], Awaitable[Streams]], port: int) -> None:
        _, first = await connect()
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(first.get_extra_info("peername"))
        first.close()
        reader, writer = await asyncio.open_connection(sock=slow)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(HELLO + request(b"\1" + LOOPBACK, port))
        writer.write_eof()
        await connected.wait()
        next_reader, next_writer = await connect()
        next_writer.write(HELLO)
        assert await next_reader.readexactly(2) == b"\5\0"  # the place is free, and nothing of its client is kept
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await reader.read()) < 60_000
        for each in (writer, next_writer):
            each.close()

    played(talk, limits=Limits(clients=1, half_closed=0.2), serve=send, send_buffer=4096)


def test_few_of_the_addresses_of_a_name_are_tried() -> None:
    """Each attempt may take half a minute, for which the client has one of the places."""
    tried = [f"127.1.0.{number}" for number in range(1, 200)]

    async def resolve(_: str) -> Sequence[str]:
        return [*tried, "127.0.0.1"]

    async def talk(connect: Callable[[], Awaitable[Streams]], port: int) -> None:
        reader, writer = await connect()
        writer.write(HELLO + request(b"\3\4many", port))
        assert (await reader.read())[3] == Reply.REFUSED
        writer.close()

    played(talk, resolve=resolve)


@pytest.mark.parametrize(
    ("file", "value", "named"),
    [
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone"),
        ("user/max_user_namespaces", "0", "user.max_user_namespaces"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns"),
    ],
)
def test_who_denies_namespaces(tmp_path: Path, file: str, value: str, named: str) -> None:
    setting = tmp_path / file
    setting.parent.mkdir()
    setting.write_text(f"{value}\n")
    assert named in why_denied(errno.EPERM, tmp_path)
    setting.write_text("2\n")
    assert named not in why_denied(errno.EPERM, tmp_path)
