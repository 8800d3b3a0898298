"""Which shunts are in force: those of the configuration, and what commands change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Settings, Shunt, ShuntAction, Start
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.daemon.shunts import Shunts
from ikev1.esp.plane import PlaneError, Shunted

if TYPE_CHECKING:
    from tests.daemon.conftest import CountingPlane

HERE = Selector.parse("10.1.0.0/16")
LAN = Shunt("lan", ShuntAction.PASS, HERE, Selector.parse("10.9.0.0/24"))
SMB = Shunt("smb", ShuntAction.DROP, HERE, Selector.parse("0.0.0.0/0[tcp/445]"), Start.NONE)
SETTINGS = Settings(shunts=(LAN, SMB))


class World:
    def __init__(self, plane: type[CountingPlane]) -> None:
        self.plane = plane(lambda event: None, lambda path, packets: 0)
        self.lines: list[Line] = []
        log = EventLog()
        log.attach(Level.DEBUG, self.lines.append)
        self.shunts = Shunts(self.plane, log)

    @property
    def there(self) -> set[Selector]:
        assert self.plane.shunted is not None
        return {shunted.remote for shunted in self.plane.shunted}


@pytest.fixture
def world(counting_plane: type[CountingPlane]) -> World:
    return World(counting_plane)


def test_the_plane_is_told_even_if_there_are_none(world: World) -> None:
    world.shunts.adopt(Settings())
    assert world.plane.shunted == frozenset()


def test_those_that_start_by_themselves_are_in_force(world: World) -> None:
    world.shunts.adopt(SETTINGS)
    lan, smb = Shunted(LAN.local, LAN.remote), Shunted(SMB.local, SMB.remote, drops=True)
    assert world.plane.shunted == frozenset({lan})
    world.shunts.install(SMB)
    assert world.plane.shunted == frozenset({lan, smb})


def test_a_reload_keeps_what_commands_have_changed_for_as_long_as_a_shunt_is_configured(world: World) -> None:
    world.shunts.adopt(SETTINGS)
    world.shunts.install(SMB)
    assert world.shunts.uninstall("lan")
    assert not world.shunts.uninstall("lan")
    world.shunts.adopt(SETTINGS)
    assert world.there == {SMB.remote}
    world.shunts.adopt(Settings())
    world.shunts.adopt(SETTINGS)
    assert world.there == {LAN.remote}


def test_a_refusal_changes_nothing_and_is_reported(world: World) -> None:
    world.shunts.adopt(SETTINGS)
    world.plane.refuse = "no room"
    with pytest.raises(PlaneError):
        world.shunts.install(SMB)
    assert list(world.shunts.installed) == ["lan"]
    world.shunts.adopt(Settings())
    assert [line.level for line in world.lines] == [Level.ERROR]
