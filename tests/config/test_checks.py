"""Keys that contradict each other are errors, surprises are warnings."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ikev1.config import Loaded

Refused = Callable[..., dict[str, str]]
Load = Callable[..., Loaded]

NET = '[connection.{0}]\nsecret = "{1}"\n{2}\n[connection.{0}.tunnel.{3}]\n{4}\n'


def warnings(loaded: Loaded) -> dict[str, str]:
    return {finding.key: finding.text for finding in loaded.warnings}


@pytest.mark.parametrize("address", ["%any", "198.51.100.0/24"])
@pytest.mark.parametrize("start", ["start", "trap"])
def test_only_a_single_address_can_be_called(refused: Refused, address: str, start: str) -> None:
    found = refused(NET.format("a", "s", f'remote_address = "{address}"', "net", f'start = "{start}"'))
    assert f"remote_address is {address}" in found["connection.a.tunnel.net.start"]


@pytest.mark.parametrize(
    ("connection", "tunnel"),
    [
        ("", 'local = "10.1.0.0/16"\nremote = "2001:db8::/32"'),
        ('remote_address = "192.0.2.1"', 'local = "2001:db8::/32"'),
        ('local_address = "2001:db8::1"', 'remote = "10.1.0.0/16"'),
    ],
)
def test_a_tunnel_has_one_ip_version(refused: Refused, connection: str, tunnel: str) -> None:
    found = refused(NET.format("a", "s", connection, "net", tunnel))
    assert "the same IP version" in found["connection.a.tunnel.net"]


def test_ipv6_networks_may_travel_over_ipv4(loaded: Load) -> None:
    tunnel = 'local = "2001:db8:1::/48"\nremote = "2001:db8:2::/48"'
    assert not loaded(NET.format("a", "s", 'remote_address = "192.0.2.1"', "net", tunnel)).warnings


def test_a_connection_without_tunnels_is_doubtful(loaded: Load) -> None:
    assert "no tunnel" in warnings(loaded('[connection.a]\nsecret = "s"'))["connection.a"]


def test_main_mode_cannot_choose_between_two_secrets(loaded: Load) -> None:
    found = warnings(loaded(NET.format("a", "s", "", "one", "") + NET.format("b", "t", 'remote_id = "x"', "two", "")))
    assert found.keys() == {"connection.b"}
    assert "with another secret" in found["connection.b"]


@pytest.mark.parametrize(
    ("one", "other", "doubtful"),
    [
        ("", "", True),
        ('remote_id = "x"', "", True),
        ('remote_id = "x"', 'remote_id = "x"', True),
        ('remote_id = "x"', 'remote_id = "y"', False),
        ('remote_address = "192.0.2.1"', "", False),
        ('local_address = "192.0.2.1"', 'local_address = "192.0.2.2"', False),
    ],
)
def test_connections_are_told_apart_by_address_or_identity(loaded: Load, one: str, other: str, doubtful: bool) -> None:
    found = warnings(loaded(NET.format("a", "s", one, "one", "") + NET.format("b", "s", other, "two", "")))
    assert ("connection.b" in found) is doubtful


def test_a_tunnel_name_twice_is_doubtful(loaded: Load) -> None:
    found = warnings(
        loaded(NET.format("a", "s", 'remote_id = "x"', "net", "") + NET.format("b", "s", 'remote_id = "y"', "net", ""))
    )
    assert found.keys() == {"connection.b.tunnel.net"}
    assert "`ikev1 up net`" in found["connection.b.tunnel.net"]


def test_the_same_networks_twice_are_doubtful(loaded: Load) -> None:
    networks = 'local = "10.1.0.0/16"\nremote = "10.2.0.0/16"'
    found = warnings(
        loaded(
            NET.format("a", "s", 'remote_id = "x"', "one", networks)
            + NET.format("b", "s", 'remote_id = "y"', "two", networks)
        )
    )
    assert "whichever comes up last" in found["connection.b.tunnel.two"]


def test_a_weak_group_of_perfect_forward_secrecy_is_doubtful(loaded: Load) -> None:
    found = warnings(loaded(NET.format("a", "s", "", "net", 'proposals = "aes256gcm16"\npfs = 2')))
    assert "weak algorithm modp1024" in found["connection.a.tunnel.net"]
