"""swanctl.conf: what each option becomes, after the manual swanctl.conf(5), with the defaults of charon."""

from __future__ import annotations

import os
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from configured import ALICE, BOB, IKE, connection, settings, tunnel
from documents import DOCUMENTS, Block, blocks
from ikev1.aaa.options import MessageAuthenticator, RadiusServer
from ikev1.config import ConfigError, Finding, Loaded, Rule, load
from ikev1.config.findings import Findings
from ikev1.config.formats import TOML, read, recognised, settings_file, settings_tree
from ikev1.core.records.child_sa import IpsecMode, Mark
from ikev1.core.records.mode_config import ModeConfigMethod
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import (
    Aggressive,
    Connection,
    DpdAction,
    Fragmentation,
    Mode,
    NatTraversal,
    ProposalCheck,
    Rekeying,
    ShuntAction,
    Start,
    Tunnel,
    Unique,
    XauthRole,
)
from ikev1.wire.registry import AuthenticationMethod
from playbook import Network

LoadText = Callable[..., Loaded]
Faults = Callable[..., tuple[Finding, ...]]
Write = Callable[..., Path]

PEER = "branch.example.org"
SECRET = "secrets { ike { secret = what both know } }"


def text(connection: str = "", child: str = "", others: str = SECRET, *, addresses: bool = True) -> str:
    """A swanctl.conf with one connection, whose keys and sections are ``connection``, and one child."""
    ends = f"local_addrs = 192.0.2.1\n remote_addrs = 198.51.100.7\n remote {{ id = {PEER} }}" if addresses else ""
    return f"""
connections {{
    branch {{
        version = 1
        {ends}
        local {{ auth = psk }}
        remote {{ auth = psk }}
        children {{ net {{
            {child}
        }} }}
        {connection}
    }}
}}
{others}
"""


@pytest.fixture
def branch(load_text: LoadText) -> Callable[..., Connection]:
    """The connection that a text becomes; arguments are those of `text`."""

    def connection_of(*arguments: str, addresses: bool = True) -> Connection:
        (connection,) = load_text(text(*arguments, addresses=addresses)).settings.connections
        return connection

    return connection_of


Branch = Callable[..., Connection]


def rules(findings: tuple[Finding, ...]) -> list[tuple[str, Rule]]:
    return [(finding.key, finding.rule) for finding in findings]


def test_defaults_are_those_of_charon(branch: Branch) -> None:
    connection = branch(addresses=False)
    assert (connection.name, connection.secret) == ("branch", b"what both know")
    assert (connection.local_address, connection.remotes) == ("%any", ("%any",))
    assert connection.remote_id == "%any"
    assert (connection.mode, connection.aggressive) == (Mode.MAIN, Aggressive.REFUSE)
    assert connection.rekeying == Rekeying(4 * 3600)
    assert {policy.lifetime for policy in connection.policies} == {4 * 3600 + 1440}
    assert {policy.check for policy in connection.policies} == {ProposalCheck.CLAIM}
    assert (connection.dpd_delay, connection.dpd_timeout, connection.dpd_action) == (0, 165, DpdAction.CLEAR)
    assert (connection.keyingtries, connection.unique) == (1, Unique.REPLACE)
    (tunnel,) = connection.tunnels
    assert (tunnel.local.dynamic, tunnel.remote.dynamic, tunnel.start) == (True, True, Start.NONE)
    assert (tunnel.lifetime, tunnel.rekeying, tunnel.replay_window) == (3960, Rekeying(3600), 32)
    assert tunnel.mode is IpsecMode.TUNNEL


def test_the_options_of_a_connection(branch: Branch) -> None:
    connection = branch(
        """
        remote_port = 4500
        aggressive = yes
        pull = no
        encap = yes
        dpd_delay = 30
        dpd_timeout = 2m
        fragmentation = force
        keyingtries = %forever
        unique = never
        rekey_time = 1h
        over_time = 5m
        rand_time = 60s
        """,
        "dpd_action = restart",
    )
    assert connection.remote_port == 4500
    assert (connection.mode, connection.aggressive) == (Mode.AGGRESSIVE, Aggressive.ACCEPT)
    assert connection.mode_config is ModeConfigMethod.PUSH
    assert connection.nat_traversal is NatTraversal.FORCE
    assert (connection.dpd_delay, connection.dpd_timeout, connection.dpd_action) == (30, 120, DpdAction.RESTART)
    assert connection.fragmentation is Fragmentation.FORCE
    assert (connection.keyingtries, connection.unique) == (0, Unique.NEVER)
    assert connection.rekeying == Rekeying(3600, 60)
    assert connection.policies[0].lifetime == 3900


@pytest.mark.parametrize(
    ("times", "rekey_time", "lifetime", "rekey"),
    [
        ("", 14400, 15840, True),
        ("reauth_time = 3h", 10800, 11880, True),
        ("reauth_time = 1h\n rekey_time = 2h", 3600, 3600 + 720, True),
        ("reauth_time = 2h\n rekey_time = 1h\n over_time = 1m", 3600, 3660, True),
        ("rekey_time = 0", 0, 86400, False),
        ("rekey_time = 1d", 86400, 95040, True),
    ],
)
def test_times_of_a_connection(branch: Branch, times: str, rekey_time: int, lifetime: int, rekey: bool) -> None:
    connection = branch(times)
    found = connection.rekeying.rekey_time, connection.policies[0].lifetime, connection.rekey
    assert found == (rekey_time, lifetime, rekey)


@pytest.mark.parametrize(
    ("times", "lifetime", "rekeying"),
    [
        ("", 3960, Rekeying(3600)),
        ("rekey_time = 30m", 1980, Rekeying(1800)),
        ("life_time = 1h", 3600, Rekeying(3272)),
        ("rekey_time = 50m\n life_time = 1h\n rand_time = 5m", 3600, Rekeying(3000, 300)),
        ("rekey_bytes = 500m\n rekey_packets = 1000000", 3960, Rekeying(3600, None, 500 << 20, 1_000_000)),
    ],
)
def test_times_of_a_child(branch: Branch, times: str, lifetime: int, rekeying: Rekeying) -> None:
    (tunnel,) = branch("", times).tunnels
    assert (tunnel.lifetime, tunnel.rekeying) == (lifetime, rekeying)


def test_a_volume_ends_a_child_a_tenth_later(branch: Branch) -> None:
    assert branch("", "rekey_bytes = 10240000").tunnels[0].lifetime_kilobytes == 11000
    assert branch("", "life_bytes = 1024000").tunnels[0].lifetime_kilobytes == 1000


def test_the_options_of_a_child(branch: Branch) -> None:
    (tunnel,) = branch(
        "if_id_in = 7\n if_id_out = 8",
        """
        local_ts = 10.1.0.0/16[tcp/ssh]
        remote_ts = 10.2.0.0/16[udp]
        ipcomp = yes
        start_action = trap|start
        mark_in = 42
        mark_out = 0x2a/0xff
        if_id_out = 9
        replay_window = 0
        """,
    ).tunnels
    assert (tunnel.local, tunnel.remote) == (Selector.parse("10.1.0.0/16[tcp/22]"), Selector.parse("10.2.0.0/16[udp]"))
    assert (tunnel.compress, tunnel.start, tunnel.replay_window) == (True, Start.START, 0)
    assert (tunnel.marks.mark_in, tunnel.marks.mark_out) == (Mark(42, 0xFFFF_FFFF), Mark(0x2A, 0xFF))
    assert (tunnel.marks.if_id_in, tunnel.marks.if_id_out) == (7, 9)


@pytest.mark.parametrize(
    ("written", "selector"),
    [
        ("dynamic", "dynamic"),
        ("10.1.0.0/16", "10.1.0.0/16"),
        ("10.1.0.1-10.1.0.9", "10.1.0.1-10.1.0.9"),
        ("fec1::/16", "fec1::/16"),
        ("dynamic[gre]", "dynamic[gre]"),
        ("dynamic[17/1701]", "dynamic[udp/1701]"),
        ("dynamic[udp/l2tp]", "dynamic[udp/1701]"),
        ("dynamic[icmp]", "dynamic[icmp]"),
        ("dynamic[icmp/8]", "dynamic[icmp/2048]"),
        ("dynamic[icmp/2049]", "dynamic[icmp/2049]"),
        ("fec1::/16[58/128]", "fec1::/16[ipv6-icmp/32768]"),
        ("dynamic[tcp/0-65535]", "dynamic[tcp]"),
        ("10.1.0.0/16[sctp]", "10.1.0.0/16[132]"),
        ("10.1.0.0/16[tcp/%any]", "10.1.0.0/16[tcp]"),
    ],
)
def test_selectors(branch: Branch, written: str, selector: str) -> None:
    version = "" if "fec1" not in written else "remote_ts = fec2::/16"
    assert branch("", f"local_ts = {written}\n {version}", addresses=False).tunnels[0].local == Selector.parse(selector)


@pytest.mark.parametrize(
    ("local", "remote", "others", "pairs"),
    [
        (
            "10.1.0.0/16, 10.3.0.0/16",
            "10.2.0.0/16, 10.4.0.0/16",
            "",
            [
                "10.1.0.0/16 10.2.0.0/16",
                "10.1.0.0/16 10.4.0.0/16",
                "10.3.0.0/16 10.2.0.0/16",
                "10.3.0.0/16 10.4.0.0/16",
            ],
        ),
        ("10.1.0.0/16, fec1::/16", "10.2.0.0/16, fec2::/16", "", ["10.1.0.0/16 10.2.0.0/16", "fec1::/16 fec2::/16"]),
        (
            "10.1.0.0/16[tcp], 10.1.0.0/16[17/53]",
            "10.2.0.0/16[udp], 10.2.0.0/16[6/80]",
            "",
            [
                "10.1.0.0/16[tcp] 10.2.0.0/16[tcp/80]",
                "10.1.0.0/16[udp/53] 10.2.0.0/16[udp]",
            ],
        ),
        ("dynamic", "0.0.0.0/0, ::/0", "", ["dynamic 0.0.0.0/0"]),  # between IPv4 addresses
        ("dynamic", "0.0.0.0/0, ::/0", "vips = 0.0.0.0", ["dynamic 0.0.0.0/0"]),
        ("dynamic", "0.0.0.0/0, ::/0", "vips = 0.0.0.0, ::", ["dynamic 0.0.0.0/0", "dynamic ::/0"]),
        (
            "dynamic",
            "0.0.0.0/0, ::/0",
            "remote_addrs = vpn.example.org\n local_addrs = %any",
            [
                "dynamic 0.0.0.0/0",
                "dynamic ::/0",
            ],
        ),
    ],
)
def test_each_pair_of_selectors_is_a_tunnel(
    branch: Branch, local: str, remote: str, others: str, pairs: list[str]
) -> None:
    tunnels = branch(others, f"local_ts = {local}\n remote_ts = {remote}\n start_action = start").tunnels
    assert [f"{tunnel.local} {tunnel.remote}" for tunnel in tunnels] == pairs
    assert [tunnel.name for tunnel in tunnels] == ["net", *(f"net-{number}" for number in range(2, len(pairs) + 1))]
    assert {tunnel.start for tunnel in tunnels} == {Start.START}


def test_names_of_further_tunnels(load_text: LoadText) -> None:
    child = "local_ts = 10.1.0.0/16, 10.3.0.0/16 }\n net-2 { if_id_out = 3"
    loaded = load_text(text("if_id_out = 5", child))
    found = [(tunnel.name, tunnel.marks.if_id_out) for tunnel in loaded.settings.connections[0].tunnels]
    assert found == [("net", 5), ("net-3", 5), ("net-2", 3)]
    assert rules(loaded.warnings) == [("connections.branch.children.net.local_ts", Rule.NO_COUNTERPART)]


def test_too_many_pairs_of_selectors(faults: Faults) -> None:
    networks = ", ".join(f"10.{number}.0.0/16" for number in range(11))
    (finding,) = faults(text("", f"local_ts = {networks}\n remote_ts = {networks}"))
    assert (finding.key, finding.rule) == ("connections.branch.children.net.local_ts", Rule.INVALID_VALUE)


def test_what_is_wrong_with_several_tunnels_is_said_once(faults: Faults) -> None:
    (finding,) = faults(text("", "local_ts = 10.1.0.0/16, 10.3.0.0/16\n mark_in = x"))
    assert finding.key == "connections.branch.children.net.mark_in"


@pytest.mark.parametrize(
    ("written", "ends"),
    [
        ("198.51.100.7", ("198.51.100.7",)),
        ("vpn.example.org", ("vpn.example.org",)),
        ("198.51.100.7, vpn.example.org", ("198.51.100.7", "vpn.example.org")),
        ("10.0.0.0/8", ("10.0.0.0/8",)),
        ("10.0.0.1-10.0.0.6", ("10.0.0.1", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6")),
        ("%any", ("%any",)),
        ("0.0.0.0", ("%any",)),
        ("198.51.100.7, %any", ("198.51.100.7", "0.0.0.0/0", "::/0")),
    ],
)
def test_remote_addresses(branch: Branch, written: str, ends: tuple[str, ...]) -> None:
    assert branch(f"remote_addrs = {written}").remotes == ends


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("aes256-sha256-modp2048", 1),
        ("aes256-sha256-modp2048,aes128-sha1-modp1024", 2),
        ("aes256-aes128-sha384-sha256-ecp384-ecp256", 8),
        ("aes256-sha256-prfsha256-modp2048", 1),
        ("aes256-sha256-sha1-prfsha1-modp2048", 1),
        ("aes256gcm16-prfsha384-ecp384, aes256-sha384-ecp384", 1),
        ("AES256-SHA256-MODP2048", 1),
    ],
)
def test_proposals_are_taken_apart(branch: Branch, written: str, number: int) -> None:
    assert len(branch(f"proposals = {written}").policies) == number


def test_the_first_of_each_kind_is_preferred(branch: Branch) -> None:
    first, second, *_ = branch("proposals = aes256-aes128-sha384-sha256-ecp384-ecp256").policies
    assert (first.suite.key_length, first.suite.hash, first.suite.group) == (256, 5, 20)
    assert (second.suite.key_length, second.suite.hash, second.suite.group) == (256, 5, 19)


def test_esp_proposals_are_taken_apart(branch: Branch) -> None:
    (tunnel,) = branch("", "esp_proposals = aes128-sha256-sha1-modp2048-esn-noesn, aes256gcm16-modp2048").tunnels
    found = [(each.suite.key_length, each.suite.integrity, each.suite.esn, each.group) for each in tunnel.proposals]
    assert found == [
        (128, 5, True, 14),
        (128, 5, False, 14),
        (128, 2, True, 14),
        (128, 2, False, 14),
        (256, 0, False, 14),
    ]


@pytest.mark.parametrize("word", ["yes", "no"])
def test_sha256_may_be_truncated_as_in_a_draft(branch: Branch, word: str) -> None:
    (tunnel,) = branch("", f"sha256_96 = {word}").tunnels
    assert tunnel.sha256_96 is (word == "yes")


def test_a_child_may_have_several_groups_or_none(branch: Branch) -> None:
    (tunnel,) = branch("", "esp_proposals = aes128gcm16-modp2048-ecp256-none, aes128ccm-modpnone").tunnels
    assert [(each.suite.encryption, each.group) for each in tunnel.proposals] == [(20, 14), (20, 19), (20, 0), (16, 0)]


@pytest.mark.parametrize(
    "child",
    ["esp_proposals = aes128-sha256-ecp224bp", "esp_proposals = aes128-aescmac", "ah_proposals = sha256-ecp224bp"],
)
def test_what_others_were_to_protect_does_not_go_without(faults: Faults, child: str) -> None:
    key = f"connections.branch.children.net.{child.partition(' ')[0]}"
    assert rules(faults(text("", child))) == [(key, Rule.INVALID_VALUE)]


def test_ah_proposals(branch: Branch) -> None:
    (tunnel,) = branch("", "ah_proposals = sha256-sha1-modp2048").tunnels
    assert [(each.suite.integrity, each.group) for each in tunnel.proposals] == [(5, 14), (2, 14)]


@pytest.mark.parametrize(
    ("connection", "child", "key"),
    [
        ("proposals = aes256-sha256-ecp224bp-modp2048", "", "proposals"),
        ("proposals = chacha20poly1305-prfsha256-ecp256, aes256-sha256-modp2048", "", "proposals"),
        ("", "esp_proposals = chacha20poly1305, aes256gcm16", "children.net.esp_proposals"),
        ("", "esp_proposals = aes256-aescmac-sha256", "children.net.esp_proposals"),
        ("", "esp_proposals = aes256gcm16-ecp224bp-ecp256", "children.net.esp_proposals"),
        ("", "esp_proposals = aes256gcm16-ecp224bp, aes256gcm16", "children.net.esp_proposals"),
    ],
)
def test_algorithms_that_are_not_offered_are_named(load_text: LoadText, connection: str, child: str, key: str) -> None:
    loaded = load_text(text(connection, child))
    assert rules(loaded.warnings) == [(f"connections.branch.{key}", Rule.NO_COUNTERPART)]


@pytest.mark.parametrize(
    ("connection", "child", "key"),
    [
        ("proposals = aes256gcm16-prfsha384-ecp384", "", "proposals"),
        ("proposals = aes256-sha256-modp2047", "", "proposals"),
        ("proposals = aes256-sha256", "", "proposals"),
        ("proposals = ,", "", "proposals"),
        ("", "esp_proposals = chacha20poly1305", "children.net.esp_proposals"),
        ("", "esp_proposals = aes256", "children.net.esp_proposals"),
        ("", "esp_proposals = sha256", "children.net.esp_proposals"),
        ("", "ah_proposals = aes256", "children.net.ah_proposals"),
        ("remote_addrs = 10.0.0.9-10.0.0.1", "", "remote_addrs"),
        ("remote_addrs = 10.0.0.1/8", "", "remote_addrs"),
        ("dpd_delay = soon", "", "dpd_delay"),
        ("fragmentation = maybe", "", "fragmentation"),
        ("unique = perhaps", "", "unique"),
        ("encap = 2", "", "encap"),
        ("", "local_ts = 10.1.0.0/16[tcp/1-5]", "children.net.local_ts"),
        ("", "local_ts = 10.1.0.0/16[tcp/nothing]", "children.net.local_ts"),
        ("", "local_ts = 10.1.0.0/16[tcp/opaque]", "children.net.local_ts"),
        ("", "mode = tunel", "children.net.mode"),
        ("", "start_action = go", "children.net.start_action"),
        ("", "mark_in = %unique", "children.net.mark_in"),
        ("", "rekey_bytes = many", "children.net.rekey_bytes"),
        ("", "updown = /no/such/program", "children.net.updown"),
        ("", 'updown = "/bin/true a; /bin/true b"', "children.net.updown"),
        ("", "updown = /bin/true $PLUTO_CONNECTION", "children.net.updown"),
        ("version = 3", "", "version"),
    ],
)
def test_wrong_values_are_refused_where_they_are_written(faults: Faults, connection: str, child: str, key: str) -> None:
    (finding,) = faults(text(connection, child))
    assert finding.key == f"connections.branch.{key}"
    assert finding.line
    assert finding.column


def test_a_check_of_several_keys_speaks_of_those_of_the_user(faults: Faults) -> None:
    (finding,) = faults(text("", "start_action = start", addresses=False))
    assert (finding.key, finding.rule) == ("connections.branch.children.net.start_action", Rule.START_WITHOUT_ADDRESS)
    assert "remote_addrs" in finding.text
    assert "remote_address" not in finding.text


class TestWithoutCounterpart:
    @pytest.mark.parametrize(
        ("connection", "child", "key"),
        [
            ("dscp = 101110", "", "dscp"),
            ("send_cert = never", "", "send_cert"),
            ("local_addrs = 192.0.2.1, 192.0.2.2", "", "local_addrs"),
            ("", "hw_offload = yes", "children.net.hw_offload"),
            ("", "inactivity = 10m", "children.net.inactivity"),
            ("", "rekey_time = 0", "children.net.rekey_time"),
            ("", "close_action = start", "children.net.close_action"),
        ],
    )
    def test_what_does_no_harm_is_a_warning(self, load_text: LoadText, connection: str, child: str, key: str) -> None:
        loaded = load_text(text(connection, child))
        assert rules(loaded.warnings) == [(f"connections.branch.{key}", Rule.NO_COUNTERPART)]

    @pytest.mark.parametrize(
        ("connection", "child", "key"),
        [
            ("local_port = 501", "", "local_port"),
            ("ppk_required = yes", "", "ppk_required"),
            ("", "policies = no", "children.net.policies"),
            ("", "reqid = 5", "children.net.reqid"),
            ("", "interface = eth0", "children.net.interface"),
        ],
    )
    def test_what_matters_is_refused_until_it_is_ignored(
        self, faults: Faults, load_text: LoadText, connection: str, child: str, key: str
    ) -> None:
        written = text(connection, child)
        expected = [(f"connections.branch.{key}", Rule.NOT_SUPPORTED)]
        assert rules(faults(written)) == expected
        assert rules(load_text(written, key.rpartition(".")[2]).warnings) == expected
        assert rules(load_text(written, f"connections.branch.{key}").warnings) == expected
        assert rules(faults(written, "something_else")) == expected

    @pytest.mark.parametrize("mode", ["beet", "transport_proxy"])
    def test_other_modes_are_refused(self, faults: Faults, mode: str) -> None:
        (finding,) = faults(text("", f"mode = {mode}"))
        assert (finding.key, finding.rule) == ("connections.branch.children.net.mode", Rule.NOT_SUPPORTED)

    def test_a_child_of_another_mode_is_left_out_if_that_is_ignored(self, load_text: LoadText) -> None:
        written = text("children { other { mode = beet\n local_ts = 10.9.0.0/16 } }")
        (connection,) = load_text(written, "mode").settings.connections
        assert [tunnel.name for tunnel in connection.tunnels] == ["net"]

    def test_children_without_sas_are_shunts_whatever_the_version_of_their_connection(
        self, load_text: LoadText
    ) -> None:
        lan = "lan { mode = pass\n local_ts = 10.1.0.0/16[tcp/ssh]\n start_action = trap }"
        block = (
            "connections { block { version = 2\n children { smb { mode = drop\n remote_ts = dynamic[tcp/445] } } } }"
        )
        loaded = load_text(text(f"children {{ {lan} }}") + block)
        assert [connection.name for connection in loaded.settings.connections] == ["branch"]
        assert [tunnel.name for tunnel in loaded.settings.connections[0].tunnels] == ["net"]
        found = {shunt.name: (shunt.action, shunt.start) for shunt in loaded.settings.shunts}
        assert found == {
            "lan": (ShuntAction.PASS, Start.TRAP),
            "smb": (ShuntAction.DROP, Start.NONE),
            "smb-2": (ShuntAction.DROP, Start.NONE),
        }
        ends = {shunt.name: (str(shunt.local), str(shunt.remote)) for shunt in loaded.settings.shunts}
        assert ends["lan"] == ("10.1.0.0/16[tcp/22]", "0.0.0.0/0")
        assert ends["smb-2"] == ("::/0", "::/0[tcp/445]")

    @pytest.mark.parametrize("line", ["mark_in = 42", "if_id_out = 7", "interface = eth0", "priority = 5"])
    def test_a_shunt_is_for_all_packets_of_its_selectors(self, faults: Faults, line: str) -> None:
        written = text(f"children {{ lan {{ mode = pass\n {line} }} }}")
        key = f"connections.branch.children.lan.{line.split()[0]}"
        assert rules(faults(written)) == [(key, Rule.NOT_SUPPORTED)]

    def test_unknown_keys_are_refused_with_the_most_similar(self, faults: Faults, load_text: LoadText) -> None:
        written = text("mobik = yes", "local_t = 10.1.0.0/16")
        first, second = faults(written)
        assert (first.key, first.rule, first.allowed) == (
            "connections.branch.children.net.local_t",
            Rule.UNKNOWN_KEY,
            ("local_ts",),
        )
        assert (second.key, second.rule, second.allowed) == ("connections.branch.mobik", Rule.UNKNOWN_KEY, ("mobike",))
        assert len(load_text(written, "mobik", "local_t").warnings) == 2

    def test_values_that_change_nothing_are_no_finding(self, load_text: LoadText) -> None:
        connection = "mobike = yes\n childless = allow\n send_certreq = yes\n dscp = 000000\n ppk_required = no"
        child = "policies = true\n reqid = 0\n priority = 0\n hw_offload = no\n copy_df = 1\n sha256_96 = False"
        assert load_text(text(connection, child)).warnings == ()

    def test_a_section_that_is_not_used(self, load_text: LoadText) -> None:
        loaded = load_text(text(others=f"{SECRET}\nconection {{ a = b }}\nused {{ c = d }}\n", addresses=True))
        assert rules(loaded.warnings) == [("conection", Rule.UNUSED_KEY), ("used", Rule.UNUSED_KEY)]


class TestVersions:
    def test_connections_of_ikev2_are_named_and_skipped(self, load_text: LoadText) -> None:
        loaded = load_text(text() + "connections { second { version = 2\n anything = else } }")
        assert [each.name for each in loaded.settings.connections] == ["branch"]
        assert rules(loaded.warnings) == [("connections.second", Rule.NOT_IKEV1)]

    def test_a_connection_without_version_is_for_both(self, load_text: LoadText) -> None:
        loaded = load_text(text("version = 0"))
        assert (len(loaded.settings.connections), loaded.warnings) == (1, ())

    def test_a_connection_for_both_that_starts_by_itself(self, load_text: LoadText) -> None:
        loaded = load_text(text("version = 0", "start_action = trap"))
        assert rules(loaded.warnings) == [("connections.branch.version", Rule.NOT_IKEV1)]

    @pytest.mark.parametrize("auth", ["eap-md5", "eap"])
    def test_eap_is_not_for_ikev1(self, load_text: LoadText, faults: Faults, auth: str) -> None:
        second = f"connections {{ second {{ version = %s\n remote {{ auth = {auth} }} }} }}"
        loaded = load_text(text() + second % 0)
        assert rules(loaded.warnings) == [("connections.second", Rule.NOT_IKEV1)]
        assert rules(faults(text() + second % 1)) == [("connections.second", Rule.NOT_IKEV1)]

    @pytest.mark.parametrize("written", ["", "connections { }", "connections { a { version = 2 } }", "authorities { }"])
    def test_a_file_without_a_connection_for_ikev1_is_an_error(self, faults: Faults, written: str) -> None:
        assert Rule.NOT_IKEV1 in {finding.rule for finding in faults(written)}

    def test_different_methods_at_both_ends(self, faults: Faults) -> None:
        (finding,) = faults(text("remote { auth = pubkey }"))
        assert (finding.key, finding.rule) == ("connections.branch", Rule.NOT_IKEV1)


class TestIdentities:
    @pytest.mark.parametrize(
        ("written", "ours"),
        [
            ("gw.example.org", "gw.example.org"),
            ("@gw", "@gw"),
            ("fqdn:192.0.2.1", "@192.0.2.1"),
            ("dns:gw.example.org", "@gw.example.org"),
            ("carol@example.org", "carol@example.org"),
            ("email:carol", "userfqdn:carol"),
            ("@@carol", "userfqdn:carol"),
            ("carol@*", "carol@*"),
            ("keyid:group", "keyid:group"),
            ('"keyid:#00ff"', "@#00ff"),
            ('"@#00ff"', "@#00ff"),
            ('"ipv4:#c0000201"', "192.0.2.1"),
            ('"fqdn:#6777"', "@gw"),
            ('"C=CH, O=strongSwan, CN=moon"', "C=CH, O=strongSwan, CN=moon"),
            ('"asn1dn:#300d310b3009060355040613024348"', "C=CH"),
        ],
    )
    def test_types_in_front(self, branch: Branch, written: str, ours: str) -> None:
        connection = branch(f"local {{ id = {written} }}\n remote {{ id = {written} }}")
        assert (connection.local_id, connection.remote_id) == (ours, ours)

    @pytest.mark.parametrize("written", ["%any", "*", "0.0.0.0", "::", "0::0"])
    def test_any(self, branch: Branch, written: str) -> None:
        connection = branch(f"local {{ id = {written} }}\n remote {{ id = {written} }}")
        assert (connection.local_id, connection.remote_id) == (None, "%any")

    @pytest.mark.parametrize(
        "written", ["keyid:#0", "ipv4:#c00002", "ipv6:#c0000201", "{1}:#00", "asn1dn:#ff", "ipv4:192.0.2.1"]
    )
    def test_wrong_identities(self, faults: Faults, written: str) -> None:
        (finding,) = faults(text(f'remote {{ id = "{written}" }}'))
        assert (finding.key, finding.rule) == ("connections.branch.remote.id", Rule.INVALID_IDENTITY)


class TestSecrets:
    SEVERAL = """secrets {
        ike-any { secret = any }
        ike-both { id-1 = gw.example.org\n id-2 = branch.example.org\n secret = of both }
        ike-peer { id = branch.example.org\n secret = of the peer }
        ike-ours { id = gw.example.org\n secret = ours }
        ike-pattern { id = *.example.com\n secret = of a domain }
        ike-address { id = 203.0.113.5\n secret = of an address }
    }"""

    @pytest.mark.parametrize(
        ("own", "peer", "address", "secret"),
        [
            ("gw.example.org", "branch.example.org", "198.51.100.7", b"of both"),
            ("other.example.org", "branch.example.org", "198.51.100.7", b"of the peer"),
            ("gw.example.org", "other.example.org", "198.51.100.7", b"any"),
            ("gw.example.org", "a.example.com", "198.51.100.7", b"of a domain"),
            ("other.example.org", "%any", "203.0.113.5", b"any"),  # fits our identity, so addresses do not count
            ("%any", "%any", "203.0.113.5", b"of an address"),
            ("other.example.org", "%any", "198.51.100.7", b"any"),
        ],
    )
    def test_the_owners_of_a_secret(self, branch: Branch, own: str, peer: str, address: str, secret: bytes) -> None:
        ends = f"local {{ id = {own} }}\n remote {{ id = {peer} }}\n remote_addrs = {address}"
        assert branch(ends, "", self.SEVERAL).secret == secret

    @pytest.mark.parametrize("owner", ["198.51.100.7", "192.0.2.1"])
    def test_without_one_of_the_identities_the_addresses_count(self, branch: Branch, owner: str) -> None:
        others = f"""secrets {{
            ike-a {{ id = 203.0.113.5\n secret = another }}
            ike-b {{ id = {owner}\n secret = of the address }}
            ike-c {{ id = 203.0.113.6\n secret = another }}
        }}"""
        assert branch("local { id = gw.example.org }", "", others).secret == b"of the address"

    @pytest.mark.parametrize("owner", ["", f"id = {PEER}\n"])
    def test_the_last_of_several_counts(self, branch: Branch, owner: str) -> None:
        keys = "\n".join(f"ike-{name} {{ {owner} secret = {name} }}" for name in "ab")
        assert branch("", "", f"secrets {{ {keys} }}").secret == b"b"

    @pytest.mark.parametrize(
        ("written", "secret"),
        [("0x00ff", b"\x00\xff"), ("0sAP8=", b"\x00\xff"), ('" blanks "', b" blanks "), ("two  words", b"two words")],
    )
    def test_notations(self, branch: Branch, written: str, secret: bytes) -> None:
        assert branch("", "", f"secrets {{ ike {{ secret = {written} }} }}").secret == secret

    NAMES = """secrets {
        ike-a { id = a.example.org\n secret = a }
        ike-b { id-1 = gw.example.org\n id-2 = b.example.org\n secret = b }
        ike-c { id = c.example.com\n secret = c }
        ike { secret = any }
    }"""

    def test_in_aggressive_mode_the_identity_of_a_peer_selects_its_secret(
        self, load_text: LoadText, write: Write
    ) -> None:
        write("charon { i_dont_care_about_security_and_use_aggressive_mode_psk = yes }", "strongswan.conf")
        ends = "aggressive = yes\n local { id = gw.example.org }\n remote { id = *.example.org }"
        loaded = load_text(
            text(ends, "local_ts = 10.1.0.0/16, 10.3.0.0/16\n remote_ts = 10.2.0.0/16", self.NAMES, addresses=False)
        )
        found = [(each.name, each.remote_id, each.secret) for each in loaded.settings.connections]
        assert found == [
            ("branch-2", "a.example.org", b"a"),
            ("branch-3", "b.example.org", b"b"),
            ("branch", "*.example.org", b"any"),
        ]
        assert {each.tunnels for each in loaded.settings.connections} == {loaded.settings.connections[0].tunnels}
        assert Rule.SAME_TUNNEL_NAME not in {each.rule for each in loaded.warnings}
        assert Rule.SAME_NETWORKS not in {each.rule for each in loaded.warnings}

    @pytest.mark.parametrize("owner", ["", "id = *.example.org"])
    @pytest.mark.parametrize(
        ("who", "secret", "up"),
        [
            ("a.example.org", b"a", ["branch"]),
            ("a.example.org", b"any", []),
            ("d.example.org", b"any", ["branch"]),
            ("d.example.org", b"a", []),
        ],
    )
    def test_the_secret_of_many_peers_does_not_prove_one_with_its_own(
        self, load_text: LoadText, write: Write, who: str, secret: bytes, up: list[str], owner: str
    ) -> None:
        write("charon { i_dont_care_about_security_and_use_aggressive_mode_psk = yes }", "strongswan.conf")
        ends = f"aggressive = yes\n proposals = {IKE}\n local {{ id = gw.example.org }}"
        names = self.NAMES.replace("ike {", f"ike {{ {owner}\n")
        loaded = load_text(text(ends, "local_ts = 10.2.0.0/16", names, addresses=False))
        network = Network()
        bob = network.peer("bob", BOB, loaded.settings)
        alice = connection(
            ALICE, BOB, tunnel(), mode=Mode.AGGRESSIVE, local_id=who, remote_id="gw.example.org", secret=secret
        )
        network.peer("alice", ALICE, settings(alice)).calls()
        network.run(5)
        assert [sa.connection.partition("-")[0] for sa in bob.engine.sas.values() if sa.is_up] == up

    def test_connections_for_one_identity_go_before_those_for_several(self, load_text: LoadText, write: Write) -> None:
        write("charon { i_dont_care_about_security_and_use_aggressive_mode_psk = yes }", "strongswan.conf")
        ids = {"any": "%any", "all": "*.example.org", "main": "*.example.org", "a": "a.example.org"}
        written = "".join(
            f"{name} {{ version = 1\n aggressive = {'no' if name == 'main' else 'yes'}\n local {{ auth = psk }}\n"
            f"remote {{ auth = psk\n id = {who} }}\n children {{ {name} {{ local_ts = 10.{len(name)}.0.0/16 }} }} }}\n"
            for name, who in ids.items()
        )
        loaded = load_text(f"connections {{ {written} }}\n{SECRET}")
        assert [each.name for each in loaded.settings.connections] == ["a", "all", "main", "any"]

    def test_in_main_mode_the_identity_comes_too_late(self, load_text: LoadText) -> None:
        loaded = load_text(text("remote { id = *.example.org }", "", self.NAMES, addresses=False))
        assert [each.secret for each in loaded.settings.connections] == [b"any"]
        assert ("connections.branch.remote", Rule.NO_COUNTERPART) in rules(loaded.warnings)

    def test_addresses_of_peers_select_their_secrets(self, load_text: LoadText) -> None:
        others = "secrets { ike-a { id = 203.0.113.5\n secret = a }\n ike-b { id = 203.0.113.6\n secret = b } }"
        loaded = load_text(text("local { id = gw.example.org }", "", others, addresses=False))
        found = [(each.name, each.remote_address, each.remote_id, each.secret) for each in loaded.settings.connections]
        assert found == [
            ("branch", "203.0.113.5", "%any", b"a"),
            ("branch-2", "203.0.113.6", "%any", b"b"),
        ]

    def test_networks_and_ranges_of_peers_select_their_secrets(self, load_text: LoadText) -> None:
        others = """secrets {
            ike-one { id = 203.0.113.9\n secret = one }
            ike-range { id = 203.0.113.8-203.0.113.11\n secret = range }
            ike-net { id = 203.0.113.0/28\n secret = net }
            ike-other { id = 192.0.2.0/24\n secret = other }
            ike-all { id = 0.0.0.0/0\n secret = all }
        }"""
        ends = "local { id = gw.example.org }\n remote_addrs = 203.0.113.8-203.0.113.31"
        loaded = load_text(text(ends, "", others, addresses=False))
        found = [
            ((each.remote_address, *each.further_remote_addresses), each.secret) for each in loaded.settings.connections
        ]
        assert found == [
            (("203.0.113.9",), b"one"),
            (("203.0.113.8", "203.0.113.10/31", "203.0.113.12/30"), b"net"),  # the last one counts
            (("203.0.113.16/28",), b"all"),
        ]

    @pytest.mark.parametrize(("own", "remotes"), [("gw.example.org", ["%any"]), ("%any", ["%any", "203.0.113.5"])])
    def test_a_secret_of_our_identity_precedes_those_of_addresses(
        self, load_text: LoadText, own: str, remotes: list[str]
    ) -> None:
        others = "secrets { ike-a { id = 203.0.113.5\n secret = a }\n ike { secret = any } }"
        loaded = load_text(text(f"local {{ id = {own} }}", "", others, addresses=False))
        assert [each.remote_address for each in loaded.settings.connections] == remotes

    def test_many_secrets_for_peers_at_any_address(self, faults: Faults) -> None:
        keys = "\n".join(f"ike-{n} {{ id = 10.0.{n >> 8}.{n & 255}\n secret = s{n} }}" for n in range(1001))
        found = faults(text("", "", f"secrets {{ {keys} }}", addresses=False))
        assert ("connections.branch.remote", Rule.INVALID_VALUE) in rules(found)

    def test_a_peer_with_one_identity_has_one_secret(self, branch: Branch) -> None:
        keys = [f"ike-{name} {{ id = {name}.example.org\n secret = {name} }}" for name in "ab"]
        others = "\n".join(["secrets {", *keys, "}"])
        assert branch("remote { id = b.example.org }", "", others, addresses=False).secret == b"b"

    def test_secrets_of_other_connections_do_not_matter(self, load_text: LoadText) -> None:
        others = f"secrets {{ ike-a {{ id = {PEER}\n secret = a }}\n ike {{ secret = c }} }}"
        clients = "clients { version = 1\n local { auth = psk }\n remote { auth = psk }\n children { all { } } }"
        branch, any_peer = load_text(text(others=f"{others}\nconnections {{ {clients} }}")).settings.connections
        assert (branch.secret, any_peer.secret) == (b"a", b"c")

    def test_no_secret_belongs_to_the_connection(self, faults: Faults) -> None:
        others = "secrets { ike { id = a.example.org\n secret = a } }"
        (finding,) = faults(text(others=others))
        assert (finding.key, finding.rule) == ("connections.branch", Rule.NO_CREDENTIAL)

    def test_a_file_with_secrets_must_not_be_readable(self, write: Write) -> None:
        with pytest.raises(ConfigError) as caught:
            load(write(text(), mode=0o644))
        (finding,) = caught.value.findings
        assert (finding.key, finding.rule) == ("secrets.ike.secret", Rule.READABLE_BY_OTHERS)

    def test_the_file_with_the_secret_is_the_one_that_counts(self, write: Write) -> None:
        write(SECRET, "secrets.conf", 0o600)
        assert load(write(text(others="include secrets.conf"), mode=0o644)).settings.connections[0].secret

    def test_an_included_file_that_others_can_change_is_refused(self, write: Write) -> None:
        included = write("", "more.conf", 0o666)
        with pytest.raises(ConfigError) as caught:
            load(write(text(others=f"{SECRET}\ninclude more.conf")))
        (finding,) = caught.value.findings
        assert (finding.rule, str(included) in str(finding)) == (Rule.CHANGEABLE_BY_OTHERS, True)

    def test_unknown_kinds(self, faults: Faults) -> None:
        (finding,) = faults(text(others=f"{SECRET}\nsecrets {{ psk {{ secret = a }} }}"))
        assert (finding.key, finding.rule) == ("secrets.psk", Rule.UNKNOWN_KEY)

    def test_secrets_are_not_shown(self, write: Write, faults: Faults) -> None:
        file = write(text(others='secrets { ike { secret = "do not tell" } }'))
        section = settings_file.SettingsFiles(file, Findings(file)).parse()
        objects = [read(file), settings_tree.tables(section), section.sections["secrets"].sections["ike"].settings]
        assert "do not tell" not in repr(objects)
        shown = "\n".join(map(str, faults(text("dpd_delay = x", others="secrets { ike { secret = 0xzz } }"))))
        assert "zz" not in shown


class TestXauth:
    def test_a_client(self, branch: Branch) -> None:
        others = f"{SECRET}\nsecrets {{ xauth-carol {{ id = carol\n secret = of carol }} }}"
        connection = branch("local-2 { auth = xauth\n xauth_id = carol }\n vips = 0.0.0.0, ::", "", others)
        assert (connection.xauth, connection.xauth_user, connection.xauth_secret) == (
            XauthRole.CLIENT,
            "carol",
            b"of carol",
        )
        assert connection.vips == ("0.0.0.0", "::")
        assert AuthenticationMethod.XAUTH_INIT_PRE_SHARED in {each.suite.authentication for each in connection.policies}

    def test_a_client_without_a_name_is_its_identity(self, branch: Branch) -> None:
        others = f"{SECRET}\nsecrets {{ xauth {{ id = carol@example.org\n secret = of carol }} }}"
        connection = branch("local { id = carol@example.org }\n local-2 { auth = xauth }", "", others)
        assert (connection.xauth_user, connection.xauth_secret) == ("carol@example.org", b"of carol")

    def test_a_server_with_users_in_the_file(self, load_text: LoadText) -> None:
        others = f"""{SECRET}
        secrets {{ eap-carol {{ id-1 = carol\n id-2 = carola\n secret = of carol }} }}
        secrets {{ xauth-dave {{ id = dave\n secret = d }} }}
        pools {{ office {{ addrs = 10.3.0.0/24\n dns = 10.1.0.53, 10.1.0.54\n 28672 = Hello }} }}"""
        loaded = load_text(text("remote-xauth { auth = xauth-generic }\n pools = office", "", others, addresses=False))
        (connection,) = loaded.settings.connections
        assert (connection.xauth, connection.xauth_backend) == (XauthRole.SERVER, ("users",))
        assert loaded.aaa.users is not None
        assert dict(loaded.aaa.users.secrets) == {"carol": b"of carol", "carola": b"of carol", "dave": b"d"}
        (pool,) = loaded.settings.pools
        assert connection.pools == ("office",)
        assert (pool.config.dns, pool.config.banner) == (("10.1.0.53", "10.1.0.54"), "Hello")

    def test_the_order_of_rounds(self, branch: Branch) -> None:
        rounds = "local { round = 2\n auth = xauth\n xauth_id = dave }\n local-a { auth = psk\n round = 1\n id = gw }"
        connection = branch(rounds)
        assert (connection.local_id, connection.xauth_user) == ("gw", "dave")

    def test_pam(self, load_text: LoadText, write: Write) -> None:
        write("charon { plugins { xauth-pam { pam_service = vpn } } }", "strongswan.conf")
        loaded = load_text(text("remote-2 { auth = xauth-pam\n groups = a, b }", addresses=False))
        assert loaded.settings.connections[0].xauth_backend == ("pam",)
        assert loaded.settings.connections[0].groups == ("a", "b")
        assert loaded.aaa.pam is not None
        assert loaded.aaa.pam.service == "vpn"

    RADIUS = """charon { plugins {
        eap-radius { secret = between us and them
            server = 192.0.2.10
            accounting = yes }
        xauth-eap { backend = %s }
    } }"""

    @pytest.mark.parametrize(("backend", "method"), [("radius", "pap"), ("eap", "eap-md5")])
    def test_radius(self, load_text: LoadText, write: Write, backend: str, method: str) -> None:
        write(self.RADIUS % "radius", "strongswan.conf")
        loaded = load_text(text(f"remote-2 {{ auth = xauth-{backend} }}", addresses=False))
        assert loaded.settings.connections[0].xauth_backend == ("radius",)
        radius = loaded.aaa.radius
        assert radius is not None
        assert (radius.method, radius.nas_identifier, radius.accounting) == (method, "strongSwan", True)
        assert (radius.message_authenticator, radius.retransmit_tries) == (MessageAuthenticator.AUTO, 4)
        assert radius.servers == (RadiusServer("192.0.2.10", b"between us and them"),)
        assert (Rule.FORGED_REPLIES in [warning.rule for warning in loaded.warnings]) is (method == "pap")

    def test_servers_of_radius(self, load_text: LoadText, write: Write) -> None:
        servers = "".join(
            f"s{number} {{ address = 192.0.2.{number}\n secret = 0123456789abcdef\n auth_port = 1645 }}\n"
            for number in (1, 2)
        )
        write(f"charon {{ plugins {{ eap-radius {{ servers {{ {servers} }} }} }} }}", "strongswan.conf")
        radius = load_text(text("remote-2 { auth = xauth-radius }", addresses=False)).aaa.radius
        assert radius is not None
        assert [(each.address, each.auth_port) for each in radius.servers] == [("192.0.2.1", 1645), ("192.0.2.2", 1645)]

    def test_what_of_radius_is_not_supported(self, faults: Faults, write: Write) -> None:
        of_radius = text("remote-2 { auth = xauth-radius }", addresses=False)
        assert ("connections.branch.remote-2.auth", Rule.NO_BACKEND) in rules(faults(of_radius))
        write(self.RADIUS % "tls", "strongswan.conf")
        of_eap = text("remote-2 { auth = xauth-eap }", addresses=False)
        assert ("charon.plugins.xauth-eap.backend", Rule.NOT_SUPPORTED) in rules(faults(of_eap))
        write(self.RADIUS % "radius", "strongswan.conf")
        both = of_eap + of_radius.replace("branch", "other")
        assert ("charon.plugins.eap-radius", Rule.NOT_SUPPORTED) in rules(faults(both))

    def test_the_secret_of_radius_is_not_for_everybody(self, faults: Faults, write: Write) -> None:
        write(self.RADIUS % "radius", "strongswan.conf").chmod(0o644)
        found = rules(faults(text("remote-2 { auth = xauth-radius }", addresses=False)))
        assert found == [("charon.plugins.eap-radius.secret", Rule.READABLE_BY_OTHERS)]

    @pytest.mark.parametrize("backend", ["tls", "noauth"])
    def test_other_backends(self, faults: Faults, backend: str) -> None:
        found = faults(text(f"remote-2 {{ auth = xauth-{backend} }}", addresses=False))
        assert ("connections.branch.remote-2.auth", Rule.NOT_SUPPORTED) in rules(found)

    def test_the_identity_of_a_user_is_that_of_the_first_round(self, load_text: LoadText, faults: Faults) -> None:
        others = f"{SECRET}\nsecrets {{ xauth {{ id = carol\n secret = of carol }} }}"
        for who in ("%any", PEER, f"fqdn:{PEER}"):
            assert load_text(text(f"remote-2 {{ auth = xauth\n id = {who} }}", "", others)).settings.connections
        (finding,) = faults(text("remote-2 { auth = xauth\n id = carol }", "", others))
        assert (finding.key, finding.rule) == ("connections.branch.remote-2.id", Rule.NOT_SUPPORTED)

    def test_the_only_user_of_a_connection(self, branch: Branch, faults: Faults) -> None:
        others = f"{SECRET}\nsecrets {{ xauth {{ id = carol\n secret = of carol }} }}"
        assert branch("remote-2 { auth = xauth\n xauth_id = carol }", "", others).xauth_user == "carol"
        assert branch("remote-2 { auth = xauth\n xauth_id = %any }", "", others).xauth_user == ""
        (finding,) = faults(text("remote-2 { auth = xauth\n xauth_id = *@example.org }", "", others))
        assert (finding.key, finding.rule) == ("connections.branch.remote-2.xauth_id", Rule.NOT_SUPPORTED)

    def test_a_password_of_all_users(self, faults: Faults) -> None:
        others = f"{SECRET}\nsecrets {{ xauth {{ secret = for everybody }} }}"
        (finding,) = faults(text("remote-2 { auth = xauth }", "", others, addresses=False))
        assert (finding.key, finding.rule) == ("secrets.xauth.secret", Rule.NOT_SUPPORTED)


class TestPools:
    @pytest.mark.parametrize(
        ("unity", "attribute", "included"),
        [
            ("yes", "", ("10.1.0.0/16", "10.4.0.0/24")),
            ("no", "", ()),
            ("yes", "split_include = 10.9.0.0/16", ("10.9.0.0/16",)),
        ],
    )
    def test_networks_of_unity(
        self, load_text: LoadText, write: Write, unity: str, attribute: str, included: tuple[str, ...]
    ) -> None:
        write(f"charon {{ cisco_unity = {unity} }}", "strongswan.conf")
        others = f"{SECRET}\npools {{ p {{ addrs = 10.3.0.0/24\n {attribute} }} }}"
        child = "local_ts = 10.1.0.0/16, 10.4.0.0/24, 10.6.0.1-10.6.0.2, 10.5.0.0/16[tcp]"
        (pool,) = load_text(text("pools = p", child, others, addresses=False)).settings.pools
        assert pool.config.split_include == included

    @pytest.mark.parametrize(
        ("written", "first", "last"),
        [
            ("10.3.0.0/24", "10.3.0.1", "10.3.0.254"),
            ("10.3.0.10/24", "10.3.0.10", "10.3.0.254"),
            ("10.3.0.10-10.3.0.19", "10.3.0.10", "10.3.0.19"),
            ("fd00:3::/120", "fd00:3::1", "fd00:3::ff"),
        ],
    )
    def test_addresses(self, load_text: LoadText, written: str, first: str, last: str) -> None:
        others = f"{SECRET}\npools {{ p {{ addrs = {written} }} }}"
        (pool,) = load_text(text("pools = p", "", others, addresses=False)).settings.pools
        assert pool.ranges == ((ip_address(first).packed, ip_address(last).packed),)

    def test_attributes(self, load_text: LoadText, write: Write) -> None:
        write("charon { plugins { attr { dns = 10.1.0.1\n split-include = 10.1.0.0/16 } } }", "strongswan.conf")
        attributes = "nbns = 10.1.0.2\n netmask = 255.255.255.0\n subnet = 10.1.0.0/16\n split_exclude = 10.9.0.0/16"
        numbers = "28674 = example.org\n 28675 = a.example, b.example"
        others = f"{SECRET}\npools {{ p {{ addrs = 10.3.0.0/24\n {attributes}\n {numbers} }} }}"
        (pool,) = load_text(text("pools = p", "", others, addresses=False)).settings.pools
        config = pool.config
        assert (config.dns, config.nbns, config.netmask) == (("10.1.0.1",), ("10.1.0.2",), "255.255.255.0")
        assert (config.subnets, config.split_include) == (("10.1.0.0/16",), ("10.1.0.0/16",))
        assert (config.split_exclude, config.default_domain) == (("10.9.0.0/16",), "example.org")
        assert config.split_dns == ("a.example", "b.example")

    def test_unknown_attributes(self, faults: Faults) -> None:
        others = f"{SECRET}\npools {{ p {{ addrs = 10.3.0.0/24\n dn = 10.1.0.1 }} }}"
        (finding,) = faults(text("pools = p", "", others, addresses=False))
        assert (finding.key, finding.rule) == ("pools.p.dn", Rule.UNKNOWN_KEY)


class TestStrongswanConf:
    CONF = """charon {
        retransmit_tries = 3
        retransmit_timeout = 2.0
        retransmit_base = 2
        retransmit_jitter = 20
        keep_alive = 30s
        fragment_size = 1400
        install_routes = no
        threads = 16
        i_dont_care_about_security_and_use_aggressive_mode_psk = yes
    }
    libstrongswan { x = y }
    """

    def test_what_changes_the_wire(self, load_text: LoadText, write: Write) -> None:
        write(self.CONF, "strongswan.conf")
        loaded = load_text(text("aggressive = yes\n vips = 0.0.0.0"))
        settings = loaded.settings
        assert (settings.retransmit_tries, settings.retransmit_timeout, settings.retransmit_base) == (3, 2.0, 2)
        assert (settings.retransmit_jitter, settings.nat_keepalive, settings.fragment_size) == (0.2, 30, 1400)
        assert settings.connections[0].aggressive is Aggressive.ACCEPT_PSK
        assert not settings.connections[0].install_routes
        assert settings.connections[0].dpd_timeout == 30  # 2 + 4 + 8 + 16 seconds

    def test_it_is_found_above_the_folder_swanctl(self, write: Write) -> None:
        write(self.CONF, "etc/strongswan.conf")
        assert load(write(text(), "etc/swanctl/swanctl.conf")).settings.retransmit_tries == 3
        assert load(write(text(), "etc/other/swanctl.conf")).settings.retransmit_tries == 5

    def test_options_that_matter(self, faults: Faults, write: Write) -> None:
        file = write("charon { interfaces_use = eth0 }", "strongswan.conf")
        (finding,) = faults(text())
        assert (finding.file, finding.key, finding.rule) == (file, "charon.interfaces_use", Rule.NOT_SUPPORTED)

    @pytest.mark.parametrize(("written", "expected"), [("yes", True), ("no", False)])
    def test_initiator_only(self, load_text: LoadText, write: Write, written: str, expected: bool) -> None:
        write(f"charon {{ initiator_only = {written} }}", "strongswan.conf")
        assert load_text(text()).settings.initiator_only is expected


class TestRecognition:
    def test_by_name_content_or_option(self, write: Write) -> None:
        assert load(write(text(), "site.conf")).settings.connections
        assert load(write(text(), "swanctl.conf")).settings.connections
        assert load(write("", "swanctl.toml")).settings.connections == ()
        assert load(write(text(), "x.toml"), format="swanctl").settings.connections

    def test_a_fifo_is_not_read_twice(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "swanctl.conf")
        assert recognised(tmp_path / "swanctl.conf") == TOML

    @pytest.mark.parametrize("written", ["[gateway]\nport = 500\n", "[pools]\n"])
    def test_toml_is_not_mistaken(self, write: Write, written: str) -> None:
        assert load(write(written, "ikev1.conf")).settings.connections == ()

    def test_an_unknown_format(self, write: Write) -> None:
        with pytest.raises(ConfigError) as caught:
            load(write(text()), format="ipsec")
        assert caught.value.findings[0].rule is Rule.UNKNOWN_FORMAT


@pytest.mark.parametrize(
    "block", [block for document in DOCUMENTS for block in blocks(document) if block.language == "swanctl"]
)
def test_the_configurations_of_peers_in_the_documents(load_text: LoadText, block: Block) -> None:
    loaded = load_text(block.text)
    assert loaded.settings.connections
    assert Rule.NO_COUNTERPART not in {finding.rule for finding in loaded.warnings}


def test_many_unknown_keys_are_all_refused(faults: Faults) -> None:
    found = faults(text("\n".join(f"key{number} = 1" for number in range(1000))))
    assert [each.rule for each in found] == [Rule.UNKNOWN_KEY] * 1000
    assert all(each.line for each in found)


def test_a_base_section_is_inherited(load_text: LoadText) -> None:
    written = f"""
    defaults {{ version = 1\n remote_addrs = 198.51.100.7\n dpd_delay = 5m
        local {{ auth = psk }}\n remote {{ auth = psk }} }}
    nets {{ remote_ts = 10.2.0.0/16 }}
    connections {{
        one : defaults {{ children {{ a : nets {{ local_ts = 10.1.0.0/16 }} }} }}
        two : connections.one {{
            remote_addrs = 198.51.100.8
            dpd_delay =
            children {{ a {{ local_ts = 10.3.0.0/16 }} }}
        }}
    }}
    {SECRET}"""
    loaded = load_text(written)
    one, two = loaded.settings.connections
    assert (one.dpd_delay, two.dpd_delay) == (300, 0)
    assert (one.remotes, two.remotes) == (("198.51.100.7",), ("198.51.100.8",))
    tunnels: list[Tunnel] = [*one.tunnels, *two.tunnels]
    assert [str(tunnel.local) for tunnel in tunnels] == ["10.1.0.0/16", "10.3.0.0/16"]
    assert [str(tunnel.remote) for tunnel in tunnels] == ["10.2.0.0/16", "10.2.0.0/16"]
