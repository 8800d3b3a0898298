"""The kernel's data plane while links, addresses and gateways come and go; two of them in one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.esp.kernel import KernelPlane
from ikev1.esp.plane import Acquire, NetworkChanged, Protected, RekeyNeeded, Trap
from xfrm_lab import INNER, OUTER, Side, two_ends, two_sides

Sides = tuple[Side, Side]
LOCAL, REMOTE = Selector.parse("10.1.0.0/16"), Selector.parse("10.2.0.0/16")
TRAP = Trap("peer", "net", LOCAL, REMOTE, *OUTER[4])
PROTECTED = Protected("peer", "net", LOCAL, REMOTE)


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    with two_sides(tmp_path) as sides:
        yield sides


def send(side: Side, count: int = 1, octets: int = 10) -> None:
    """Datagrams from the local to the remote network."""
    with side.namespace.socket(INNER[4][0]) as udp:
        for _ in range(count):
            with suppress(OSError):
                udp.sendto(bytes(octets), (INNER[4][1], 9))


def routes(side: Side) -> str:
    return side.namespace.run("ip", "route", "show", "table", "4500").strip()


def test_a_soft_limit_that_was_reached_while_no_gateway_ran(sides: Sides) -> None:
    side, (child, _) = sides[0], two_ends(lifetime_kilobytes=10)
    side.up(child)
    side.die()
    send(side, 9, 1000)
    side.events.clear()
    side.open()
    assert side.plane.adopt([child]) == {child.inbound.spi}
    (needed,) = side.events
    assert isinstance(needed, RekeyNeeded)
    assert needed.child == child.without_keys()


def test_a_limit_that_is_not_reached_asks_for_nothing(sides: Sides) -> None:
    side, (child, _) = sides[0], two_ends(lifetime_kilobytes=10)
    side.up(child)
    side.die()
    send(side, 5, 1000)
    side.events.clear()
    side.open()
    assert side.plane.adopt([child]) == {child.inbound.spi}
    assert side.events == []


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_what_a_packet_asked_an_earlier_gateway_for(sides: Sides, how: str) -> None:
    """The kernel asks once, and then waits half a minute: the next gateway knows it, and is asked again as well."""
    side = sides[0]
    side.plane.install_trap(TRAP)
    send(side)
    side.hear(Acquire)
    if how == "stopped":
        side.plane.close()
    else:
        side.die()
    side.events.clear()
    side.open()
    side.plane.adopt([])
    assert side.events == []
    side.plane.install_trap(TRAP._replace(tunnel="other", remote=Selector.parse("10.9.0.0/16")))
    assert side.events == []
    side.plane.install_trap(TRAP)
    (asked,) = side.hear(Acquire)
    assert (asked.connection, asked.tunnel) == ("peer", "net")
    assert "10.1.0.1" in asked.packet
    send(side)
    side.hear(Acquire, 2)


def test_routes_are_back_when_their_link_is(sides: Sides) -> None:
    side, (child, _) = sides[0], two_ends()
    side.up(child)
    there = routes(side)
    assert there.startswith("10.2.0.0/16 dev eth0")
    side.namespace.run("ip", "link", "set", "eth0", "down")
    side.namespace.run("ip", "link", "set", "eth0", "up")
    assert routes(side) == ""
    for _, read in side.plane.readers():
        read()
    assert NetworkChanged() in side.events
    side.plane.follow()
    assert routes(side) == there
    ends = time.monotonic() + 60  # the kernel tells that a link has a carrier some time after it is up
    while OUTER[4][0] not in side.plane.addresses():
        assert time.monotonic() < ends


def test_a_local_address_that_comes_later_becomes_the_source(sides: Sides) -> None:
    side, ends = sides[0], two_ends()
    side.namespace.run("ip", "addr", "del", INNER[4][0], "dev", "lo")
    for end, child in zip(sides, ends, strict=True):
        end.up(child)
    assert "src" not in routes(side)
    side.namespace.run("ip", "addr", "add", INNER[4][0], "dev", "lo")
    side.plane.follow()
    assert f"src {INNER[4][0]}" in routes(side)
    side.namespace.ping(INNER[4][1], count=1)
    assert side.plane.counters(ends[0]).packets_in == 1


@pytest.mark.parametrize("inner", [4, 6])
def test_peers_with_link_local_addresses(sides: Sides, inner: int) -> None:
    for number, side in enumerate(sides, 1):
        side.namespace.run("ip", "addr", "add", f"fe80::{number}/64", "dev", "eth0", "nodad")
    one, other = two_ends(inner=inner, path=UdpPath("fe80::1", 4500, "fe80::2%eth0", 4500))
    ends = one, replace(other, path=UdpPath("fe80::2", 4500, "fe80::1%eth0", 4500))
    for side, child in zip(sides, ends, strict=True):
        side.up(child)
    sides[0].ping(INNER[inner][1], INNER[inner][0])
    assert sides[0].plane.counters(ends[0]).packets_in == 3


@contextmanager
def under_traffic(side: Side) -> Iterator[None]:
    """Packets for the remote network come all the time."""
    ended = threading.Event()

    def flow() -> None:
        while not ended.is_set():
            send(side, 10)
            time.sleep(0.001)

    thread = threading.Thread(target=flow)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def stop_keeping(side: Side) -> None:
    side.plane.close(keep_protected=True)


@pytest.mark.parametrize("end", [Side.die, stop_keeping])
def test_nothing_leaves_in_the_clear_while_one_gateway_takes_over_from_another(
    sides: Sides, end: Callable[[Side], None]
) -> None:
    side, other = sides
    side.namespace.run("ip", "route", "add", "10.2.0.0/16", "dev", "eth0")
    receiver = other.namespace.socket(INNER[4][1], 9)
    send(side)
    assert receiver.recv(100)  # the way is open
    side.plane.adopt([])
    side.plane.protect([PROTECTED])
    side.plane.install_trap(TRAP)
    receiver.setblocking(False)
    with suppress(BlockingIOError):
        while receiver.recv(100):
            pass
    with under_traffic(side):
        for _ in range(5):
            time.sleep(0.05)
            end(side)
            time.sleep(0.05)
            side.open()
            side.plane.adopt([])
            side.plane.protect([PROTECTED])
            side.plane.install_trap(TRAP)
        time.sleep(0.05)
    with pytest.raises(BlockingIOError):
        receiver.recv(100)
    receiver.close()


def test_a_second_gateway_that_only_opens_its_plane_changes_nothing(sides: Sides) -> None:
    side, (child, _) = sides[0], two_ends()
    side.up(child)
    before = side.namespace.run("ip", "rule"), routes(side), side.show("policy")
    with side.namespace.entered():
        KernelPlane(side.events.append, side.owner.with_name("other.owner")).close()
    assert (side.namespace.run("ip", "rule"), routes(side), side.show("policy")) == before
