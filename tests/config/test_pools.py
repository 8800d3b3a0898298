"""Pools of virtual addresses, and the connections that use them."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest

from ikev1.config import Loaded, Rule
from ikev1.core.records.mode_config import ModeConfig, ModeConfigMethod

Load = Callable[..., Loaded]
Refused = Callable[..., dict[str, Rule]]

USERS = """
[connection.users]
secret = "s"
remote_id = "%any"
pools = ["office"]
[connection.users.tunnel.net]
local = "0.0.0.0/0"
"""


def warnings(loaded: Loaded) -> dict[str, Rule]:
    return {warning.key: warning.rule for warning in loaded.warnings}


def ranges(loaded: Loaded) -> list[tuple[str, str]]:
    (pool,) = loaded.settings.pools
    return [(str(ip_address(first)), str(ip_address(last))) for first, last in pool.ranges]


def test_everything(loaded: Load) -> None:
    found = loaded(
        """
[pools.office]
addresses = ["fd00:99::/120", "10.99.0.10-10.99.0.200"]
netmask = "24"
expiry = "8h"
dns = ["10.1.0.53", "fd00::53"]
nbns = "10.1.0.137"
subnets = ["10.1.0.0/16", "fd00:1::/64"]
split_include = ["10.1.0.0/16"]
split_exclude = ["192.0.2.0/24"]
local_lan = true
default_domain = "corp.example"
split_dns = ["corp.example", "lab.example"]
banner = "Be good.\\nThanks."
save_password = true
pfs = true
backup_servers = ["gw2.example"]
reserved = { alice = ["10.99.0.9", "fd00:99::9"], "CN=bob" = "10.99.0.8" }
"""
        + USERS
    )
    (pool,) = found.settings.pools
    assert ranges(found) == [("10.99.0.10", "10.99.0.200"), ("fd00:99::1", "fd00:99::ff")]
    assert pool.reserved == (("alice", "10.99.0.9"), ("alice", "fd00:99::9"), ("CN=bob", "10.99.0.8"))
    assert pool.config == ModeConfig(
        netmask="255.255.255.0",
        expiry=28_800,
        dns=("10.1.0.53", "fd00::53"),
        nbns=("10.1.0.137",),
        subnets=("10.1.0.0/16", "fd00:1::/64"),
        split_include=("10.1.0.0/16",),
        split_exclude=("192.0.2.0/24", "0.0.0.0/32"),
        default_domain="corp.example",
        split_dns=("corp.example", "lab.example"),
        banner="Be good.\nThanks.",
        save_password=True,
        pfs=1,
        backup_servers=("gw2.example",),
        application_version="ikev1",
    )
    (connection,) = found.settings.connections
    assert (connection.pools, connection.vips, connection.mode_config) == (("office",), (), ModeConfigMethod.PULL)
    assert not found.warnings


def test_a_client(loaded: Load) -> None:
    found = loaded(
        '[connection.vpn]\nsecret = "s"\nremote_address = "192.0.2.1"\nvips = ["0.0.0.0", "::"]\nmode_config = "push"\n'
        '[connection.vpn.tunnel.all]\nremote = "0.0.0.0/0"'
    )
    (connection,) = found.settings.connections
    assert (connection.vips, connection.mode_config) == (("0.0.0.0", "::"), ModeConfigMethod.PUSH)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("10.99.0.0/24", ("10.99.0.1", "10.99.0.254")),
        ("10.99.0.0/30", ("10.99.0.1", "10.99.0.2")),
        ("10.99.0.0/31", ("10.99.0.0", "10.99.0.1")),
        ("10.99.0.7", ("10.99.0.7", "10.99.0.7")),
        ("10.99.0.0-10.99.0.255", ("10.99.0.0", "10.99.0.255")),
        ("fd00::/64", ("fd00::1", "fd00::ffff:ffff:ffff:ffff")),
    ],
)
def test_the_hosts_of_a_network(loaded: Load, written: str, expected: tuple[str, str]) -> None:
    assert ranges(loaded(f'[pools.office]\naddresses = "{written}"{USERS}')) == [expected]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("addresses", '"10.99.0.0/8"'),  # host bits
        ("addresses", '"10.99.0.9-10.99.0.1"'),
        ("addresses", '"10.99.0.1-fd00::1"'),
        ("addresses", '"224.0.0.0/24"'),
        ("addresses", '"127.0.0.0/24"'),
        ("addresses", '"office"'),
        ("netmask", '"255.0.255.0"'),
        ("expiry", "59"),
        ("dns", '"ns.example"'),
        ("dns", '"0.0.0.0"'),
        ("split_include", '"fd00::/64"'),
        ("split_dns", '"a.example, b.example"'),
        ("banner", '"' + 1001 * "x" + '"'),
        ("subnets", '"10.1.2.3/16"'),
    ],
)
def test_wrong_values(refused: Refused, key: str, value: str) -> None:
    addresses = "" if key == "addresses" else 'addresses = "10.99.0.0/24"\n'
    found = refused(f"[pools.office]\n{addresses}{key} = {value}")
    assert found[f"pools.office.{key}"] is Rule.INVALID_VALUE


def test_a_pool_needs_addresses(refused: Refused) -> None:
    assert refused("[pools.office]")["pools.office.addresses"] is Rule.MISSING_KEY


@pytest.mark.parametrize("name", ["10.99.0.0/24", "10.99.0.10-10.99.0.19", "fd00:99::/64"])
def test_a_pool_may_be_named_as_its_addresses(loaded: Load, name: str) -> None:
    text = f'[pools."{name}"]\naddresses = "{name}"{USERS}'.replace('["office"]', f'["{name}"]')
    assert [pool.name for pool in loaded(text).settings.pools] == [name]


def test_any_address(loaded: Load) -> None:
    found = loaded("[pools.office]\naddresses = '%any'\nnetmask = '24'\n" + USERS)
    assert (found.settings.pools[0].any, ranges(found)) == (True, [])
    assert warnings(found)["pools.office.addresses"] is Rule.ANY_ADDRESS


def test_names(refused: Refused) -> None:
    assert refused('[pools."a b"]\naddresses = "10.0.0.0/24"')["pools.a b"] is Rule.INVALID_NAME


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("10.99.0.0/24", "10.99.0.128/25"),
        ("10.99.0.0/24", "10.99.0.200-10.99.1.10"),
        ("10.99.0.10", "10.99.0.10"),
        ("fd00::/64", "fd00::5"),
    ],
)
def test_pools_must_not_overlap(refused: Refused, first: str, second: str) -> None:
    two = refused(f'[pools.a]\naddresses = "{first}"\n[pools.b]\naddresses = "{second}"')
    assert Rule.POOLS_OVERLAP in two.values()
    one = refused(f'[pools.a]\naddresses = ["{first}", "{second}"]')
    assert one["pools.a.addresses"] is Rule.POOLS_OVERLAP


def test_an_overlap_with_a_range_before_the_last(refused: Refused) -> None:
    found = refused('[pools.a]\naddresses = ["10.0.0.0/16", "10.0.1.0/24", "10.0.9.0/24"]')
    assert found["pools.a.addresses"] is Rule.POOLS_OVERLAP


def test_reserved_addresses(refused: Refused, loaded: Load) -> None:
    twice = refused('[pools.a]\naddresses = "10.0.0.0/24"\nreserved = { x = "10.0.0.1", y = "10.0.0.1" }')
    assert twice["pools.a.reserved.y"] is Rule.POOLS_OVERLAP
    elsewhere = refused(
        '[pools.a]\naddresses = "10.0.0.0/24"\n[pools.b]\naddresses = "10.1.0.0/24"\nreserved = { x = "10.0.0.1" }'
    )
    assert elsewhere["pools.b.reserved.x"] is Rule.POOLS_OVERLAP
    both = refused('[pools.a]\naddresses = "10.0.0.0/24"\nreserved = { x = ["10.0.0.1", "10.0.0.2"] }')
    assert both["pools.a.reserved.x"] is Rule.INVALID_VALUE


def test_a_pool_must_not_hold_the_gateway(refused: Refused) -> None:
    found = refused('[gateway]\nlisten = "10.99.0.1"\n[pools.office]\naddresses = "10.99.0.0/24"' + USERS)
    assert found["pools.office.addresses"] is Rule.POOL_HOLDS_GATEWAY


def test_a_pool_in_a_network_behind_the_gateway(loaded: Load) -> None:
    found = loaded('[pools.office]\naddresses = "10.1.99.0/24"' + USERS.replace("0.0.0.0/0", "10.1.0.0/16"))
    assert warnings(found)["pools.office.addresses"] is Rule.POOL_IN_OWN_NETWORK


def test_a_small_pool(loaded: Load) -> None:
    found = warnings(loaded('[pools.office]\naddresses = "10.99.0.1"' + USERS))
    assert found["pools.office.addresses"] is Rule.SMALL_POOL
    one = USERS.replace('remote_id = "%any"', 'remote_address = "192.0.2.7"')
    assert not warnings(loaded('[pools.office]\naddresses = "10.99.0.1"' + one))


SPLIT = '[pools.office]\naddresses = "10.99.0.0/24"\nsplit_include = ["10.1.0.0/16", "10.2.0.0/16"]'


@pytest.mark.parametrize(
    ("locals_", "warned"),
    [
        (["0.0.0.0/0"], False),
        (["10.0.0.0/8"], False),
        (["10.1.0.0/16"], True),
        (["10.1.0.0/16", "10.2.0.0/16"], False),
        (["10.1.0.0/16", '10.2.0.0/16"\nlifetime = "20m'], True),
        (["10.0.0.0/8", "10.2.0.0/16"], False),
        (["10.2.0.0/16", "0.0.0.0/0"], False),
        ([], True),
    ],
)
def test_networks_to_include_that_clients_do_not_reach(loaded: Load, locals_: list[str], warned: bool) -> None:
    """A client with one pair gets the first tunnel, and the networks of those that are configured like it."""
    tunnels = "".join(
        f'\n[connection.users.tunnel.t{number}]\nlocal = "{local}"' for number, local in enumerate(locals_)
    )
    users = USERS.partition("[connection.users.tunnel")[0]
    found = warnings(loaded(f"{SPLIT}{users}{tunnels}"))
    assert (found.get("pools.office.split_include") is Rule.SPLIT_NETWORK_UNREACHABLE) is warned


def test_an_unused_pool(loaded: Load) -> None:
    assert warnings(loaded('[pools.a]\naddresses = "10.0.0.0/24"'))["pools.a"] is Rule.UNUSED_POOL


def test_an_unknown_pool(refused: Refused) -> None:
    assert refused(USERS)["connection.users.pools"] is Rule.UNKNOWN_POOL


def test_a_netmask_without_ipv4(refused: Refused) -> None:
    found = refused('[pools.office]\naddresses = "fd00::/64"\nnetmask = "24"' + USERS)
    assert found["pools.office.netmask"] is Rule.UNUSED_KEY


def test_gateway_and_client_in_one_connection(refused: Refused) -> None:
    found = refused('[pools.office]\naddresses = "10.0.0.0/24"' + USERS.replace("pools", 'vips = "::"\npools'))
    assert found["connection.users.vips"] is Rule.POOLS_AND_VIPS


def test_two_virtual_addresses_of_one_version(refused: Refused) -> None:
    found = refused('[connection.a]\nsecret = "s"\nvips = ["0.0.0.0", "10.0.0.1"]')
    assert found["connection.a.vips"] is Rule.INVALID_VALUE


def test_no_trap_of_a_virtual_address(refused: Refused) -> None:
    found = refused(
        '[connection.a]\nsecret = "s"\nremote_address = "192.0.2.1"\nvips = "0.0.0.0"\n'
        '[connection.a.tunnel.t]\nremote = "10.0.0.0/8"\nstart = "trap"'
    )
    assert found["connection.a.tunnel.t.start"] is Rule.TRAP_OF_VIRTUAL_ADDRESS


def test_networks_in_place_of_virtual_addresses(loaded: Load) -> None:
    client = loaded(
        '[connection.a]\nsecret = "s"\nremote_address = "192.0.2.1"\nvips = "0.0.0.0"\n'
        '[connection.a.tunnel.t]\nlocal = "10.2.0.0/16"\nremote = "10.1.0.0/16"'
    )
    assert warnings(client)["connection.a.tunnel.t.local"] is Rule.VIRTUAL_ADDRESS_UNUSED
    gateway = loaded('[pools.office]\naddresses = "10.99.0.0/24"' + USERS + 'remote = "10.99.0.0/16"')
    assert warnings(gateway)["connection.users.tunnel.net.remote"] is Rule.VIRTUAL_ADDRESS_UNUSED


def test_virtual_addresses_of_another_ip_version_than_the_peers(loaded: Load) -> None:
    gateway = USERS.replace('remote_id = "%any"', 'remote_address = "192.0.2.7"').replace("0.0.0.0/0", "fd01::/64")
    assert not loaded('[pools.office]\naddresses = "fd00::/64"' + gateway).warnings
    client = '[connection.a]\nsecret = "s"\nremote_address = "192.0.2.1"\nlocal_address = "192.0.2.2"\nvips = "::"\n'
    assert not loaded(client + '[connection.a.tunnel.t]\nremote = "fd01::/64"').warnings
