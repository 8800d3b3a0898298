"""What was dropped since the daemon began."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ikev1.daemon.drops import DropCounters
from ikev1.esp.plane import Drops

if TYPE_CHECKING:
    from tests.daemon.conftest import CountingPlane

FILE = """\
XfrmInError             \t{errors}
XfrmInNoPols            \t{no_policy}
XfrmOutNoStates         \t0
"""


@pytest.fixture
def plane(counting_plane: type[CountingPlane]) -> CountingPlane:
    return counting_plane(lambda _: None, lambda _, packets: len(packets))


def test_only_what_grew_is_told(plane: CountingPlane, tmp_path: Path) -> None:
    file = tmp_path / "xfrm_stat"
    file.write_text(FILE.format(errors=5, no_policy=1))
    plane.dropped = Drops(unknown_spi=2)
    drops = DropCounters(plane, kernel=True, file=file)
    assert drops.moved() == {}
    file.write_text(FILE.format(errors=5, no_policy=4))
    plane.dropped = Drops(unknown_spi=2, trapped=1)
    assert drops.moved() == {"XfrmInNoPols": 3, "trapped": 1}


def test_what_the_kernel_counts_is_not_about_a_plane_in_user_space(plane: CountingPlane, tmp_path: Path) -> None:
    file = tmp_path / "xfrm_stat"
    drops = DropCounters(plane, kernel=False, file=file)
    file.write_text(FILE.format(errors=5, no_policy=1))
    assert drops.moved() == {}


def test_a_kernel_may_keep_no_statistics(plane: CountingPlane, tmp_path: Path) -> None:
    drops = DropCounters(plane, kernel=True, file=tmp_path / "none")
    plane.dropped = Drops(no_policy=1)
    assert drops.moved() == {"no-policy": 1}
