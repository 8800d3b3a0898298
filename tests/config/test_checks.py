"""Keys that contradict each other are errors, surprises are warnings."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ikev1.config import Loaded, Rule
from ikev1.core.records.settings import DpdAction

Refused = Callable[..., dict[str, Rule]]
Load = Callable[..., Loaded]

NET = '[connection.{0}]\nsecret = "{1}"\n{2}\n[connection.{0}.tunnel.{3}]\n{4}\n'


def warnings(loaded: Loaded) -> dict[str, Rule]:
    return {finding.key: finding.rule for finding in loaded.warnings}


@pytest.mark.parametrize("address", ["%any", "198.51.100.0/24"])
@pytest.mark.parametrize("start", ["start", "trap"])
def test_only_a_single_address_can_be_called(refused: Refused, address: str, start: str) -> None:
    found = refused(NET.format("a", "s", f'remote_address = "{address}"', "net", f'start = "{start}"'))
    assert found["connection.a.tunnel.net.start"] is Rule.START_WITHOUT_ADDRESS


@pytest.mark.parametrize("action", ["restart", "trap"])
def test_only_a_peer_at_a_single_address_can_be_called_again(refused: Refused, action: str) -> None:
    found = refused(NET.format("a", "s", f'dpd_action = "{action}"', "net", ""))
    assert found["connection.a.dpd_action"] is Rule.START_WITHOUT_ADDRESS


def test_dead_peers_are_detected_unless_told(loaded: Load) -> None:
    keys = ("", "dpd_delay = 0", 'dpd_delay = "1m"\ndpd_timeout = 5\ndpd_action = "clear"')
    found = [loaded(NET.format("a", "s", each, "net", "")).settings.connections[0] for each in keys]
    assert [(each.dpd_delay, each.dpd_timeout, each.dpd_action) for each in found] == [
        (20.0, 30.0, None),
        (0.0, 30.0, None),
        (60.0, 5, DpdAction.CLEAR),
    ]


@pytest.mark.parametrize("keys", ["dpd_delay = -1", "dpd_delay = false", "dpd_timeout = 0", 'dpd_action = "hold"'])
def test_other_ways_to_detect_dead_peers_are_refused(refused: Refused, keys: str) -> None:
    assert f"connection.a.{keys.split()[0]}" in refused(NET.format("a", "s", keys, "net", ""))


@pytest.mark.parametrize("keys", ['proposals = "aes128-sha256-esn"', 'ah_proposals = ["sha256", "sha256-esn"]'])
def test_extended_sequence_numbers_need_a_window(refused: Refused, loaded: Load, keys: str) -> None:
    found = refused(NET.format("a", "s", "", "net", f"{keys}\nreplay_window = 0"))
    assert found["connection.a.tunnel.net.replay_window"] is Rule.ESN_WITHOUT_WINDOW
    loaded(NET.format("a", "s", "", "net", f"{keys}\nreplay_window = 32"))


def test_ah_does_not_go_in_udp(refused: Refused) -> None:
    found = refused(NET.format("a", "s", "encapsulation = true", "net", 'ah_proposals = "sha256"'))
    assert found["connection.a.tunnel.net.ah_proposals"] is Rule.AH_IN_UDP


@pytest.mark.parametrize(
    "keys",
    [
        'ah_proposals = "sha256"',
        'proposals = ["aes128-sha256", "aes128-sha256-esn"]',
        "compress = true",
        "mark_out = 5",
        'mode = "transport"\ncompress = true',
    ],
)
def test_what_takes_a_kernel_is_refused_before_it_fails(loaded: Load, refused: Refused, keys: str) -> None:
    text = NET.format("a", "s", "", "net", keys)
    found = refused(f'[gateway]\ndata_plane = "userspace"\n{text}')
    assert found["connection.a.tunnel.net"] is Rule.NEEDS_KERNEL
    for plane in ("auto", "kernel"):
        assert "connection.a.tunnel.net" not in warnings(loaded(f'[gateway]\ndata_plane = "{plane}"\n{text}'))


def test_what_nobody_can_drop_before_its_address_is_known(loaded: Load) -> None:
    def found(addresses: str, keys: str) -> dict[str, Rule]:
        text = NET.format("a", "s", addresses, "net", keys)
        return {key: rule for key, rule in warnings(loaded(text)).items() if key.endswith("when_down")}

    both = 'local_address = "192.0.2.1"\nremote_address = "198.51.100.1"'
    assert found("", 'when_down = "drop"')["connection.a.tunnel.net.when_down"] is Rule.DROP_OF_UNKNOWN_TRAFFIC
    assert found(both, 'when_down = "drop"') == {}
    assert found("", 'when_down = "pass"') == {}
    assert found("", 'when_down = "drop"\nlocal = "10.1.0.0/16"\nremote = "10.2.0.0/16"') == {}


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
    assert found["connection.a.tunnel.net"] is Rule.MIXED_IP_VERSIONS


def test_ipv6_networks_may_travel_over_ipv4(loaded: Load) -> None:
    tunnel = 'local = "2001:db8:1::/48"\nremote = "2001:db8:2::/48"'
    assert not loaded(NET.format("a", "s", 'remote_address = "192.0.2.1"', "net", tunnel)).warnings


def test_a_connection_without_tunnels_is_doubtful(loaded: Load) -> None:
    assert warnings(loaded('[connection.a]\nsecret = "s"'))["connection.a"] is Rule.NO_TUNNEL


def test_main_mode_cannot_choose_between_two_secrets(loaded: Load) -> None:
    found = warnings(loaded(NET.format("a", "s", "", "one", "") + NET.format("b", "t", 'remote_id = "x"', "two", "")))
    assert found.keys() == {"connection.b"}
    assert found["connection.b"] is Rule.SAME_ADDRESSES_OTHER_SECRET


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
    assert found["connection.b.tunnel.net"] is Rule.SAME_TUNNEL_NAME


def test_the_same_networks_twice_are_doubtful(loaded: Load) -> None:
    networks = 'local = "10.1.0.0/16"\nremote = "10.2.0.0/16"'
    found = warnings(
        loaded(
            NET.format("a", "s", 'remote_id = "x"', "one", networks)
            + NET.format("b", "s", 'remote_id = "y"', "two", networks)
        )
    )
    assert found["connection.b.tunnel.two"] is Rule.SAME_NETWORKS


def test_a_weak_group_of_perfect_forward_secrecy_is_doubtful(loaded: Load) -> None:
    found = warnings(loaded(NET.format("a", "s", "", "net", 'proposals = "aes256gcm16"\npfs = 2')))
    assert found["connection.a.tunnel.net"] is Rule.WEAK_ALGORITHM


@pytest.mark.parametrize(
    ("keys", "rule"),
    [
        ('local = "10.1.0.0/16"\nremote = "10.2.0.0/16[udp/53]"', Rule.FRAGMENTS_OF_PORTS),
        ('local = "dynamic[udp/53]"\nremote = "10.2.0.0/16"', Rule.FRAGMENTS_OF_PORTS),
        ('local = "10.1.0.0/16[tcp/80]"\nremote = "10.2.0.0/16"', None),
        ('local = "10.1.0.0/16[icmp]"\nremote = "10.2.0.0/16"', None),
        ('mode = "transport"\nlocal = "dynamic[udp/1701]"', None),
        ('local = "::/0"\nremote = "::/0"', Rule.SAME_NETWORK_AT_BOTH_ENDS),
        ('local = "10.1.0.0/16"\nremote = "10.1.0.0-10.1.255.255"', Rule.SAME_NETWORK_AT_BOTH_ENDS),
        ('local = "10.0.0.0/8"\nremote = "10.1.0.0/16"', None),
        ('local = "dynamic"\nremote = "0.0.0.0/0"', Rule.ICMP_ERRORS_FROM_OUTSIDE),
        ('local = "192.0.2.0/24"\nremote = "0.0.0.0/0"', Rule.ICMP_ERRORS_FROM_OUTSIDE),
        ('local = "10.1.0.0/16"\nremote = "0.0.0.0/0"', None),
        ('local = "fd01::/64"\nremote = "::/0"', None),
    ],
)
def test_what_a_tunnel_does_not_carry_is_said(loaded: Load, keys: str, rule: Rule | None) -> None:
    ends = 'local_address = "192.0.2.1"\nremote_address = "198.51.100.1"'
    found = warnings(loaded(NET.format("a", "s", ends, "net", keys)))
    assert found.get("connection.a.tunnel.net") is rule


@pytest.mark.parametrize(
    ("gateway", "connection", "said"),
    [
        ('state = "sas"', "encapsulation = true", True),
        ('state = "sas"\ndata_plane = "userspace"', "encapsulation = true", False),
        ('state = "sas"', "", False),
        ("", "encapsulation = true", False),
    ],
)
def test_esp_in_udp_does_not_outlive_the_gateway(loaded: Load, gateway: str, connection: str, said: bool) -> None:
    found = warnings(loaded(f"[gateway]\n{gateway}\n{NET.format('a', 's', connection, 'net', '')}"))
    assert (found.get("connection.a.nat_traversal") is Rule.UDP_NEEDS_GATEWAY) is said


def test_a_link_local_peer_names_its_interface(loaded: Load) -> None:
    ends = 'local_address = "fe80::1"\nremote_address = "fe80::2%eth0"'
    text = NET.format("a", "s", ends, "net", 'local = "fd01::/64"\nremote = "fd02::/64"\nstart = "trap"')
    (connection,) = loaded(text).settings.connections
    assert connection.remote_address == "fe80::2%eth0"


@pytest.mark.parametrize(("remote", "warned"), [("%any", True), ("198.51.100.0/24", True), ("198.51.100.7", False)])
def test_who_only_initiates_has_no_use_for_peers_that_cannot_be_called(loaded: Load, remote: str, warned: bool) -> None:
    text = f'''
[gateway]
initiator_only = true
[connection.branch]
remote_address = "{remote}"
secret = "a secret of more than twenty octets"
[connection.branch.tunnel.net]
local = "10.1.0.0/16"
remote = "10.2.0.0/16"
'''
    rules = [finding.rule for finding in loaded(text).warnings]
    assert (Rule.NEVER_UP in rules) is warned
