"""Which connections a pair of addresses allows, the most specific first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configured import connection
from ikev1.core.peer.connection_lookup import ConnectionLookup, can_call, expected, is_address
from ikev1.core.records.settings import Connection

NAMES = {
    "anybody": ("%any", "%any"),
    "anybody here": ("192.0.2.1", "%any"),
    "network": ("%any", "198.51.100.0/24"),
    "half a network": ("%any", "198.51.100.0/25"),
    "host": ("%any", "198.51.100.2"),
    "host here": ("192.0.2.1", "198.51.100.2"),
    "six": ("%any", "2001:db8::/32"),
    "on a link": ("%any", "fe80::9%eth0"),
    "on the other link": ("fe80::1%eth1", "fe80::9%eth1"),
    "on any link": ("%any", "fe80::8"),
}
CONNECTIONS = tuple(connection(local, remote, name=name) for name, (local, remote) in NAMES.items())


@pytest.mark.parametrize(
    ("local", "remote", "found"),
    [
        (
            "192.0.2.1",
            "198.51.100.2",
            ["host here", "host", "half a network", "network", "anybody here", "anybody"],
        ),
        ("192.0.2.9", "198.51.100.2", ["host", "half a network", "network", "anybody"]),
        ("192.0.2.9", "198.51.100.200", ["network", "anybody"]),
        ("192.0.2.1", "203.0.113.1", ["anybody here", "anybody"]),
        ("2001:db8::1", "2001:db8::2", ["six", "anybody"]),
        ("fe80::1%eth0", "fe80::2%eth0", ["anybody"]),
        ("fe80::1", "fe80::9%eth0", ["on a link", "anybody"]),
        ("fe80::1", "fe80::9%eth1", ["on the other link", "anybody"]),
        ("fe80::2", "fe80::9%eth1", ["anybody"]),
        ("fe80::1", "fe80::9", ["anybody"]),
        ("fe80::1", "fe80::8%eth1", ["on any link", "anybody"]),
    ],
)
def test_the_most_specific_comes_first(local: str, remote: str, found: list[str]) -> None:
    lookup = ConnectionLookup(CONNECTIONS)
    for _ in range(2):
        assert [each.name for each in lookup.candidates(local, remote)] == found


@given(st.permutations(CONNECTIONS))
def test_the_order_of_the_configuration_does_not_matter_otherwise(order: list[Connection]) -> None:
    found = ConnectionLookup(tuple(order)).candidates("192.0.2.1", "198.51.100.2")
    assert found == ConnectionLookup(CONNECTIONS).candidates("192.0.2.1", "198.51.100.2")


def test_equals_come_in_the_order_of_the_configuration() -> None:
    twins = tuple(connection("%any", "198.51.100.0/24", name=name) for name in ("b", "a", "c"))
    assert [each.name for each in ConnectionLookup(twins).candidates("192.0.2.1", "198.51.100.2")] == ["b", "a", "c"]


def test_connections_are_found_by_name() -> None:
    lookup = ConnectionLookup(CONNECTIONS)
    host = lookup.by_name("host")
    assert host is not None
    assert host.remote_address == "198.51.100.2"
    assert lookup.by_name("nobody") is None


@pytest.mark.parametrize(
    ("text", "single"),
    [("192.0.2.1", True), ("2001:db8::1", True), ("192.0.2.0/24", False), ("%any", False), ("gw.example.org", False)],
)
def test_only_a_single_address_can_be_called(text: str, single: bool) -> None:
    assert is_address(text) is single


FURTHER = ("b.example.org", "203.0.113.0/24")
NAMED = (
    connection("%any", "vpn.example.org", name="named"),
    connection(
        "192.0.2.1", "198.51.100.2", name="several", further_remote_addresses=("b.example.org", "203.0.113.0/24")
    ),
    connection("%any", "198.51.100.0/24", name="network"),
)


def found(lookup: ConnectionLookup, remote: str) -> list[str]:
    return [each.name for each in lookup.candidates("192.0.2.1", remote)]


def test_a_host_name_matches_the_addresses_that_it_has_now() -> None:
    lookup = ConnectionLookup(NAMED)
    assert found(lookup, "198.51.100.9") == ["network"]
    lookup.name_addresses({"vpn.example.org": ("198.51.100.9", "2001:db8::9"), "b.example.org": ("198.51.100.9",)})
    assert found(lookup, "198.51.100.9") == ["several", "named", "network"]
    assert found(lookup, "2001:db8::9") == ["named"]
    lookup.name_addresses({"vpn.example.org": ("203.0.113.9",)})
    assert found(lookup, "198.51.100.9") == ["network"]
    assert found(lookup, "203.0.113.9") == ["named", "several"]


def test_a_connection_matches_each_of_its_addresses_once() -> None:
    lookup = ConnectionLookup(NAMED, {"b.example.org": ("198.51.100.2", "203.0.113.7")})
    assert found(lookup, "198.51.100.2") == ["several", "network"]
    assert found(lookup, "203.0.113.7") == ["several"]


def test_addresses_and_names_are_called_in_their_order() -> None:
    lookup = ConnectionLookup(NAMED, {"b.example.org": ("203.0.113.7", "198.51.100.2")})
    assert lookup.called_addresses(NAMED[1]) == ("198.51.100.2", "203.0.113.7")
    assert lookup.called_addresses(NAMED[0]) == lookup.called_addresses(NAMED[2]) == ()
    assert [can_call(each) for each in NAMED] == [True, True, False]


@pytest.mark.parametrize(
    ("remotes", "identity"),
    [
        (("198.51.100.2",), "198.51.100.2"),
        (("vpn.example.org",), "vpn.example.org"),
        (("198.51.100.0/24",), None),
        (("%any",), None),
        (("198.51.100.2", "vpn.example.org"), None),
    ],
)
def test_the_identity_of_a_peer_follows_from_its_only_address(remotes: tuple[str, ...], identity: str | None) -> None:
    first, *others = remotes
    assert expected(connection("%any", first, further_remote_addresses=tuple(others))) == identity
