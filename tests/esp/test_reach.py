"""What is routed into the tunnels of a virtual address."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.records.selector import Selector
from ikev1.esp.networks import Network
from ikev1.esp.reach import EVERYTHING, NEVER, Reach, routed

ADDRESS, ALL = "10.99.0.10", "0.0.0.0/0"


def selectors(*texts: str) -> tuple[Selector, ...]:
    return tuple(map(Selector.parse, texts))


def planned(reach: Reach | None, remote: str = ALL, local: str = ADDRESS) -> dict[str, bool]:
    found = routed(Selector.parse(local), Selector.parse(remote), reach)
    return {f"{ip_address(network.address)}/{network.prefix}": inside for network, inside in found.items()}


def goes_in(plan: dict[Network, bool], destination: str) -> bool:
    """What the kernel decides: the longest prefix, and no route without one."""
    packed = int.from_bytes(ip_address(destination).packed)
    matching = {
        network.prefix: inside
        for network, inside in plan.items()
        if len(network.address) == 4
        and packed >> (32 - network.prefix) == int.from_bytes(network.address) >> (32 - network.prefix)
    }
    return bool(matching) and matching[max(matching)]


def test_addresses_that_are_not_virtual_are_not_confined() -> None:
    assert planned(None) == {"0.0.0.0/0": True, "10.99.0.10/32": False}
    assert planned(None, "10.1.0.0/16", "10.2.0.0/16") == {"10.1.0.0/16": True}


def test_only_what_is_included() -> None:
    reach = Reach(selectors("10.1.0.0/16", "10.2.0.53", "fd00::/8"))
    assert planned(reach) == {"10.1.0.0/16": True, "10.2.0.53/32": True, "10.99.0.10/32": False}


def test_only_what_the_pair_carries() -> None:
    assert planned(Reach(selectors("10.1.0.0/16", "10.2.0.0/16")), "10.1.2.0/24") == {"10.1.2.0/24": True}
    assert planned(Reach(selectors("0.0.0.0/0")), "10.1.2.0/24") == {"10.1.2.0/24": True}


def test_nothing() -> None:
    assert planned(Reach(())) == {"10.99.0.10/32": False}


def test_all_but_what_is_excluded() -> None:
    plan = routed(Selector.parse(ADDRESS), Selector.parse(ALL), Reach(None, selectors("192.168.0.0/16")))
    assert goes_in(plan, "192.167.1.1")
    assert not goes_in(plan, "192.168.1.1")


def test_the_same_network_included_and_excluded() -> None:
    both = selectors("10.1.0.0/16")
    assert not planned(Reach(both, both))["10.1.0.0/16"]


@pytest.mark.parametrize("include", [None, selectors("10.1.0.53")])
def test_what_is_routed_although_it_is_excluded(include: tuple[Selector, ...] | None) -> None:
    reach = Reach(include, selectors("10.1.0.0/16", "10.1.0.53"), selectors("10.1.0.53"))
    plan = routed(Selector.parse(ADDRESS), Selector.parse(ALL), reach)
    assert goes_in(plan, "10.1.0.53")
    assert not goes_in(plan, "10.1.0.54")


@pytest.mark.parametrize("reach", [EVERYTHING, Reach(selectors(ALL)), Reach(selectors("0.0.0.0/1", "128.0.0.0/1"))])
@pytest.mark.parametrize("destination", ["127.0.0.1", "0.0.0.0", "169.254.1.1", "224.0.0.1", "255.255.255.255"])
def test_what_no_tunnel_takes(reach: Reach, destination: str) -> None:
    plan = routed(Selector.parse(ADDRESS), Selector.parse(ALL), reach)
    assert not goes_in(plan, destination)
    assert goes_in(plan, "192.0.2.1")


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=8))
def test_no_network_takes_what_belongs_to_the_host(named: list[tuple[int, int]]) -> None:
    include = tuple(Selector.parse(f"{ip_address(number)}/{prefix}") for number, prefix in named)
    plan = routed(Selector.parse(ADDRESS), Selector.parse(ALL), Reach(include))
    for never in NEVER:
        if never.version == 4:
            assert not goes_in(plan, str(ip_address(never.first)))
            assert not goes_in(plan, str(ip_address(never.last)))
