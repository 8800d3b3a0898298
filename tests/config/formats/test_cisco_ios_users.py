"""Texts for Cisco IOS with groups of remote users."""

from __future__ import annotations

import pytest

from cisco_text import CiscoText, policy_map
from ikev1.config import Rule, Side
from ikev1.core.records.settings import Aggressive, Mode, XauthRole

USERS = """\
aaa authentication login USERS local
username carol privilege 1 password 0 the-password
username dave secret 0 another
username eve password 7 094F471A1A0A
crypto isakmp client configuration group STAFF
 key group-key
 dns 10.1.0.53 10.1.0.54
 wins 10.1.0.55
 domain example.org
 pool CLIENTS
 acl SPLIT
 save-password
 netmask 255.255.255.0
 split-dns example.org
 split-dns example.net
 banner ^C Welcome ^C
crypto dynamic-map CLIENTS 10
 set transform-set TS
 reverse-route
crypto map VPN client authentication list USERS
crypto map VPN isakmp authorization list GROUPS
crypto map VPN client configuration address respond
crypto map VPN 65535 ipsec-isakmp dynamic CLIENTS
ip local pool CLIENTS 10.99.0.10 10.99.0.99
ip local pool CLIENTS 10.99.1.10
ip access-list extended SPLIT
 permit ip 10.1.0.0 0.0.255.255 any
"""


def remote_users(**changes: str) -> str:
    whole = policy_map(key="crypto isakmp key what-both-know address 198.51.100.7 no-xauth", more=USERS)
    for old, new in changes.items():
        whole = whole.replace(old.replace("_", " "), new)
    return whole


def test_a_group_of_remote_users(text: CiscoText) -> None:
    loaded = text.load(remote_users())
    site, group = loaded.settings.connections
    assert (site.xauth, group.xauth, group.xauth_backend) == (None, XauthRole.SERVER, ("users",))
    assert (group.remote_id, group.secret, group.aggressive) == ("keyid:STAFF", b"group-key", Aggressive.ACCEPT_PSK)
    (tunnel,) = group.tunnels
    assert (str(tunnel.local), str(tunnel.remote)) == ("0.0.0.0/0", "dynamic")
    (pool,) = loaded.settings.pools
    assert (pool.name, len(pool.ranges)) == ("STAFF", 2)
    config = pool.config
    assert (config.dns, config.nbns, config.default_domain) == (
        ("10.1.0.53", "10.1.0.54"),
        ("10.1.0.55",),
        "example.org",
    )
    assert (config.split_include, config.split_dns) == (("10.1.0.0/16",), ("example.org", "example.net"))
    assert (config.banner, config.netmask, config.save_password) == ("Welcome", "255.255.255.0", True)
    assert loaded.aaa.users is not None
    assert dict(loaded.aaa.users.secrets) == {"carol": b"the-password", "dave": b"another", "eve": b"cisco"}


def test_the_peer_of_a_gateway_for_users_is_a_user(text: CiscoText) -> None:
    _, group = text.load(remote_users(), side=Side("R1", is_peer=True)).settings.connections
    assert (group.xauth, group.mode, group.local_id) == (XauthRole.CLIENT, Mode.AGGRESSIVE, "keyid:STAFF")
    assert (group.vips, group.remote_address) == (("0.0.0.0",), "192.0.2.1")


@pytest.mark.parametrize("kind", ["5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0", "8 $8$dsYG", "9 $9$nhEm"])
def test_users_with_hashes_cannot_log_in(text: CiscoText, kind: str) -> None:
    whole = remote_users(secret_0_another=f"secret {kind}")
    assert text.fault(whole)[:2] == ("username dave", Rule.NOT_SUPPORTED)
    loaded = text.load(whole, "username dave")
    assert loaded.aaa.users is not None
    assert "dave" not in dict(loaded.aaa.users.secrets)
    assert text.load(policy_map(more=f"username dave secret {kind}\n"))  # who is no user of the tunnels


def test_users_of_servers_cannot_be_checked(text: CiscoText) -> None:
    whole = remote_users(USERS_local="USERS group radius local")
    assert text.fault(whole)[:2] == ("aaa authentication login", Rule.NOT_SUPPORTED)


def test_what_belongs_to_a_group(text: CiscoText) -> None:
    assert text.fault(remote_users(pool_CLIENTS_10="pool OTHERS 10"))[1] is Rule.INVALID_VALUE
    key = "crypto isakmp client configuration group STAFF"
    assert text.fault(remote_users(**{"key group-key": "max-users 5"}))[:2] == (key, Rule.MISSING_KEY)
    whole = remote_users(netmask="access-restrict Gi0/0\n netmask")
    assert text.fault(whole)[1] is Rule.NOT_SUPPORTED
