"""Worlds of remote users, made from seeds: logins, leases, gateways that are killed, and clients that come and go."""

from __future__ import annotations

import pytest

from ikev1.core.records.settings import Unique
from simulated.plan import Fault
from simulated.remote_plan import RemotePlan, remote_plan
from simulated.remote_world import run_remote

_WORLDS, _BLOCK = 150, 50


@pytest.mark.parametrize("first", range(0, _WORLDS, _BLOCK))
def test_leases_and_users_hold(first: int) -> None:
    for seed in range(first, first + _BLOCK):
        run_remote(remote_plan(seed))


NAMED = {
    "a gateway is killed while it assigns an address, and closes the ISAKMP SA afterwards": RemotePlan(
        1,
        ("user0",),
        2,
        push=True,
        late=2.0,
        faults=(Fault(0.1, "outage", "client0", 5.0), Fault(3.0, "kill", "gateway")),
    ),
    "a device is gone, and another client wants its address, but the user has a newer device": RemotePlan(
        1,
        ("user0", "user1"),
        2,
        unique=Unique.NEVER,
        faults=(Fault(5.0, "leaves", "client1", 15.0), Fault(6.0, "moves", "client0")),
        duration=30.0,
    ),
    "one of two clients of a user is gone, and comes back from another address": RemotePlan(
        1, ("user1", "user1"), 2, unique=Unique.NEVER, faults=(Fault(5.0, "moves", "client0"),), duration=30.0
    ),
    "the same, with slow backends": remote_plan(1796002291),
    "the same, and the gateway is killed": remote_plan(1796002632),
    "a gateway is killed that has two ISAKMP SAs with a client, of which one is not complete": remote_plan(1797301061),
    "a client comes back at its port of the NAT, and gets another port later": RemotePlan(
        1,
        ("user0",),
        2,
        aggressive=True,
        unique=Unique.NEVER,
        behind_nat=1,
        faults=(Fault(2.0, "vanishes", "client0"), Fault(12.8, "rebind", "client0")),
        duration=30.0,
    ),
    "the same, with another port before it has proved to be at the first one": RemotePlan(
        1,
        ("user0",),
        2,
        unique=Unique.NEVER,
        behind_nat=1,
        faults=(Fault(2.0, "vanishes", "client0"), Fault(3.1, "rebind", "client0")),
        duration=30.0,
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_named_worlds(name: str) -> None:
    run_remote(NAMED[name])
