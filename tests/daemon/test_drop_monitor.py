"""What grows is told once a minute."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ikev1.core.records.child_sa import ChildSa, IpsecKeys, IpsecSuite
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.daemon.observe.drop_counters import DropCounters
from ikev1.daemon.observe.drop_monitor import DropMonitor
from ikev1.esp.plane import Counters, Drops

if TYPE_CHECKING:
    from tests.daemon.conftest import CountingPlane


@pytest.fixture
def plane(counting_plane: type[CountingPlane]) -> CountingPlane:
    return counting_plane(lambda _: None, lambda _, packets: len(packets))


def all_are_there(number: int) -> bool:
    return True


def pair(number: int) -> ChildSa:
    return ChildSa(
        unique_id=number,
        name="net",
        connection="branch",
        suite=IpsecSuite(encryption=12, key_length=128, integrity=5),
        inbound=IpsecKeys(number, b""),
        outbound=IpsecKeys(number, b""),
        local=Selector.parse("10.1.0.0/16"),
        remote=Selector.parse("10.2.0.0/16"),
        path=UdpPath("127.0.0.1", 500, "127.0.0.2", 500),
        udp_encapsulation=False,
        initiator=True,
        created_at=0.0,
    )


def test_what_grew_is_told_when_the_minute_is_over(plane: CountingPlane) -> None:
    watch = DropMonitor(plane.counters, DropCounters(plane, kernel=False), now=100.0)
    children = [pair(1), pair(2)]
    plane.counted = {1: Counters(replays=3, unsent=1), 2: Counters(packets_in=9, dummies=4)}
    plane.dropped = Drops(unknown_spi=5)
    assert watch.due(159.9, children, all_are_there) == []
    of_the_plane, of_the_pair = watch.due(160.0, children, all_are_there)
    assert "5 unknown-spi" in of_the_plane
    assert re.findall(r" (\d+)", of_the_pair.partition(";")[0]) == ["3", "1"]
    assert of_the_pair.startswith("branch/net-1: ")
    assert watch.deadline == 220.0
    assert watch.due(220.0, children, all_are_there) == []
    plane.counted[1] = Counters(replays=5, unsent=1)
    (line,) = watch.due(280.0, children, all_are_there)
    assert line.startswith("branch/net-1: 2 replays; ")


def test_a_kernel_is_asked_for_pairs_only_when_it_dropped_something(plane: CountingPlane) -> None:
    dropped = {"XfrmInStateSeqError": 0}
    watch = DropMonitor(
        plane.counters, DropCounters(plane, kernel=True, read=lambda: dict(dropped)), now=0.0, kernel=True
    )
    plane.counted = {1: Counters(replays=3)}
    plane.refuse = "nobody should ask"
    assert watch.due(60.0, [pair(1)], all_are_there) == []
    plane.refuse = ""
    dropped["XfrmInStateSeqError"] = 3
    of_the_kernel, of_the_pair = watch.due(120.0, [pair(1)], all_are_there)
    assert "3 XfrmInStateSeqError" in of_the_kernel
    assert of_the_pair.startswith("branch/net-1: 3 replays; ")


def test_a_flood_on_many_pairs_does_not_fill_the_log(plane: CountingPlane) -> None:
    watch = DropMonitor(plane.counters, DropCounters(plane, kernel=False), now=0.0)
    plane.counted = {number: Counters(integrity_failures=1) for number in range(50)}
    lines = watch.due(60.0, [pair(number) for number in range(50)], all_are_there)
    assert len(lines) == 21
    assert lines[0].startswith("branch/net-0: 1 integrity failures; ")
    assert "30" in lines[-1]


def test_many_pairs_are_looked_at_in_turns_and_only_those_that_are_there(plane: CountingPlane) -> None:
    asked: list[int] = []

    def counters_of(child: ChildSa) -> Counters:
        asked.append(child.unique_id)
        return Counters(replays=1)

    watch = DropMonitor(counters_of, DropCounters(plane, kernel=False), now=0.0)
    children = [pair(number) for number in range(1, 601)]
    lines = watch.due(60.0, children, all_are_there)
    assert (len(asked), len(lines), watch.deadline) == (256, 20, 60.0)
    assert watch.due(61.0, [], lambda number: number > 300) == []
    assert (len(asked), watch.deadline) == (300, 61.0)
    (line,) = watch.due(62.0, [], lambda _: False)
    assert "280" in line
    assert (len(asked), watch.deadline) == (300, 120.0)
