"""How long ago a state carried its last packet, whatever the wall clock does."""

from __future__ import annotations

import pytest

from ikev1.esp.xfrm.idleness import Idleness


class World:
    """A state, the clocks, and the kernel that notes the time of the last packet."""

    def __init__(self, *, notes: bool = True) -> None:
        self.passed = 0.0
        self.wall = 1_700_000_000.0
        self.packets = self.used = 0
        self.notes = notes
        self.idle = Idleness(lambda: self.passed, lambda: self.wall)

    def wait(self, seconds: float) -> None:
        self.passed += seconds
        self.wall += seconds

    def carry(self) -> None:
        self.packets += 1
        self.used = int(self.wall) if self.notes or not self.used else self.used

    def look(self) -> float | None:
        return self.idle.look(self.packets, self.used)


def test_there_was_no_packet() -> None:
    world = World()
    world.wait(100.0)
    assert world.look() is None


def test_the_kernel_says_when_the_last_packet_came() -> None:
    world = World()
    world.look()
    world.carry()
    world.wait(15.0)
    assert world.look() == 15.0
    world.wait(10.0)
    assert world.look() == 25.0
    world.carry()
    assert world.look() == 0.0


def test_a_kernel_that_notes_the_first_packet_only() -> None:
    world = World(notes=False)
    for _ in range(5):
        world.carry()
        assert world.look() == 0.0
        world.wait(20.0)
    assert world.look() == 20.0


@pytest.mark.parametrize("jump", [7200.0, -7200.0])
def test_a_clock_that_is_set_makes_nobody_idle_for_longer_than_since_the_last_look(jump: float) -> None:
    world = World()
    world.carry()
    world.look()
    world.wait(10.0)
    world.carry()
    world.wait(5.0)
    world.wall += jump
    idle = world.look()
    assert idle is not None
    assert 0.0 <= idle <= 15.0
    world.wait(30.0)
    assert world.look() == idle + 30.0
