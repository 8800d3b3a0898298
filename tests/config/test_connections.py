"""Connections and tunnels: what each key becomes, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ikev1.config import Loaded, Rule
from ikev1.core.records.child_sa import IpsecMode, IpsecSuite, Mark, PacketMarks
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import (
    Connection,
    DpdAction,
    IpsecProposal,
    NatTraversal,
    ProposalCheck,
    Rekeying,
    Start,
    Tunnel,
    Unique,
    WhenDown,
)
from ikev1.wire.registry import ProtocolId

Refused = Callable[..., dict[str, Rule]]
Load = Callable[..., Loaded]

CONNECTION = '[connection.branch]\nsecret = "s"\nremote_address = "198.51.100.7"\n'
TUNNEL = CONNECTION + "[connection.branch.tunnel.net]\n"
GCM, CBC = IpsecSuite(20, 256, 0), IpsecSuite(12, 256, 5)


def connection(loaded: Loaded) -> Connection:
    (only,) = loaded.settings.connections
    return only


def tunnel(loaded: Loaded) -> Tunnel:
    (only,) = connection(loaded).tunnels
    return only


def test_a_connection_with_every_key(loaded: Load) -> None:
    found = connection(
        loaded(
            """
            [connection.branch]
            mode = "main"
            local_address = "192.0.2.1"
            remote_address = "198.51.100.0/24"
            local_id = "gw.example.org"
            remote_id = "*@example.org"
            remote_port = 1500
            secret = "hush"
            proposals = "aes256-sha256-modp2048"
            encapsulation = true
            rekey = false
            unique = "keep"
            close_children = true
            keyingtries = 3
            dpd_delay = "1m"
            dpd_timeout = 45
            dpd_action = "clear"
            """
        )
    )
    assert found == Connection(
        name="branch",
        policies=found.policies,
        tunnels=(),
        secret=b"hush",
        local_address="192.0.2.1",
        remote_address="198.51.100.0/24",
        local_id="gw.example.org",
        remote_id="*@example.org",
        remote_port=1500,
        nat_traversal=NatTraversal.FORCE,
        rekey=False,
        unique=Unique.KEEP,
        close_children=True,
        keyingtries=3,
        dpd_delay=60.0,
        dpd_timeout=45.0,
        dpd_action=DpdAction.CLEAR,
    )


def test_a_tunnel_with_every_key(loaded: Load) -> None:
    found = tunnel(
        loaded(
            TUNNEL
            + """
            local = "10.1.0.0/16"
            remote = "10.2.0.1-10.2.0.9[tcp/80]"
            proposals = ["aes256gcm16", "aes256-sha256"]
            pfs = 14
            lifetime = "20m"
            lifetime_kilobytes = "1G"
            start = "trap"
            when_down = "pass"
            replay_window = 0
            compress = true
            sha256_96 = true
            mark_in = "0x2a/0xff"
            mark_out = 43
            if_id_in = "0x10"
            if_id_out = 17
            """
        )
    )
    assert found == Tunnel(
        name="net",
        local=Selector.parse("10.1.0.0/16"),
        remote=Selector.parse("10.2.0.1-10.2.0.9[tcp/80]"),
        proposals=(IpsecProposal(GCM, 14), IpsecProposal(CBC, 14)),
        lifetime=1200,
        lifetime_kilobytes=1024 * 1024,
        lifetime_set=True,
        start=Start.TRAP,
        when_down=WhenDown.PASS,
        replay_window=0,
        compress=True,
        sha256_96=True,
        marks=PacketMarks(Mark(0x2A, 0xFF), Mark(43, 0xFFFFFFFF), 16, 17),
    )


def test_ah_takes_the_place_of_esp(loaded: Load, refused: Refused) -> None:
    found = tunnel(loaded(TUNNEL + 'ah_proposals = ["sha256", "sha1-esn"]\npfs = 14'))
    assert found.proposals == (
        IpsecProposal(IpsecSuite(0, 0, 5, ProtocolId.AH), 14),
        IpsecProposal(IpsecSuite(0, 0, 2, ProtocolId.AH, True), 14),
    )
    both = refused(TUNNEL + 'ah_proposals = "sha256"\nproposals = "aes128-sha256"')
    assert both["connection.branch.tunnel.net.ah_proposals"] is Rule.ESP_AND_AH


def test_a_mark_is_what_its_mask_leaves_of_it(loaded: Load) -> None:
    assert tunnel(loaded(TUNNEL + 'mark_in = "0x12a/0xff"')).marks.mark_in == Mark(0x2A, 0xFF)
    assert tunnel(loaded(TUNNEL + 'mark_in = "0/0"')).marks == PacketMarks()


def test_a_tunnel_without_keys_joins_the_two_addresses(loaded: Load) -> None:
    found = tunnel(loaded(TUNNEL))
    assert (found.local, found.remote, found.start, found.when_down) == (DYNAMIC, DYNAMIC, Start.NONE, None)
    assert GCM in [proposal.suite for proposal in found.proposals]


def test_dynamic_is_the_address_as_in_swanctl(loaded: Load) -> None:
    assert tunnel(loaded(TUNNEL + 'local = "dynamic"')).local == DYNAMIC
    assert tunnel(loaded(TUNNEL + 'remote = "dynamic[udp/1701]"')).remote == Selector(b"", b"", 17, 1701)


def test_transport_mode_is_for_the_two_addresses(loaded: Load, refused: Refused) -> None:
    assert tunnel(loaded(TUNNEL)).mode is IpsecMode.TUNNEL
    assert tunnel(loaded(TUNNEL + 'mode = "transport"\nremote = "dynamic[udp/1701]"')).mode is IpsecMode.TRANSPORT
    found = refused(TUNNEL + 'mode = "transport"\nlocal = "10.1.0.0/16"')
    assert found["connection.branch.tunnel.net.mode"] is Rule.TRANSPORT_OF_NETWORKS


@pytest.mark.parametrize("check", ProposalCheck)
def test_policies_and_tunnels_know_what_an_offer_may_be(loaded: Load, check: ProposalCheck) -> None:
    found = connection(loaded(f'{CONNECTION}proposal_check = "{check}"\n[connection.branch.tunnel.net]'))
    assert {policy.check for policy in found.policies} == {found.tunnels[0].check} == {check}


def test_without_a_word_lifetimes_that_differ_are_accepted(loaded: Load) -> None:
    silent = connection(loaded(TUNNEL))
    said = connection(loaded(CONNECTION + 'lifetime = "24h"\n[connection.branch.tunnel.net]\nlifetime = "1h"'))
    for found in (silent, said):
        assert (found.policies[0].check, found.tunnels[0].check) == (ProposalCheck.CLAIM, ProposalCheck.CLAIM)
        assert (found.policies[0].lifetime, found.tunnels[0].lifetime) == (86_400, 3600)
    assert not silent.policies[0].lifetime_set
    assert not silent.tunnels[0].lifetime_set
    assert said.policies[0].lifetime_set
    assert said.tunnels[0].lifetime_set


@pytest.mark.parametrize(
    ("keys", "group"),
    [
        ('proposals = "aes256gcm16"', 0),
        ('proposals = "aes256gcm16"\npfs = "ecp256"', 19),
        ('proposals = ["aes256gcm16-ecp256", "aes256-sha256"]\npfs = "ecp256"', 19),
        ('proposals = ["aes256gcm16-ecp256", "aes256-sha256-ecp256"]', 19),
    ],
)
def test_perfect_forward_secrecy(loaded: Load, keys: str, group: int) -> None:
    assert {proposal.group for proposal in tunnel(loaded(TUNNEL + keys)).proposals} == {group}


@pytest.mark.parametrize(
    ("keys", "groups"),
    [
        ('proposals = ["aes256gcm16-modp2048", "aes256-sha256"]\npfs = "ecp256"', [14, 19]),
        ('proposals = ["aes256gcm16-modp2048", "aes256-sha256-ecp256"]', [14, 19]),
        ('proposals = ["aes256gcm16-modp2048", "aes256-sha256"]', [14, 0]),
    ],
)
def test_proposals_may_have_groups_of_their_own(loaded: Load, keys: str, groups: list[int]) -> None:
    assert [proposal.group for proposal in tunnel(loaded(TUNNEL + keys)).proposals] == groups


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mode", '"quick"'),
        ("proposal_check", '"lax"'),
        ("aggressive", '"yes"'),
        ("local_address", '"eth0"'),
        ("remote_id", '"@#xyz"'),
        ("local_id", '""'),
        ("remote_port", "0"),
        ("encapsulation", '"yes"'),
        ("proposals", '"aes256-sha256"'),
        ("proposals", "[5]"),
    ],
)
def test_what_a_connection_cannot_be(refused: Refused, key: str, value: str) -> None:
    rule = Rule.INVALID_IDENTITY if "@#" in value else Rule.INVALID_VALUE
    assert refused(f'[connection.branch]\nsecret = "s"\n{key} = {value}')[f"connection.branch.{key}"] is rule


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("local", '["10.1.0.0/16", "10.5.0.0/16"]'),
        ("remote", '"ten"'),
        ("remote", '"10.2.0.9-10.2.0.1"'),
        ("proposals", '"aes256"'),
        ("pfs", '"modp999"'),
        ("pfs", "true"),
        ("start", '"auto"'),
        ("when_down", '"block"'),
        ("mode", '"beet"'),
        ("compress", '"deflate"'),
        ("sha256_96", "96"),
        ("ah_proposals", '"aes128-sha256"'),
        ("mark_in", '"%unique"'),
        ("mark_out", '"0x2a/"'),
        ("mark_out", "-1"),
        ("mark_out", "1.5"),
        ("if_id_in", "true"),
        ("if_id_out", '"0x100000000"'),
        ("replay_window", "-1"),
    ],
)
def test_what_a_tunnel_cannot_be(refused: Refused, key: str, value: str) -> None:
    assert refused(f"{TUNNEL}{key} = {value}")[f"connection.branch.tunnel.net.{key}"] is Rule.INVALID_VALUE


def test_a_key_that_no_tunnel_has(refused: Refused) -> None:
    assert refused(f'{TUNNEL}remotes = "10.2.0.0/16"') == {"connection.branch.tunnel.net.remotes": Rule.UNKNOWN_KEY}


@pytest.mark.parametrize("name", ['"bad name"', '"ä"', '"-a"', f'"{"x" * 65}"'])
def test_names_are_plain(refused: Refused, name: str) -> None:
    assert Rule.INVALID_NAME in refused(f'[connection.{name}]\nsecret = "s"').values()


def where(loaded: Load, written: str) -> tuple[str, ...]:
    return connection(loaded(f'[connection.branch]\nsecret = "s"\nremote_id = "x"\nremote_address = {written}')).remotes


@pytest.mark.parametrize(
    ("written", "remotes"),
    [
        ('"VPN.Example.ORG."', ("vpn.example.org",)),
        ('"gateway"', ("gateway",)),
        (
            '["vpn.example.org", "198.51.100.7", "203.0.113.0/24"]',
            ("vpn.example.org", "198.51.100.7", "203.0.113.0/24"),
        ),
        ('["2001:DB8::1", "2001:db8::1"]', ("2001:db8::1",)),
        ('["%any"]', ("%any",)),
    ],
)
def test_addresses_names_and_lists_of_them(loaded: Load, written: str, remotes: tuple[str, ...]) -> None:
    assert where(loaded, written) == remotes


@pytest.mark.parametrize(
    "written",
    [
        '"198.51.100.300"',
        '"198.51.100"',
        '"any"',
        '"a, b"',
        "[]",
        '["%any", "198.51.100.7"]',
        '"-a.example.org"',
        '"10.1.2.3/16"',
    ],
)
def test_a_wrong_remote_address_is_one_error_and_no_more(refused: Refused, written: str) -> None:
    text = f"""
        [connection.branch]
        secret = "s"
        remote_address = {written}
        [connection.branch.tunnel.net]
        local = "10.1.0.0/16"
        remote = "10.2.0.0/16"
        start = "start"
    """
    assert refused(text) == {"connection.branch.remote_address": Rule.INVALID_VALUE}


def test_a_list_of_addresses_does_not_say_who_the_peer_is(refused: Refused, loaded: Load) -> None:
    text = '[connection.branch]\nsecret = "s"\nremote_address = ["198.51.100.7", "198.51.100.8"]'
    assert refused(text) == {"connection.branch.remote_id": Rule.NO_REMOTE_ID}
    assert loaded('[connection.branch]\nsecret = "s"\nremote_address = ["198.51.100.0/24", "203.0.113.0/24"]')


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        ("", NatTraversal.AUTO),
        ("encapsulation = false", NatTraversal.AUTO),
        ("encapsulation = true", NatTraversal.FORCE),
        ('nat_traversal = "off"', NatTraversal.OFF),
        ('nat_traversal = "off"\nencapsulation = false', NatTraversal.OFF),
        ('nat_traversal = "force"\nencapsulation = true', NatTraversal.FORCE),
    ],
)
def test_nat_traversal(loaded: Load, lines: str, chosen: NatTraversal) -> None:
    assert connection(loaded(CONNECTION + lines)).nat_traversal is chosen


@pytest.mark.parametrize(
    "lines", ['nat_traversal = "off"\nencapsulation = true', 'nat_traversal = "force"\nencapsulation = false']
)
def test_nat_traversal_is_not_configured_in_two_ways(refused: Refused, lines: str) -> None:
    assert refused(CONNECTION + lines) == {"connection.branch.encapsulation": Rule.NAT_TRAVERSAL_TWICE}


@pytest.mark.parametrize(
    ("line", "key", "rule"),
    [
        ('lifetime = "1s"', "lifetime", Rule.SHORT_LIFETIME),
        ('local = "10.1.2.3/16"', "local", Rule.HOST_BITS),
        ('remote = "2001:db8::1/32[tcp/80]"\nlocal = "2001:db9::/32"', "remote", Rule.HOST_BITS),
        ('proposals = ["aes256gcm16-sha256"]', "proposals", Rule.UNUSED_ALGORITHM),
    ],
)
def test_what_is_probably_a_mistake_is_told(loaded: Load, line: str, key: str, rule: Rule) -> None:
    warnings = loaded(TUNNEL + line).warnings
    assert (f"connection.branch.tunnel.net.{key}", rule) in [(warning.key, warning.rule) for warning in warnings]


def test_a_short_lifetime_of_phase_1_is_told(loaded: Load) -> None:
    warnings = loaded(TUNNEL.replace("[connection.branch.t", "lifetime = 60\n[connection.branch.t")).warnings
    assert [warning.rule for warning in warnings] == [Rule.SHORT_LIFETIME]


@pytest.mark.parametrize(
    ("keys", "lifetime", "rekeying"),
    [
        ("lifetime = 4000\nrekey_time = 3600", 4000, Rekeying(3600)),
        ("rekey_time = 3600", 3960, Rekeying(3600)),
        ("rekey_time = 3600\nover_time = 100\nrand_time = 50", 3700, Rekeying(3600, 50)),
        ("lifetime = 4000\nover_time = 400", 4000, Rekeying(3600)),
    ],
)
def test_times_of_phase_1(loaded: Load, keys: str, lifetime: int, rekeying: Rekeying) -> None:
    found = connection(loaded(CONNECTION + keys))
    assert found.rekeying == rekeying
    assert {policy.lifetime for policy in found.policies} == {lifetime}


@pytest.mark.parametrize(
    ("keys", "lifetime", "rekeying"),
    [
        ("life_time = 4000\nrekey_time = 3600\nrand_time = 0", 4000, Rekeying(3600, 0)),
        ("rekey_time = 3600", 3960, Rekeying(3600)),
        ('rekey_bytes = "4G"\nrekey_packets = 1000', 3600, Rekeying(0, None, 4 << 30, 1000)),
    ],
)
def test_times_and_volumes_of_phase_2(loaded: Load, keys: str, lifetime: int, rekeying: Rekeying) -> None:
    (found,) = connection(loaded(f"{CONNECTION}[connection.branch.tunnel.net]\n{keys}")).tunnels
    assert (found.lifetime, found.rekeying) == (lifetime, rekeying)


@pytest.mark.parametrize(
    ("keys", "of_tunnel", "key", "rule"),
    [
        ("lifetime = 4000\nrekey_time = 3600\nover_time = 100", False, "over_time", Rule.INVALID_VALUE),
        ("over_time = 100", False, "over_time", Rule.UNUSED_KEY),
        ("lifetime = 3600\nrekey_time = 3600", False, "rekey_time", Rule.INVALID_VALUE),
        ("rekey_time = 3600\nrand_time = 3600", True, "rand_time", Rule.INVALID_VALUE),
        ("lifetime = 4000\nlife_time = 4000", True, "life_time", Rule.INVALID_VALUE),
    ],
)
def test_times_that_contradict_each_other(refused: Refused, keys: str, of_tunnel: bool, key: str, rule: Rule) -> None:
    place = "connection.branch.tunnel.net" if of_tunnel else "connection.branch"
    tunnel = "[connection.branch.tunnel.net]\n" if of_tunnel else ""
    assert refused(CONNECTION + tunnel + keys)[f"{place}.{key}"] is rule
