"""Both ends of a tunnel rekey it twenty times a second, under traffic, on a link that takes up to ten milliseconds."""

from __future__ import annotations

from random import Random

import pytest

from simulated import Fault, Plan, Spoke, World
from simulated.invariants import watched_ivs
from simulated.models import CONNECTION, Charon
from simulated.run import lineage_faults

_REKEYS, _STEPS, _STEP = 60, 5, 0.01  # steps from one rekeying to the next, and seconds


@pytest.mark.parametrize("seed", [0, 2, 3, 4, 5])
def test_no_exchange_with_strongswan_stops(seed: int) -> None:
    """It keeps the IVs of three exchanges: each message of another one that comes in the middle may be too many."""
    with watched_ivs() as ivs:
        world = World(Plan(seed, (Spoke("charon", ike_lifetime=9000, child_lifetime=3000),)), ivs)
        charon = world.spokes["spoke0"]
        assert isinstance(charon, Charon)
        ((tunnel, hub, net),) = world.ways["spoke0"]
        charon.keeps_up(world.hub.address, CONNECTION, tunnel, hub)
        world.plays_until(world.now + 10.0)
        world.happens(Fault(0.0, "delay", "spoke0", 600.0, _STEP))
        random, sent = Random(seed), 0
        for _ in range(_REKEYS):
            due = {who: random.randrange(_STEPS) for who in world.peers}
            for step in range(_STEPS):
                for who in [who for who, at in due.items() if at == step]:
                    world.happens(Fault(0.0, "rekey-child", who))
                sent += charon.sends(net, hub) + world.hub.sends(hub, net)
                world.plays_until(world.now + _STEP)
        world.plays_until(world.now + 70.0)
    assert charon.ivs.stuck == set()
    assert len(charon.received) + len(world.hub.received) == sent == 2 * _REKEYS * _STEPS
    assert lineage_faults(world) == []
    assert sum(line.endswith(" QM1") for line in world.ladder) > 20  # of the last ones
