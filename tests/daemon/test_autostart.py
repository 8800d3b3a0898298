"""Tunnels that come up by themselves: when they are tried, and when no longer."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from ikev1.core.records.record import replace
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import Connection, Settings, Start, Tunnel
from ikev1.daemon.autostart import Autostart
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.daemon.pending_operations import NotEstablished

if TYPE_CHECKING:
    from tests.daemon.conftest import CountingPlane

NETWORK = Selector.parse("10.1.0.0/16")


def settings(*tunnels: Tunnel) -> Settings:
    return Settings(connections=(Connection("branch", (), tunnels, b"secret"),))


def tunnel(name: str, start: Start, remote: Selector = NETWORK) -> Tunnel:
    return Tunnel(name, NETWORK, remote, (), start=start)


class World:
    """What upkeep acts on: an initiate that fails so many times, and a note of every try."""

    def __init__(self, plane: type[CountingPlane], failures: int) -> None:
        self.plane = plane(lambda event: None, lambda path, packets: 0)
        self.tries: list[tuple[float, str]] = []
        self.lines: list[Line] = []
        self._failures = failures
        self._tried = asyncio.Event()
        log = EventLog()
        log.attach(Level.DEBUG, self.lines.append)
        self.autostart = Autostart(self.plane, self.initiate, lambda connection, name: False, log, (0.01, 0.04))

    async def initiate(self, connection: str, name: str) -> None:
        self.tries.append((asyncio.get_running_loop().time(), f"{connection}/{name}"))
        self._tried.set()
        if len(self.tries) <= self._failures:
            raise NotEstablished("nobody there")

    async def until_tries(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.tries) < count:
                self._tried.clear()
                await self._tried.wait()


@pytest.fixture
def live(counting_plane: type[CountingPlane]) -> Callable[[Callable[[World], Awaitable[None]], int], None]:
    def run(scenario: Callable[[World], Awaitable[None]], failures: int = 0) -> None:
        async def life() -> None:
            world = World(counting_plane, failures)
            await scenario(world)
            await world.autostart.close()

        asyncio.run(life())

    return run


Live = Callable[..., None]


def test_a_tunnel_that_fails_is_tried_again_ever_more_rarely(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.START)))
        await world.until_tries(6)
        times = [time for time, _ in world.tries]
        waits = [later - earlier for earlier, later in itertools.pairwise(times)]
        for wait, least in zip(waits, (0.01, 0.02, 0.04, 0.04, 0.04), strict=True):
            assert wait >= 0.9 * least
        assert [line.code for line in world.lines] == [NotEstablished.code] * 5

    live(scenario, 5)


def test_what_is_no_longer_wanted_is_no_longer_tried(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("one", Start.START), tunnel("two", Start.START)))
        await world.until_tries(4)
        world.autostart.adopt(settings(tunnel("two", Start.START), tunnel("one", Start.NONE)))
        tried = len(world.tries)
        await world.until_tries(tried + 3)
        assert {name for _, name in world.tries[tried:]} == {"branch/two"}

    live(scenario, 1000)


def test_traps_follow_the_settings(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("one", Start.TRAP), tunnel("two", Start.TRAP)))
        assert list(world.plane.traps) == [("branch", "one"), ("branch", "two")]
        other = Selector.parse("10.9.0.0/16")
        world.autostart.adopt(settings(tunnel("two", Start.TRAP, other), tunnel("one", Start.NONE)))
        assert [(trap.tunnel, trap.local, trap.remote) for trap in world.plane.traps.values()] == [
            ("two", NETWORK, other)
        ]
        assert world.tries == []

    live(scenario)


def test_a_trap_for_nobody_knows_what_is_told(live: Live) -> None:
    async def scenario(world: World) -> None:
        world.autostart.adopt(settings(tunnel("net", Start.TRAP, DYNAMIC)))
        assert world.plane.traps == {}
        assert [line.level for line in world.lines] == [Level.ERROR]

    live(scenario)


def test_a_tunnel_that_waits_is_tried_at_once_when_there_is_a_reason(live: Live) -> None:
    """Also when the reason comes during a try, and not when the tunnel is another connection's."""

    async def scenario(world: World) -> None:
        world.autostart.waits = (3600.0, 3600.0)
        world.autostart.adopt(settings(tunnel("net", Start.START)))
        await world.until_tries(1)
        world.autostart.retry("other")
        for count in (2, 3):
            assert world.autostart.failing == {"branch"}
            world.autostart.retry("branch")
            await world.until_tries(count)
        assert len(world.tries) == 3

    live(scenario, 1000)


def test_no_more_tunnels_than_the_window_are_tried_at_once(counting_plane: type[CountingPlane]) -> None:
    begun: list[str] = []
    answers: dict[str, asyncio.Event] = {}

    async def initiate(connection: str, name: str) -> None:
        begun.append(name)
        answers[name] = asyncio.Event()
        await answers[name].wait()

    async def life() -> None:
        plane = counting_plane(lambda event: None, lambda path, packets: 0)
        autostart = Autostart(plane, initiate, lambda connection, name: False, EventLog())
        tunnels = [tunnel(f"net{number}", Start.START) for number in range(7)]
        autostart.adopt(replace(settings(*tunnels), initiation_window=3))
        for expected in (3, 4, 5):
            async with asyncio.timeout(5):
                while len(begun) < expected:
                    await asyncio.sleep(0)
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(begun) == expected
            answers[begun[expected - 3]].set()
        autostart.adopt(replace(settings(*tunnels), initiation_window=10))
        async with asyncio.timeout(5):
            while len(begun) < 7:
                await asyncio.sleep(0)
        await autostart.close()

    asyncio.run(life())
