"""ipsec.conf and ipsec.secrets in libreswan's dialect, after its manual, with the defaults of libreswan 4."""

from __future__ import annotations

import pytest

from ikev1.config import Finding, Rule
from ikev1.config.formats import recognised
from ikev1.config.formats.ipsec_conf import libreswan_algorithms as algorithms
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.mode_config import ModeConfigMethod
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import (
    Aggressive,
    DpdAction,
    InterfaceKind,
    Mode,
    NatTraversal,
    Rekeying,
    ShuntAction,
    Start,
    TunnelInterface,
    XauthRole,
)
from ipsec_conf import PSK, IpsecConf, Write


def conn(*lines: str, name: str = "net") -> str:
    """A file with one conn, to which ``lines`` are added."""
    own = "\n".join(f"    {line}" for line in lines)
    return f"""
conn {name}
    ikev2=no
    left=192.0.2.1
    right=198.51.100.7
    authby=secret
    auto=add
{own}
"""


def rules(findings: tuple[Finding, ...]) -> list[tuple[str, Rule]]:
    """The keys and rules of findings, apart from those about the algorithms that libreswan offers by default."""
    return [(finding.key, finding.rule) for finding in findings if finding.rule is not Rule.WEAK_ALGORITHM]


@pytest.fixture
def reader(write: Write) -> IpsecConf:
    return IpsecConf(write, conn, "libreswan")


def test_defaults_are_those_of_the_manual(reader: IpsecConf) -> None:
    connection = reader.connection()
    (tunnel,) = connection.tunnels
    assert (connection.local_address, connection.remote_id) == ("192.0.2.1", "198.51.100.7")
    assert connection.rekeying == Rekeying(8 * 3600 - 540, 540)
    assert (tunnel.lifetime, tunnel.replay_window) == (8 * 3600, 128)
    assert (connection.keyingtries, connection.dpd_delay) == (0, 0)
    assert (tunnel.mode, tunnel.start) == (IpsecMode.TUNNEL, Start.NONE)
    assert {proposal.group for proposal in tunnel.proposals} == {14}


class TestAlgorithms:
    """What ``ipsec algparse`` says, with the sizes of keys that libreswan sends."""

    @pytest.mark.parametrize(
        ("written", "proposals"),
        [
            ("aes-sha1;modp2048", ["aes256-sha1-modp2048", "aes128-sha1-modp2048"]),
            ("aes256-sha2;modp2048", ["aes256-sha256-modp2048"]),
            ("aes128-sha2_512;dh19,3des-md5-modp1024", ["aes128-sha512-ecp256", "3des-md5-modp1024"]),
            ("3DES-SHA1", ["3des-sha1-modp2048", "3des-sha1-modp1536"]),
            ("aes_cbc128-sha-dh31", ["aes128-sha1-curve25519"]),
            (
                "aes256;dh14",
                ["aes256-sha256-modp2048", "aes256-sha512-modp2048", "aes256-sha1-modp2048"],
            ),
        ],
    )
    def test_of_phase_1(self, written: str, proposals: list[str]) -> None:
        assert algorithms.ike_proposals(written) == proposals

    @pytest.mark.parametrize(
        ("written", "group", "proposals"),
        [
            ("aes-sha2", "", ["aes128-sha256", "aes256-sha256"]),
            ("aes128", "modp2048", ["aes128-sha1-modp2048"]),
            ("aes_gcm256-null,aes_gcm_c-null", "", ["aes256gcm16", "aes128gcm16", "aes256gcm16"]),
            ("aes_gcm_a_128;dh19", "modp2048", ["aes128gcm8-ecp256"]),
            ("aes_ccm_b_256-null", "", ["aes256ccm12"]),
            ("null_auth_aes_gmac128-null", "", ["aes128gmac"]),
            ("aes256-aes_xcbc", "", ["aes256-aesxcbc"]),
            ("aes_ctr256-sha1;modp1024", "", ["aes256ctr-sha1"]),
            ("null-sha1", "", ["null-sha1"]),
        ],
    )
    def test_of_phase_2(self, written: str, group: str, proposals: list[str]) -> None:
        assert algorithms.esp_proposals(written, group) == proposals

    def test_of_ah(self, reader: IpsecConf) -> None:
        (proposal,) = reader.connection("phase2=ah", "phase2alg=sha2_256", "pfs=no").tunnels[0].proposals
        assert proposal.group == 0
        assert algorithms.ah_proposals("sha2_512;dh19", "modp2048") == ["sha512-ecp256"]

    def test_the_group_of_phase_2_is_that_of_phase_1(self, reader: IpsecConf) -> None:
        lines = ["ike=aes256-sha2;dh19", "esp=aes256-sha2"]
        assert [each.group for each in reader.connection(*lines).tunnels[0].proposals] == [19]
        assert [each.group for each in reader.connection(*lines, "pfs=no").tunnels[0].proposals] == [0]

    @pytest.mark.parametrize(
        ("inherited", "own"),
        [
            ("esp=aes128-sha1", "phase2alg=aes256-sha2_512"),
            ("aggrmode=yes", "aggressive=no"),
            ("salifetime=8h", "keylife=1h"),
        ],
    )
    def test_one_option_under_two_names_is_an_error(self, reader: IpsecConf, inherited: str, own: str) -> None:
        """libreswan would use that of the conn."""
        names = {f"conn.{place}.{line.partition('=')[0]}" for place, line in (("%default", inherited), ("net", own))}
        found = rules(reader.faults(f"conn %default\n    {inherited}\n{conn(own)}"))
        assert [rule for key, rule in found if key in names] == [Rule.INVALID_VALUE]

    def test_an_unknown_algorithm(self, reader: IpsecConf) -> None:
        assert ("conn.net.ike", Rule.INVALID_VALUE) in rules(reader.faults(conn("ike=rot13-sha1;modp2048")))


class TestVersions:
    @pytest.mark.parametrize("line", ["ikev2=no", "ikev2=never", "ikev2=permit", "keyexchange=ikev1"])
    def test_of_ikev1(self, reader: IpsecConf, line: str) -> None:
        text = conn().replace("ikev2=no", line).replace("auto=add", "auto=start")
        assert rules(reader.load(text).warnings) == []

    @pytest.mark.parametrize("line", ["ikev2=yes", "ikev2=insist", "ikev2=propose", "keyexchange=ikev2"])
    def test_of_ikev2(self, reader: IpsecConf, line: str) -> None:
        new = conn(name="new").replace("ikev2=no", line)
        assert rules(reader.load(conn() + new).warnings) == [("conn.new", Rule.NOT_IKEV1)]

    def test_without_a_version(self, reader: IpsecConf) -> None:
        text = conn().replace("    ikev2=no\n", "").replace("auto=add", "auto=start")
        assert rules(reader.load(text).warnings) == [("conn.net", Rule.NOT_IKEV1)]

    def test_a_gateway_that_does_not_allow_ikev1(self, reader: IpsecConf) -> None:
        faults = reader.faults(f"config setup\n    ikev1-policy=drop\n{conn()}")
        assert rules(faults) == [("config.setup.ikev1-policy", Rule.NOT_SUPPORTED)]


class TestEnds:
    @pytest.mark.parametrize(
        ("written", "identity"),
        [
            ("@gw.example.org", "@gw.example.org"),
            ("@[group]", "keyid:group"),
            ("alice@example.org", "alice@example.org"),
            ("203.0.113.9", "203.0.113.9"),
            ('"C=XX, CN=gw"', "C=XX, CN=gw"),
            ("%any", "198.51.100.7"),
        ],
    )
    def test_identities(self, reader: IpsecConf, written: str, identity: str) -> None:
        assert reader.connection(f"rightid={written}").remote_id == identity

    def test_a_comment_begins_behind_a_blank(self, reader: IpsecConf) -> None:
        assert reader.connection("RightID=@gw#7 # of the branch").remote_id == "@gw#7"

    def test_a_name_that_is_resolved(self, reader: IpsecConf) -> None:
        text = conn("rightid=gw.example.org")
        assert rules(reader.faults(text)) == [("conn.net.rightid", Rule.NOT_SUPPORTED)]
        assert reader.load(text, PSK, "rightid").settings.connections[0].remote_id == "198.51.100.7"

    def test_the_default_route_is_that_of_this_end(self, reader: IpsecConf) -> None:
        text = conn("leftid=@far", "rightid=@here").replace("198.51.100.7", "%defaultroute")
        (connection,) = reader.load(text).settings.connections
        assert (connection.local_id, connection.remote_id) == ("@here", "@far")
        assert connection.remote_address == "192.0.2.1"

    def test_each_pair_of_networks_is_a_tunnel(self, reader: IpsecConf) -> None:
        connection = reader.connection(
            'leftsubnets="{10.1.0.0/16, 10.2.0.0/16}"', "rightsubnets={10.3.0.0/16,10.4.0.0/16}"
        )
        found = {tunnel.name: (tunnel.local, tunnel.remote) for tunnel in connection.tunnels}
        assert list(found) == ["net-1x1", "net-1x2", "net-2x1", "net-2x2"]
        assert found["net-2x1"] == (Selector.parse("10.2.0.0/16"), Selector.parse("10.3.0.0/16"))

    def test_a_client_with_any_address(self, reader: IpsecConf) -> None:
        loaded = reader.load(conn("rightsubnet=vhost:%priv,%no"))
        assert loaded.settings.connections[0].tunnels[0].remote == Selector.parse("dynamic")
        assert rules(loaded.warnings) == [("conn.net.rightsubnet", Rule.NO_COUNTERPART)]

    def test_sections_that_are_flipped(self, reader: IpsecConf) -> None:
        text = f"{conn('alsoflip=other')}\nconn other\n    leftsubnet=10.3.0.0/16\n    rightprotoport=6\n"
        (tunnel,) = reader.load(text).settings.connections[0].tunnels
        assert (tunnel.remote, tunnel.local) == (Selector.parse("10.3.0.0/16"), Selector.parse("dynamic[tcp]"))


class TestConnections:
    @pytest.mark.parametrize(
        ("auto", "start"),
        [("add", Start.NONE), ("ondemand", Start.TRAP), ("route", Start.TRAP), ("start", Start.START)],
    )
    def test_auto(self, reader: IpsecConf, auto: str, start: Start) -> None:
        loaded = reader.load(conn().replace("auto=add", f"auto={auto}"))
        assert loaded.settings.connections[0].tunnels[0].start is start

    def test_dead_peers(self, reader: IpsecConf) -> None:
        found = reader.connection("dpddelay=30", "dpdtimeout=120")
        assert (found.dpd_delay, found.dpd_timeout, found.dpd_action) == (30, 120, DpdAction.TRAP)
        found = reader.connection("dpddelay=30", "dpdtimeout=2m", "dpdaction=restart_by_peer")
        assert (found.dpd_timeout, found.dpd_action) == (120, DpdAction.RESTART)

    @pytest.mark.parametrize("key", ["dpddelay", "dpdtimeout"])
    def test_one_time_alone_notices_no_dead_peer(self, reader: IpsecConf, key: str) -> None:
        loaded = reader.load(conn(f"{key}=30", "dpdaction=clear"))
        assert loaded.settings.connections[0].dpd_delay == 0
        assert (f"conn.net.{key}", Rule.UNUSED_KEY) in rules(loaded.warnings)

    def test_other_keys(self, reader: IpsecConf) -> None:
        connection = reader.connection(
            "aggrmode=yes",
            "ike=aes128-sha1;modp2048",
            "salifetime=1h",
            "ikelifetime=2h",
            "rekeymargin=3m",
            "encapsulation=yes",
            "compress=yes",
            "replay-window=64",
            "x-comment=hello",
        )
        (tunnel,) = connection.tunnels
        assert (connection.mode, connection.nat_traversal) == (Mode.AGGRESSIVE, NatTraversal.FORCE)
        assert (connection.policies[0].lifetime, connection.rekeying) == (7200, Rekeying(7020, 180))
        assert (tunnel.lifetime, tunnel.compress, tunnel.replay_window) == (3600, True, 64)

    def test_aggressive_mode_with_a_secret_is_accepted_and_warned_of(self, reader: IpsecConf) -> None:
        loaded = reader.load(conn("aggressive=yes"))
        assert loaded.settings.connections[0].aggressive is Aggressive.ACCEPT_PSK
        assert ("conn.net.aggressive", Rule.AGGRESSIVE_PSK) in rules(loaded.warnings)
        assert reader.connection().aggressive is Aggressive.REFUSE

    def test_no_rekeying(self, reader: IpsecConf) -> None:
        connection = reader.connection("rekey=no")
        assert (connection.rekey, connection.policies[0].lifetime) == (False, 8 * 3600)

    def test_an_empty_value_counts_for_nothing(self, reader: IpsecConf) -> None:
        text = f"conn %default\n    keyingtries=7\n{conn('keyingtries=')}"
        assert reader.load(text).settings.connections[0].keyingtries == 7

    def test_of_several_sections_the_first_counts(self, reader: IpsecConf) -> None:
        text = f"{conn('also=a', 'also=b')}conn a\n    keyingtries=7\nconn b\n    keyingtries=8\n"
        assert reader.load(text).settings.connections[0].keyingtries == 7

    def test_sha2_may_be_truncated_as_in_a_draft(self, reader: IpsecConf) -> None:
        assert reader.connection("sha2-truncbug=yes").tunnels[0].sha256_96

    def test_of_one_key_there_are_two_spellings(self, reader: IpsecConf) -> None:
        assert reader.connection("replay_window=64").tunnels[0].replay_window == 64

    @pytest.mark.parametrize(
        "line",
        [
            "authby=rsasig",
            "encapsulation=no",
            "reqid=7",
            "priority=7",
            "failureshunt=drop",
            "rightsubnet=vnet:%priv",
            "left=%ppp0",
        ],
    )
    def test_what_matters_is_an_error(self, reader: IpsecConf, line: str) -> None:
        key = line.partition("=")[0]
        assert (f"conn.net.{key}", Rule.NOT_SUPPORTED) in rules(reader.faults(conn(line)))

    @pytest.mark.parametrize(
        "line",
        [
            "mtu=1400",
            "leftnexthop=192.0.2.254",
            "leftsourceip=10.1.0.1",
            "leftcert=gw",
            "nat-ikev1-method=none",
            "rightsubnetwithin=0.0.0.0/0",
        ],
    )
    def test_what_does_no_harm_is_a_warning(self, reader: IpsecConf, line: str) -> None:
        key = line.partition("=")[0]
        assert rules(reader.load(conn(line)).warnings) == [(f"conn.net.{key}", Rule.NO_COUNTERPART)]

    def test_an_unknown_key(self, reader: IpsecConf) -> None:
        assert rules(reader.faults(conn("rightsubnett=10.0.0.0/8"))) == [("conn.net.rightsubnett", Rule.UNKNOWN_KEY)]


class TestUsers:
    def test_a_gateway(self, reader: IpsecConf) -> None:
        text = conn(
            "leftxauthserver=yes",
            "rightxauthclient=yes",
            "rightaddresspool=10.99.0.10-10.99.0.20",
            "leftsubnet=10.1.0.0/16",
            'modecfgdns="10.1.0.53 10.1.0.54"',
            "modecfgdomains=example.org",
            'modecfgbanner="Be welcome"',
            "modecfgpull=yes",
            "xauthby=file",
        )
        users = f'{PSK}@carol : XAUTH "secret of carol"\n'
        assert rules(reader.faults(text, users)) == [("conn.net.xauthby", Rule.NOT_SUPPORTED)]
        loaded = reader.load(text, users, "xauthby")
        (connection,), (pool,) = loaded.settings.connections, loaded.settings.pools
        assert (connection.xauth, connection.mode_config) == (XauthRole.SERVER, ModeConfigMethod.PULL)
        assert len(pool.config.dns) == 2
        assert (pool.config.default_domain, pool.config.banner) == ("example.org", "Be welcome")
        assert pool.config.split_include == ("10.1.0.0/16",)
        assert loaded.aaa.users is not None
        assert dict(loaded.aaa.users.secrets) == {"carol": b"secret of carol"}

    def test_users_of_pam(self, reader: IpsecConf) -> None:
        connection = reader.connection("leftxauthserver=yes", "rightxauthclient=yes", "xauthby=pam")
        assert connection.xauth_backend == ("pam",)

    def test_a_client(self, reader: IpsecConf) -> None:
        connection = reader.connection(
            "leftxauthclient=yes",
            "rightxauthserver=yes",
            "leftmodecfgclient=yes",
            "modecfgpull=yes",
            "leftusername=carol",
            secrets=f'{PSK}@carol : XAUTH "secret of carol"\n',
        )
        assert (connection.xauth, connection.xauth_user) == (XauthRole.CLIENT, "carol")
        assert connection.xauth_secret == b"secret of carol"
        assert len(connection.vips) == 1


def test_secrets_of_identities(reader: IpsecConf) -> None:
    secrets = '@[group] @x : PSK "of the group"\n192.0.2.1 203.0.113.1 : PSK "others"\n'
    assert reader.connection("leftid=@[group]", "rightid=@x", secrets=secrets).secret == b"of the group"


@pytest.mark.parametrize("owners", ["@gw.example.org @b.example.org", "@gw.example.org %any", "@gw.example.org"])
def test_a_secret_of_both_ends(reader: IpsecConf, owners: str) -> None:
    ends = "leftid=@gw.example.org", "rightid=@b.example.org"
    connection = reader.connection(*ends, secrets=f'{owners} : PSK "what both know"\n')
    assert connection.secret == b"what both know"


def test_a_secret_with_another_peer_is_not_used(reader: IpsecConf) -> None:
    """Whoever has it could come as any peer of this end."""
    ends = "leftid=@gw.example.org", "rightid=@b.example.org"
    secrets = '@gw.example.org @a.example.org : PSK "secret of a"\n'
    (finding,) = reader.faults(conn(*ends), secrets)
    assert finding.rule is Rule.NO_CREDENTIAL


@pytest.mark.parametrize(
    ("text", "format"),
    [
        (conn(), "libreswan"),
        ("conn a\n  phase2alg=aes128-sha1\n", "libreswan"),
        ("conn a\n  rightsubnet=vhost:%priv\n", "libreswan"),
        ("conn a\n  ike=aes256-sha2;modp2048\n", "libreswan"),
        ("conn a\n  left=10.0.0.1\n  auto=ondemand\n", "libreswan"),
        ('conn a\n  left=10.0.0.1\n  auto = "keep"\n', "libreswan"),
        ("conn a\n  left=10.0.0.1\n  auto=route  # or ondemand\n", "stroke"),
        ("conn a\n  dpdaction=restart_by_peer\n", "libreswan"),
        ("conn a\n  ike-frag=yes\n", "libreswan"),
        ("conn a\n  x-comment=ike\n", "stroke"),
        ("config setup\n  protostack=netkey\nconn a\n  forceencaps=yes\n", "stroke"),
        ("conn a\n  keyexchange=ikev1\n  ike=aes256-sha1-modp1024!\n", "stroke"),
        ("conn a\n  authby=secret\n  left=%any\n", "stroke"),
    ],
)
def test_recognised(write: Write, text: str, format: str) -> None:
    assert recognised(write(text, "ipsec.conf")) == format


class TestHostile:
    def test_many_networks(self, reader: IpsecConf) -> None:
        networks = ",".join(f"10.{n}.0.0/16" for n in range(200))
        text = conn(f"leftsubnets={{{networks}}}", f"rightsubnets={{{networks}}}")
        assert ("conn.net.leftsubnets", Rule.INVALID_VALUE) in rules(reader.faults(text))

    @pytest.mark.parametrize("key", ["ike", "esp"])
    def test_many_proposals(self, reader: IpsecConf, key: str) -> None:
        proposals = ",".join(f"aes-sha{n}" for n in range(5000))
        assert (f"conn.net.{key}", Rule.INVALID_VALUE) in rules(reader.faults(conn(f"{key}={proposals}")))

    def test_many_words(self, reader: IpsecConf) -> None:
        words = " ".join("a" * 30_000)
        assert rules(reader.load(f"{conn()}    x-comment={words}\n").warnings) == []


class TestShunts:
    """Conns without SAs."""

    @pytest.mark.parametrize("kind", ["", "type=tunnel", "type=transport"])
    def test_authby_never_alone_lets_nothing_pass(self, reader: IpsecConf, kind: str) -> None:
        never = conn("type=passthrough", name="local").replace("authby=secret", "authby=never")
        assert [each.action for each in reader.load(conn() + never).settings.shunts] == [ShuntAction.PASS]
        faults = reader.faults(conn() + never.replace("type=passthrough", kind))
        assert ("conn.local.authby", Rule.INVALID_VALUE) in rules(faults)

    def test_an_end_without_networks_is_its_address(self, reader: IpsecConf) -> None:
        own = "    type=passthrough\n    left=192.0.2.1\n    right=192.0.2.9\n    rightprotoport=tcp/22\n"
        settings = reader.load(f"{conn()}\nconn ssh\n{own}    auto=ondemand\n").settings
        (shunt,) = settings.shunts
        assert (shunt.name, shunt.action, shunt.start) == ("ssh", ShuntAction.PASS, Start.TRAP)
        assert (str(shunt.local), str(shunt.remote)) == ("192.0.2.1/32", "192.0.2.9/32[tcp/22]")

    @pytest.mark.parametrize(
        ("kind", "network", "tunnel", "refused"),
        [
            ("passthrough", "10.9.0.0/24", "10.0.0.0/8", False),
            ("passthrough", "10.0.0.0/8", "10.9.0.0/24", True),
            ("drop", "10.0.0.0/8", "10.9.0.0/24", False),
            ("reject", "10.9.0.0/24", "10.0.0.0/8", True),
        ],
    )
    def test_the_narrower_conn_precedes_in_libreswan_and_what_cannot_be_is_refused(
        self, reader: IpsecConf, kind: str, network: str, tunnel: str, refused: bool
    ) -> None:
        ends = f"    left=%any\n    leftsubnet=10.1.0.0/16\n    rightsubnet={network}\n"
        text = conn("leftsubnet=10.1.0.0/16", f"rightsubnet={tunnel}")
        text = f"{text}\nconn other\n    type={kind}\n{ends}    auto=route\n"
        if refused:
            assert rules(reader.faults(text)) == [("conn.other", Rule.NOT_SUPPORTED)]
        else:
            assert len(reader.load(text).settings.shunts) == 1


class TestInterfaces:
    """Tunnels that carry what is routed to an interface."""

    def test_an_xfrm_interface(self, reader: IpsecConf) -> None:
        lines = ("leftsubnet=10.1.0.0/16", "rightsubnet=10.2.0.0/16", "ipsec-interface=5", "leftsourceip=10.1.0.1")
        loaded = reader.load(conn(*lines, "mtu=1420"))
        (tunnel,) = loaded.settings.connections[0].tunnels
        assert Rule.NO_COUNTERPART not in {each.rule for each in loaded.warnings}
        assert tunnel.interface == TunnelInterface("ipsec5", InterfaceKind.XFRM, ("10.1.0.1/32",), 1420, None)
        assert (tunnel.marks.if_id_in, tunnel.marks.if_id_out) == (5, 5)

    @pytest.mark.parametrize(("word", "name", "number"), [("yes", "ipsec1", 1), ("0", "ipsec0", 16_384)])
    def test_its_number(self, reader: IpsecConf, word: str, name: str, number: int) -> None:
        (tunnel,) = reader.connection(f"ipsec-interface={word}").tunnels
        assert tunnel.interface is not None
        assert (tunnel.interface.name, tunnel.marks.if_id_in) == (name, number)

    def test_a_vti(self, reader: IpsecConf) -> None:
        lines = ("mark=5/0xffffffff", "vti-interface=vti01", "vti-routing=no", "vti-shared=yes", "leftvti=10.9.0.1/30")
        (tunnel,) = reader.connection("leftsubnet=0.0.0.0/0", "rightsubnet=0.0.0.0/0", *lines).tunnels
        assert tunnel.interface == TunnelInterface("vti01", InterfaceKind.VTI, ("10.9.0.1/30",), 1400, ())
        assert tunnel.marks.mark_in.value == tunnel.marks.mark_out.value == 5

    @pytest.mark.parametrize(
        ("left", "right", "routes"),
        [
            ("10.1.0.0/16", "0.0.0.0/0", ("0.0.0.0/1", "128.0.0.0/1")),
            ("0.0.0.0/0", "0.0.0.0/0", ()),
            ("10.1.0.0/16", "10.2.0.0/16", None),
        ],
    )
    def test_what_is_routed_to_it(
        self, reader: IpsecConf, left: str, right: str, routes: tuple[str, ...] | None
    ) -> None:
        (tunnel,) = reader.connection("ipsec-interface=yes", f"leftsubnet={left}", f"rightsubnet={right}").tunnels
        assert tunnel.interface is not None
        assert tunnel.interface.routes == routes

    def test_several_networks_share_it(self, reader: IpsecConf) -> None:
        lines = ("ipsec-interface=yes", "leftsubnet=10.1.0.0/16", "rightsubnets={10.2.0.0/16 10.3.0.0/16}")
        found = [tunnel.interface for tunnel in reader.connection(*lines).tunnels]
        assert len(found) == 2
        assert found[0] is not None
        assert found[0] == found[1]

    @pytest.mark.parametrize(
        ("line", "key"), [("vti-interface=vti0", "vti-interface"), ("interface-ip=10.9.0.1/30", "interface-ip")]
    )
    def test_what_has_no_effect_is_a_warning(self, reader: IpsecConf, line: str, key: str) -> None:
        loaded = reader.load(conn(line))
        assert loaded.settings.connections[0].tunnels[0].interface is None
        assert (f"conn.net.{key}", Rule.NO_COUNTERPART) in rules(loaded.warnings)

    def test_a_number_that_is_none(self, reader: IpsecConf) -> None:
        assert ("conn.net.ipsec-interface", Rule.INVALID_VALUE) in rules(reader.faults(conn("ipsec-interface=eth0")))
