"""The resolver of the proxy with name servers on loopback: honest, hostile, silent, and with long answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence

import pytest

from ikev1.daemon.socks.orders import NameServers
from ikev1.daemon.socks.resolver import Resolver

Answers = Callable[[bytes], list[bytes]]
"""The datagrams, or the messages on a connection, in answer to a query."""

_LONG = 30.0  # seconds, which no test waits for


def answer(query: bytes, *addresses: bytes, flags: int = 0x8180, name: bytes | None = None) -> bytes:
    """An answer with IPv4 addresses to the name in the question, or to ``name`` instead."""
    question = query[12:] if name is None else name + query[-4:]
    records = (b"\xc0\x0c" + query[-4:] + bytes(4) + b"\0\4" + address for address in addresses)
    counts = b"\0\1" + len(addresses).to_bytes(2) + bytes(4)
    return query[:2] + flags.to_bytes(2) + counts + question + b"".join(records)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for each in self._answers(data):
            self._transport.sendto(each, addr)


def _sockets() -> tuple[socket.socket, socket.socket]:
    """A listening TCP socket and a UDP socket on the same port of 127.0.0.1."""
    while True:
        stream, datagrams = socket.create_server(("127.0.0.1", 0)), socket.socket(type=socket.SOCK_DGRAM)
        try:
            datagrams.bind(stream.getsockname())
        except OSError:  # the port of UDP is in use
            stream.close()
            datagrams.close()
        else:
            return stream, datagrams


def resolved(
    by_udp: Answers, by_tcp: Answers = lambda _: [], *, servers: Sequence[str] = ("127.0.0.1",), patience: float = _LONG
) -> tuple[str, ...]:
    """The addresses of ``www.lab.example``, asked for at 127.0.0.1."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        query = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        for each in by_tcp(query):
            writer.write(len(each).to_bytes(2) + each)
        writer.close()

    async def run() -> tuple[str, ...]:
        stream, datagrams = _sockets()
        port = stream.getsockname()[1]
        tcp = await asyncio.start_server(serve, sock=stream)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(by_udp), sock=datagrams)
        resolver = Resolver(patience, port)
        resolver.configure(NameServers(tuple(servers), "lab.example"))
        try:
            return await resolver.resolve("www", (4,))
        finally:
            transport.close()
            tcp.close()

    return asyncio.run(run())


ONE, TWO = socket.inet_aton("10.0.0.1"), socket.inet_aton("10.6.6.6")


def test_a_name_without_dots_gets_the_domain() -> None:
    asked: list[bytes] = []

    def answers(query: bytes) -> list[bytes]:
        asked.append(query[12:-4])
        return [answer(query, ONE)]

    assert resolved(answers) == ("10.0.0.1",)
    assert asked == [b"\3www\3lab\7example\0"]


def test_a_truncated_answer_is_asked_for_by_tcp() -> None:
    many = [bytes((10, 1, number // 256, number % 256)) for number in range(200)]
    found = resolved(lambda query: [answer(query, flags=0x8380)], lambda query: [answer(query, *many)])
    assert found == tuple(socket.inet_ntoa(each) for each in many)


@pytest.mark.parametrize(
    "strange",
    [
        lambda query: bytes((query[0] ^ 1, query[1])) + answer(query, TWO)[2:],
        lambda query: answer(query, TWO, name=b"\3ftp\3lab\7example\0"),
        lambda query: answer(query, TWO, flags=0x0180),
        lambda query: b"",
        lambda query: query[:2] + b"\x81\x80" + b"\0\1" + bytes(6) + b"\xc0\x0c" + query[-4:],
    ],
    ids=["identifier", "question", "a query", "empty", "a name that points to itself"],
)
def test_an_answer_to_something_else(strange: Callable[[bytes], bytes]) -> None:
    """The genuine answer comes in the next datagram, or when the question is repeated."""
    times = 0

    def answers(query: bytes) -> list[bytes]:
        nonlocal times
        times += 1
        return [strange(query), answer(query, ONE)] if times == 1 else [answer(query, ONE)]

    assert resolved(answers) == ("10.0.0.1",)


def test_answers_to_something_else_without_end_are_not_waited_for() -> None:
    assert resolved(lambda query: [bytes(12)] * 50) == ()


@pytest.mark.parametrize("by_tcp", [lambda _: [], lambda _: [b""], lambda query: [answer(query, TWO, name=b"\0")]])
def test_a_truncated_answer_without_another_one(by_tcp: Answers) -> None:
    assert resolved(lambda query: [answer(query, flags=0x8380)], by_tcp) == ()


def test_another_server_is_asked_where_nobody_listens() -> None:
    assert resolved(lambda query: [answer(query, ONE)], servers=("127.0.0.9", "127.0.0.1")) == ("10.0.0.1",)


def test_a_silent_server() -> None:
    assert resolved(lambda _: [], patience=0.01) == ()
