"""The vpncfg of a FRITZ!Box, as its peer and as the box have it."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import pytest

from ikev1.config import ConfigError, Finding, Loaded, Rule, Side, load
from ikev1.config.formats import read, recognised
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Aggressive, Connection, Mode, NatTraversal, Start, XauthRole
from vpncfg import SITES, USER, vpncfg

from .conftest import Write

AES = (256, 192, 128)
BOX, PEER = Side("box"), Side("box", is_peer=True)


class Reader:
    """Loads the text of a vpncfg."""

    def __init__(self, write: Write) -> None:
        self._write = write

    def loaded(self, side: Side | None, *connections: Mapping[str, str | None]) -> Loaded:
        return load(self._write(vpncfg(*connections), "fritzbox.cfg"), side=side)

    def connection(self, side: Side | None, connection: Mapping[str, str | None]) -> Connection:
        (found,) = self.loaded(side, connection).settings.connections
        return found

    def table(self, side: Side | None, connection: Mapping[str, str | None]) -> dict[str, Any]:
        """The only connection, as in ikev1.toml."""
        written = read(self._write(vpncfg(connection), "fritzbox.cfg"), side=side)
        (found,) = written.values["connection"].values()
        return dict(found)

    def faults(self, side: Side | None, *connections: Mapping[str, str | None]) -> list[tuple[str, Rule]]:
        with pytest.raises(ConfigError) as caught:
            self.loaded(side, *connections)
        return rules(caught.value.findings)


def rules(findings: tuple[Finding, ...]) -> list[tuple[str, Rule]]:
    return [(each.key, each.rule) for each in findings]


@pytest.fixture
def reader(write: Write) -> Reader:
    return Reader(write)


def test_it_is_recognised_although_it_has_connections_as_swanctl_conf(write: Write) -> None:
    assert recognised(write(vpncfg(SITES), "anything.txt")) == "fritzbox"


def test_the_peer_of_a_box(reader: Reader) -> None:
    loaded = reader.loaded(PEER, SITES)
    (found,) = loaded.settings.connections
    (tunnel,) = found.tunnels
    assert found.name == "Head-office"
    assert (found.remote_address, found.remote_id, found.local_id) == (
        "box.example.org",
        "@box.example.org",
        "@gw.example.org",
    )
    assert (found.mode, found.aggressive, found.secret) == (Mode.MAIN, Aggressive.REFUSE, b"the secret of both")
    assert reader.table(PEER, SITES)["proposals"] == [f"aes{bits}-sha1-modp2048" for bits in AES]
    assert {each.lifetime for each in found.policies} == {tunnel.lifetime} == {3600}
    assert (tunnel.local, tunnel.remote) == (Selector.parse("10.1.0.0/16"), Selector.parse("10.2.0.0/16"))
    assert {each.group for each in tunnel.proposals} == {14, 2}
    assert tunnel.start is Start.TRAP
    assert ("vpncfg.connections.localid.fqdn", Rule.MISSING_KEY) in rules(loaded.warnings)


def test_the_box_itself(reader: Reader) -> None:
    found = reader.connection(BOX, SITES)
    (tunnel,) = found.tunnels
    assert (found.remote_address, found.remote_id, found.local_id) == (
        "gw.example.org",
        "@gw.example.org",
        "@box.example.org",
    )
    assert (tunnel.local, tunnel.remote) == (Selector.parse("10.2.0.0/16"), Selector.parse("10.1.0.0/16"))
    assert tunnel.start is Start.START
    assert "3des-md5-modp2048" in reader.table(BOX, SITES)["tunnel"]["net"]["proposals"]


def test_without_a_side_the_gateway_is_the_peer(reader: Reader) -> None:
    loaded = reader.loaded(None, SITES)
    assert loaded.settings == reader.loaded(PEER, SITES).settings
    assert ("vpncfg", Rule.WHICH_END) in rules(loaded.warnings)
    assert reader.faults(Side("router"), SITES) == [("", Rule.INVALID_VALUE)]


@pytest.mark.parametrize(
    ("written", "identity"),
    [
        ('fqdn = "box"', "@box"),
        ('user_fqdn = "box@example.org"', "userfqdn:box@example.org"),
        ('key_id = "box"', "keyid:box"),
        ("ipaddr = 198.51.100.7", "198.51.100.7"),
        ("ipaddr = 0.0.0.0", "%any"),
    ],
)
def test_identities(reader: Reader, written: str, identity: str) -> None:
    found = reader.connection(PEER, SITES | {"localid": f"{{ {written}; }}"})
    assert (found.remote_id, found.remote_address) == (identity, "%any")
    assert found.tunnels[0].start is Start.NONE


@pytest.mark.parametrize(
    ("strategy", "suites", "lifetime"),
    [
        (
            "all/all/all",
            {f"aes{bits}-{name}-modp1024" for bits in AES for name in ("sha512", "sha1")},
            3600,
        ),
        ("LT8h/dh5/3des/md5", {"3des-md5-modp1536"}, 28_800),
        ("alt/all-no-aes/sha", {"3des-sha1-modp1024"}, 3600),
        ("dh15/aes256/sha2-512", {"aes256-sha512-modp3072"}, 3600),
    ],
)
def test_strategies_of_phase_1(reader: Reader, strategy: str, suites: set[str], lifetime: int) -> None:
    box = SITES | {"phase1ss": f'"{strategy}"', "mode": "phase1_mode_aggressive"}
    found = reader.connection(PEER, box)
    assert set(reader.table(PEER, box)["proposals"]) == suites
    assert {each.lifetime for each in found.policies} == {lifetime}
    assert (found.mode, found.aggressive) == (Mode.AGGRESSIVE, Aggressive.ACCEPT_PSK)


@pytest.mark.parametrize(
    ("strategy", "expected", "compress"),
    [
        ("esp-aes-sha/ah-no/comp-lzs-no/no-pfs", {f"aes{bits}-sha1" for bits in AES}, False),
        ("esp-aes256-3des-sha/ah-no/comp-deflate/no-pfs", {"aes256-sha1", "3des-sha1"}, True),
        ("LT1h/esp-3des-md5/ah-none/comp-no/pfs", {"3des-md5-modp2048", "3des-md5-modp1024"}, False),
    ],
)
def test_strategies_of_phase_2(reader: Reader, strategy: str, expected: set[str], compress: bool) -> None:
    tunnel = reader.table(BOX, SITES | {"phase2ss": f'"{strategy}"'})["tunnel"]["net"]
    assert set(tunnel["proposals"]) == expected
    assert tunnel.get("compress", False) is compress


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("phase1ss", '"dh3/aes/sha"', Rule.NOT_SUPPORTED),
        ("phase1ss", '"all/all"', Rule.NOT_SUPPORTED),
        ("phase2ss", '"esp-all-all/ah-none/comp-lzs/pfs"', Rule.NOT_SUPPORTED),
        ("phase2ss", '"esp-blowfish-sha/ah-none/comp-no/pfs"', Rule.NOT_SUPPORTED),
        ("phase2ss", '"esp-all-all"', Rule.NOT_SUPPORTED),
        ("mode", "phase1_mode_quick", Rule.NOT_SUPPORTED),
        ("conn_type", "conntype_other", Rule.NOT_SUPPORTED),
        ("keytype", "connkeytype_cert", Rule.NOT_SUPPORTED),
        ("key", '"$$$$ABCDEFGH"', Rule.INVALID_SECRET),
        ("key", '""', Rule.INVALID_SECRET),
        ("use_nat_t", "maybe", Rule.INVALID_VALUE),
        ("remoteip", "gw.example.org", Rule.INVALID_VALUE),
        ("remotehostname", '"not a name"', Rule.INVALID_VALUE),
        ("what_is_this", "yes", Rule.UNKNOWN_KEY),
        ("phase2localid.ipnet.ipaddr", "10.2.0.0; mask = 0.0.255.255", Rule.INVALID_VALUE),
    ],
)
def test_what_is_wrong_is_said_once_with_its_place(reader: Reader, key: str, value: str, rule: Rule) -> None:
    block, _, inner = key.partition(".")
    written = f"{{ ipnet {{ ipaddr = {value}; }} }}" if inner else value
    assert reader.faults(PEER, SITES | {block: written}) == [(f"vpncfg.connections.{key}", rule)]


def test_all_faults_are_reported_at_once(reader: Reader) -> None:
    wrong = {"phase1ss": '"nothing"', "phase2ss": '"nothing"', "key": '"$$$$A"', "unknown": "1"}
    assert len(reader.faults(PEER, SITES | wrong, SITES | wrong)) == 8


def test_what_is_missing(reader: Reader) -> None:
    assert reader.faults(PEER, SITES | {"key": None}) == [("vpncfg.connections", Rule.NO_CREDENTIAL)]
    for key in ("phase2ss", "phase2localid", "phase2remoteid"):
        assert reader.faults(PEER, SITES | {key: None}) == [("vpncfg.connections", Rule.MISSING_KEY)]
    assert reader.faults(BOX, USER | {"remote_virtualip": None}) == [("vpncfg.connections", Rule.MISSING_KEY)]


def test_several_connections_and_those_that_are_left_out(reader: Reader) -> None:
    other = {"localid": '{ fqdn = "box2.example.org"; }', "name": '"Büro"'}
    off, wireguard = {"enabled": "no"}, {"conn_type": "conntype_wg"}
    loaded = reader.loaded(PEER, SITES, SITES | other, SITES | off, SITES | wireguard)
    assert [each.name for each in loaded.settings.connections] == ["Head-office", "Buro"]
    assert {Rule.UNUSED_KEY, Rule.NOT_IKEV1} <= {each.rule for each in loaded.warnings}
    assert reader.faults(PEER, SITES | off)[0] == ("", Rule.NOT_IKEV1)


def test_a_list_of_connections(reader: Reader, write: Write) -> None:
    """As the box writes it: the keyword stands in front of the first block only."""
    several = vpncfg(SITES, SITES | {"name": '"Second"'}).replace("}\n        connections {", "} {")
    assert several.count("connections {") == 1
    settings = load(write(several, "fritzbox.cfg"), side=PEER).settings
    assert [each.name for each in settings.connections] == ["Head-office", "Second"]


def test_traffic_that_the_box_sends_besides(reader: Reader) -> None:
    wider = SITES | {"accesslist": '"permit ip any 10.1.0.0 255.255.0.0", "permit ip any 10.3.0.0 255.255.0.0"'}
    assert ("vpncfg.connections.accesslist", Rule.NO_COUNTERPART) in rules(reader.loaded(PEER, wider).warnings)
    strict = SITES | {"reject_not_encrypted": "yes"}
    assert reader.faults(BOX, strict) == [("vpncfg.connections.reject_not_encrypted", Rule.NOT_SUPPORTED)]
    reader.loaded(PEER, strict)


def test_nat_traversal_may_be_off(reader: Reader) -> None:
    assert reader.connection(PEER, SITES | {"use_nat_t": "no"}).nat_traversal is NatTraversal.OFF


def test_a_user_of_the_box(reader: Reader) -> None:
    loaded = reader.loaded(PEER, USER)
    (found,) = loaded.settings.connections
    assert ("vpncfg.connections", Rule.MISSING_KEY) in rules(loaded.warnings)
    assert (found.xauth, found.xauth_user, found.xauth_secret) == (XauthRole.CLIENT, "carol", b"of carol")
    assert (found.local_id, found.vips) == ("keyid:carol", ("0.0.0.0",))
    assert (found.tunnels[0].local.dynamic, found.tunnels[0].remote) == (True, Selector.parse("0.0.0.0/0"))


def test_the_box_of_a_user(reader: Reader) -> None:
    loaded = reader.loaded(BOX, USER)
    (found,), (pool,) = loaded.settings.connections, loaded.settings.pools
    assert (found.xauth, found.remote_id, found.pools) == (XauthRole.SERVER, "keyid:carol", (pool.name,))
    assert pool.ranges == ((ip_address("10.2.0.201").packed,) * 2,)
    assert loaded.aaa.users is not None
    assert dict(loaded.aaa.users.secrets) == {"carol": b"of carol"}


def test_each_user_of_the_box_has_a_connection(reader: Reader) -> None:
    dave = USER | {
        "name": '"Dave"',
        "remoteid": '{ key_id = "dave"; }',
        "remote_virtualip": "10.2.0.202",
        "phase2remoteid": "{ ipaddr = 10.2.0.202; }",
    }
    of_dave = {"xauth": '{ valid = yes; username = "dave"; passwd = "of dave"; }'}
    loaded = reader.loaded(BOX, USER, dave | of_dave)
    assert [each.xauth_user for each in loaded.settings.connections] == ["carol", "dave"]
    other = {"xauth": '{ valid = yes; username = "carol"; passwd = "another"; }'}
    assert reader.faults(BOX, USER, dave | other) == [("vpncfg.connections.xauth", Rule.INVALID_SECRET)]
    assert reader.loaded(BOX, USER, dave | {"xauth": USER["xauth"]})


def test_an_end_has_one_identity(reader: Reader) -> None:
    both = {"remoteid": '{ key_id = "carol"; fqdn = "carol.example.org"; ipaddr = 0.0.0.0; }'}
    assert reader.faults(BOX, SITES | both) == [("vpncfg.connections.remoteid.key_id", Rule.INVALID_VALUE)]


@pytest.mark.parametrize("ipnet", ["", "mask = 255.255.255.0;"])
def test_a_network_without_its_address_is_not_all_networks(reader: Reader, ipnet: str) -> None:
    network = {"phase2remoteid": f"{{ ipnet {{ {ipnet} }} }}"}
    assert reader.faults(BOX, SITES | network) == [("vpncfg.connections.phase2remoteid.ipnet", Rule.MISSING_KEY)]


def test_passwords_that_the_box_encrypted(reader: Reader) -> None:
    hidden = USER | {"xauth": '{ valid = yes; username = "carol"; passwd = "$$$$ABC"; }'}
    assert reader.faults(PEER, hidden) == [("vpncfg.connections.xauth", Rule.INVALID_SECRET)]


def test_an_exported_configuration(reader: Reader, write: Write) -> None:
    text = vpncfg(SITES)
    exported = "**** FRITZ!Box 7490 CONFIGURATION EXPORT\n**** CFGFILE:ar7.cfg\nwhat { is this\n**** END OF FILE ****\n"
    exported += (
        f'**** CFGFILE:vpn.cfg\n/*\n * vpn.cfg\n */\nmeta {{ encoding = "utf-8"; }}\n{text}**** END OF FILE ****\n'
    )
    file = write(exported, "box.export")
    assert load(file, side=PEER).settings == reader.loaded(PEER, SITES).settings
    wrong = write(exported.replace("dh14/aes/sha", "nothing"), "box.export")
    with pytest.raises(ConfigError) as caught:
        load(wrong, side=PEER)
    (fault,) = caught.value.findings
    assert exported.splitlines()[fault.line - 1].strip().startswith("phase1ss")


def test_values_with_quotation_marks_and_slashes(reader: Reader) -> None:
    found = reader.connection(PEER, SITES | {"key": r'"a \"secret\" // of; both } \\"'})
    assert found.secret == rb'a "secret" // of; both } \ '.strip()


@pytest.mark.parametrize(
    "text",
    ["vpncfg {", 'vpncfg { connections { name = "x', "vpncfg { /* no end", "vpncfg { a = b }", "vpncfg { } }"],
)
def test_a_file_that_is_cut_off(write: Write, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(text, "fritzbox.cfg"))
    assert [each.rule for each in caught.value.findings] == [Rule.SYNTAX]
