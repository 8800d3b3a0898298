"""What was dropped since the daemon began."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ikev1.daemon.observe.drop_counters import DropCounters
from ikev1.esp.plane import Drops

if TYPE_CHECKING:
    from tests.daemon.conftest import CountingPlane


@pytest.fixture
def plane(counting_plane: type[CountingPlane]) -> CountingPlane:
    return counting_plane(lambda _: None, lambda _, packets: len(packets))


def test_only_what_grew_is_told(plane: CountingPlane) -> None:
    plane.dropped = Drops(unknown_spi=2, no_policy=1)
    drops = DropCounters(plane, kernel=False)
    assert drops.moved() == {}
    plane.dropped = Drops(unknown_spi=2, no_policy=3, trapped=1)
    assert drops.moved() == {"no-policy": 2, "trapped": 1}


def test_what_the_kernel_counts_is_told_by_its_own_names(plane: CountingPlane) -> None:
    counted = {"XfrmInError": 5, "XfrmInNoPols": 1}
    drops = DropCounters(plane, kernel=True, read=lambda: dict(counted))
    assert drops.moved() == {}
    counted |= {"XfrmInNoPols": 4, "XfrmOutNoStates": 1}
    plane.dropped = Drops(unknown_spi=3)  # the same in other words
    assert drops.moved() == {"XfrmInNoPols": 3, "XfrmOutNoStates": 1}


def test_what_the_kernel_counts_is_not_about_a_plane_in_user_space(plane: CountingPlane) -> None:
    counted = {"XfrmInError": 5}
    drops = DropCounters(plane, kernel=False, read=lambda: dict(counted))
    counted["XfrmInError"] = 6
    assert drops.moved() == {}
