"""Many datagrams by one call, over the loopback."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from ikev1.esp.segments import ANCILLARY_SIZE, Run, enable_coalescing, runs, send, split

Sockets = tuple[socket.socket, socket.socket]


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    """One that sends, and one that receives, coalesced where the kernel does that."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
            each.setblocking(False)
        enable_coalescing(other)
        yield one, other


def received(udp: socket.socket) -> list[bytes]:
    datagrams: list[bytes] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            data, ancillary, _, _ = udp.recvmsg(65535, ANCILLARY_SIZE)
            datagrams += map(bytes, split(data, ancillary))
    return datagrams


@pytest.mark.parametrize(
    "sizes",
    [
        [100],
        [100, 100, 100],
        [100, 100, 40],
        [40, 100, 100, 40, 40, 100],
        [1400] * 46 + [200],
        [20] * 100,
        [1, 1, 1],
        [],
    ],
)
def test_each_datagram_arrives_as_it_was(sockets: Sockets, sizes: list[int]) -> None:
    one, other = sockets
    datagrams = [bytes((n % 256,)) * size for n, size in enumerate(sizes)]
    assert send(one, datagrams, (), other.getsockname()) == 0
    assert received(other) == datagrams


def test_what_is_too_large_for_one_call_goes_alone(sockets: Sockets) -> None:
    one, other = sockets
    datagrams = [bytes(40_000), bytes(40_000), bytes(10)]
    assert send(one, datagrams, (), other.getsockname()) == 0
    assert sorted(map(len, received(other))) == [10, 40_000, 40_000]


def test_what_the_network_does_not_take_is_counted(sockets: Sockets) -> None:
    one, other = sockets
    assert send(one, [bytes(70_000), bytes(70_000), bytes(5)], (), other.getsockname()) == 2
    assert received(other) == [bytes(5)]


def test_a_datagram_that_was_not_coalesced_is_one() -> None:
    assert split(b"abc", ()) == (b"abc",)
    assert split(b"abc", [(17, 104, (3).to_bytes(4, "little"))]) == (b"abc",)
    assert list(map(bytes, split(b"abcde", [(17, 104, (2).to_bytes(4, "little"))]))) == [b"ab", b"cd", b"e"]


@pytest.mark.parametrize("sizes", [[], [5], [0, 0, 5], [5, 0], [5, 5, 5, 3, 5], [3, 5, 5], [900] * 100, [1, 1, 1]])
def test_runs_of_single_datagrams_hold_all_of_them(sizes: list[int]) -> None:
    datagrams = [bytes((n % 256,)) * size for n, size in enumerate(sizes)]
    assert [bytes(datagram) for run in runs(datagrams) for datagram in run] == datagrams


@pytest.mark.parametrize(
    ("begins", "spi"),
    [
        ([b"\0\0\1\2"] * 3, 0x102),
        ([b"\0\0\1\2", b"\0\0\1\3"], 0),
        ([bytes(4)] * 3, 0),
        ([b"\0\0\1\2"] * 2 + [bytes(4)], 0),
    ],
)
def test_the_spi_of_a_run_is_that_of_all_its_datagrams(begins: list[bytes], spi: int) -> None:
    run = Run(b"".join(begin + b"data" for begin in begins), 8)
    assert run.spi == spi
    assert len(run) == len(begins)


def test_a_short_last_datagram_has_its_part_in_the_spi_of_a_run() -> None:
    assert Run(b"\0\0\1\2data" * 2 + b"\0\0\1\2", 8).spi == 0x102
    assert Run(b"\0\0\1\2data" * 2 + b"\xff", 8).spi == 0
    assert Run(b"\xff" * 20, 1).spi == 0
