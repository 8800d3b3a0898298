"""ipsec.conf and ipsec.secrets in strongSwan's dialect, after the manuals ipsec.conf(5) and ipsec.secrets(5)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, pkcs12
from cryptography.x509 import load_der_x509_certificate

from authority import NOW, der, pkcs8, root, rsa_key
from ikev1.config import ConfigError, Finding, Rule, load
from ikev1.config.formats import ipsec_conf, recognised, text_files
from ikev1.config.formats.ipsec_conf import firewall, sections
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.mode_config import ModeConfigMethod
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import (
    Aggressive,
    Authority,
    Connection,
    DpdAction,
    Fragmentation,
    Mode,
    NatTraversal,
    Rekeying,
    Revocation,
    Start,
    Tunnel,
    Unique,
    XauthRole,
)
from ipsec_conf import PSK, IpsecConf, Write


def conn(*lines: str, name: str = "net", setup: str = "") -> str:
    """A file with one conn, to which ``lines`` are added."""
    own = "\n".join(f"    {line}" for line in lines)
    return f"""
config setup
    {setup}
conn {name}
    keyexchange=ikev1
    left=192.0.2.1
    right=198.51.100.7
    authby=secret
    auto=add
{own}
"""


class Reader(IpsecConf):
    """With what the tests of this dialect ask for."""

    def tunnel(self, *lines: str) -> Tunnel:
        (tunnel,) = self.connection(*lines).tunnels
        return tunnel

    def warnings(self, *lines: str, setup: str = "") -> list[tuple[str, Rule]]:
        return rules(self.load(conn(*lines, setup=setup)).warnings)


def rules(findings: tuple[Finding, ...]) -> list[tuple[str, Rule]]:
    return [(finding.key, finding.rule) for finding in findings]


@pytest.fixture
def reader(write: Write) -> Reader:
    return Reader(write, conn)


def test_defaults_are_those_of_the_manual(reader: Reader) -> None:
    connection = reader.connection()
    (tunnel,) = connection.tunnels
    assert connection.name == tunnel.name == "net"
    assert connection.local_address == "192.0.2.1"
    assert connection.remote_id == "198.51.100.7"
    assert connection.policies[0].lifetime == 3 * 3600
    assert connection.rekeying == Rekeying(3 * 3600 - 540, 540)
    assert tunnel.lifetime == 3600
    assert tunnel.rekeying == Rekeying(3600 - 540, 540)
    assert connection.keyingtries == 3
    assert connection.dpd_delay == 0
    assert connection.unique is Unique.REPLACE
    assert connection.aggressive is Aggressive.REFUSE
    assert (tunnel.mode, tunnel.start, tunnel.compress) == (IpsecMode.TUNNEL, Start.NONE, False)
    assert tunnel.local == tunnel.remote == Selector.parse("dynamic")


class TestSections:
    def test_defaults_also_and_own_keys(self, reader: Reader) -> None:
        text = """
conn %default
    keyexchange=ikev1
    authby=secret
    ikelifetime=1h
    keylife=30m
    keyingtries=1
conn net
    also=hosts
    keyingtries=2
    also=lives
    auto=add
conn hosts
    left=192.0.2.1
    right=198.51.100.7
    keyingtries=5
    ikelifetime=2h
conn lives
    ikelifetime=4h
"""
        loaded = reader.load(text)
        (connection,) = loaded.settings.connections
        assert (connection.policies[0].lifetime, connection.keyingtries) == (4 * 3600, 2)
        assert connection.tunnels[0].lifetime == 1800

    def test_an_empty_value_stands_for_the_default(self, reader: Reader) -> None:
        text = f"conn %default\n    keyingtries=9\n{conn('keyingtries=')}"
        assert reader.load(text).settings.connections[0].keyingtries == 3

    def test_sections_of_one_name_are_merged(self, reader: Reader) -> None:
        loaded = reader.load(f"{conn()}\nconn net\n\tkeyingtries = 7\n")
        assert loaded.settings.connections[0].keyingtries == 7

    def test_the_last_of_two_values_counts_and_is_reported(self, reader: Reader) -> None:
        loaded = reader.load(conn("keyingtries=1", "keyingtries=2"))
        assert loaded.settings.connections[0].keyingtries == 2
        assert rules(loaded.warnings) == [("conn.net.keyingtries", Rule.UNUSED_KEY)]

    def test_quotes_comments_and_blanks(self, reader: Reader) -> None:
        connection = reader.connection('rightid = "C=XX,  O=a \\"b\\", CN=gw" # of the branch', "leftid=@#6b6579 #hex")
        assert connection.remote_id == 'C=XX,  O=a "b", CN=gw'
        assert connection.local_id == "@#6b6579"

    def test_comments_behind_words(self, reader: Reader) -> None:
        assert reader.connection("rightid=gw.example.org#of the branch").remote_id == "gw.example.org"
        assert reader.connection('rightid="gw#7"#of the branch').remote_id == "gw#7"

    def test_a_quoted_string_of_several_lines(self, reader: Reader) -> None:
        assert reader.connection('rightid="gw.\\\nexample.org"').remote_id == "gw.example.org"

    def test_includes(self, reader: Reader) -> None:
        reader.write("    keyingtries=8\n", "more/one.inc")
        text = f"version 2.0\n{conn()}include more/*.inc\n    ikelifetime=2h\n"
        (connection,) = reader.load(text).settings.connections
        assert (connection.keyingtries, connection.policies[0].lifetime) == (8, 7200)

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("    left=192.0.2.1\n", 1),
            ("conn net\nleft=192.0.2.1\n", 2),
            ("conn net\n    left\n", 2),
            ('conn net\n    leftid="a\n', 2),
            ("conn net\n    also=other\n    auto=add\n", 2),
            ("conn net\n    also=net\n", 1),
            ("what is this\nconn net\n", 1),
        ],
    )
    def test_syntax(self, reader: Reader, text: str, line: int) -> None:
        (fault, *_) = reader.faults(text)
        assert (fault.rule, fault.line) == (Rule.SYNTAX, line)

    def test_places_of_errors(self, reader: Reader) -> None:
        (fault,) = reader.faults(conn("keylife=soon"))
        assert (fault.key, fault.line, fault.column) == ("conn.net.keylife", 10, 5)
        (fault,) = reader.faults(conn("leftid=a@b@c", "rightsubnet=10.0.0.0/99"))
        assert (fault.key, fault.line) == ("conn.net.rightsubnet", 11)

    def test_an_unknown_key_is_an_error_that_can_be_ignored(self, reader: Reader) -> None:
        text = conn("rightsubnets=10.0.0.0/8")
        (fault,) = reader.faults(text)
        assert (fault.key, fault.rule) == ("conn.net.rightsubnets", Rule.UNKNOWN_KEY)
        assert "rightsubnet" in fault.allowed
        assert reader.load(text, PSK, "rightsubnets").settings.connections


class TestEnds:
    def test_right_is_this_end_if_the_host_has_its_address(self, reader: Reader) -> None:
        text = conn("leftid=far.example.org", "rightid=here.example.org", "leftsubnet=10.2.0.0/16", "leftupdown=x")
        text = text.replace("192.0.2.1", "203.0.113.9").replace("198.51.100.7", "127.0.0.1")
        (connection,) = reader.load(text).settings.connections
        assert connection.local_address == "127.0.0.1"
        assert connection.local_id == "here.example.org"
        assert connection.remote_id == "far.example.org"
        assert connection.tunnels[0].remote == Selector.parse("10.2.0.0/16")
        assert connection.tunnels[0].updown == ()

    @pytest.mark.parametrize(
        ("right", "remote_id", "addresses"),
        [
            ("%any", "%any", ["%any"]),
            ("gw.example.org", "gw.example.org", ["gw.example.org"]),
            ("%gw.example.org", "gw.example.org", ["gw.example.org", "0.0.0.0/0", "::/0"]),
            ("203.0.113.1,203.0.113.2", "%any", ["203.0.113.1", "203.0.113.2"]),
            ("203.0.113.0/24", "203.0.113.0/24", ["203.0.113.0/24"]),
        ],
    )
    def test_addresses_and_the_identities_that_follow(
        self, reader: Reader, right: str, remote_id: str, addresses: list[str]
    ) -> None:
        reader.write(PSK, "ipsec.secrets")
        written = ipsec_conf.read_stroke(reader.write(conn(f"right={right}").replace("    right=198.51.100.7\n", "")))
        assert written.values["connection"]["net"]["remote_id"] == remote_id
        assert written.values["connection"]["net"]["remote_address"] == addresses

    def test_a_name_is_the_identity_of_this_end(self, reader: Reader) -> None:
        text = conn().replace("192.0.2.1", "here.example.org")
        written = ipsec_conf.read_stroke(reader.write(text))
        assert written.values["connection"]["net"]["local_id"] == "here.example.org"

    @pytest.mark.parametrize(
        ("lines", "local"),
        [
            (["leftsubnet=10.1.0.0/16"], "10.1.0.0/16"),
            (["leftprotoport=17/1701"], "dynamic[udp/1701]"),
            (["leftprotoport=udp/l2f"], "dynamic[udp/1701]"),
            (["leftprotoport=17/%any"], "dynamic[udp]"),
            (["leftprotoport=0"], "dynamic"),
            (["leftsubnet=10.1.0.0/16", "leftprotoport=6"], "10.1.0.0/16[tcp]"),
            (["leftsubnet=10.1.0.1/32[tcp/http]", "leftprotoport=17"], "10.1.0.1/32[tcp/80]"),
            (["leftsubnet=%dynamic[tcp/%any]"], "dynamic[tcp]"),
            (["leftsubnetwithin=10.1.0.0/16"], "10.1.0.0/16"),
        ],
    )
    def test_selectors(self, reader: Reader, lines: list[str], local: str) -> None:
        assert reader.tunnel(*lines).local == Selector.parse(local)

    def test_each_of_several_subnets_has_a_tunnel(self, reader: Reader) -> None:
        loaded = reader.load(conn("leftsubnet=10.1.0.0/16, 10.9.0.0/16"))
        tunnels = [(tunnel.name, str(tunnel.local)) for tunnel in loaded.settings.connections[0].tunnels]
        assert tunnels == [("net", "10.1.0.0/16"), ("net-2", "10.9.0.0/16")]
        assert rules(loaded.warnings) == [("conn.net.leftsubnet", Rule.NO_COUNTERPART)]


class TestConnections:
    def test_conns_with_the_same_connection_share_it(self, reader: Reader) -> None:
        text = f"{conn('rightsubnet=10.2.0.0/16')}\nconn more\n    also=net\n    rightsubnet=10.3.0.0/16\n"
        (connection,) = reader.load(text).settings.connections
        assert [tunnel.name for tunnel in connection.tunnels] == ["net", "more"]

    def test_other_dead_peer_actions_make_another_connection(self, reader: Reader) -> None:
        text = (
            f"{conn('dpdaction=clear')}\nconn more\n    also=net\n    dpdaction=restart\n    rightsubnet=10.3.0.0/16\n"
        )
        assert [each.dpd_action for each in reader.load(text).settings.connections] == [
            DpdAction.CLEAR,
            DpdAction.RESTART,
        ]

    def test_other_versions_and_unloaded_conns_are_named(self, reader: Reader) -> None:
        text = f"{conn()}\nconn new\n    keyexchange=ikev2\n    auto=add\nconn later\n    right=%any\n"
        loaded = reader.load(text)
        assert len(loaded.settings.connections) == 1
        assert rules(loaded.warnings) == [("conn.new", Rule.NOT_IKEV1), ("conn.later", Rule.UNUSED_KEY)]

    def test_nothing_for_ikev1(self, reader: Reader) -> None:
        assert Rule.NOT_IKEV1 in [
            fault.rule for fault in reader.faults("conn new\n    keyexchange=ikev2\n    auto=add\n")
        ]

    def test_a_conn_for_both_versions_that_starts_is_reported(self, reader: Reader) -> None:
        text = conn().replace("    keyexchange=ikev1\n", "").replace("auto=add", "auto=start")
        assert rules(reader.load(text).warnings) == [("conn.net", Rule.NOT_IKEV1)]

    @pytest.mark.parametrize(("auto", "start"), [("add", Start.NONE), ("route", Start.TRAP), ("start", Start.START)])
    def test_auto(self, reader: Reader, auto: str, start: Start) -> None:
        loaded = reader.load(conn().replace("auto=add", f"auto={auto}"))
        assert loaded.settings.connections[0].tunnels[0].start is start

    @pytest.mark.parametrize(
        ("kind", "action"), [("passthrough", "pass"), ("pass", "pass"), ("drop", "drop"), ("reject", "drop")]
    )
    @pytest.mark.parametrize(("auto", "start"), [("route", Start.TRAP), ("add", Start.NONE)])
    def test_a_conn_without_sas_is_a_shunt(
        self, reader: Reader, kind: str, action: str, auto: str, start: Start
    ) -> None:
        ends = "leftsubnet=10.1.0.0/16\n    rightsubnet=10.9.0.0/24,10.8.0.0/24\n    rightprotoport=tcp/22"
        text = f"{conn()}\nconn local\n    type={kind}\n    {ends}\n    auto={auto}\n"
        settings = reader.load(text).settings
        assert [connection.name for connection in settings.connections] == ["net"]
        assert [(shunt.name, shunt.action, shunt.start) for shunt in settings.shunts] == [
            ("local", action, start),
            ("local-2", action, start),
        ]
        assert [(str(shunt.local), str(shunt.remote)) for shunt in settings.shunts] == [
            ("10.1.0.0/16", "10.9.0.0/24[tcp/22]"),
            ("10.1.0.0/16", "10.8.0.0/24[tcp/22]"),
        ]

    def test_authby_never_alone_lets_nothing_pass(self, reader: Reader) -> None:
        shunt = conn("type=pass", name="local").replace("authby=secret", "authby=never")
        assert {each.action for each in reader.load(conn() + shunt).settings.shunts} == {"pass"}
        faults = reader.faults(conn() + shunt.replace("type=pass", ""))
        assert rules(faults) == [("conn.local.authby", Rule.INVALID_VALUE)]

    def test_algorithms(self, reader: Reader) -> None:
        lines = ["ike=aes256-sha1-modp1024,3des-md5-modp1024!", "esp=aes128-sha1!"]
        connection = reader.connection(*lines)
        assert len(connection.policies) == 2
        assert len(connection.tunnels[0].proposals) == 1
        more = reader.connection("ike=aes256-sha1-modp1024", "esp=aes128-sha1")
        assert more.policies[0].suite == connection.policies[0].suite
        assert len(more.policies) > 10
        assert len(more.tunnels[0].proposals) > 10

    def test_with_a_group_there_are_no_default_proposals_for_phase_2(self, reader: Reader) -> None:
        loaded = reader.load(conn("esp=aes128-sha1-modp2048"))
        assert [each.group for each in loaded.settings.connections[0].tunnels[0].proposals] == [14]
        assert loaded.warnings == ()

    def test_ah(self, reader: Reader) -> None:
        (proposal,) = reader.tunnel("ah=sha256-modp2048!").proposals
        assert proposal.group == 14

    def test_lives(self, reader: Reader) -> None:
        connection = reader.connection(
            "ikelifetime=1.5h", "lifetime=40m", "rekeymargin=2m", "rekeyfuzz=50%", "lifebytes=1048576"
        )
        assert (connection.policies[0].lifetime, connection.rekeying) == (5400, Rekeying(5280, 60))
        (tunnel,) = connection.tunnels
        assert (tunnel.lifetime, tunnel.lifetime_kilobytes) == (2400, 1024)
        assert (tunnel.rekeying.rekey_time, tunnel.rekeying.rand_time) == (2280, 60)

    def test_no_rekeying(self, reader: Reader) -> None:
        connection = reader.connection("rekey=no", "ikelifetime=2h", "rekeymargin=3m", "rekeyfuzz=50%")
        assert (connection.rekey, connection.policies[0].lifetime) == (False, 7200)

    def test_a_margin_longer_than_the_lifetime(self, reader: Reader) -> None:
        assert rules(reader.faults(conn("lifetime=5m"))) == [("conn.net.lifetime", Rule.INVALID_VALUE)]

    @pytest.mark.parametrize(
        ("action", "ours"),
        [("clear", DpdAction.CLEAR), ("hold", DpdAction.TRAP), ("restart", DpdAction.RESTART)],
    )
    def test_dead_peers(self, reader: Reader, action: str, ours: DpdAction) -> None:
        connection = reader.connection(f"dpdaction={action}", "dpddelay=10", "dpdtimeout=1m")
        assert (connection.dpd_action, connection.dpd_delay, connection.dpd_timeout) == (ours, 10, 60)
        assert reader.connection(f"dpdaction={action}").dpd_delay == 30
        assert reader.connection("dpddelay=10").dpd_delay == 0

    def test_aggressive_mode_with_a_secret_is_refused_and_warned_of(self, reader: Reader) -> None:
        loaded = reader.load(conn("aggressive=yes"))
        assert loaded.settings.connections[0].aggressive is Aggressive.ACCEPT
        assert Rule.AGGRESSIVE_PSK_REFUSED in [warning.rule for warning in loaded.warnings]
        assert not [each for each in reader.load(conn()).warnings if each.rule is Rule.AGGRESSIVE_PSK_REFUSED]

    def test_other_keys(self, reader: Reader) -> None:
        connection = reader.connection(
            "aggressive=yes",
            "fragmentation=force",
            "forceencaps=yes",
            "modeconfig=push",
            "keyingtries=%forever",
            "compress=yes",
            "mark=7/0xff",
            "replay_window=128",
            "rightikeport=4000",
            setup="uniqueids=never",
        )
        (tunnel,) = connection.tunnels
        assert (connection.mode, connection.fragmentation) == (Mode.AGGRESSIVE, Fragmentation.FORCE)
        assert (connection.nat_traversal, connection.mode_config) == (NatTraversal.FORCE, ModeConfigMethod.PUSH)
        assert (connection.keyingtries, connection.remote_port) == (0, 4000)
        assert connection.unique is Unique.NEVER
        assert (tunnel.compress, tunnel.replay_window) == (True, 128)
        assert tunnel.marks.mark_in == tunnel.marks.mark_out
        assert tunnel.marks.mark_in is not None

    @pytest.mark.parametrize(
        "line",
        [
            "mobike=yes",
            "reauth=yes",
            "installpolicy=yes",
            "leftsendcert=ifasked",
            "fragmentation=yes",
            "modeconfig=pull",
        ],
    )
    def test_usual_values_are_no_matter(self, reader: Reader, line: str) -> None:
        assert reader.warnings(line) == []

    @pytest.mark.parametrize(
        "line", ["rightfirewall=yes", "ikedscp=101110", "pfs=no", "leftdns=%config4", "inactivity=10m", "reauth=no"]
    )
    def test_what_does_no_harm_is_a_warning(self, reader: Reader, line: str) -> None:
        assert reader.warnings(line) == [(f"conn.net.{line.partition('=')[0]}", Rule.NO_COUNTERPART)]

    @pytest.mark.parametrize(
        "line",
        [
            "reqid=7",
            "installpolicy=no",
            "tfc=1200",
            "mediation=yes",
            "rightcertpolicy=1.2.3",
            "rightgroups=sales",
            "rightsourceip=%dhcp",
            "rightsigkey=0sAQOm",
            "leftcert=%smartcard:50",
            "leftikeport=501",
        ],
    )
    def test_what_matters_is_an_error(self, reader: Reader, line: str) -> None:
        key = line.partition("=")[0]
        faults = rules(reader.faults(conn(line)))
        assert (f"conn.net.{key}", Rule.NOT_SUPPORTED) in faults
        assert reader.load(conn(line), PSK, key).settings.connections

    def test_a_ca_that_is_no_name_is_an_error(self, reader: Reader) -> None:
        assert rules(reader.faults(conn("rightca=ca.pem"))) == [("conn.net.rightca", Rule.INVALID_VALUE)]

    def test_a_warning_about_an_inherited_key_is_given_once(self, reader: Reader) -> None:
        text = f"conn %default\n    inactivity=10m\n{conn()}\nconn more\n    also=net\n    rightsubnet=10.3.0.0/16\n"
        assert rules(reader.load(text).warnings) == [("conn.%default.inactivity", Rule.NO_COUNTERPART)]


class TestFirewall:
    @pytest.fixture
    def script(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """strongSwan's script, in the second of the folders in which it may be."""
        installed = tmp_path / "ipsec" / "_updown"
        installed.parent.mkdir()
        installed.touch(mode=0o755)
        monkeypatch.setattr(firewall, "FOLDERS", (str(tmp_path), str(installed.parent)))
        return installed

    def test_the_script_of_strongswan_is_run(self, reader: Reader, script: Path) -> None:
        assert reader.tunnel("leftfirewall=yes").updown == (str(script), "iptables")
        assert reader.warnings("leftfirewall=yes") == []
        assert reader.tunnel("leftfirewall=no").updown == ()

    def test_access_to_this_host(self, reader: Reader, script: Path) -> None:
        updown = reader.tunnel("leftfirewall=yes", "lefthostaccess=yes").updown
        assert updown == ("/usr/bin/env", "PLUTO_HOST_ACCESS=1", str(script), "iptables")
        assert reader.tunnel("lefthostaccess=yes", "leftupdown=/bin/true").updown[-1] == "/bin/true"

    def test_without_the_script_there_are_no_rules(self, reader: Reader, script: Path) -> None:
        script.unlink()
        assert reader.tunnel("leftfirewall=yes").updown == ()
        assert reader.warnings("leftfirewall=yes") == [("conn.net.leftfirewall", Rule.NO_COUNTERPART)]

    def test_it_is_one_of_two_programs(self, reader: Reader, script: Path) -> None:
        faults = rules(reader.faults(conn("leftfirewall=yes", f"leftupdown={script}")))
        assert ("conn.net.leftfirewall", Rule.INVALID_VALUE) in faults


class TestUsers:
    USERS = f'{PSK}carol : XAUTH "4iChxLT3"\ngw dave : EAP 0x01ff\n'

    def test_a_gateway(self, reader: Reader) -> None:
        text = conn("rightauth2=xauth", "rightsourceip=10.99.0.0/24", "rightdns=10.1.0.53")
        loaded = reader.load(text.replace("right=198.51.100.7", "right=%any"), self.USERS)
        (connection,) = loaded.settings.connections
        assert connection.xauth is XauthRole.SERVER
        (pool,) = loaded.settings.pools
        assert (pool.name, connection.pools) == ("10.99.0.0/24", ("10.99.0.0/24",))  # as strongSwan calls it
        assert loaded.aaa.users is not None
        assert {"carol", "dave", "gw"} == set(dict(loaded.aaa.users.secrets))

    @pytest.mark.parametrize("word", ["%config", "%config4"])
    def test_any_address(self, reader: Reader, word: str) -> None:
        loaded = reader.load(conn(f"rightsourceip={word}"))
        assert [(pool.any, pool.ranges) for pool in loaded.settings.pools] == [(True, ())]

    def test_conns_share_a_pool(self, reader: Reader) -> None:
        text = conn("rightsourceip=10.99.0.0/24").replace("right=198.51.100.7", "right=%any")
        text += "\nconn other\n    also=net\n    rightid=@x\n"
        loaded = reader.load(text)
        assert len(loaded.settings.pools) == 1

    @pytest.mark.parametrize("lines", [["leftauth2=xauth"], ["authby=xauthpsk", "xauth=client"], ["authby=xauthpsk"]])
    def test_a_client(self, reader: Reader, lines: list[str]) -> None:
        connection = reader.connection(
            *lines, "xauth_identity=carol", "leftsourceip=%config", "modeconfig=push", secrets=self.USERS
        )
        assert (connection.xauth, connection.xauth_user) == (XauthRole.CLIENT, "carol")
        assert connection.xauth_secret == b"4iChxLT3"
        assert len(connection.vips) == 1

    def test_a_server_by_authby(self, reader: Reader) -> None:
        lines = "authby=xauthpsk", "xauth=server"
        assert reader.connection(*lines, secrets=self.USERS).xauth is XauthRole.SERVER
        assert reader.connection(*lines, "xauth_identity=carol", secrets=self.USERS).xauth_user == "carol"

    def test_a_second_identity_that_would_be_the_only_user_is_an_error(self, reader: Reader) -> None:
        faults = reader.faults(conn("rightauth2=xauth", "rightid2=carol"), self.USERS)
        assert rules(faults) == [("conn.net.rightid2", Rule.NOT_SUPPORTED)]
        assert reader.connection("rightauth2=xauth", "rightid2=%any", secrets=self.USERS).xauth_user == ""

    def test_the_identity_is_the_user_without_a_name(self, reader: Reader) -> None:
        connection = reader.connection("leftauth2=xauth", "leftid=carol", secrets=self.USERS)
        assert connection.xauth_user == "carol"

    @pytest.mark.parametrize("word", ["yes", "no", "ifuri"])
    def test_without_certificates_nothing_is_revoked(self, reader: Reader, word: str) -> None:
        text = f"config setup\n    strictcrlpolicy={word}\n{conn()}"
        assert reader.load(text).settings.connections[0].secret == b"what both know"

    def test_secret_is_another_word_for_psk(self, reader: Reader) -> None:
        connection = reader.connection("authby=pubkey", "leftauth=secret", "rightauth=secret")
        assert connection.secret == b"what both know"

    def test_eap_is_not_ikev1(self, reader: Reader) -> None:
        assert rules(reader.faults(conn("rightauth=eap-mschapv2"))) == [("conn.net", Rule.NOT_IKEV1)]


class TestSecrets:
    @pytest.mark.parametrize(
        ("secrets", "secret"),
        [
            (': PSK "a b # c"', b"a b # c"),
            (": PSK plain # comment", b"plain"),
            (": PSK 0x0102", b"\1\2"),
            (": PSK 0sAQI=", b"\1\2"),
            (': PSK "0x0102"', b"0x0102"),
            (": psk 'single'", b"single"),
            (":PSK x", b"x"),
            ("192.0.2.1 198.51.100.7: PSK x", b"x"),
            ("192.0.2.1 198.51.100.7\n\t: PSK x", b"x"),
            ('%any %any : PSK "any"\n192.0.2.1 198.51.100.7 : PSK "both"\n198.51.100.7 : PSK "peer"', b"both"),
            ('192.0.2.1 %any : PSK "us"\n: PSK "nobody"', b"us"),
        ],
    )
    def test_pre_shared_keys(self, reader: Reader, secrets: str, secret: bytes) -> None:
        connection = reader.connection(secrets=secrets)
        assert connection.secret == secret

    def test_includes(self, reader: Reader) -> None:
        reader.write(PSK, "more.secrets")
        assert reader.connection(secrets="include *.secrets.d\ninclude more.secrets\n").secret == b"what both know"

    @pytest.mark.parametrize(
        ("secrets", "rule"),
        [
            (": PIN %smartcard:50 1234", Rule.NOT_SUPPORTED),
            (": RSA key.pem %prompt", Rule.NOT_SUPPORTED),
            (": RSSA key.pem", Rule.UNKNOWN_KEY),
            (": PSK", Rule.INVALID_SECRET),
            (": PSK 0xqq", Rule.INVALID_SECRET),
        ],
    )
    def test_what_cannot_be_used(self, reader: Reader, secrets: str, rule: Rule) -> None:
        assert rule in [fault.rule for fault in reader.faults(conn(), secrets)]

    @pytest.mark.parametrize("secrets", ["hello", "a b :", ': PSK "no end'])
    def test_syntax(self, reader: Reader, secrets: str) -> None:
        (fault,) = reader.faults(conn(), secrets)
        assert (fault.rule, fault.file.name, fault.line) == (Rule.SYNTAX, "ipsec.secrets", 1)

    def test_a_file_that_others_can_read(self, reader: Reader) -> None:
        reader.write(PSK, "ipsec.secrets", 0o644)
        with pytest.raises(ConfigError) as caught:
            load(reader.write(conn(), "ipsec.conf"))
        assert Rule.READABLE_BY_OTHERS in [fault.rule for fault in caught.value.findings]

    def test_a_secret_without_a_kind_is_not_shown(self, reader: Reader) -> None:
        faults = reader.faults(conn(), '192.0.2.1 : "sesame"')
        assert Rule.INVALID_SECRET in [fault.rule for fault in faults]
        assert "sesame" not in str(faults).lower()

    def test_secrets_are_not_shown(self, reader: Reader) -> None:
        faults = reader.faults(conn("keylife=x"), ': PSK "sesame"\n: RSA sesame.pem sesame\n: XAUTH sesame\n')
        assert "sesame " not in str(faults)
        from_file = ipsec_conf.secrets_file.read_entries(reader.write(': PSK "sesame"', "ipsec.secrets"), None)  # type: ignore[arg-type]
        assert "sesame" not in repr(from_file)


@pytest.mark.parametrize(
    ("name", "text", "format"),
    [
        ("ipsec.conf", "", "stroke"),
        ("vpn.conf", conn(), "stroke"),
        ("vpn.conf", "conn a\n  left=1.2.3.4\n", "stroke"),
        ("vpn.conf", "connections {\n a { }\n}\n", "swanctl"),
        ("vpn.conf", "[connection.a]\nremote_id = 'conn'\n", "toml"),
        ("ipsec.toml", conn(), "toml"),
    ],
)
def test_recognised(write: Write, name: str, text: str, format: str) -> None:
    assert recognised(write(text, name)) == format


class TestHostile:
    @pytest.mark.parametrize(
        "text",
        [
            b"conn net\n    left=\xff\xfe\n",
            b"conn net\n    left=\x00\n",
            b"conn net\n    left=" + b"1" * (1 << 20),
            b"conn net\n" * 300_000,
            b"\n" * 1_000_000,
        ],
        ids=["not UTF-8", "a zero", "a long line", "many sections", "many lines"],
    )
    def test_files(self, reader: Reader, text: bytes) -> None:
        (fault,) = reader.faults(text)
        assert fault.rule is Rule.SYNTAX

    def test_include_loops(self, reader: Reader) -> None:
        (fault,) = reader.faults("include ipsec.conf\n")
        assert fault.rule is Rule.INCLUDE

    def test_deep_includes(self, reader: Reader) -> None:
        for number in range(text_files.DEEPEST_INCLUDE + 2):
            reader.write(f"include {number + 1}.conf\n", f"{number}.conf")
        (fault,) = reader.faults("include 0.conf\n")
        assert fault.rule is Rule.INCLUDE

    def test_inheritance_without_end(self, reader: Reader) -> None:
        """Each conn inherits twice from the next one."""
        text = "".join(f"conn a{n}\n    also=a{n + 1}\n    also=a{n + 1}\n    auto=add\n" for n in range(40))
        (fault,) = reader.faults(f"{text}conn a40\n    left=192.0.2.1\n")
        assert fault.rule is Rule.SYNTAX

    def test_deep_inheritance(self, reader: Reader) -> None:
        count = sections.DEEPEST_ALSO + 10
        text = "".join(f"conn a{n}\n    also=a{n + 1}\n    auto=add\n" for n in range(count))
        (fault,) = reader.faults(f"{text}conn a{count}\n    left=192.0.2.1\n")
        assert fault.rule is Rule.SYNTAX

    def test_other_kinds_of_files(self, reader: Reader, tmp_path: Path) -> None:
        (tmp_path / "folder.conf").mkdir()
        (fault,) = reader.faults("include folder.conf\n")
        assert fault.rule is Rule.UNREADABLE_FILE


CA, OTHER = root("C=CH, O=lab, CN=root", 1), root("C=CH, O=lab, CN=other", 2)
GW, BRANCH = rsa_key(1), rsa_key(2)
GW_CERTIFICATE = der(CA.issue("C=CH, O=lab, CN=gw", GW, ["gw.example.org"]))
BRANCH_CERTIFICATE = der(CA.issue("C=CH, O=lab, CN=branch", BRANCH, ["branch.example.org"]))


class TestCertificates:
    """The folder ipsec.d, of which strongSwan uses what ipsec.conf and ipsec.secrets name, and all CAs."""

    @pytest.fixture
    def connect(self, write: Write) -> Callable[..., Connection]:
        """The connection with these lines."""

        def connection_of(*lines: str, secrets: str = ": RSA gw.key\n", others: str = "") -> Connection:
            write(pkcs8(GW), "ipsec.d/private/gw.key")
            write(GW_CERTIFICATE, "ipsec.d/certs/gw.crt")
            write(BRANCH_CERTIFICATE, "ipsec.d/certs/branch.crt")
            write(CA.der, "ipsec.d/cacerts/ca.crt")
            write(OTHER.der, "ipsec.d/cacerts/other.crt")
            write(secrets, "ipsec.secrets")
            text = conn(*lines).replace("    authby=secret\n", "")
            (connection,) = load(write(f"{text}\n{others}", "ipsec.conf"), lambda: NOW).settings.connections
            return connection

        return connection_of

    def test_both_ends(self, connect: Callable[..., Connection]) -> None:
        found = connect("leftcert=gw.crt", "rightid=branch.example.org")
        assert found.credential is not None
        assert found.credential.certificates == (GW_CERTIFICATE,)
        assert found.local_id == "C=CH, O=lab, CN=gw"
        assert set(found.trust.authorities) == {CA.der, OTHER.der}

    def test_the_authority_of_the_peer(self, connect: Callable[..., Connection]) -> None:
        assert connect("leftcert=gw.crt", 'rightca="C=CH, O=lab, CN=root"').trust.authorities == (CA.der,)
        assert connect("leftcert=gw.crt", "leftca=/C=CH/O=lab/CN=other", "rightca=%same").trust.authorities == (
            OTHER.der,
        )

    def test_an_unknown_authority(self, connect: Callable[..., Connection]) -> None:
        with pytest.raises(ConfigError) as caught:
            connect("leftcert=gw.crt", 'rightca="C=CH, O=lab, CN=nobody"')
        assert rules(caught.value.findings) == [("conn.net.rightca", Rule.UNREADABLE_FILE)]

    def test_the_certificate_of_the_peer(self, connect: Callable[..., Connection]) -> None:
        found = connect("leftcert=gw.crt", "rightcert=branch.crt")
        assert (found.trust.peers, found.trust.authorities) == ((BRANCH_CERTIFICATE,), ())

    def test_a_private_key_that_is_not_named_is_not_used(self, connect: Callable[..., Connection]) -> None:
        with pytest.raises(ConfigError) as caught:
            connect("leftcert=gw.crt", secrets=PSK)
        assert ("conn.net.leftcert", Rule.NO_CREDENTIAL) in rules(caught.value.findings)

    def test_an_encrypted_key(self, connect: Callable[..., Connection], write: Write) -> None:
        closed = GW.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame"))
        write(closed, "ipsec.d/private/closed.key")
        assert connect("leftcert=gw.crt", secrets=': RSA closed.key "open sesame"\n').credential is not None

    def test_pkcs12(self, connect: Callable[..., Connection], write: Write) -> None:
        bundle = pkcs12.serialize_key_and_certificates(
            b"gw", GW, load_der_x509_certificate(GW_CERTIFICATE), None, BestAvailableEncryption(b"sesame")
        )
        write(bundle, "ipsec.d/private/gw.p12")
        found = connect("leftid=gw.example.org", secrets=": P12 gw.p12 sesame\n")
        assert found.credential is not None
        assert found.credential.certificates == (GW_CERTIFICATE,)

    def test_the_policy_for_revocation(self, connect: Callable[..., Connection]) -> None:
        for word, policy in (("yes", Revocation.STRICT), ("no", Revocation.IF_PRESENT), ("ifuri", Revocation.IF_URI)):
            found = connect("leftcert=gw.crt", others=f"config setup\n    strictcrlpolicy={word}\n")
            assert found.trust.revocation is policy

    def test_ca_sections(self, connect: Callable[..., Connection], tmp_path: Path) -> None:
        more = root("CN=more", 3).der
        (tmp_path / "more.crt").write_bytes(more)
        found = connect("leftcert=gw.crt", others=f"ca more\n    cacert={tmp_path}/more.crt\n    auto=add\n")
        assert more in found.trust.authorities
        with pytest.raises(ConfigError) as caught:
            connect("leftcert=gw.crt", others="ca more\n    cacert=ca.crt\n    crluri=ldap://a/\n    auto=add\n")
        assert ("ca.more.crluri", Rule.NOT_SUPPORTED) in rules(caught.value.findings)
        with pytest.raises(ConfigError) as caught:
            connect("leftcert=gw.crt", others="ca more\n    cacert=absent.crt\n    crluri=http://a/\n    auto=add\n")
        assert rules(caught.value.findings) == [("ca.more.cacert", Rule.UNREADABLE_FILE)]

    def test_a_ca_section_that_is_not_loaded(self, connect: Callable[..., Connection], tmp_path: Path) -> None:
        connect("leftcert=gw.crt", others="ca more\n    cacert=ca.crt\n    crluri=http://a/\n")
        loaded = load(tmp_path / "ipsec.conf", lambda: NOW)
        assert loaded.settings.authorities == ()
        assert ("ca.more", Rule.UNUSED_KEY) in rules(loaded.warnings)

    def test_the_uris_of_a_ca(self, connect: Callable[..., Connection], tmp_path: Path) -> None:
        keys = ("cacert=ca.crt", "crluri=http://a/", "crluri2=http://b/", "ocspuri1=https://c/", "auto=add")
        connect("leftcert=gw.crt", others="\n    ".join(["ca more", *keys]) + "\n")
        settings = load(tmp_path / "ipsec.conf", lambda: NOW).settings
        assert settings.authorities == (Authority("more", CA.der, ("http://a/", "http://b/"), ("https://c/",)),)

    def test_hybrid_authentication(self, connect: Callable[..., Connection]) -> None:
        found = connect("leftcert=gw.crt", "rightauth=xauth", secrets=": RSA gw.key\ncarol : XAUTH secret\n")
        assert found.xauth is XauthRole.SERVER


def test_a_wrong_auto_does_not_hide_other_errors(reader: Reader) -> None:
    faults = rules(reader.faults("conn a\n    keyexchange=ikev1\n    right=192.0.2.1\n    auto=maybe\n    baz=2\n"))
    assert {("conn.a.auto", Rule.INVALID_VALUE), ("conn.a.baz", Rule.UNKNOWN_KEY)} <= set(faults)
    assert [key for key, _ in faults].count("conn.a.auto") == 1
