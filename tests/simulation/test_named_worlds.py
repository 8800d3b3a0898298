"""Worlds in which something went wrong once, as small as they could be made."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from simulated import run
from simulated.plan import Fault, Plan, Spoke
from simulated.run import ALWAYS, HEALS, LINEAGE, RULES


class Named(NamedTuple):
    """A world, and what must hold in it."""

    plan: Plan
    rules: tuple[str, ...]


LINEAGES = {
    "each end keeps to an ISAKMP SA of its own and rekeys the pairs under it": Named(
        Plan(
            63,
            (Spoke(behind_nat=True, child_lifetime=60, keeps_esp=True),),
            (Fault(1.007, "rekey-ike", "spoke0"), Fault(66.13, "rekey-ike", "hub")),
            400.0,
            hub_keeps_esp=True,
            brisk=True,
        ),
        (ALWAYS, LINEAGE),
    ),
    "an ISAKMP SA that was replaced in Aggressive Mode is replaced again": Named(
        Plan(
            169,
            (Spoke("windows", aggressive=True, ike_lifetime=200, child_lifetime=100),),
            (Fault(34.579, "rekey-ike", "spoke0"),),
            100.0,
            brisk=True,
        ),
        (ALWAYS, LINEAGE),
    ),
    "a Delete of a replaced ISAKMP SA is lost, and each end goes on under another one": Named(
        Plan(
            245,
            (Spoke("pluto", ike_lifetime=400, child_lifetime=100, keeps_esp=True),),
            (
                Fault(4.538101843965942, "loss", "spoke0", 48.92147789974841, 0.3114523826976087),
                Fault(10.086077207494345, "rekey-ike", "spoke0"),
                Fault(17.178494309012432, "rekey-ike", "spoke0"),
            ),
            40.0,
            hub_keeps_esp=True,
            brisk=True,
        ),
        (ALWAYS, HEALS),
    ),
    "strongSwan replaces an ISAKMP SA that we replaced, and keeps its pairs under ours": Named(
        Plan(
            0,
            (Spoke("charon", calls=False, ike_lifetime=150, child_lifetime=600),),
            (Fault(119.321, "rekey-ike", "hub"),),
            200.0,
            brisk=True,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "both replace an ISAKMP SA at the same time, and strongSwan keeps its pairs under the other one": Named(
        Plan(
            53,
            (Spoke("charon", calls=False, ike_lifetime=150, child_lifetime=600),),
            (Fault(11.847, "rekey-ike", "hub"), Fault(11.904, "rekey-ike", "spoke0")),
            90.0,
            brisk=True,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "a peer behind a NAT that cannot confirm an ISAKMP SA is not called again and again": Named(
        Plan(
            1795914915,
            (Spoke("windows", aggressive=True, behind_nat=True, ike_lifetime=400, child_lifetime=100),),
            (Fault(0.49, "rekey-ike", "spoke0"),),
            40.0,
            brisk=True,
        ),
        (ALWAYS, LINEAGE),
    ),
    "a pair is rekeyed under an ISAKMP SA that only a Quick Mode can confirm": Named(
        Plan(
            1795919935,
            (Spoke("windows", aggressive=True, behind_nat=True, ike_lifetime=200, child_lifetime=60),),
            (Fault(58.2443, "close-child", "spoke0"),),
            100.0,
            brisk=True,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "an ISAKMP SA comes from a new port of a NAT before anything else does": Named(
        Plan(
            1795924311,
            (Spoke("charon", behind_nat=True, ike_lifetime=400, child_lifetime=100, keeps_esp=True),),
            (
                Fault(0.8089, "rebind", "spoke0"),
                Fault(1.0485, "rekey-ike", "spoke0"),
                Fault(1.1309, "rekey-child", "spoke0"),
            ),
            100.0,
            brisk=True,
        ),
        (ALWAYS, LINEAGE),
    ),
    "a gateway is killed before it installs the outbound SA of a new pair": Named(
        Plan(
            1795918845,
            (Spoke("pluto", calls=False, ike_lifetime=150, child_lifetime=100),),
            (Fault(15.7277, "kill-in-store", "hub", 5.0, 2.0),),
            100.0,
            hub_keeps_esp=True,
            brisk=True,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "strongSwan rekeys a pair under an ISAKMP SA that it began to replace itself, and that we replace later": Named(
        Plan(
            1795924214,
            (Spoke("charon", calls=False, aggressive=True, ike_lifetime=200, child_lifetime=100),),
            (Fault(87.668, "rekey-ike", "spoke0"), Fault(91.0212, "close-ike", "spoke0")),
            100.0,
            brisk=True,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "strongSwan keeps a pair under an ISAKMP SA that it began to replace itself, and that we replace later": Named(
        Plan(
            1795924214,
            (Spoke("charon", calls=False, aggressive=True, ike_lifetime=200, child_lifetime=600),),
            (Fault(87.668, "rekey-ike", "spoke0"), Fault(91.0212, "close-ike", "spoke0")),
            130.0,
            brisk=True,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "strongSwan misses the Delete of an ISAKMP SA while it is not running, and keeps the SA until it expires": Named(
        Plan(
            1795965414,
            (Spoke("charon", ike_lifetime=200, child_lifetime=100, keeps_esp=True),),
            (Fault(0.40791357447314214, "rekey-ike", "spoke0"), Fault(9.403746681446542, "kill", "spoke0", 40.0)),
            100.0,
            brisk=True,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "strongSwan keeps a pair under an ISAKMP SA that it began to replace, which we never saw confirmed": Named(
        Plan(
            1795965508,
            (Spoke("charon", calls=False, ike_lifetime=150, child_lifetime=60),),
            (
                Fault(15.306041035143243, "kill-in-store", "spoke0", 5.0, 4.0),
                Fault(75.68938790846691, "rekey-ike", "spoke0"),
            ),
            100.0,
            brisk=True,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "a peer behind a NAT without dead peer detection replaces an ISAKMP SA, and so do we": Named(
        Plan(
            1795971718,
            (Spoke("windows", aggressive=True, behind_nat=True, ike_lifetime=400, child_lifetime=150),),
            (Fault(792.0220816078202, "rekey-ike", "spoke0"),),
            1000.0,
            hub_keeps_esp=True,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "strongSwan was called while it called, and a Delete ends its only pair without a word": Named(
        Plan(
            1795923718,
            (Spoke("charon", calls=False, ike_lifetime=200, child_lifetime=300, keeps_esp=True),),
            (
                Fault(30.798492667381513, "loss", "spoke0", 168.46686781486036, 0.3944850331322169),
                Fault(127.26159727288554, "delay", "spoke0", 114.90383069630796, 20.0),
            ),
            300.0,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "strongSwan keeps a pair that we negotiated after it had sent message 1 of the heir in vain": Named(
        Plan(
            1795970805,
            (Spoke("charon", calls=False, ike_lifetime=400, child_lifetime=100, clock=7200.0, keeps_esp=True),),
            (
                Fault(8.998792375916288, "outage", "spoke0", 11.74734847468082),
                Fault(11.099777423551071, "outage", "spoke0", 1.7960240382492405),
                Fault(24.804404567180402, "outage", "spoke0", 33.30285807021851),
                Fault(31.177590507725693, "rekey-ike", "spoke0"),
            ),
            40.0,
            brisk=True,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "we call a peer behind a NAT that nobody has asked for its address under its own ISAKMP SA": Named(
        Plan(
            1795985250,
            (Spoke("pluto", behind_nat=True, ike_lifetime=600, child_lifetime=120),),
            (
                Fault(4.3566, "reordering", "spoke0", 9.0719, 0.23735569736471024),
                Fault(10.9757, "rekey-child", "hub"),
                Fault(13.2473, "close-ike", "spoke0"),
            ),
            15.0,
            hub_keeps_esp=True,
            brisk=True,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
}

DEAD_PEERS = {
    "the caller misses the Delete of the ISAKMP SA and goes on under it": Named(
        Plan(1, (Spoke(),), (Fault(60, "outage", "spoke0", 3), Fault(61, "close-ike", "hub")), 100.0), (ALWAYS, HEALS)
    ),
    "the gateway that calls misses the Delete of the ISAKMP SA": Named(
        Plan(1, (Spoke(calls=False),), (Fault(60, "outage", "spoke0", 3), Fault(61, "close-ike", "spoke0")), 100.0),
        (ALWAYS, HEALS),
    ),
    "a Delete of the ISAKMP SA overtakes that of its pair, which sends into nothing": Named(
        Plan(
            96,
            (Spoke(ike_lifetime=150, child_lifetime=100),),
            (Fault(4.467, "delay", "spoke0", 8.15, 0.01), Fault(9.878, "close-ike", "hub")),
            40.0,
            hub_keeps_esp=True,
            brisk=True,
        ),
        (ALWAYS, LINEAGE),
    ),
    "the hub closes the heir, and the caller negotiates a pair under the ISAKMP SA that it replaced": Named(
        Plan(
            1797400872,
            (Spoke("cisco", ike_lifetime=200, child_lifetime=100, keeps_esp=True),),
            (Fault(12.987, "rekey-ike", "hub"), Fault(24.8689, "close-ike", "hub")),
            40.0,
            brisk=True,
        ),
        RULES,
    ),
    "a peer without dead peer detection lost everything, and no pair is left that could tell": Named(
        Plan(
            1795917862,
            (Spoke("windows", calls=False, ike_lifetime=400, child_lifetime=60),),
            (Fault(49.5468, "amnesia", "spoke0"),),
            100.0,
            brisk=True,
        ),
        (ALWAYS, HEALS),
    ),
    "a peer behind a NAT without dead peer detection lost everything twice": Named(
        Plan(
            1795917772,
            (Spoke("windows", behind_nat=True, ike_lifetime=400, child_lifetime=60, keeps_esp=True),),
            (Fault(13.3828, "amnesia", "spoke0", 0.2), Fault(31.6468, "amnesia", "spoke0", 0.2)),
            100.0,
            hub_keeps_esp=True,
            brisk=True,
        ),
        (ALWAYS, LINEAGE),
    ),
    "strongSwan has deleted one of two pairs, and its Delete is lost": Named(
        Plan(
            1,
            (Spoke("charon", calls=False, ike_lifetime=9000, child_lifetime=3000, tunnels=2),),
            (Fault(60, "outage", "spoke0", 3), Fault(61, "close-child", "spoke0")),
            100.0,
        ),
        (ALWAYS, HEALS),
    ),
    "Windows forgets everything while one of its two pairs is rekeyed": Named(
        Plan(
            1795984961,
            (Spoke("windows", calls=False, ike_lifetime=400, child_lifetime=100, tunnels=2),),
            (Fault(1.3770220522315981, "amnesia", "spoke0", 6.0), Fault(4.228791279468351, "rekey-child", "hub")),
            40.0,
            brisk=True,
        ),
        (ALWAYS, HEALS),
    ),
    "a Cisco box without traffic does not notice that it is unreachable at the old port of its NAT": Named(
        Plan(
            1795939978,
            (Spoke("cisco", behind_nat=True, ike_lifetime=400),),
            (Fault(146.5253, "rebind", "spoke0"),),
            300.0,
            idle=((103.9254, 300.0),),
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "Windows forgets everything while idle, which nobody notices before the next packet": Named(
        Plan(
            1795974868,
            (Spoke("windows", calls=False, child_lifetime=900),),
            (Fault(130.0, "amnesia", "spoke0"),),
            300.0,
            idle=((100.0, 300.0),),
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
    "Windows forgets everything, and Quick Modes for two tunnels are unanswered by turns": Named(
        Plan(
            1795991312,
            (Spoke("windows", calls=False, ike_lifetime=200, child_lifetime=60, tunnels=2),),
            (
                Fault(0.4677, "close-child", "hub"),
                Fault(1.5981, "amnesia", "spoke0", 6.0),
                Fault(4.9283, "close-child", "hub"),
            ),
            40.0,
            brisk=True,
        ),
        (ALWAYS, LINEAGE, HEALS),
    ),
}


@pytest.mark.parametrize("name", LINEAGES)
def test_lineages(name: str) -> None:
    run(*LINEAGES[name])


@pytest.mark.parametrize("name", DEAD_PEERS)
def test_dead_peers(name: str) -> None:
    run(*DEAD_PEERS[name])
