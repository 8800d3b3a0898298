"""Ranges of addresses as networks."""

from __future__ import annotations

from ipaddress import ip_address, ip_network, summarize_address_range

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.records.selector import Selector
from ikev1.esp.networks import Network, encloses, networks


def of(text: str) -> list[Network]:
    return networks(Selector.parse(text))


def network(text: str) -> Network:
    parsed = ip_network(text)
    return Network(parsed.network_address.packed, parsed.prefixlen)


@pytest.mark.parametrize("text", ["0.0.0.0/0", "10.1.0.0/16", "10.1.2.3/32", "::/0", "fd01::/64", "fd01::1/128"])
def test_a_network_is_itself(text: str) -> None:
    assert of(text) == [network(text)]


def test_a_range_that_is_as_long_as_a_network_but_begins_elsewhere() -> None:
    assert of("10.0.0.1-10.0.0.2") == [network("10.0.0.1/32"), network("10.0.0.2/32")]


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_any_range_is_what_ipaddress_makes_of_it(one: int, other: int) -> None:
    low, high = ip_address(min(one, other)), ip_address(max(one, other))
    wanted = [Network(part.network_address.packed, part.prefixlen) for part in summarize_address_range(low, high)]
    assert networks(Selector(low.packed, high.packed)) == wanted


@pytest.mark.parametrize(
    ("outer", "inner", "wanted"),
    [
        ("0.0.0.0/0", "10.1.0.0/16", True),
        ("10.1.0.0/16", "10.1.0.0/16", False),
        ("10.1.0.0/16", "10.0.0.0/8", False),
        ("::/0", "10.1.0.0/16", False),
    ],
)
def test_one_network_encloses_another(outer: str, inner: str, wanted: bool) -> None:
    assert encloses(Selector.parse(outer), Selector.parse(inner)) is wanted
