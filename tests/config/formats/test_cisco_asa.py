"""Texts for Cisco ASA: what differs from IOS."""

from __future__ import annotations

import pytest

from cisco_text import CiscoText
from ikev1.config import Rule, Side
from ikev1.core.records.settings import Aggressive, Mode, NatTraversal, Start
from ikev1.wire.registry import Encryption, Group, HashAlgorithm

SITE = """\
ASA Version 9.8(2)
hostname fw
interface GigabitEthernet0/0
 nameif outside
 ip address 192.0.2.1 255.255.255.0
access-list L2L extended permit ip 10.1.0.0 255.255.0.0 10.2.0.0 255.255.0.0
crypto ipsec ikev1 transform-set TS esp-aes-256 esp-sha-hmac
crypto map OUT 10 match address L2L
crypto map OUT 10 set peer 198.51.100.7
crypto map OUT 10 set ikev1 transform-set TS
crypto map OUT interface outside
crypto ikev1 enable outside
crypto ikev1 policy 10
 authentication pre-share
 encryption aes-256
 hash sha
 group 5
tunnel-group 198.51.100.7 type ipsec-l2l
tunnel-group 198.51.100.7 ipsec-attributes
 ikev1 pre-shared-key what-both-know
"""


def test_a_site(text: CiscoText) -> None:
    connection = text.connection(SITE)
    assert (connection.name, connection.local_address, connection.remote_address) == (
        "OUT-10",
        "192.0.2.1",
        "198.51.100.7",
    )
    assert (connection.secret, connection.dpd_delay) == (b"what-both-know", 10)
    (tunnel,) = connection.tunnels
    assert (tunnel.lifetime, tunnel.start) == (28_800, Start.TRAP)


@pytest.mark.parametrize(
    ("version", "encryption", "group"),
    [
        ("9.8(2)", Encryption.TRIPLE_DES_CBC, Group.MODP_1024),
        ("9.13(1)", Encryption.AES_CBC, Group.MODP_2048),
        ("9.16", Encryption.AES_CBC, Group.MODP_2048),
    ],
)
def test_defaults_depend_on_the_version(text: CiscoText, version: str, encryption: int, group: int) -> None:
    whole = SITE.replace("9.8(2)", version).replace(
        " authentication pre-share\n encryption aes-256\n hash sha\n group 5\n", ""
    )
    connection = text.connection(f"{whole}crypto map OUT 10 set pfs\n")
    (policy,) = connection.policies
    assert (policy.suite.encryption, policy.suite.hash, policy.suite.group) == (encryption, HashAlgorithm.SHA1, group)
    assert connection.tunnels[0].proposals[0].group == group


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("crypto ikev1 am-disable", "aggressive", Aggressive.REFUSE),
        ("crypto isakmp identity key-id gw", "local_id", "keyid:gw"),
        ("crypto map OUT 10 set nat-t-disable", "nat_traversal", NatTraversal.OFF),
        ("no crypto isakmp nat-traversal", "nat_traversal", NatTraversal.OFF),
        ("crypto map OUT 10 set ikev1 phase1-mode aggressive group2", "mode", Mode.AGGRESSIVE),
    ],
)
def test_properties_of_a_connection(text: CiscoText, line: str, field: str, value: object) -> None:
    assert getattr(text.connection(f"{SITE}{line}\n"), field) == value


@pytest.mark.parametrize(
    ("line", "delay"),
    [("threshold 30 retry 5", 30), ("disable", 0), ("threshold infinite", 0)],
)
def test_keepalives(text: CiscoText, line: str, delay: int) -> None:
    whole = f"{SITE} isakmp keepalive {line}\n"
    assert text.connection(whole).dpd_delay == delay


def test_properties_of_a_tunnel(text: CiscoText) -> None:
    lines = """\
crypto map OUT 10 set security-association lifetime seconds 3600 kilobytes 10000
crypto map OUT 10 set connection-type answer-only
crypto map OUT 10 set pfs group14
crypto ipsec ikev1 transform-set TS mode transport
"""
    (tunnel,) = text.connection(SITE + lines).tunnels
    assert (tunnel.lifetime, tunnel.lifetime_kilobytes, tunnel.start) == (3600, 10_000, Start.NONE)


def test_names_and_objects(text: CiscoText) -> None:
    objects = """\
names
name 10.2.0.0 branch
name 10.3.0.1 server
object network HERE
 subnet 10.1.0.0 255.255.0.0
 nat (inside,outside) dynamic interface
object network ONE
 host 10.9.0.1
object network SOME
 range 10.8.0.1 10.8.0.9
object network NAMED
 fqdn www.example.org
object-group network THERE
 description of the branch
 network-object branch 255.255.0.0
 network-object host server
 network-object object ONE
 group-object MORE
object-group network MORE
 network-object object SOME
object-group service WEB tcp
 port-object eq www
access-list OTHER extended permit tcp any object NAMED object-group WEB
"""
    whole = objects + SITE.replace("10.1.0.0 255.255.0.0 10.2.0.0 255.255.0.0", "object HERE object-group THERE log")
    assert [str(tunnel.remote) for tunnel in text.connection(whole).tunnels] == [
        "10.2.0.0/16",
        "10.3.0.1/32",
        "10.9.0.1/32",
        "10.8.0.1..10.8.0.9",
    ]
    wrong = whole.replace("object HERE", "object NAMED", 1) if "object HERE object" not in whole else whole
    wrong = wrong.replace("object HERE object-group", "object NAMED object-group")
    assert text.faults(wrong)[0].rule is Rule.NOT_SUPPORTED


def test_peers_that_are_not_known_have_the_key_of_the_default_group(text: CiscoText) -> None:
    lines = """\
crypto dynamic-map DYN 10 set ikev1 transform-set TS
crypto map OUT 65000 ipsec-isakmp dynamic DYN
tunnel-group DefaultL2LGroup ipsec-attributes
 ikev1 pre-shared-key of-all-others
"""
    _, others = text.load(SITE + lines).settings.connections
    assert (others.remote_address, others.secret) == ("%any", b"of-all-others")


def test_an_entry_for_both_versions_is_for_ikev1(text: CiscoText) -> None:
    ikev2 = "crypto map OUT 10 set ikev2 ipsec-proposal P\n"
    assert text.connection(SITE + ikev2).tunnels
    only = SITE.replace("crypto map OUT 10 set ikev1 transform-set TS\n", ikev2)
    (fault,) = (each for each in text.faults(only) if each.rule is Rule.NOT_IKEV1 and each.line)
    assert fault.key == "crypto map OUT 10.set ikev2 ipsec-proposal"


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("crypto map OUT 10 set trustpoint TP", Rule.NOT_SUPPORTED),
        ("crypto map OUT 10 set nonsense", Rule.UNKNOWN_KEY),
        ("crypto nonsense", Rule.UNKNOWN_KEY),
        ("tunnel-group 198.51.100.7 ipsec-attributes\n ikev1 trust-point TP", Rule.NOT_SUPPORTED),
        ("tunnel-group 198.51.100.7 ipsec-attributes\n nonsense", Rule.UNKNOWN_KEY),
        ("tunnel-group 198.51.100.7 ipsec-attributes\n ikev1 pre-shared-key *****", Rule.INVALID_SECRET),
    ],
)
def test_what_is_refused(text: CiscoText, line: str, rule: Rule) -> None:
    last = SITE.count("\n") + 1 + line.count("\n")
    found = text.faults(f"{SITE}{line}\n")
    assert [(each.rule, each.line) for each in found] == [(rule, last)]


USERS = """\
ip local pool CLIENTS 10.99.0.16-10.99.0.31 mask 255.255.255.0
access-list SPLIT standard permit 10.1.0.0 255.255.0.0
username carol password carols-password
username dave password KhGpbaaHYg encrypted privilege 15
group-policy STAFF internal
group-policy STAFF attributes
 vpn-tunnel-protocol ikev1
 split-tunnel-policy tunnelspecified
 split-tunnel-network-list value SPLIT
 password-storage enable
crypto dynamic-map DYN 10 set ikev1 transform-set TS
crypto map OUT 65000 ipsec-isakmp dynamic DYN
tunnel-group STAFF type remote-access
tunnel-group STAFF general-attributes
 address-pool CLIENTS
 default-group-policy STAFF
 authentication-server-group LOCAL
tunnel-group STAFF ipsec-attributes
 ikev1 pre-shared-key group-key
"""


def test_users_with_hashes_cannot_log_in(text: CiscoText) -> None:
    assert text.fault(SITE + USERS)[:2] == ("username dave", Rule.NOT_SUPPORTED)
    loaded = text.load(SITE + USERS, "username dave")
    assert loaded.aaa.users is not None
    assert dict(loaded.aaa.users.secrets) == {"carol": b"carols-password"}


@pytest.mark.parametrize(
    ("policy", "included", "excluded"),
    [
        ("tunnelspecified", ("10.1.0.0/16",), ()),
        ("excludespecified", (), ("10.1.0.0/16",)),
        ("tunnelall", (), ()),
    ],
)
def test_networks_of_clients(
    text: CiscoText, policy: str, included: tuple[str, ...], excluded: tuple[str, ...]
) -> None:
    whole = SITE + USERS.replace("split-tunnel-policy tunnelspecified", f"split-tunnel-policy {policy}")
    loaded = text.load(whole, "username dave")
    (pool,) = loaded.settings.pools
    assert (pool.config.split_include, pool.config.split_exclude) == (included, excluded)
    assert pool.config.save_password


def test_users_of_servers_cannot_be_checked(text: CiscoText) -> None:
    whole = SITE + USERS.replace("authentication-server-group LOCAL", "authentication-server-group RADIUS LOCAL")
    faults = text.faults(whole, "username dave")
    assert [(each.key, each.rule) for each in faults] == [
        ("tunnel-group STAFF general-attributes.authentication-server-group", Rule.NOT_SUPPORTED)
    ]


def test_a_group_without_users(text: CiscoText) -> None:
    whole = f"{SITE}{USERS} ikev1 user-authentication none\n"
    _, group = text.load(whole).settings.connections
    assert group.xauth is None
    _, user = text.load(whole, side=Side("fw", is_peer=True)).settings.connections
    assert (user.xauth, user.local_id) == (None, "keyid:STAFF")
