"""The sockets, over the loopback interface: addresses, marker, keepalives, and errors that are no disaster."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import pytest

from ikev1.core.records.path import UdpPath
from ikev1.daemon.net.endpoint import BATCH, STRANGERS_BATCH, TURN, Endpoint
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.esp.segments import send
from listener import Recorder, free_port

_SOL_UDP, _UDP_GRO = 17, 104  # <linux/udp.h>


class Work:
    """A clock that stands still but for the work that is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds


def converse(
    scenario: Callable[[Endpoint, Recorder, socket.socket], Awaitable[None]],
    listen: Sequence[str] = (),
    each: float = 0.0,
) -> list[Line]:
    """Run ``scenario`` with an endpoint that listens and a peer's plain socket on 127.0.0.1; the log comes back.

    ``each`` is how many seconds every ISAKMP message takes.
    """
    lines: list[Line] = []

    async def conversation() -> None:
        log = EventLog()
        log.attach(Level.DEBUG, lines.append)
        work = Work()
        endpoint = Endpoint(log, free_port(), free_port(), listen, clock=work)
        endpoint.bind()
        recorder = Recorder(partial(work.spend, each))
        endpoint.listen(recorder)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            peer.settimeout(60)
            await scenario(endpoint, recorder, peer)
        endpoint.close()

    asyncio.run(conversation())
    return lines


@pytest.mark.parametrize("listen", [(), ("127.0.0.1", "127.0.0.2")])
def test_the_answer_leaves_from_the_address_that_was_called(listen: Sequence[str]) -> None:
    async def scenario(endpoint: Endpoint, recorder: Recorder, peer: socket.socket) -> None:
        for called in ("127.0.0.1", "127.0.0.2"):
            peer.sendto(b"question", (called, endpoint.port))
            await recorder.until(lambda: bool(recorder.isakmp))
            ((datagram, path),) = recorder.isakmp
            recorder.isakmp.clear()
            assert datagram == b"question"
            assert path == UdpPath(called, endpoint.port, *peer.getsockname())
            endpoint.send_isakmp(path, b"answer")
            assert peer.recvfrom(100) == (b"answer", (called, endpoint.port))

    assert converse(scenario, listen) == []


def test_the_encapsulation_port_tells_isakmp_esp_and_keepalives_apart() -> None:
    async def scenario(endpoint: Endpoint, recorder: Recorder, peer: socket.socket) -> None:
        for datagram in (b"\xff", b"\x12\x34\x56\x78esp", b"", b"\0\0\0\0isakmp", b"\0\0\0\0"):
            peer.sendto(datagram, ("127.0.0.1", endpoint.encapsulation_port))
        await recorder.until(lambda: len(recorder.isakmp) == 2)
        path = UdpPath("127.0.0.1", endpoint.encapsulation_port, *peer.getsockname())
        assert recorder.isakmp == [(b"isakmp", path), (b"", path)]
        assert recorder.esp == [(b"\x12\x34\x56\x78esp", path), (b"", path)]
        endpoint.send_isakmp(path, b"answer")
        endpoint.send_keepalive(path)
        assert endpoint.send_esp(path, [b"one", b"two"]) == 0
        assert [peer.recv(100) for _ in range(4)] == [b"\0\0\0\0answer", b"\xff", b"one", b"two"]

    assert converse(scenario) == []


@pytest.mark.parametrize("size", [1, 4, 60])
def test_runs_are_told_apart_as_single_datagrams_are(size: int) -> None:
    """The kernel coalesces datagrams of one size, whatever is in them."""
    esp, other, isakmp = (begin + bytes(range(60)) for begin in (b"\0\0\1\0", b"\0\0\2\0", b"\0\0\0\0"))
    mixed = [datagram[:size] for datagram in [esp] * 12 + [isakmp] + [esp] * 3 + [other] * 2 + [isakmp, esp]]
    uniform = [esp[:size]] * 20

    async def scenario(endpoint: Endpoint, recorder: Recorder, peer: socket.socket) -> None:
        for run in (mixed, uniform, [*uniform, b"\xff"], [isakmp[:size]] * 10):
            assert send(peer, run, (), ("127.0.0.1", endpoint.encapsulation_port)) == 0
        runs = [*mixed, *uniform, *uniform, *[isakmp[:size]] * 10]
        marked = [datagram for datagram in runs if datagram[:4] == bytes(4)]
        expected = [datagram[4:] if datagram[:4] == bytes(4) else datagram for datagram in runs]
        await recorder.until(lambda: len(recorder.in_order) >= len(expected))
        assert recorder.in_order == expected
        assert len(recorder.isakmp) == len(marked)

    assert converse(scenario) == []


@pytest.mark.parametrize(("cookie", "portion"), [(b"R" * 8, BATCH), (bytes(8), STRANGERS_BATCH)])
def test_a_flood_is_read_in_bounded_portions(cookie: bytes, portion: int) -> None:
    flood = [b"I" * 8 + cookie + number.to_bytes(2) for number in range(3 * BATCH)]

    async def scenario(endpoint: Endpoint, recorder: Recorder, peer: socket.socket) -> None:
        for datagram in flood:
            peer.sendto(datagram, ("127.0.0.1", endpoint.port))
        await recorder.until(lambda: len(recorder.isakmp) == 3 * BATCH)
        assert recorder.largest_batch == portion
        assert [datagram for datagram, _ in recorder.isakmp] == flood

    assert converse(scenario) == []


@pytest.mark.parametrize("encapsulated", [False, True])
@pytest.mark.parametrize(("each", "portion"), [(TURN / 4, 4), (TURN, 1), (5 * TURN, 1)])
def test_messages_that_take_long_are_read_in_small_portions(each: float, portion: int, encapsulated: bool) -> None:
    """Between them, ESP and timers have their turn."""
    flood = [b"I" * 8 + b"R" * 8 + number.to_bytes(2) for number in range(20)]

    async def scenario(endpoint: Endpoint, recorder: Recorder, peer: socket.socket) -> None:
        marker, port = (bytes(4), endpoint.encapsulation_port) if encapsulated else (b"", endpoint.port)
        for datagram in flood:
            peer.sendto(marker + datagram, ("127.0.0.1", port))
        await recorder.until(lambda: len(recorder.isakmp) == len(flood))
        assert recorder.largest_batch == portion
        assert [datagram for datagram, _ in recorder.isakmp] == flood

    assert converse(scenario, each=each) == []


def test_packets_that_are_processed_one_by_one_are_read_in_small_portions() -> None:
    """However few reads return them."""
    mixed = [(1 + number % 2).to_bytes(4) + number.to_bytes(60) for number in range(640)]

    async def scenario(endpoint: Endpoint, recorder: Recorder, peer: socket.socket) -> None:
        assert send(peer, mixed, (), ("127.0.0.1", endpoint.encapsulation_port)) == 0
        await recorder.until(lambda: len(recorder.esp) == len(mixed))
        await asyncio.sleep(0)
        assert recorder.largest_turn == BATCH
        assert recorder.in_order == mixed

    assert converse(scenario) == []


def test_messages_and_packets_that_waited_together_are_handed_on_in_the_order_of_arrival() -> None:
    async def scenario(endpoint: Endpoint, recorder: Recorder, peer: socket.socket) -> None:
        marker, cookies = bytes(4), b"cookie-Icookie-R"  # of an established ISAKMP SA
        qm3, delete, qm1 = (marker + cookies + name for name in (b"QM3", b"Delete", b"QM1"))
        come = [qm3, b"ESP1", b"ESP2", delete, b"ESP3", b"ESP4", qm1]
        for datagram in come:  # the loop reads none of them before all are there
            peer.sendto(datagram, ("127.0.0.1", endpoint.encapsulation_port))
        await recorder.until(lambda: len(recorder.in_order) == len(come))
        assert recorder.in_order == [datagram.removeprefix(marker) for datagram in come]

    assert converse(scenario) == []


def test_esp_in_runs_arrives_packet_by_packet() -> None:
    packets = [bytes([1 + number % 200]) * 1000 for number in range(150)] + [b"the last, a short one"]

    async def scenario(endpoint: Endpoint, recorder: Recorder, _: socket.socket) -> None:
        port = endpoint.encapsulation_port
        path = UdpPath("127.0.0.1", port, "127.0.0.1", port)
        assert endpoint.send_esp(path, packets) == 0
        await recorder.until(lambda: len(recorder.esp) == len(packets))
        assert recorder.esp == [(packet, path) for packet in packets]

    assert converse(scenario) == []


@pytest.mark.parametrize("coalesce", [True, False])
def test_runs_come_as_one_only_where_they_are_wanted(coalesce: bool) -> None:
    endpoint = Endpoint(EventLog(), free_port(), free_port(), ("127.0.0.1",), coalesce=coalesce)
    endpoint.bind()
    wanted = {udp.port: udp.socket.getsockopt(_SOL_UDP, _UDP_GRO) for udp in endpoint.sockets}
    endpoint.close()
    assert wanted == {endpoint.port: 0, endpoint.encapsulation_port: int(coalesce)}


def test_ipv6_has_a_socket_of_its_own() -> None:
    try:
        port = free_port("::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert port

    async def scenario(endpoint: Endpoint, recorder: Recorder, _: socket.socket) -> None:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as peer:
            peer.settimeout(60)
            peer.sendto(b"question", ("::1", endpoint.port))
            await recorder.until(lambda: bool(recorder.isakmp))
            path = recorder.isakmp[0][1]
            assert path[:3] == ("::1", endpoint.port, "::1")
            endpoint.send_isakmp(path, b"answer")
            assert peer.recv(100) == b"answer"

    assert converse(scenario) == []


def test_what_the_network_refuses_is_logged_and_no_more() -> None:
    async def scenario(endpoint: Endpoint, _: Recorder, peer: socket.socket) -> None:
        path = UdpPath("127.0.0.1", endpoint.port, *peer.getsockname())
        endpoint.send_isakmp(path, bytes(65_536))
        endpoint.send_isakmp(path._replace(local_port=1), b"x")
        assert endpoint.send_esp(path, [b"one", bytes(65_536), b"three"]) == 1

    lines = [line.text for line in converse(scenario)]
    assert len(lines) == 2
    assert "65536 octets" in lines[0]
    assert "Message too long" in lines[0]


def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = Endpoint(EventLog(), free_port(), taken.getsockname()[1], ("127.0.0.1",))
        with pytest.raises(OSError, match="in use"):
            endpoint.bind()
        assert not endpoint.sockets
