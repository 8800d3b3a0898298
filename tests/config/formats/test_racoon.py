"""racoon.conf, psk.txt and the policies of setkey, after their manuals."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikev1.config import Rule, load
from ikev1.config.formats import recognised
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import (
    Aggressive,
    Fragmentation,
    Mode,
    NatTraversal,
    ProposalCheck,
    ShuntAction,
    Start,
    WhenDown,
    XauthRole,
)
from racoon_conf import PROPOSAL, SAINFO, SPD, Racoon, remote

from .conftest import Write


@pytest.fixture
def racoon(write: Write) -> Racoon:
    return Racoon(write)


def test_two_sites(racoon: Racoon) -> None:
    connection = racoon.connection(remote(), SAINFO)
    (tunnel,) = connection.tunnels
    assert (connection.local_address, connection.remote_address) == ("192.0.2.1", "198.51.100.7")
    assert connection.secret == b"the secret of both"
    assert (connection.mode, connection.aggressive) == (Mode.MAIN, Aggressive.REFUSE)
    assert (tunnel.local, tunnel.remote) == (Selector.parse("10.1.0.0/16"), Selector.parse("10.2.0.0/16"))
    assert (tunnel.mode, tunnel.start, tunnel.when_down) == (IpsecMode.TUNNEL, Start.TRAP, WhenDown.DROP)
    assert [each.group for each in tunnel.proposals] == [14]
    assert tunnel.lifetime == 3600


def test_defaults_are_those_of_racoon(racoon: Racoon) -> None:
    connection = racoon.connection(remote(), SAINFO.replace("lifetime time 1 hour;", ""))
    assert connection.policies[0].lifetime == 28800
    assert connection.tunnels[0].lifetime == 28800
    assert connection.tunnels[0].check is ProposalCheck.STRICT
    assert (connection.nat_traversal, connection.fragmentation) == (NatTraversal.OFF, Fragmentation.NO)
    assert (connection.dpd_delay, connection.remote_id) == (0, "%any")


class TestRemotes:
    @pytest.mark.parametrize(
        ("modes", "mode", "aggressive"),
        [
            ("main", Mode.MAIN, Aggressive.REFUSE),
            ("aggressive", Mode.AGGRESSIVE, Aggressive.ACCEPT_PSK),
            ("main, aggressive", Mode.MAIN, Aggressive.ACCEPT_PSK),
            ("aggressive, main", Mode.AGGRESSIVE, Aggressive.ACCEPT_PSK),
        ],
    )
    def test_modes(self, racoon: Racoon, modes: str, mode: Mode, aggressive: Aggressive) -> None:
        connection = racoon.connection(remote(f"exchange_mode {modes};"), SAINFO)
        assert (connection.mode, connection.aggressive) == (mode, aggressive)

    @pytest.mark.parametrize(
        ("written", "identity"),
        [
            ('fqdn "peer.example.org"', "@peer.example.org"),
            ('user_fqdn "carol@example.org"', "userfqdn:carol@example.org"),
            ('keyid tag "group"', "keyid:group"),
            ('asn1dn "C=CH, O=lab"', "C=CH, O=lab"),
            ("address 198.51.100.7", "198.51.100.7"),
        ],
    )
    def test_identities(self, racoon: Racoon, written: str, identity: str) -> None:
        lines = ("exchange_mode main;", f"peers_identifier {written};", "verify_identifier on;")
        assert racoon.connection(remote(*lines), SAINFO).remote_id == identity

    def test_a_peer_may_have_any_identity_unless_it_is_verified(self, racoon: Racoon) -> None:
        lines = ("exchange_mode main;", 'peers_identifier fqdn "peer.example.org";')
        assert racoon.connection(remote(*lines), SAINFO).remote_id == "%any"
        assert racoon.connection(remote(*lines, "verify_identifier on;"), SAINFO).remote_id == "@peer.example.org"

    def test_dead_peers_and_nat(self, racoon: Racoon) -> None:
        lines = ("exchange_mode main;", "dpd_delay 20;", "dpd_retry 4;", "dpd_maxfail 3;")
        connection = racoon.connection(remote(*lines, "nat_traversal force;", "ike_frag on;"), SAINFO)
        assert (connection.dpd_delay, connection.dpd_timeout) == (20, 12)
        assert (connection.nat_traversal, connection.fragmentation) == (NatTraversal.FORCE, Fragmentation.YES)

    def test_what_it_inherits(self, racoon: Racoon) -> None:
        parent = remote("exchange_mode main;", "nat_traversal on;", "dpd_delay 9;", who='"base"')
        child = 'remote "branch" inherit "base" { remote_address 198.51.100.7 [500]; dpd_delay 30; }'
        connection = racoon.connection(parent, child, SAINFO)
        assert (connection.name, connection.nat_traversal, connection.dpd_delay) == ("branch", NatTraversal.AUTO, 30)

    def test_a_passive_end_protects_and_does_not_initiate(self, racoon: Racoon) -> None:
        (tunnel,) = racoon.connection(remote("exchange_mode main;", "passive on;"), SAINFO).tunnels
        assert (tunnel.start, tunnel.when_down) == (Start.NONE, WhenDown.DROP)

    def test_several_proposals_in_their_order(self, racoon: Racoon) -> None:
        second = PROPOSAL.replace("aes 256", "3des").replace("modp2048", "2")
        policies = racoon.connection(remote(proposal=PROPOSAL + second), SAINFO).policies
        assert [policy.suite.group for policy in policies] == [14, 2]

    def test_the_lifetime_of_a_proposal_precedes_that_of_the_remote(self, racoon: Racoon) -> None:
        lines = ("exchange_mode main;", "lifetime time 12 hour;")
        assert racoon.connection(remote(*lines), SAINFO).policies[0].lifetime == 43200
        own = PROPOSAL.replace("dh_group", "lifetime time 30 min;\n dh_group")
        assert racoon.connection(remote(*lines, proposal=own), SAINFO).policies[0].lifetime == 1800


class TestKeys:
    def test_in_aggressive_mode_by_identity(self, racoon: Racoon) -> None:
        racoon.keys = "peer.example.org its secret\n198.51.100.7 another\n"
        lines = ("exchange_mode aggressive;", 'peers_identifier fqdn "peer.example.org";')
        assert racoon.connection(remote(*lines), SAINFO).secret == b"its secret"

    def test_of_peers_at_any_address(self, racoon: Racoon) -> None:
        racoon.keys = "198.51.100.8 first\ncarol@example.org second\n* third\n"
        racoon.policies = ""
        section = remote("exchange_mode main, aggressive;", "generate_policy on;", "passive on;", who="anonymous")
        found = {
            each.remote_address if each.remote_id == "%any" else each.remote_id: each.secret
            for each in racoon.load(section, SAINFO).settings.connections
        }
        assert found == {"%any": b"third", "198.51.100.8": b"first", "userfqdn:carol@example.org": b"second"}

    def test_octets_and_text(self, racoon: Racoon) -> None:
        racoon.keys = "198.51.100.7 0x00ff10\n"
        assert racoon.connection(remote(), SAINFO).secret == b"\x00\xff\x10"
        racoon.keys = "198.51.100.7 0sAAAA\n"
        assert racoon.connection(remote(), SAINFO).secret == b"0sAAAA"

    def test_a_file_that_others_can_read(self, racoon: Racoon) -> None:
        racoon.mode = 0o644
        assert ("psk.txt", Rule.READABLE_BY_OTHERS) in racoon.faults(remote(), SAINFO)

    def test_no_key(self, racoon: Racoon) -> None:
        racoon.keys = "192.0.2.200 of another\n"
        assert racoon.faults(remote(), SAINFO) == [("remote 198.51.100.7", Rule.NO_CREDENTIAL)]


class TestPolicies:
    def test_an_anonymous_remote_is_for_peers_of_policies(self, racoon: Racoon) -> None:
        connection = racoon.connection(remote(who="anonymous"), SAINFO)
        assert (connection.remote_address, connection.secret) == ("198.51.100.7", b"the secret of both")

    def test_ports_and_transport_mode(self, racoon: Racoon) -> None:
        racoon.policies = "spdadd 192.0.2.1[any] 198.51.100.7[1701] udp -P out ipsec esp/transport//require;"
        (tunnel,) = racoon.connection(remote(), SAINFO).tunnels
        assert (tunnel.mode, tunnel.remote) == (IpsecMode.TRANSPORT, Selector.parse("dynamic[udp/1701]"))

    def test_any_peer(self, racoon: Racoon) -> None:
        racoon.keys = "* everybody's\n"
        racoon.policies = "spdadd 0.0.0.0/0[1701] 0.0.0.0/0 udp -P out ipsec esp/transport//require;"
        (tunnel,) = racoon.connection(remote(who="anonymous"), SAINFO).tunnels
        assert (tunnel.local, tunnel.start) == (Selector.parse("dynamic[udp/1701]"), Start.NONE)

    def test_one_direction_is_both(self, racoon: Racoon) -> None:
        racoon.policies = "spdadd 10.2.0.0/16 10.1.0.0/16 any -P in ipsec esp/tunnel/198.51.100.7-192.0.2.1/require;"
        loaded = racoon.load(remote(), SAINFO)
        assert loaded.settings.connections[0].tunnels[0].remote == Selector.parse("10.2.0.0/16")
        assert Rule.NO_COUNTERPART in {each.rule for each in loaded.warnings}

    def test_what_may_pass_unprotected(self, racoon: Racoon) -> None:
        racoon.policies = racoon.policies.replace("require", "use")
        assert racoon.connection(remote(), SAINFO).tunnels[0].when_down is WhenDown.PASS

    def test_compression_and_ah(self, racoon: Racoon) -> None:
        tunnel = "tunnel/192.0.2.1-198.51.100.7"
        traffic = "spdadd 10.1.0.0/16 10.2.0.0/16 any -P out ipsec"
        racoon.policies = f"{traffic} ipcomp/{tunnel}/use esp/transport//require;"
        assert racoon.connection(remote(), SAINFO).tunnels[0].compress
        racoon.policies = f"{traffic} ah/{tunnel}/require;"
        assert racoon.connection(remote(), SAINFO).tunnels[0].proposals[0].suite.encryption == 0
        racoon.policies = f"{traffic} esp/{tunnel}/require ah/transport//require;"
        assert racoon.faults(remote(), SAINFO)[0] == ("spdadd", Rule.NOT_SUPPORTED)

    def test_the_closest_sainfo(self, racoon: Racoon) -> None:
        close = SAINFO.replace("anonymous", "address 10.1.0.0/16 any address 10.2.0.0/16 any").replace(
            "1 hour", "7 min"
        )
        for sections in ((SAINFO, close), (close, SAINFO)):
            assert racoon.connection(remote(), *sections).tunnels[0].lifetime == 420

    def test_traffic_outside_the_tunnels(self, racoon: Racoon) -> None:
        racoon.policies = (
            "spdadd 10.1.0.0/16 10.2.0.9/32 any -P out none;"
            "spdadd 10.2.0.9/32 10.1.0.0/16 any -P in none;"
            f"{SPD.replace('spdflush;', '')}"
            "spdadd 10.1.0.0/16 10.2.0.8/32[25] tcp -P out discard;"
        )
        found = [(each.action, each.remote) for each in racoon.load(remote(), SAINFO).settings.shunts]
        assert found == [
            (ShuntAction.PASS, Selector.parse("10.2.0.9/32")),
            (ShuntAction.DROP, Selector.parse("10.2.0.8/32[tcp/25]")),
        ]

    def test_traffic_without_a_sainfo(self, racoon: Racoon) -> None:
        other = SAINFO.replace("anonymous", "address 10.9.0.0/16 any address 10.2.0.0/16 any")
        assert ("spdadd", Rule.INVALID_VALUE) in racoon.faults(remote(), other)

    @pytest.mark.parametrize(
        ("command", "rule"),
        [
            ("spdadd 10.1.0.0/16 10.2.0.0/16 any -P out what;", Rule.SYNTAX),
            ("add 192.0.2.1 198.51.100.7 esp 0x100 -E null;", Rule.NOT_SUPPORTED),
            ("what;", Rule.UNKNOWN_KEY),
            ("spdadd 10.1.0.0/16 any;", Rule.SYNTAX),
            ("spdadd 10.1.0.0/99 10.2.0.0/16 any -P out ipsec esp/tunnel/192.0.2.1-198.51.100.7/require;", Rule.SYNTAX),
            ("spdadd 10.1.0.0/16 10.2.0.0/16 any -P out ipsec esp/tunnel/192.0.2.1/require;", Rule.SYNTAX),
        ],
    )
    def test_what_cannot_be_converted(self, racoon: Racoon, command: str, rule: Rule) -> None:
        racoon.policies += command
        assert rule in {found for _, found in racoon.faults(remote(), SAINFO)}


class TestRemoteAccess:
    SERVER = PROPOSAL.replace("pre_shared_key", "xauth_psk_server")
    MODE_CFG = """
mode_cfg {
    network4 10.99.0.1; pool_size 100; netmask4 255.255.255.0; auth_source pam;
    dns4 10.1.0.53, 10.1.0.54; split_network include 10.1.0.0/16, 10.3.0.0/16; default_domain "example.org";
    save_passwd on;
}
"""

    def test_a_server(self, racoon: Racoon) -> None:
        racoon.keys, racoon.policies = "* group secret\n", ""
        lines = ("exchange_mode aggressive;", "generate_policy on;", "passive on;", "nat_traversal on;")
        loaded = racoon.load(remote(*lines, who="anonymous", proposal=self.SERVER), self.MODE_CFG, SAINFO)
        (connection,) = loaded.settings.connections
        assert (connection.xauth, connection.xauth_backend) == (XauthRole.SERVER, ("pam",))
        assert connection.tunnels[0].remote == Selector.parse("dynamic")
        pool = loaded.settings.pools[0]
        assert connection.pools == (pool.name,)
        assert [str(each) for each in pool.config.dns] == ["10.1.0.53", "10.1.0.54"]

    def test_a_client(self, racoon: Racoon) -> None:
        racoon.keys += "carol her password\n"
        racoon.policies = ""
        lines = (
            "exchange_mode aggressive;",
            "mode_cfg on;",
            'xauth_login "carol";',
            'my_identifier keyid tag "group";',
        )
        proposal = self.SERVER.replace("server", "client")
        connection = racoon.connection(remote(*lines, proposal=proposal), SAINFO)
        assert (connection.xauth, connection.xauth_user) == (XauthRole.CLIENT, "carol")
        assert connection.xauth_secret == b"her password"
        assert [str(each) for each in connection.vips] == ["0.0.0.0"]
        assert connection.tunnels[0].local == Selector.parse("dynamic")

    def test_ldap(self, racoon: Racoon) -> None:
        racoon.keys = "* group secret\n"
        lines = ("exchange_mode aggressive;", "generate_policy on;")
        section = self.MODE_CFG.replace("pam", "ldap")
        found = racoon.faults(remote(*lines, who="anonymous", proposal=self.SERVER), section, SAINFO)
        assert ("mode_cfg.auth_source", Rule.NOT_SUPPORTED) in found

    def test_what_peers_may_propose(self, racoon: Racoon) -> None:
        racoon.keys, racoon.policies = "* everybody's\n", ""
        section = remote("exchange_mode main;", "generate_policy on;", "passive on;", who="anonymous")
        connection = racoon.connection(section, SAINFO)
        assert {(tunnel.mode, tunnel.local) for tunnel in connection.tunnels} == {
            (IpsecMode.TUNNEL, Selector.parse("0.0.0.0/0")),
            (IpsecMode.TRANSPORT, Selector.parse("dynamic")),
        }


def test_the_notation_of_pfsense(racoon: Racoon) -> None:
    lines = (
        "exchange_mode main;",
        "generate_policy = off;",
        "nat_traversal = force;",
        "dpd_delay =10;",
        "rekey = off;",
    )
    section = remote(*lines, proposal=PROPOSAL.replace("aes 256", "aes256"))
    connection = racoon.connection(section, SAINFO)
    assert (connection.nat_traversal, connection.dpd_delay) == (NatTraversal.FORCE, 10)
    assert not connection.rekey
    assert [each.suite.key_length for each in connection.policies] == [256]
    assert [tunnel.start for tunnel in connection.tunnels] == [Start.TRAP]


@pytest.mark.parametrize(("value", "generated"), [("on", 2), ("unique", 2), ("require", 2), ("off", 0)])
def test_generate_policy(racoon: Racoon, value: str, generated: int) -> None:
    racoon.policies = ""
    connection = racoon.connection(remote("exchange_mode main;", f"generate_policy {value};"), SAINFO)
    assert len(connection.tunnels) == generated


class TestSyntax:
    @pytest.mark.parametrize(
        ("text", "key", "rule"),
        [
            (remote("exchange_mode main;", "rot13 on;"), "remote 198.51.100.7.rot13", Rule.UNKNOWN_KEY),
            (remote("exchange_mode main;", "verify_cert off;"), "remote 198.51.100.7.verify_cert", Rule.NOT_SUPPORTED),
            (remote("exchange_mode base;"), "remote 198.51.100.7.exchange_mode", Rule.MISSING_KEY),
            (remote("dpd_delay 3;"), "remote 198.51.100.7", Rule.MISSING_KEY),
            (
                remote(proposal=PROPOSAL.replace("aes 256", "rot 13")),
                "remote 198.51.100.7.proposal.encryption_algorithm",
                Rule.INVALID_VALUE,
            ),
            (
                remote(proposal=PROPOSAL.replace("dh_group modp2048;", "")),
                "remote 198.51.100.7.proposal",
                Rule.MISSING_KEY,
            ),
            (
                remote(proposal=PROPOSAL.replace("pre_shared_key", "gssapi_krb")),
                "remote 198.51.100.7.proposal.authentication_method",
                Rule.NOT_SUPPORTED,
            ),
            (remote("exchange_mode main;", "lifetime time 3;"), "remote 198.51.100.7.lifetime", Rule.INVALID_VALUE),
            (
                remote("exchange_mode main;", "generate_policy maybe;"),
                "remote 198.51.100.7.generate_policy",
                Rule.INVALID_VALUE,
            ),
            (remote("exchange_mode main;", "rekey maybe;"), "remote 198.51.100.7.rekey", Rule.INVALID_VALUE),
            ("what is this;", "what", Rule.UNKNOWN_KEY),
            ("remote 198.51.100.7 {", "", Rule.SYNTAX),
            ("}", "", Rule.SYNTAX),
            ('log "x', "", Rule.SYNTAX),
            ("a { b { c { d { e { f { g { h { i { j; } } } } } } } } }", "", Rule.SYNTAX),
            ('include "racoon.conf";', "include", Rule.INCLUDE),
            ("log \x00;", "", Rule.SYNTAX),
            ("x" * 70000, "", Rule.SYNTAX),
            ("\n" * 200_001, "", Rule.SYNTAX),
        ],
    )
    def test_an_error_has_its_place(self, racoon: Racoon, text: str, key: str, rule: Rule) -> None:
        errors = racoon.errors(text, SAINFO)
        assert (key, rule) in [(each.key, each.rule) for each in errors]
        assert all(each.line for each in errors)

    def test_without_integrity(self, racoon: Racoon) -> None:
        found = racoon.faults(remote(), SAINFO.replace("hmac_sha1", "non_auth"))
        assert ("sainfo anonymous.authentication_algorithm", Rule.NOT_SUPPORTED) in found

    def test_ignored_keys(self, racoon: Racoon) -> None:
        section = remote("exchange_mode main;", "verify_cert off;")
        loaded = racoon.load(section, SAINFO, ignored=("verify_cert", "verify"))
        assert loaded.settings.connections
        assert [each.key for each in loaded.warnings if each.rule is Rule.UNUSED_KEY] == ["--ignore verify"]

    def test_includes(self, racoon: Racoon, write: Write) -> None:
        write(remote(), "peers/one.conf")
        file = racoon.file('path include "peers";', 'include "*.conf";', SAINFO)
        assert len(load(file).settings.connections) == 1

    @pytest.mark.parametrize("head", ['path certificate "x";', "remote anonymous {", "sainfo address 10.0.0.0/8 any"])
    def test_recognised(self, tmp_path: Path, head: str) -> None:
        file = tmp_path / "vpn.conf"
        file.write_text(f"# a comment\n{head}\n")
        assert recognised(file) == "racoon"

    @pytest.mark.parametrize("line", ["", " ", "remote anonymous ", "sainfo ", "remote ", 'path "', 'remote "'])
    @pytest.mark.parametrize("blank", ["\n", " "])
    def test_what_takes_long_to_recognise(self, tmp_path: Path, line: str, blank: str) -> None:
        file = tmp_path / "vpn.conf"
        file.write_text(f"{line}{blank * 1_000_000}")
        assert recognised(file) != "racoon"
