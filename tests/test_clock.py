"""The steady clock: nobody sets it, and it goes on while the system is suspended."""

from __future__ import annotations

import time

import pytest

from ikev1.clock import SteadyClock, since_boot


@pytest.mark.parametrize("jump", [7200.0, -7200.0])
def test_setting_the_clock_changes_nothing(jump: float) -> None:
    wall, passing = [1_000_000.0], [50.0]
    clock = SteadyClock(lambda: wall[0], lambda: passing[0])
    assert clock() == 1_000_000.0
    wall[0] += jump
    passing[0] += 3.0
    assert clock() == 1_000_003.0


def test_it_counts_what_the_system_counts_since_its_start() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= since_boot() <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_by_default_it_begins_with_the_time_of_day() -> None:
    assert abs(SteadyClock()() - time.time()) < 5.0
