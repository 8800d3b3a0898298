"""What of protected traffic goes into which set, and in which order the sets are asked."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.records.selector import Selector
from ikev1.esp.networks import networks
from ikev1.esp.nft.ruleset import COUNTERS, Entry, Shape, always, dropped, entries, exempt, rules, sets

NETWORK = Selector.parse("10.1.0.0/16")


def found(local: str, remote: str) -> dict[str, list[str]]:
    """The keys of each set, in hexadecimal."""
    keys: dict[str, list[str]] = {}
    for shape, key in entries(Selector.parse(local), Selector.parse(remote)):
        keys.setdefault(shape.name, []).append(key.hex())
    return keys


@pytest.mark.parametrize(
    ("local", "remote", "expected"),
    [
        ("10.1.0.0/16", "10.2.3.0/24", {"ipv4-16-24": ["0a0100000a020300"]}),
        ("10.1.0.0/16", "10.2.0.5-10.2.0.7", {"ipv4-16-32": ["0a0100000a020005"], "ipv4-16-31": ["0a0100000a020006"]}),
        ("fd01::/64", "fd02::9", {"ipv6-64-128": ["fd01" + 28 * "0" + "fd02" + 27 * "0" + "9"]}),
        ("10.1.0.0/16[icmp]", "10.2.0.0/16", {"ipv4-16-16-protocol": ["0a0100000a02000001000000"]}),
        # who shows no port is not told from its neighbours
        (
            "10.1.0.0/16[tcp/80]",
            "10.2.0.0/16[tcp]",
            {
                "ipv4-16-16-protocol-local-port": ["0a0100000a0200000600000000500000"],
                "ipv4-16-16-protocol-fragments": ["0a0100000a02000006000000"],
            },
        ),
        (
            "10.1.0.0/16[udp/500]",
            "10.2.0.0/16[udp/4500]",
            {
                "ipv4-16-16-protocol-local-port-remote-port": ["0a0100000a0200001100000001f4000011940000"],
                "ipv4-16-16-protocol-fragments": ["0a0100000a02000011000000"],
            },
        ),
        # the LAN talks to itself
        ("10.1.0.0/16", "0.0.0.0/0", {"ipv4-16-0": ["0a01000000000000"], "ipv4-16-16-passes": ["0a0100000a010000"]}),
        ("0.0.0.0/0", "0.0.0.0/0", {"ipv4-0-0": [16 * "0"]}),
        # no packet is both
        ("10.1.0.0/16[tcp]", "10.2.0.0/16[udp]", {}),
        ("10.1.0.0/16", "fd02::/64", {}),
        ("10.1.0.0/16[icmp/8]", "10.2.0.0/16[icmp]", {}),
    ],
)
def test_the_entries_of_a_tunnel(local: str, remote: str, expected: dict[str, list[str]]) -> None:
    assert found(local, remote) == expected


def test_a_port_of_any_protocol_is_one_of_each_that_has_ports() -> None:
    keys = found("10.1.0.0/16[any/80]", "10.2.0.0/16")
    assert {key[16:18] for key in keys["ipv4-16-16-protocol-local-port"]} == {"06", "11", "84", "88"}


addresses = st.integers(0, 2**32 - 1)


@given(addresses, addresses, addresses)
def test_a_range_holds_its_addresses_and_no_other(one: int, other: int, asked: int) -> None:
    low, high = sorted((one, other))
    remote = Selector(low.to_bytes(4), high.to_bytes(4))
    inside = any(
        not shape.passes
        and asked >> (32 - shape.remote_prefix) == int.from_bytes(key[4:]) >> (32 - shape.remote_prefix)
        for shape, key in entries(NETWORK, remote)
    )
    exact = len(networks(remote)) <= 8
    assert inside == (low <= asked <= high) or (inside and not exact), str(IPv4Address(asked))


def test_a_range_that_is_many_networks_is_taken_for_one_that_holds_it() -> None:
    """A peer that may choose ranges must not choose how many rules a packet meets."""
    assert found("10.1.0.1-10.1.255.254", "10.2.0.0/16") == {"ipv4-16-16": ["0a0100000a020000"]}
    assert found("fd01::1-fd01::ffff:ffff:ffff:fffe", "fd02::/64") == {
        "ipv6-64-64": ["fd01" + 28 * "0" + "fd02" + 28 * "0"]
    }


def test_the_narrowest_is_asked_first_and_what_drops_before_what_passes() -> None:
    shapes = [
        Shape(4, 16, 0),
        Shape(4, 16, 16, passes=True),
        Shape(4, 16, 16),
        Shape(4, 16, 16, protocol=True),
        Shape(4, 16, 24),
        Shape(4, 24, 16),
    ]
    names = [shape.name for shape in sorted(shapes, key=lambda shape: shape.order)]
    assert names == [
        "ipv4-16-24",
        "ipv4-24-16",
        "ipv4-16-16-protocol",
        "ipv4-16-16",
        "ipv4-16-16-passes",
        "ipv4-16-0",
    ]


def test_the_rules_do_not_grow_with_the_tunnels() -> None:
    def count(tunnels: int) -> int:
        remotes = [Selector.parse(f"10.2.{number}.0/24") for number in range(tunnels)]
        members: list[Entry] = [entry for remote in remotes for entry in entries(NETWORK, remote)]
        assert len(set(members)) == tunnels
        return len(rules("table", {entry.shape for entry in members}))

    assert count(1) == count(200) == 2 * len(COUNTERS)  # each chain is emptied, and gets a rule for the one shape


def test_each_shape_has_a_set_of_its_own() -> None:
    shapes = {Shape(4, 16, 16), Shape(4, 16, 16, passes=True), Shape(6, 16, 16), Shape(4, 16, 16, fragments=True)}
    assert len({shape.name for shape in shapes}) == len(sets("table", shapes)) == len(shapes)


def test_what_no_router_forwards_is_never_dropped() -> None:
    assert all(entry.shape.passes for entry in always())
    assert {entry.shape.version for entry in always()} == {4, 6}


def test_exemptions_are_looked_up_first_and_for_exactly_their_addresses() -> None:
    local, remote = Selector.parse("10.1.0.0/16[udp/53]"), Selector.parse("10.2.0.1-10.2.255.254")
    found = exempt(local, remote)
    assert len(found) == len(networks(remote))
    assert all(entry.shape.passes and not entry.shape.fragments for entry in found)
    narrowest = Shape(4, 32, 32, protocol=True, local_port=True, remote_port=True)
    assert min(found[0].shape, narrowest, key=lambda shape: shape.order) == found[0].shape


def test_dropped_traffic_includes_what_stays_in_the_local_network() -> None:
    local, remote = Selector.parse("10.1.0.0/16"), Selector.parse("10.0.0.0/8")
    assert [entry.shape.passes for entry in dropped(local, remote)] == [False]
    assert any(entry.shape.passes for entry in entries(local, remote))
