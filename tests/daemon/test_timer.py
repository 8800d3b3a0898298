"""The alarm rings once, at the earliest deadline that was set."""

from __future__ import annotations

import asyncio
import math

from ikev1.daemon.timer import Timer


def rings(*deadlines: float) -> list[float]:
    """When, on the loop's own clock counted from 1000, an alarm with these deadlines rings."""
    rung: list[float] = []

    async def conversation() -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        done = asyncio.Event()

        def clock() -> float:
            return 1000.0 + loop.time() - start

        def ring() -> None:
            rung.append(clock())
            done.set()

        alarm = Timer(clock, ring)
        for deadline in deadlines:
            alarm.set(deadline)
        async with asyncio.timeout(60):
            await done.wait()
        alarm.cancel()

    asyncio.run(conversation())
    return rung


def test_it_rings_at_the_earliest_deadline() -> None:
    assert 1000.02 <= rings(1100.0, 1000.02, math.inf, 1050.0)[0] < 1040.0


def test_a_deadline_in_the_past_rings_at_once() -> None:
    assert rings(3.0)[0] < 1002.0


def test_it_can_be_set_again_when_it_has_rung_and_keeps_silent_when_cancelled() -> None:
    async def conversation() -> int:
        count, loop = 0, asyncio.get_running_loop()

        def ring() -> None:
            nonlocal count
            count += 1
            if count < 3:
                alarm.set(0.0)

        alarm = Timer(loop.time, ring)
        alarm.set(0.0)
        for _ in range(20):
            await asyncio.sleep(0)
        alarm.set(0.0)
        alarm.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        return count

    assert asyncio.run(conversation()) == 3
