"""Which of two sockets on one port a datagram waits in: the kernel decides, over the loopback interface."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence

import pytest

from ikev1.core.records.path import UdpPath
from ikev1.daemon.net.endpoint import STRANGERS_BATCH, Endpoint
from ikev1.daemon.net.udp import UdpSocket
from ikev1.daemon.observe.event_log import EventLog
from listener import Recorder, free_port

COOKIE = b"\x00\x00\x00\x01\x00\x00\x00\x00"
FIRST = b"I" * 8 + bytes(8) + b"the rest of a first message"
MARKER = bytes(4)


@pytest.fixture(params=[("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::", "::1"), ("::1", "::1")])
def endpoint(request: pytest.FixtureRequest) -> Iterator[tuple[Endpoint, str]]:
    """An endpoint that listens, and the address to send to."""
    listens, address = request.param
    try:
        free_port(listens)
    except OSError:
        pytest.skip("this machine has no IPv6")
    bound = Endpoint(EventLog(), free_port(listens), free_port(listens), (listens,))
    bound.bind()
    yield bound, address
    bound.close()


def queue_of(endpoint: Endpoint, address: str, port: int, datagram: bytes) -> UdpSocket:
    """The socket in which ``datagram`` waits once it was sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.sendto(datagram, (address, port))
    (found,) = [udp for udp in endpoint.sockets if udp.port == port and holds(udp)]
    return found


def holds(udp: UdpSocket) -> bool:
    try:
        udp.receive()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize(
    ("datagram", "of_strangers"),
    [
        (FIRST, True),
        (FIRST[:16], True),
        (FIRST[:15], True),
        (b"", True),
        (b"I" * 8 + COOKIE, False),
        (b"I" * 8 + COOKIE[::-1] + b"the rest", False),
        (bytes(8) + b"R" * 8, False),
        (MARKER + FIRST, False),
    ],
)
def test_on_port_500_what_has_no_cookie_of_ours_waits_apart(
    endpoint: tuple[Endpoint, str], datagram: bytes, of_strangers: bool
) -> None:
    bound, address = endpoint
    assert queue_of(bound, address, bound.port, datagram).of_strangers is of_strangers


@pytest.mark.parametrize(
    ("datagram", "of_strangers"),
    [
        (MARKER + FIRST, True),
        (MARKER + FIRST[:3], True),
        (MARKER + b"I" * 8 + COOKIE, False),
        (MARKER + b"I" * 8 + COOKIE[::-1] + b"the rest", False),
        (b"\xff", False),
        (b"\x00\x00\x01\x00" + bytes(60), False),
        (b"\x00\x00\x01\x00" + FIRST, False),
        (b"", False),
    ],
)
def test_on_port_4500_esp_and_keepalives_never_wait_among_strangers(
    endpoint: tuple[Endpoint, str], datagram: bytes, of_strangers: bool
) -> None:
    bound, address = endpoint
    assert queue_of(bound, address, bound.encapsulation_port, datagram).of_strangers is of_strangers


def listening(*flights: tuple[int, Sequence[bytes]]) -> tuple[Recorder, Endpoint]:
    """What an endpoint hands on of flights of datagrams that are all there before it begins to read."""
    endpoint = Endpoint(EventLog(), free_port(), free_port(), ("127.0.0.1",))
    recorder = Recorder()

    async def conversation() -> None:
        endpoint.bind()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            for place, datagrams in flights:
                for datagram in datagrams:
                    peer.sendto(datagram, ("127.0.0.1", (endpoint.port, endpoint.encapsulation_port)[place]))
        endpoint.listen(recorder)
        await recorder.until(lambda: any(datagram[:8] == b"a friend" for datagram, _ in recorder.isakmp))
        endpoint.close()

    asyncio.run(conversation())
    return recorder, endpoint


@pytest.mark.parametrize("marker", [b"", MARKER], ids=["port 500", "port 4500"])
def test_who_is_under_way_passes_by_a_flood_of_first_messages(marker: bytes) -> None:
    friend = b"a friend" + COOKIE + b" goes on"
    flood = [marker + FIRST] * 20_000
    recorder, _ = listening((int(bool(marker)), [*flood, marker + friend]))
    before = [datagram for datagram, _ in recorder.isakmp].index(friend)
    assert before <= STRANGERS_BATCH


def test_a_run_that_a_first_message_leads_is_taken_apart_wherever_it_waits() -> None:
    """The kernel builds runs of datagrams of one size whatever they are, and asks for the queue of the first alone."""
    first, esp = MARKER + FIRST + bytes(1000), [bytes([number]) * (len(FIRST) + 1004) for number in range(1, 30)]

    async def scenario() -> None:
        endpoint = Endpoint(EventLog(), free_port(), free_port(), ("127.0.0.1",))
        endpoint.bind()
        recorder = Recorder()
        endpoint.listen(recorder)
        port = endpoint.encapsulation_port
        path = UdpPath("127.0.0.1", port, "127.0.0.1", port)
        assert endpoint.send_esp(path, [first, *esp]) == 0
        await recorder.until(lambda: len(recorder.esp) == len(esp) and bool(recorder.isakmp))
        assert recorder.isakmp == [(first[4:], path)]
        assert recorder.esp == [(packet, path) for packet in esp]
        endpoint.close()

    asyncio.run(scenario())


def test_nobody_else_shares_the_ports() -> None:
    endpoint = Endpoint(EventLog(), free_port(), free_port(), ("127.0.0.1",))
    endpoint.bind()
    another = Endpoint(EventLog(), endpoint.port, endpoint.encapsulation_port, ("127.0.0.1",))
    with pytest.raises(OSError, match="in use"):
        another.bind()
    endpoint.close()
