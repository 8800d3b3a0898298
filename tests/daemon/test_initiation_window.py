"""How many initiations are under way at once, and who is next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from ikev1.core.records.events import ChildUp, Event, MessageSeen
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Connection, Settings, Start
from ikev1.daemon.initiation_window import InitiationWindow

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side

FOREVER = 3600.0
_MANY = 150


class World:
    """Initiations that are done when the test says so, and the order in which they began."""

    def __init__(self, size: int, patience: float = FOREVER) -> None:
        self.window = InitiationWindow(size, patience)
        self.begun: list[int] = []
        self.done: dict[int, asyncio.Event] = {}
        self.tasks: dict[int, asyncio.Task[None]] = {}

    async def begin(self, *numbers: int) -> None:
        for number in numbers:
            self.done[number] = asyncio.Event()
            self.tasks[number] = asyncio.create_task(self._initiate(number))
        await self.settle()

    async def end(self, *numbers: int) -> None:
        for number in numbers:
            self.done[number].set()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def _initiate(self, number: int) -> None:
        async with self.window.turn():
            self.begun.append(number)
            await self.done[number].wait()

    async def close(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


def live(scenario: Callable[[World], Awaitable[None]], size: int, patience: float = FOREVER) -> None:
    async def life() -> None:
        world = World(size, patience)
        try:
            await scenario(world)
        finally:
            await world.close()

    asyncio.run(life())


def test_no_more_than_the_window_are_under_way() -> None:
    async def scenario(world: World) -> None:
        await world.begin(*range(7))
        assert (world.begun, world.window.waiting) == ([0, 1, 2], 4)
        await world.end(1)
        assert world.begun == [0, 1, 2, 3]
        await world.end(0, 2)
        assert (world.begun, world.window.waiting) == ([0, 1, 2, 3, 4, 5], 1)
        await world.end(*range(7))
        assert (world.begun, world.window.waiting) == (list(range(7)), 0)
        await world.begin(7)
        assert world.begun[-1] == 7

    live(scenario, 3)


def test_a_peer_that_does_not_answer_keeps_no_other_waiting() -> None:
    """After its patience it gives its place up, and does not give it up again when it ends."""

    async def scenario(world: World) -> None:
        await world.begin(0, 1, 2, 3)
        async with asyncio.timeout(60):
            while len(world.begun) < 2:
                await asyncio.sleep(0.001)
        await world.end(0)
        assert world.begun == [0, 1]

    live(scenario, 1, 0.5)


def test_who_stops_waiting_takes_no_place() -> None:
    async def scenario(world: World) -> None:
        await world.begin(0, 1, 2)
        world.tasks[1].cancel()
        await world.end(0)
        assert world.begun == [0, 2]

    live(scenario, 1)


def test_who_is_ended_when_its_turn_has_come_passes_it_on() -> None:
    async def scenario(world: World) -> None:
        await world.begin(0, 1, 2)
        world.done[0].set()
        while not world.tasks[0].done():
            await asyncio.sleep(0)
            if world.window.waiting == 1:  # 1 has the place, and does not know yet
                world.tasks[1].cancel()
        await world.settle()
        assert world.begun == [0, 2]

    live(scenario, 1)


def test_one_that_fails_gives_its_place_up() -> None:
    async def scenario(world: World) -> None:
        async def fail() -> None:
            async with world.window.turn():
                raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await fail()
        await world.begin(0)
        assert world.begun == [0]

    live(scenario, 1)


def test_a_larger_window_lets_more_in_at_once() -> None:
    async def scenario(world: World) -> None:
        await world.begin(0, 1, 2)
        world.window.resize(2, FOREVER)
        await world.settle()
        assert world.begun == [0, 1]
        world.window.resize(1, FOREVER)
        await world.end(0)
        assert world.begun == [0, 1]
        await world.end(1)
        assert world.begun == [0, 1, 2]

    live(scenario, 1)


def test_many_tunnels_come_up_through_the_window(meet: Meet) -> None:
    """With one peer, under one ISAKMP SA; of each tunnel there is one pair at both ends."""
    begun = ended = most = 0

    def tunnels(known: Connection, *, theirs: bool = False) -> Connection:
        (net,) = known.tunnels
        networks = [Selector.parse(f"10.{100 + place // 256}.{place % 256}.0/24") for place in range(_MANY)]
        side = "remote" if theirs else "local"
        many = [replace(net, name=f"net{place}", **{side: network}) for place, network in enumerate(networks)]
        return replace(known, tunnels=tuple(many))

    def count(event: Event) -> None:
        nonlocal begun, ended, most
        begun += isinstance(event, MessageSeen) and event.sent and event.label == "QM1"
        ended += isinstance(event, ChildUp)
        most = max(most, begun - ended)

    async def scenario(us: Side, them: Side) -> None:
        us.gateway.observers.append(count)
        for side in (us, them):
            await side.until(lambda side=side: len(side.plane.outbound) == _MANY)  # type: ignore[misc]
            (sa,) = side.gateway.engine.sas.values()
            assert len(sa.children) == len({child.name for child in sa.children}) == _MANY

    meet(
        scenario,
        change=tunnels,
        their_change=lambda known: tunnels(known, theirs=True),
        settings=lambda known: replace(known, retransmit_timeout=60.0),  # nothing is repeated, however slow this is
        start=Start.START,
    )
    assert (begun, ended) == (_MANY, _MANY)
    assert 1 < most <= Settings().initiation_window
