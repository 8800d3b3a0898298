"""Texts for Cisco IOS: each construct as it is used, or reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cisco_text import LIST, OUTSIDE, POLICY, TRANSFORMS, CiscoText, policy_map
from ikev1.config import Rule, Side
from ikev1.config.formats import recognised
from ikev1.core.negotiation import ipsec_suite
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.settings import Aggressive, Mode, ShuntAction, Start
from ikev1.wire.registry import Encryption, Group, HashAlgorithm


def test_a_crypto_map_is_a_connection(text: CiscoText) -> None:
    connection = text.connection(policy_map("set pfs group14"))
    assert (connection.name, connection.local_address, connection.remote_address) == (
        "VPN-10",
        "192.0.2.1",
        "198.51.100.7",
    )
    assert connection.secret == b"what-both-know"
    (tunnel,) = connection.tunnels
    assert (str(tunnel.local), str(tunnel.remote), tunnel.start) == ("10.1.0.0/16", "10.2.0.0/16", Start.TRAP)
    assert (tunnel.lifetime, tunnel.lifetime_kilobytes, tunnel.replay_window) == (3600, 4_608_000, 64)


def test_the_peer_of_a_router_is_its_mirror_image(text: CiscoText) -> None:
    connection = text.connection(policy_map(), side=Side("R1", is_peer=True))
    assert (connection.local_address, connection.remote_address) == ("198.51.100.7", "192.0.2.1")
    (tunnel,) = connection.tunnels
    assert (str(tunnel.local), str(tunnel.remote), tunnel.start) == ("10.2.0.0/16", "10.1.0.0/16", Start.TRAP)


def test_the_only_router_of_a_text_is_replaced(text: CiscoText) -> None:
    loaded = text.load(policy_map())
    assert Rule.WHICH_END in {warning.rule for warning in loaded.warnings}
    assert not text.load(policy_map(), side=Side("r1")).warnings


def test_it_is_recognized_by_its_content(write: Callable[..., Path]) -> None:
    assert recognised(write(policy_map(), "notes.md")) == "cisco"
    assert recognised(write("a = 1\n", "notes.md")) == "toml"


DEFAULTS = "crypto isakmp policy 10\n authentication pre-share\n"


def test_the_defaults_of_a_policy_are_those_of_ios(text: CiscoText) -> None:
    (policy,) = text.connection(policy_map(policy=DEFAULTS)).policies
    suite = policy.suite
    assert (suite.encryption, suite.hash, suite.group) == (Encryption.DES_CBC, HashAlgorithm.SHA1, Group.MODP_768)
    assert policy.lifetime == 86_400


def test_a_policy_without_authentication_is_for_certificates(text: CiscoText) -> None:
    loaded = text.load(policy_map(more="crypto isakmp policy 5\n encryption aes\n"))
    assert [policy.priority for policy in loaded.settings.connections[0].policies] == [10]
    assert ("crypto isakmp policy 5", Rule.NO_COUNTERPART) in {(each.key, each.rule) for each in loaded.warnings}


def test_policies_are_in_the_order_of_their_numbers(text: CiscoText) -> None:
    more = "".join(f"crypto isakmp policy {number}\n auth pre\n gr {group}\n" for number, group in ((30, 14), (2, 5)))
    policies = text.connection(policy_map(more=more)).policies
    assert [(policy.priority, policy.suite.group) for policy in policies] == [(2, 5), (10, 14), (30, 14)]


def test_without_policies_the_built_in_ones_count(text: CiscoText) -> None:
    loaded = text.load(policy_map(policy=""))
    assert [policy.suite.group for policy in loaded.settings.connections[0].policies] == [5, 5, 2, 2]
    assert Rule.MISSING_KEY in {warning.rule for warning in loaded.warnings}
    fault = text.fault(policy_map(policy="no crypto isakmp default policy\n"))
    assert fault[:2] == ("hostname R1", Rule.NO_USABLE_POLICY)
    fault = text.fault(policy_map(policy="crypto isakmp policy 10\n encryption aes\n"))
    assert fault[:2] == ("hostname R1", Rule.NO_USABLE_POLICY)


@pytest.mark.parametrize(
    ("written", "secret"),
    [
        ("what-both-know", "what-both-know"),
        ("0 what!both-know", "what!both-know"),
        ("7 094F471A1A0A", "cisco"),
        ("7 02050D480809", "cisco"),
        ("6 plain-behind-6", "plain-behind-6"),
        ("0x1234", "0x1234"),
    ],
)
def test_keys(text: CiscoText, written: str, secret: str) -> None:
    key = f"crypto isakmp key {written} address 198.51.100.7   "
    assert text.connection(policy_map(key=key)).secret == secret.encode()


@pytest.mark.parametrize(
    ("written", "rule", "column"),
    [
        ("6 BL[YPTTREaNMdFMafJIDCDJ[FcAADB", Rule.INVALID_SECRET, 21),
        ("8 anything", Rule.INVALID_SECRET, 21),
        ("*****", Rule.INVALID_SECRET, 19),
        ("<removed>", Rule.INVALID_SECRET, 19),
        ("7 09XX", Rule.INVALID_SECRET, 21),
    ],
)
def test_keys_that_cannot_be_read(text: CiscoText, written: str, rule: Rule, column: int) -> None:
    finding = text.faults(policy_map(key=f"crypto isakmp key {written} address 198.51.100.7"))[0]
    assert (finding.key, finding.rule, finding.line, finding.column) == ("crypto isakmp key", rule, 7, column)
    assert written.split()[-1] not in finding.text


def test_the_key_of_the_longest_prefix_is_used(text: CiscoText) -> None:
    keys = """\
crypto isakmp key for-all address 0.0.0.0
crypto isakmp key for-net address 198.51.100.0 255.255.255.0
crypto isakmp key first address 198.51.100.7
crypto isakmp key second address 198.51.100.7 255.255.255.255 no-xauth"""
    assert text.connection(policy_map(key=keys)).secret == b"second"
    assert text.connection(policy_map(key=keys, peer="198.51.100.8")).secret == b"for-net"
    assert text.connection(policy_map(key=keys, peer="203.0.113.8")).secret == b"for-all"


def test_a_peer_without_a_key_is_left_out(text: CiscoText) -> None:
    fault = text.fault(policy_map(peer="203.0.113.8"))
    assert fault[:2] == ("crypto map VPN 10.set peer", Rule.NOT_SUPPORTED)


def test_a_host_name_as_peer(text: CiscoText) -> None:
    key = "crypto isakmp key secret hostname Branch.example.org"
    connection = text.connection(policy_map(key=key, peer="branch.EXAMPLE.org"))
    assert connection.remote_address == "branch.example.org"


PROFILE = """\
crypto keyring RING
 pre-shared-key address 198.51.100.0 255.255.255.0 key of-the-ring
crypto isakmp profile BRANCH
 keyring RING
 match identity host branch.example.org
 self-identity fqdn hq.example.org
 keepalive 30 retry 5
"""


def test_a_profile_has_a_keyring_and_identities(text: CiscoText) -> None:
    connection = text.connection(policy_map("set isakmp-profile BRANCH", more=PROFILE))
    assert connection.secret == b"of-the-ring"
    assert (connection.local_id, connection.remote_id) == ("@hq.example.org", "@branch.example.org")
    assert (connection.dpd_delay, connection.dpd_timeout) == (30, 25)
    other = text.connection(policy_map("set isakmp-profile BRANCH", more=PROFILE), side=Side("R1", is_peer=True))
    assert (other.local_id, other.remote_id) == ("@branch.example.org", "@hq.example.org")


@pytest.mark.parametrize(
    ("matches", "identities"),
    [
        (("host a.example.org", "host b.example.org"), ["@a.example.org", "@b.example.org"]),
        (("address 198.51.100.0 255.255.255.0",), ["198.51.100.0/24"]),
        (("address 198.51.100.9 255.255.255.255", "user domain example.org"), ["198.51.100.9", "*@example.org"]),
        (("address 0.0.0.0", "host a.example.org"), [None]),
        ((), [None]),
    ],
)
def test_unknown_peers_have_an_identity_of_the_profile(
    text: CiscoText, matches: tuple[str, ...], identities: list[str | None]
) -> None:
    ring = "crypto keyring RING\n pre-shared-key address 0.0.0.0 0.0.0.0 key of-the-ring\n"
    profile = "".join(f" match identity {each}\n" for each in matches)
    entry = "crypto dynamic-map DYN 10\n set transform-set TS\n set isakmp-profile BRANCHES\n"
    whole = f"{ring}crypto isakmp profile BRANCHES\n keyring RING\n{profile}{entry}"
    found = text.load(f"{POLICY}{TRANSFORMS}{whole}crypto map VPN 10 ipsec-isakmp dynamic DYN\n{OUTSIDE}")
    assert [each.remote_id for each in found.settings.connections] == identities


def test_a_profile_of_the_whole_map(text: CiscoText) -> None:
    connection = text.connection(policy_map(more=f"crypto map VPN isakmp-profile BRANCH\n{PROFILE}"))
    assert connection.local_id == "@hq.example.org"


def test_the_profile_that_matches_the_address_applies(text: CiscoText) -> None:
    profile = PROFILE.replace("host branch.example.org", "address 198.51.100.7 255.255.255.255")
    connection = text.connection(policy_map(more=profile))
    assert (connection.secret, connection.remote_id) == (b"of-the-ring", None)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("crypto keyring RING", "crypto keyring RING vrf FVRF", "crypto keyring RING"),
        (
            "host branch.example.org",
            "address 198.51.100.7 255.255.255.255 FVRF",
            "crypto isakmp profile BRANCH.match identity",
        ),
        ("keepalive 30 retry 5", "vrf CUSTOMER", "crypto isakmp profile BRANCH.vrf"),
        ("keepalive 30 retry 5", "ca trust-point TP", "crypto isakmp profile BRANCH.ca trust-point"),
    ],
)
def test_what_matters_is_refused_unless_ignored(text: CiscoText, old: str, new: str, key: str) -> None:
    whole = policy_map("set isakmp-profile BRANCH", more=PROFILE.replace(old, new))
    assert text.fault(whole)[:2] == (key, Rule.NOT_SUPPORTED)
    assert text.connection(whole, key).secret == b"of-the-ring"


def test_the_keyring_of_all_others(text: CiscoText) -> None:
    profile = PROFILE.replace("\n keyring RING", "\n keyring default")
    assert text.connection(policy_map("set isakmp-profile BRANCH", more=profile)).secret == b"what-both-know"
    fault = text.fault(policy_map(more=profile.replace("keyring default", "keyring OTHER")))
    assert fault[:2] == ("crypto isakmp profile BRANCH.keyring", Rule.INVALID_VALUE)


def test_the_identity_of_the_router(text: CiscoText) -> None:
    more = "crypto isakmp identity hostname\nip domain name example.org\n"
    assert text.connection(policy_map(more=more)).local_id == "@R1.example.org"


def test_keepalives(text: CiscoText) -> None:
    assert text.connection(policy_map()).dpd_delay == 0
    connection = text.connection(policy_map(more="crypto isakmp keepalive 20 5 periodic\n"))
    assert (connection.dpd_delay, connection.dpd_timeout) == (20, 25)
    loaded = text.load(policy_map(more="crypto isakmp nat keepalive 25\n"))
    assert loaded.settings.nat_keepalive == 25


def test_aggressive_mode(text: CiscoText) -> None:
    refusing = text.connection(policy_map(more="crypto isakmp aggressive-mode disable\n"))
    assert refusing.aggressive is Aggressive.REFUSE
    profile = f"{PROFILE} initiate mode aggressive\n"
    calling = text.connection(policy_map("set isakmp-profile BRANCH", more=profile))
    assert calling.mode is Mode.AGGRESSIVE
    peer = """\
crypto isakmp peer address 198.51.100.7
 set aggressive-mode client-endpoint user-fqdn carol@example.org
 set aggressive-mode password another
"""
    calling = text.connection(policy_map(more=peer))
    assert (calling.mode, calling.local_id) == (Mode.AGGRESSIVE, "userfqdn:carol@example.org")
    assert calling.secret == b"another"
    called = text.connection(policy_map(more=peer), side=Side("R1", is_peer=True))
    assert (called.aggressive, called.remote_id) == (Aggressive.ACCEPT_PSK, "userfqdn:carol@example.org")


@pytest.mark.parametrize(
    ("words", "suite"),
    [
        ("esp-aes 256 esp-sha256-hmac", ("AES_CBC", "256", "HMAC_SHA2_256_128")),
        ("esp-aes esp-sha-hmac", ("AES_CBC", "128", "HMAC_SHA1_96")),
        ("esp-aes 192 esp-sha512-hmac", ("AES_CBC", "192", "HMAC_SHA2_512_256")),
        ("esp-3des esp-md5-hmac", ("3DES_CBC", "", "HMAC_MD5_96")),
        ("esp-des esp-sha384-hmac", ("DES_CBC", "", "HMAC_SHA2_384_192")),
        ("esp-gcm", ("AES_GCM_16", "128", "")),
        ("esp-gcm 256", ("AES_GCM_16", "256", "")),
        ("esp-gmac 256", ("NULL_AES_GMAC", "256", "")),
        ("esp-sha-hmac", ("NULL", "", "HMAC_SHA1_96")),
        ("ESP-Null esp-sha-hmac", ("NULL", "", "HMAC_SHA1_96")),
        ("comp-lzs esp-aes esp-sha-hmac", ("AES_CBC", "128", "HMAC_SHA1_96")),
        ("ah-sha256-hmac", ("", "", "HMAC_SHA2_256_128")),
    ],
)
def test_transform_sets(text: CiscoText, words: str, suite: tuple[str, str, str]) -> None:
    (tunnel,) = text.connection(policy_map(transforms=f"crypto ipsec transform-set TS {words}\n")).tunnels
    shown = ipsec_suite.display(tunnel.proposals[0].suite)
    assert (shown.encryption, shown.key_size, shown.integrity) == suite


@pytest.mark.parametrize(
    ("words", "rule", "column"),
    [
        ("esp-aes", Rule.INVALID_VALUE, 1),
        ("esp-aes esp-sha-hmac ah-sha-hmac", Rule.NOT_SUPPORTED, 1),
        ("ah-md5-hmac esp-3des", Rule.NOT_SUPPORTED, 1),
        ("esp-seal esp-sha-hmac", Rule.NOT_SUPPORTED, 31),
        ("esp-rot13 esp-sha-hmac", Rule.UNKNOWN_KEY, 31),
        ("", Rule.SYNTAX, 28),
    ],
)
def test_transforms_that_cannot_be_used(text: CiscoText, words: str, rule: Rule, column: int) -> None:
    finding = text.faults(policy_map(transforms=f"crypto ipsec transform-set TS {words}\n"))[0]
    assert (finding.rule, finding.line, finding.column) == (rule, 8, column)


def test_several_transform_sets_are_in_the_order_of_preference(text: CiscoText) -> None:
    more = "crypto ipsec transform-set OLD esp-3des esp-sha-hmac\n"
    (tunnel,) = text.connection(policy_map("set transform-set OLD TS", more=more)).tunnels
    assert [ipsec_suite.display(each.suite).encryption for each in tunnel.proposals] == ["3DES_CBC", "AES_CBC"]


def test_lifetimes_and_windows(text: CiscoText) -> None:
    whole = """\
crypto ipsec security-association lifetime seconds 7200
crypto ipsec security-association lifetime kilobytes disable
crypto ipsec security-association replay window-size 1024
"""
    (tunnel,) = text.connection(policy_map(more=whole)).tunnels
    assert (tunnel.lifetime, tunnel.lifetime_kilobytes, tunnel.replay_window) == (7200, 0, 1024)
    own = ("set security-association lifetime kilobytes 5000 seconds 600", "set security-association replay disable")
    (tunnel,) = text.connection(policy_map(*own, more=whole)).tunnels
    assert (tunnel.lifetime, tunnel.lifetime_kilobytes, tunnel.replay_window) == (600, 5000, 0)


@pytest.mark.parametrize(("words", "group"), [("group14", 14), ("group1", 1), ("", 1)])
def test_forward_secrecy(text: CiscoText, words: str, group: int) -> None:
    (tunnel,) = text.connection(policy_map(f"set pfs {words}")).tunnels
    assert [proposal.group for proposal in tunnel.proposals] == [group]


def test_each_permit_line_is_a_tunnel(text: CiscoText) -> None:
    acl = """\
ip access-list extended 101
 20 permit tcp 10.1.0.0 0.0.0.255 host 10.2.0.1 eq www
 10 permit ip host 10.1.9.9 any log
 remark the rest
 permit udp 10.3.0.0 0.0.255.255 eq 4711 10.4.0.0 0.0.3.255
 30 permit gre any any
 no 30
 deny ip any any
"""
    connection = text.connection(policy_map(acl=acl))
    assert [(tunnel.name, str(tunnel.local), str(tunnel.remote)) for tunnel in connection.tunnels] == [
        ("VPN-10-1", "10.1.9.9/32", "0.0.0.0/0"),
        ("VPN-10-2", "10.1.0.0/24[tcp]", "10.2.0.1/32[tcp/80]"),
        ("VPN-10-3", "10.3.0.0/16[udp/4711]", "10.4.0.0/22[udp]"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "permit ip 10.1.0.0 0.0.255.254 any",
        "permit ip 10.1.0.0 255.255.0.0 any",
        "permit tcp any any established",
        "permit tcp any range 1 9 any",
        "permit tcp any any eq 80 443",
        "permit object-group WEB any any",
        "permit ip x.x.x.x 0.0.0.255 any",
    ],
)
def test_lines_that_are_no_selectors_matter_only_where_they_are_used(text: CiscoText, line: str) -> None:
    assert text.connection(policy_map(more=f"access-list 102 {line}\n"))
    whole = policy_map(more=f"access-list 101 {line}\n")
    assert text.fault(whole)[:3] == ("access-list 101.permit", Rule.NOT_SUPPORTED, 17)
    assert len(text.connection(whole, "access-list 101.permit").tunnels) == 1


def test_a_deny_line_that_excludes_something_is_exempt(text: CiscoText) -> None:
    deny = "access-list 101 deny ip {} 0.0.0.255 any\n"
    permit = "access-list 101 permit ip 10.1.0.0 0.0.255.255 any\n"
    for without_effect in (deny.format("10.9.0.0") + permit, permit + deny.format("10.1.9.0")):
        assert not text.load(policy_map(acl=without_effect)).settings.shunts
    whole = policy_map(acl=deny.format("10.1.9.0") + permit)
    (shunt,) = text.load(whole).settings.shunts
    assert (shunt.action, str(shunt.local), str(shunt.remote)) == (ShuntAction.PASS, "10.1.9.0/24", "0.0.0.0/0")
    (shunt,) = text.load(whole, side=Side("R1", is_peer=True)).settings.shunts
    assert (str(shunt.local), str(shunt.remote)) == ("0.0.0.0/0", "10.1.9.0/24")


SECOND_ENTRY = """\
crypto map VPN 20 ipsec-isakmp
 set peer 198.51.100.7
 set transform-set TS
 match address 102
access-list 102 permit ip 10.1.9.0 0.0.0.255 10.7.0.0 0.0.255.255
"""


def test_a_deny_line_about_what_is_permitted_elsewhere_is_refused(text: CiscoText) -> None:
    deny = "access-list 101 deny ip 10.1.9.0 0.0.0.255 any\n"
    permit = "access-list 101 permit ip 10.1.0.0 0.0.255.255 any\n"
    earlier = "access-list 101 permit ip host 10.1.9.9 any\n"
    for whole in (policy_map(acl=earlier + deny + permit), policy_map(acl=deny + permit, more=SECOND_ENTRY)):
        assert text.fault(whole)[:2] == ("access-list 101.deny", Rule.NOT_SUPPORTED)
        loaded = text.load(whole, "deny")
        assert len(loaded.settings.connections[0].tunnels) == 2
        assert not loaded.settings.shunts


def test_object_groups_multiply(text: CiscoText) -> None:
    acl = """\
object-group network HERE
 10.1.0.0 255.255.0.0
 host 10.9.0.1
object-group network THERE
 range 10.2.0.1 10.2.0.9
 group-object MORE
object-group network MORE
 10.3.0.0 255.255.255.0
 group-object THERE
access-list 101 permit ip object-group HERE object-group THERE
"""
    connection = text.connection(policy_map(acl=acl))
    assert [(str(tunnel.local), str(tunnel.remote)) for tunnel in connection.tunnels] == [
        (local, remote) for local in ("10.1.0.0/16", "10.9.0.1/32") for remote in ("10.2.0.1..10.2.0.9", "10.3.0.0/24")
    ]
    assert text.faults(policy_map(acl=acl.replace("network MORE", "network OTHER")))[0].rule is Rule.INVALID_VALUE


def test_the_mirror_image_of_a_line_is_left_out(text: CiscoText) -> None:
    inside = "interface Gi0/1\n ip address 10.2.0.1 255.255.0.0\n"
    acl = f"{LIST}access-list 101 permit ip 10.2.0.0 0.0.255.255 10.1.0.0 0.0.255.255\n"
    (tunnel,) = text.connection(policy_map(acl=acl)).tunnels
    assert str(tunnel.local) == "10.1.0.0/16"
    (tunnel,) = text.connection(policy_map(acl=acl, more=inside)).tunnels
    assert str(tunnel.local) == "10.2.0.0/16"


def test_several_peers_are_called_in_turn(text: CiscoText) -> None:
    key = "crypto isakmp key secret address 0.0.0.0"
    connection = text.connection(policy_map("set peer 203.0.113.9 default", key=key))
    assert connection.remotes == ("203.0.113.9", "198.51.100.7")
    keys = f"{key}\ncrypto isakmp key other address 203.0.113.9"
    assert text.fault(policy_map("set peer 203.0.113.9", key=keys))[1] is Rule.NOT_SUPPORTED


def test_entries_for_one_peer_are_one_connection(text: CiscoText) -> None:
    more = """\
crypto map VPN 20 ipsec-isakmp
 set peer 198.51.100.7
 set transform-set TS
 match address 102
access-list 102 permit ip 10.5.0.0 0.0.255.255 10.6.0.0 0.0.255.255
"""
    assert [tunnel.name for tunnel in text.connection(policy_map(more=more)).tunnels] == ["VPN-10", "VPN-20"]


def test_incomplete_entries_are_left_out(text: CiscoText) -> None:
    more = "crypto map VPN 20 ipsec-isakmp\n set transform-set TS\n"
    loaded = text.load(policy_map(more=more))
    assert len(loaded.settings.connections) == 1
    assert ("crypto map VPN 20", Rule.UNUSED_KEY) in {(each.key, each.rule) for each in loaded.warnings}


def test_where_a_map_is_applied(text: CiscoText) -> None:
    loaded = text.load(policy_map(outside=""))
    assert loaded.settings.connections[0].local_address == "%any"
    assert ("crypto map VPN", Rule.UNUSED_KEY) in {(each.key, each.rule) for each in loaded.warnings}
    second = "interface Gi0/1\n ip address 203.0.113.1 255.255.255.0\n crypto map VPN\n"
    both = text.load(policy_map(more=second)).settings.connections
    assert [each.local_address for each in both] == ["192.0.2.1", "203.0.113.1"]
    loopback = "interface Loopback 0\n ip address 203.0.113.5 255.255.255.255\ncrypto map VPN local-address lo0\n"
    assert text.connection(policy_map(more=second + loopback)).local_address == "203.0.113.5"
    dhcp = "interface Gi0/0\n ip address dhcp\n crypto map VPN\n"
    assert text.connection(policy_map(outside=dhcp)).local_address == "%any"


DYNAMIC = """\
crypto dynamic-map CLIENTS 10
 set transform-set TS
crypto map VPN 100 ipsec-isakmp dynamic CLIENTS
crypto isakmp key for-all address 0.0.0.0 0.0.0.0
crypto isakmp key for-net address 203.0.113.0 255.255.255.0
"""


def test_a_dynamic_map_has_a_connection_for_each_key(text: CiscoText) -> None:
    loaded = text.load(policy_map(more=DYNAMIC))
    assert [(each.name, each.remote_address, each.secret) for each in loaded.settings.connections] == [
        ("VPN-10", "198.51.100.7", b"what-both-know"),
        ("CLIENTS-10", "%any", b"for-all"),
        ("CLIENTS-10-2", "203.0.113.0/24", b"for-net"),
    ]
    assert {tunnel.start for each in loaded.settings.connections[1:] for tunnel in each.tunnels} == {Start.NONE}


def test_the_peer_of_a_dynamic_map_needs_networks(text: CiscoText) -> None:
    side = Side("R1", is_peer=True)
    faults = text.faults(policy_map(more=DYNAMIC), side=side)
    assert [(each.key, each.rule) for each in faults] == [("crypto dynamic-map CLIENTS 10", Rule.NOT_SUPPORTED)]
    _, *unknown = text.load(policy_map(more=DYNAMIC), "crypto dynamic-map CLIENTS 10", side=side).settings.connections
    assert [(each.remote_address, each.tunnels[0].start) for each in unknown] == [("192.0.2.1", Start.TRAP)] * 2
    dhcp = policy_map(outside="interface Gi0/0\n ip address dhcp\n crypto map VPN\n")
    waiting = text.load(dhcp, side=side)
    assert [each.tunnels[0].start for each in waiting.settings.connections] == [Start.NONE]
    assert ("crypto map VPN 10", Rule.MISSING_KEY) in {(each.key, each.rule) for each in waiting.warnings}


def test_l2tp(text: CiscoText) -> None:
    more = f"""{DYNAMIC}
crypto ipsec transform-set L2TP esp-aes esp-sha-hmac
 mode transport
crypto dynamic-map CLIENTS 10
 set transform-set L2TP
 match address L2TP
ip access-list extended L2TP
 permit udp host 192.0.2.1 eq 1701 any
"""
    _, *others = text.load(policy_map(more=more)).settings.connections
    (tunnel,) = others[0].tunnels
    assert (tunnel.mode, str(tunnel.local), str(tunnel.remote)) == (
        IpsecMode.TRANSPORT,
        "dynamic[udp/1701]",
        "dynamic[udp]",
    )


def test_transport_mode_is_for_the_peers_only(text: CiscoText) -> None:
    transforms = f"{TRANSFORMS} mode transport\n"
    (tunnel,) = text.connection(policy_map(transforms=transforms)).tunnels
    assert tunnel.mode is IpsecMode.TUNNEL
    acl = "access-list 101 permit gre host 192.0.2.1 host 198.51.100.7\n"
    (tunnel,) = text.connection(policy_map(transforms=transforms, acl=acl)).tunnels
    assert (tunnel.mode, str(tunnel.local), str(tunnel.remote)) == (
        IpsecMode.TRANSPORT,
        "dynamic[gre]",
        "dynamic[gre]",
    )
