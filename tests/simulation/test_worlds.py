"""Worlds made from seeds. A failure shows the conversation and the plan; ``PLAN='Plan(...)' make soak`` plays it again
and finds a smaller one for `test_named_worlds`.
"""

from __future__ import annotations

import sys

import pytest

from simulated import run
from simulated.invariants import Violation
from simulated.plan import (
    AMNESIA,
    FAULTS,
    KINDS,
    Fault,
    Plan,
    Spoke,
    brisk_plan,
    random_plan,
    short_plan,
    with_two_tunnels,
)
from simulated.run import ALWAYS, HEALS, LINEAGE

_BLOCK = 50
_SHORT, _BRISK, _LONG, _TWO_TUNNELS = 1150, 400, 30, 100


def _blocks(worlds: int, block: int) -> pytest.MarkDecorator:
    ranges = [range(first, first + block) for first in range(0, worlds, block)]
    return pytest.mark.parametrize("seeds", ranges, ids=[f"{each[0]}-{each[-1]}" for each in ranges])


@_blocks(_SHORT, _BLOCK)
def test_short_worlds_heal(seeds: range) -> None:
    for seed in seeds:
        run(short_plan(seed, KINDS, (*FAULTS, AMNESIA)), (ALWAYS, LINEAGE, HEALS))


@_blocks(_BRISK, _BLOCK)
def test_small_worlds_heal(seeds: range) -> None:
    for seed in seeds:
        run(brisk_plan(seed, KINDS, (*FAULTS, AMNESIA)), (ALWAYS, LINEAGE, HEALS))


@_blocks(_LONG, 15)
def test_worlds_heal(seeds: range) -> None:
    for seed in seeds:
        run(random_plan(seed, KINDS, (*FAULTS, AMNESIA)), (ALWAYS, LINEAGE, HEALS))


@_blocks(_TWO_TUNNELS, _BLOCK)
def test_small_worlds_with_two_tunnels_heal(seeds: range) -> None:
    for seed in seeds:
        run(with_two_tunnels(brisk_plan(seed, KINDS, (*FAULTS, AMNESIA))), (ALWAYS, LINEAGE, HEALS))


def test_worlds_in_which_a_delete_is_lost_heal() -> None:
    for seed in range(100):
        run(brisk_plan(seed, KINDS, ("loss", "outage", "close-ike")), (ALWAYS, HEALS))


def test_there_are_never_more_than_two_of_anything() -> None:
    for seed in range(100):
        run(brisk_plan(seed), (ALWAYS, LINEAGE))


def test_a_peer_that_forgot_everything_is_called_again_within_a_minute() -> None:
    for seed in range(20):
        run(brisk_plan(seed, KINDS, (AMNESIA,)), (ALWAYS, LINEAGE, HEALS))


@pytest.mark.parametrize("behind_nat", [False, True], ids=["direct", "nat"])
@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_where_nothing_happens(kind: str, aggressive: bool, behind_nat: bool) -> None:
    spoke = Spoke(kind, aggressive=aggressive, behind_nat=behind_nat, ike_lifetime=200, child_lifetime=90)
    world = run(Plan(1, (spoke,), duration=900.0), (ALWAYS, HEALS))
    assert world.sent_packets > 100
    assert world.lost_packets == 0


def test_nothing_is_lost_while_we_replace_phase_1_with_charon() -> None:
    spoke = Spoke("charon", ike_lifetime=900, child_lifetime=300)
    rekeyings = tuple(Fault(at, "rekey-ike", "hub") for at in range(20, 600, 20))
    assert [run(Plan(seed, (spoke,), rekeyings, 600.0), (ALWAYS,)).lost_packets for seed in range(3)] == [0, 0, 0]


def test_no_packet_comes_before_the_peer_has_message_3_although_a_tenth_of_all_is_lost() -> None:
    """Without repetitions of message 3 it happens three times."""
    spoke = Spoke("charon", calls=False, ike_lifetime=9000, child_lifetime=3000)
    rekeyings = tuple(Fault(10.0 + 15.0 * number, "rekey-child", "hub") for number in range(75))
    faults = (Fault(5.0, "loss", "spoke0", 1200.0, 0.1), *rekeyings)
    worlds = [run(Plan(seed, (spoke,), faults, 1200.0), (ALWAYS,)) for seed in range(3)]
    assert [world.spokes["spoke0"].came_early for world in worlds] == [0, 0, 0]


def test_a_plan_is_played_the_same_again() -> None:
    plan = random_plan(4)
    assert run(plan, (ALWAYS,)).ladder == run(plan, (ALWAYS,)).ladder


def test_a_violation_shows_the_conversation_and_the_plan_that_plays_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[run.__module__], "_MOST_OCTETS", 0)
    plan = brisk_plan(4)
    reports = []
    for each in (plan, eval(str(plan), {"Plan": Plan, "Spoke": Spoke, "Fault": Fault})):
        with pytest.raises(Violation) as caught:
            run(each, (ALWAYS,))
        reports.append(str(caught.value))
    what, *ladder, shown = reports[0].splitlines()
    assert "octets" in what
    assert any(line.endswith(("-> hub MM1", "-> spoke0 MM1")) for line in ladder)
    assert shown == str(plan)
    assert reports[0] == reports[1]
