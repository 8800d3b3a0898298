"""What the configuration of a gateway makes this host route into its tunnels."""

from __future__ import annotations

import pytest

from ikev1.core.records.mode_config import LOCAL_LAN, ModeConfig
from ikev1.core.records.record import replace
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import Connection, Tunnel
from ikev1.daemon.remote_access.client_routes import reach_of
from ikev1.esp.networks import Network
from ikev1.esp.reach import EVERYTHING, Reach, routed

ADDRESS, ADDRESS6 = "10.99.0.10", "fd00::10"
SPLIT = ModeConfig(addresses=(ADDRESS,), dns=("10.2.0.53",), split_include=("10.1.0.0/16",))


def client(*remotes: str, install_routes: bool = True, local_lan: bool = False) -> Connection:
    tunnels = tuple(
        Tunnel(f"net-{number}", local=DYNAMIC, remote=Selector.parse(remote), proposals=())
        for number, remote in enumerate(remotes or ("0.0.0.0/0",))
    )
    return Connection("office", (), tunnels, vips=("0.0.0.0",), install_routes=install_routes, local_lan=local_lan)


def selectors(*texts: str) -> tuple[Selector, ...]:
    return tuple(map(Selector.parse, texts))


def test_all_traffic_by_default() -> None:
    assert reach_of(ADDRESS, ModeConfig(dns=("10.2.0.53",)), client()) == (EVERYTHING, ())


def test_split_networks_and_name_servers() -> None:
    assert reach_of(ADDRESS, SPLIT, client()) == (Reach(selectors("10.1.0.0/16", "10.2.0.53")), ())


def test_networks_that_the_operator_has_named() -> None:
    reach, _ = reach_of(ADDRESS, SPLIT, client("192.0.2.0/24", "0.0.0.0/0", "fd01::/64"))
    assert reach.include == selectors("10.1.0.0/16", "192.0.2.0/24", "10.2.0.53")


def test_split_networks_say_nothing_of_the_other_ip_version() -> None:
    assert reach_of(ADDRESS6, SPLIT, client("::/0")) == (EVERYTHING, ())


def test_no_routes() -> None:
    assert reach_of(ADDRESS, SPLIT, client(install_routes=False)) == (Reach(()), ())


def test_excluded_networks() -> None:
    config = ModeConfig(split_exclude=("192.0.2.0/24", LOCAL_LAN))
    assert reach_of(ADDRESS, config, client()) == (Reach(None, selectors("192.0.2.0/24")), ())


@pytest.mark.parametrize(
    ("gateway", "user", "exclude"), [(True, True, ("192.168.1.0/24",)), (True, False, ()), (False, True, ())]
)
def test_the_local_lan_needs_both(gateway: bool, user: bool, exclude: tuple[str, ...]) -> None:
    config = ModeConfig(split_exclude=(LOCAL_LAN,) if gateway else ())
    attached = selectors("192.168.1.0/24", "fd02::/64")
    assert reach_of(ADDRESS, config, client(local_lan=user), attached).reach == Reach(None, selectors(*exclude))


@pytest.mark.parametrize("split", [(), ("10.1.0.0/16",)])
def test_a_local_lan_that_contains_the_name_server(split: tuple[str, ...]) -> None:
    """Its addresses are chosen by whoever runs it, and could make the questions leave the tunnel."""
    config = ModeConfig(dns=("10.2.0.53", "192.0.2.53"), split_include=split, split_exclude=(LOCAL_LAN,))
    reach = reach_of(ADDRESS, config, client(local_lan=True), selectors("10.2.0.0/24")).reach
    assert reach.always == selectors("10.2.0.53")
    plan = routed(Selector.parse(ADDRESS), Selector.parse("0.0.0.0/0"), reach)
    assert plan[Network(bytes((10, 2, 0, 53)), 32)] is True
    assert plan.get(Network(bytes((10, 2, 0, 0)), 24), False) is False


def test_a_list_with_everything_names_no_network() -> None:
    config = ModeConfig(split_include=("0.0.0.0/0",), split_exclude=(LOCAL_LAN,))
    reach = reach_of(ADDRESS, config, client(local_lan=True), selectors("192.168.1.0/24")).reach
    assert reach == Reach(selectors("0.0.0.0/0"), selectors("192.168.1.0/24"))


@pytest.mark.parametrize("attached", ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"])
@pytest.mark.parametrize(("remotes", "split"), [(("10.1.0.0/16",), ()), (("0.0.0.0/0",), ("10.1.0.0/16",))])
def test_a_local_lan_with_the_addresses_of_a_network_that_was_named(
    attached: str, remotes: tuple[str, ...], split: tuple[str, ...]
) -> None:
    """By the operator or the gateway. Its traffic would leave in the clear."""
    config = ModeConfig(split_include=split, split_exclude=(LOCAL_LAN,))
    reach = reach_of(ADDRESS, config, client(*remotes, local_lan=True), selectors(attached, "192.168.1.0/24")).reach
    plan = routed(Selector.parse(ADDRESS), Selector.parse(remotes[0]), reach)
    assert plan[Network(bytes((10, 1, 0, 0)), 16)] is True
    assert not any(inside is False and network.address[:2] == bytes((10, 1)) for network, inside in plan.items())


@pytest.mark.parametrize(
    "network",
    ["127.0.0.0/8", "127.0.0.1/32", "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32"],
)
def test_networks_that_no_gateway_has(network: str) -> None:
    """Nothing is left of the list, so nothing is routed, instead of everything."""
    reach, refused = reach_of(ADDRESS, ModeConfig(split_include=(network,)), client())
    assert reach == Reach(())
    assert len(refused) == 1


def test_a_name_server_on_the_host_itself() -> None:
    reach, refused = reach_of(ADDRESS, replace(SPLIT, dns=("127.0.0.53",)), client())
    assert reach == Reach(selectors("10.1.0.0/16"))
    assert len(refused) == 1
