"""A gateway whose peer dies: what it notices, and what becomes of the tunnels (``dpd_action``)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from esp_packets import child
from ikev1.core.records.actions import AskTraffic
from ikev1.core.records.answers import PairTraffic, Traffic
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection, DpdAction, Start
from ikev1.daemon.dead_peers import isakmp_path, traffic_of
from ikev1.esp.plane import Counters, UnknownSpi

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side

QUICK = {"dpd_delay": 0.15, "dpd_timeout": 0.3}


def detecting(action: DpdAction | None = None) -> Callable[[Connection], Connection]:
    return lambda known: replace(known, dpd_action=action, **QUICK)


async def dies(us: Side, them: Side) -> None:
    """Their process ends without a word, and we notice."""
    dead = asyncio.Event()
    us.gateway.observers.append(
        lambda event: dead.set() if isinstance(event, Failure) and event.code == Code.PEER_DEAD else None
    )
    them.endpoint.close()
    async with asyncio.timeout(60):
        await dead.wait()
    await asyncio.sleep(0)


def idle(us: Side, seconds: float | None = None) -> None:
    """Say that the pairs of ``us`` carried nothing."""
    us.plane.counted |= dict.fromkeys(us.plane.inbound, Counters(idle_in=seconds))


def test_a_dead_peer_is_told_and_its_pair_is_gone(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        idle(us)
        await dies(us, them)
        assert any(line.code == "peer-dead" for line in us.lines)
        assert us.gateway.counters.total["failed-peer-dead"] == 1
        assert not us.plane.inbound
        assert not us.gateway.engine.sas
        assert not us.plane.traps

    meet(scenario, change=detecting())


def test_traffic_keeps_a_peer_alive_without_a_message(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        idle(us, 0.0)
        (sa,) = us.gateway.engine.sas.values()
        async with asyncio.timeout(60):
            while us.gateway.engine.sas[sa.cookies].liveness.check_at < sa.liveness.check_at + 0.3:
                await asyncio.sleep(0)
        assert us.gateway.engine.sas[sa.cookies].own_sequence is None

    meet(scenario, change=detecting())


@pytest.mark.parametrize(
    ("start", "action", "called"),
    [
        (Start.START, None, True),
        (Start.START, DpdAction.RESTART, True),
        (Start.START, DpdAction.CLEAR, False),
        (Start.START, DpdAction.TRAP, False),
        (Start.NONE, DpdAction.RESTART, True),
        (Start.NONE, None, False),
        (Start.TRAP, None, False),
        (Start.TRAP, DpdAction.RESTART, True),
    ],
)
def test_what_becomes_of_the_tunnels(meet: Meet, start: Start, action: DpdAction | None, called: bool) -> None:
    async def scenario(us: Side, them: Side) -> None:
        if start is Start.START:
            await us.until(lambda: us.gateway.is_up("branch", "net"))
        else:
            await us.gateway.initiate("branch", "net")
        idle(us)
        await dies(us, them)
        for _ in range(5):
            await asyncio.sleep(0)
        assert (us.gateway.engine.ike_for("branch") is not None) is called
        assert (("branch", "net") in us.plane.traps) is (start is Start.TRAP or action is DpdAction.TRAP)

    meet(scenario, change=detecting(action), start=start)


@pytest.mark.parametrize("jump", [7200.0, -7200.0])
def test_setting_the_clock_stops_nothing_and_floods_nobody(meet: Meet, jump: float) -> None:
    wall = [0.0]

    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (before,) = us.gateway.engine.sas.values()
        wall[0] = jump
        lines = len(us.lines)
        us.gateway.rekey_child(before.children[0])
        await us.until(lambda: len(us.plane.outbound) == 2)
        (sa,) = us.gateway.engine.sas.values()
        assert (sa.rekey_at, sa.expires_at) == (before.rekey_at, before.expires_at)
        assert len(us.lines) - lines < 30
        (stored,), _ = us.store.read()
        assert abs(stored.expires_at - sa.expires_at - jump) < 60.0

    meet(scenario, wall=lambda: time.time() + wall[0])


def test_an_unknown_spi_is_told_to_the_peer(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (sa,) = us.gateway.engine.sas.values()
        us.plane.listener(UnknownSpi(0x12345678, sa.path))
        await them.until(lambda: any("INVALID_SPI" in text for text in them.texts))

    meet(scenario)


PAIRS = tuple(child(inbound_spi=spi) for spi in (1, 2, 3))
COUNTED = {1: Counters(idle_in=50.0, idle_out=4.0), 2: Counters(idle_in=19.0, idle_out=9.0), 3: Counters(idle_out=3.0)}


def test_the_newest_packets_of_several_pairs_count() -> None:
    traffic = traffic_of(AskTraffic(7, PAIRS, 10.0, 1), lambda pair: COUNTED[pair.inbound.spi])
    assert traffic.pairs == (PairTraffic(1, 50.0, 4.0), PairTraffic(2, 19.0, 9.0), PairTraffic(3, None, 3.0))
    assert (traffic.idle_in, traffic.idle_out) == (19.0, 3.0)
    assert (Traffic().idle_in, Traffic().idle_out) == (None, None)


@pytest.mark.parametrize(("each", "looked"), [(0, 2), (1, 2), (2, 2), (3, 3)])
def test_a_packet_that_is_new_enough_ends_the_search_behind_the_pairs_that_matter(each: int, looked: int) -> None:
    traffic = traffic_of(AskTraffic(7, PAIRS, 20.0, each), lambda pair: COUNTED[pair.inbound.spi])
    assert [pair.spi for pair in traffic.pairs] == [1, 2, 3][:looked]


def test_esp_without_udp_is_answered_from_the_isakmp_port() -> None:
    assert isakmp_path(UdpPath("192.0.2.1", 0, "192.0.2.2", 0), 600) == UdpPath("192.0.2.1", 600, "192.0.2.2", 500)
    in_udp = UdpPath("192.0.2.1", 4500, "192.0.2.2", 4711)
    assert isakmp_path(in_udp, 600) == in_udp
