"""Connections and tunnels: what each key becomes, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ikev1.config import Loaded
from ikev1.core.records.model import IpsecMode, IpsecSuite, Mark, PacketMarks
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import Connection, IpsecProposal, ProposalCheck, Start, Tunnel, Unique, WhenDown
from ikev1.wire.registry import ProtocolId

Refused = Callable[..., dict[str, str]]
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
        encapsulation=True,
        rekey=False,
        unique=Unique.KEEP,
        close_children=True,
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
        marks=PacketMarks(Mark(0x2A, 0xFF), Mark(43, 0xFFFFFFFF), 16, 17),
    )


def test_ah_takes_the_place_of_esp(loaded: Load, refused: Refused) -> None:
    found = tunnel(loaded(TUNNEL + 'ah_proposals = ["sha256", "sha1-esn"]\npfs = 14'))
    assert found.proposals == (
        IpsecProposal(IpsecSuite(0, 0, 5, ProtocolId.AH), 14),
        IpsecProposal(IpsecSuite(0, 0, 2, ProtocolId.AH, True), 14),
    )
    both = refused(TUNNEL + 'ah_proposals = "sha256"\nproposals = "aes128-sha256"')
    assert "choose ESP or AH" in both["connection.branch.tunnel.net.ah_proposals"]


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
    assert "dynamic[udp/1701]" in found["connection.branch.tunnel.net.mode"]


@pytest.mark.parametrize("check", ProposalCheck)
def test_policies_and_tunnels_know_what_an_offer_may_be(loaded: Load, check: ProposalCheck) -> None:
    found = connection(loaded(f'{CONNECTION}proposal_check = "{check}"\n[connection.branch.tunnel.net]'))
    assert {policy.check for policy in found.policies} == {found.tunnels[0].check} == {check}


def test_without_a_word_the_check_is_strict_of_lifetimes_that_are_configured(loaded: Load) -> None:
    silent = connection(loaded(TUNNEL))
    said = connection(loaded(CONNECTION + 'lifetime = "24h"\n[connection.branch.tunnel.net]\nlifetime = "1h"'))
    for found in (silent, said):
        assert (found.policies[0].check, found.tunnels[0].check) == (ProposalCheck.STRICT, ProposalCheck.STRICT)
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
    "keys",
    [
        'proposals = "aes256gcm16-modp2048"\npfs = "ecp256"',
        'proposals = ["aes256gcm16-modp2048", "aes256-sha256-ecp256"]',
        'proposals = ["aes256gcm16-modp2048", "aes256-sha256"]',
    ],
)
def test_all_proposals_agree_on_one_group(refused: Refused, keys: str) -> None:
    assert "one Diffie-Hellman group" in refused(TUNNEL + keys)["connection.branch.tunnel.net"]


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("mode", '"quick"', "is not allowed: one of main, aggressive"),
        ("proposal_check", '"lax"', "is not allowed: one of obey, claim, strict, exact"),
        ("aggressive", '"yes"', "is not allowed: one of refuse, accept, accept-psk"),
        ("local_address", '"eth0"', "an address, a network"),
        ("remote_id", '"@#xyz"', "hexadecimal"),
        ("local_id", '""', "not empty"),
        ("remote_port", "0", "from 1 to 65535"),
        ("encapsulation", '"yes"', "true or false"),
        ("proposals", '"aes256-sha256"', "IKE needs a cipher, a hash and a group"),
        ("proposals", "[5]", "a string"),
    ],
)
def test_what_a_connection_cannot_be(refused: Refused, key: str, value: str, fault: str) -> None:
    assert fault in refused(f'[connection.branch]\nsecret = "s"\n{key} = {value}')[f"connection.branch.{key}"]


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("local", '["10.1.0.0/16", "10.5.0.0/16"]', "write a tunnel for each pair"),
        ("remote", '"ten"', "ten"),
        ("remote", '"10.2.0.9-10.2.0.1"', "must not lie behind"),
        ("proposals", '"aes256"', "ESP needs a cipher and a hash"),
        ("pfs", '"modp999"', "one of modp768"),
        ("pfs", "true", "string"),
        ("start", '"auto"', "one of none, start, trap"),
        ("when_down", '"block"', "one of drop, pass"),
        ("mode", '"beet"', "one of tunnel, transport"),
        ("compress", '"deflate"', "true or false"),
        ("ah_proposals", '"aes128-sha256"', "'aes128' is not among those of AH"),
        ("mark_in", '"%unique"', "%unique is not known here"),
        ("mark_out", '"0x2a/"', "a number of 32 bits"),
        ("mark_out", "-1", "a number of 32 bits"),
        ("mark_out", "1.5", "a number of 32 bits"),
        ("if_id_in", "true", "a number of 32 bits"),
        ("if_id_out", '"0x100000000"', "a number of 32 bits"),
        ("replay_window", "-1", "from 0"),
        ("remotes", '"10.2.0.0/16"', "did you mean 'remote'?"),
    ],
)
def test_what_a_tunnel_cannot_be(refused: Refused, key: str, value: str, fault: str) -> None:
    assert fault in refused(f"{TUNNEL}{key} = {value}")[f"connection.branch.tunnel.net.{key}"]


@pytest.mark.parametrize("name", ['"bad name"', '"ä"', '"-a"', f'"{"x" * 65}"'])
def test_names_are_plain(refused: Refused, name: str) -> None:
    assert any("a name is" in text for text in refused(f'[connection.{name}]\nsecret = "s"').values())
