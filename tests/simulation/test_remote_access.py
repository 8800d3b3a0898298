"""Worlds of remote users, made from seeds: logins, leases, gateways that are killed, and clients that come and go."""

from __future__ import annotations

import pytest

from simulated.plan import Fault
from simulated.remote_plan import RemotePlan, remote_plan
from simulated.remote_world import run_remote

_WORLDS, _BLOCK = 300, 50


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
}


@pytest.mark.parametrize("name", NAMED)
def test_named_worlds(name: str) -> None:
    run_remote(NAMED[name])
