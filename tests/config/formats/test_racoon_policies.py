"""What the policies of setkey become: nothing passes unprotected, or at all, that they hold back."""

from __future__ import annotations

import pytest

from ikev1.config import Rule
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import ShuntAction, WhenDown
from racoon_conf import SAINFO, SPD, Racoon, remote

from .conftest import Write

TRAFFIC = "10.1.0.0/16 10.2.0.0/16 any"
BACK = "10.2.0.0/16 10.1.0.0/16 any"
TUNNEL = "ipsec esp/tunnel/192.0.2.1-198.51.100.7"
TUNNEL_BACK = "ipsec esp/tunnel/198.51.100.7-192.0.2.1"


@pytest.fixture
def racoon(write: Write) -> Racoon:
    return Racoon(write)


@pytest.mark.parametrize("other", ["discard", f"{TUNNEL_BACK}/require", "ipsec esp/transport//require"])
def test_the_directions_differ(racoon: Racoon, other: str) -> None:
    racoon.policies = f"spdadd {TRAFFIC} -P out none; spdadd {BACK} -P in {other};"
    assert ("spdadd", Rule.NOT_SUPPORTED) in racoon.faults(remote(), SAINFO)


@pytest.mark.parametrize(("out", "back"), [("use", "require"), ("require", "use"), ("unique:7", "use")])
def test_protection_that_one_direction_requires(racoon: Racoon, out: str, back: str) -> None:
    racoon.policies = f"spdadd {TRAFFIC} -P out {TUNNEL}/{out}; spdadd {BACK} -P in {TUNNEL_BACK}/{back};"
    assert racoon.connection(remote(), SAINFO).tunnels[0].when_down is WhenDown.DROP


@pytest.mark.parametrize(
    ("rules", "when_down"),
    [
        ("esp/transport//require ipcomp/transport//use", WhenDown.DROP),
        ("ipcomp/transport//use esp/transport//require", WhenDown.DROP),
        ("ipcomp/transport//require esp/transport//use", WhenDown.PASS),
    ],
)
def test_the_level_of_compression_means_nothing(racoon: Racoon, rules: str, when_down: WhenDown) -> None:
    racoon.policies = f"spdadd 192.0.2.1 198.51.100.7 any -P out ipsec {rules};"
    assert racoon.connection(remote(), SAINFO).tunnels[0].when_down is when_down


def test_nested_tunnels(racoon: Racoon) -> None:
    racoon.policies = f"spdadd {TRAFFIC} -P out {TUNNEL}/require esp/tunnel/192.0.2.1-198.51.100.8/require;"
    assert ("spdadd", Rule.NOT_SUPPORTED) in racoon.faults(remote(), SAINFO)


@pytest.mark.parametrize(("level", "dropped"), [("require", True), ("use", False)])
def test_a_network_of_peers(racoon: Racoon, level: str, dropped: bool) -> None:
    racoon.policies = f"spdadd 192.0.2.1 198.51.100.0/24 any -P out ipsec esp/transport//{level};"
    shunts = racoon.load(remote(who="anonymous"), SAINFO).settings.shunts
    found = [(each.action, each.local, each.remote) for each in shunts]
    ends = Selector.parse("192.0.2.1/32"), Selector.parse("198.51.100.0/24")
    assert found == ([(ShuntAction.DROP, *ends)] if dropped else [])


@pytest.mark.parametrize(
    "policies",
    [
        f"spdadd {TRAFFIC} -P out {TUNNEL}/require; spdadd 10.1.0.0/16 10.0.0.0/8 any -P out none;",
        f"spdadd {TRAFFIC} -P out {TUNNEL}/require; spdadd 10.1.0.0/16 10.2.0.9 any -P out none;",
        f"spdadd {TRAFFIC} -P out discard; spdadd 10.0.0.0/8 10.0.0.0/8 any -P out none;",
        f"spdadd 10.1.0.0/16 10.2.0.9 tcp -P out discard; spdadd {TRAFFIC} -P out {TUNNEL}/require;",
        f"spdadd {TRAFFIC} -P out prio low none; spdadd {TRAFFIC.replace('any', 'tcp')} -P out prio high discard;",
    ],
)
def test_an_order_that_the_gateway_cannot_have(racoon: Racoon, policies: str) -> None:
    racoon.policies = policies
    assert ("spdadd", Rule.NOT_SUPPORTED) in racoon.faults(remote(), SAINFO)


def test_policies_that_were_flushed(racoon: Racoon) -> None:
    racoon.policies = f"spdadd {TRAFFIC} -P out none; {SPD}"
    assert racoon.load(remote(), SAINFO).settings.shunts == ()
