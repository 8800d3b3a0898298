"""docs/recipes: every configuration can be used, and the peer that a page is about finds an acceptable proposal.

The peers are played from what is known of them (`clients.facts`): what is only remembered is not called recorded.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

import pytest

from clients import remote_access, site_to_site
from clients.caller import Caller
from clients.channel import Refused
from clients.facts import Peer as Sender
from clients.facts import Sure, host, subnet
from clients.gateway import (
    BOX,
    EVERYTHING,
    GATEWAY,
    HOME,
    L2TP,
    NAT,
    OURS,
    THEIR_GATEWAY,
    THEIRS,
    UDP,
    VIRTUAL,
    gateway,
)
from clients.recipes import PAGES, Proof, loaded, offers, table, with_offers
from configuration_files import SECRET
from configured import esp
from configured import tunnel as ipsec_tunnel
from documents import blocks
from ikev1.config import Rule
from ikev1.core.negotiation import phase1_proposal, phase2_proposal
from ikev1.core.records.events import Code
from ikev1.core.records.ike_sa import IkeState, Phase1Suite
from ikev1.core.records.record import replace as changed
from ikev1.core.records.settings import Policy
from ikev1.crypto.suites import esp_name, ike_name, parse_ike_proposal
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import ConfigAttribute, EncapsulationMode, Phase2Attribute

# What `ikev1 check` warns of: a weak group or Aggressive Mode, where the peer has nothing better, by page and
# configuration.
WARNINGS: dict[tuple[str, int], set[Rule]] = {
    ("azure", 0): {Rule.WEAK_ALGORITHM},
    ("android", 0): {Rule.WEAK_ALGORITHM},
    ("android", 1): {Rule.WEAK_ALGORITHM},
    ("vpnc", 0): {Rule.AGGRESSIVE_PSK},
    ("cisco-vpn-client", 0): {Rule.WEAK_ALGORITHM, Rule.AGGRESSIVE_PSK},
    ("cisco-vpn-client", 1): {Rule.WEAK_ALGORITHM},
    ("fortigate", 1): {Rule.AGGRESSIVE_PSK},
}


class Replay(NamedTuple):
    """A peer, the page that it is played against, and what the gateway selects."""

    sender: Sender
    page: str
    ike: str
    esp: str
    behind_nat: bool = False
    address: str = THEIR_GATEWAY
    ours: Identification = subnet(THEIRS)  # the peer's side
    theirs: Identification = subnet(OURS)
    number: int = 0  # of the configuration in the page
    proof: Proof = Proof.SECRET

    def __str__(self) -> str:
        return f"{self.sender.name}-{'recorded' if self.sender.is_recorded else 'remembered'}"


REPLAYS = [
    Replay(site_to_site.CISCO_IOS, "cisco-ios", "aes256-sha256-modp2048", "aes256-sha256-modp2048"),
    Replay(site_to_site.CISCO_ASA, "cisco-asa", "aes256-sha1-modp2048", "aes256-sha1"),
    Replay(site_to_site.MIKROTIK, "mikrotik", "aes128-sha1-modp2048", "aes256-sha1-modp2048"),
    Replay(site_to_site.FORTIGATE, "fortigate", "aes256-sha256-modp2048", "aes256-sha256-modp2048"),
    Replay(site_to_site.AZURE, "azure", "aes256-sha256-modp1024", "aes256gcm16"),
    Replay(site_to_site.FRITZBOX, "fritzbox", "aes256-sha1-modp2048", "aes256-sha512", ours=subnet(BOX)),
    Replay(site_to_site.FRITZBOX_PFS, "fritzbox", "aes256-sha1-modp2048", "aes256-sha512-modp2048", ours=subnet(BOX)),
    *(
        Replay(sender, "fritzbox", *pair, ours=subnet(BOX))
        for sender, pair in zip(
            (*site_to_site.FRITZBOX_ONE_LENGTH, site_to_site.FRITZBOX_WITHOUT_LENGTH),
            [(f"aes{bits}-sha1-modp2048", f"aes{bits}-sha1") for bits in (128, 192, 256, 128)],
            strict=True,
        )
    ),
]


def l2tp(sender: Sender, page: str, ike: str, esp: str, port: int = L2TP, number: int = 0) -> Replay:
    """A client behind a NAT, which names its private address."""
    return Replay(
        sender, page, ike, esp, True, HOME, ours=host(HOME, UDP, port), theirs=host(GATEWAY, UDP, L2TP), number=number
    )


REPLAYS += [
    l2tp(remote_access.WINDOWS, "windows-l2tp", "aes256-sha1-ecp384", "aes256-sha1"),
    l2tp(remote_access.WINDOWS_7, "windows-l2tp", "aes256-sha1-ecp384", "aes256-sha1", port=0),
    l2tp(remote_access.NETWORKMANAGER_L2TP, "networkmanager-l2tp", "aes256-sha256-modp2048", "aes256-sha1"),
    l2tp(remote_access.APPLE_L2TP, "apple", "aes256-sha256-modp2048", "aes256-sha1", 56_322, number=2),
    l2tp(remote_access.ANDROID_L2TP, "android", "aes256-sha1-modp1024", "aes256-sha1", 0, number=1),
    l2tp(remote_access.ANDROID_LATER_L2TP, "android", "aes256-sha256-modp1024", "aes256-sha256", 0, number=1),
]


CERTIFICATES = 1  # which configuration of the page for Apple's devices


def user(sender: Sender, page: str, ike: str, esp: str, theirs: Identification = EVERYTHING, number: int = 0) -> Replay:
    """A client with XAUTH and mode config behind a NAT, which names its virtual address."""
    return Replay(sender, page, ike, esp, True, HOME, host(VIRTUAL), theirs, number)


REPLAYS += [
    user(remote_access.APPLE_CISCO, "apple", "aes256-sha256-modp2048", "aes256-sha1", subnet(OURS)),
    user(remote_access.APPLE_CERTIFICATE, "apple", "aes256-sha256-modp2048", "aes256-sha1", subnet(OURS), CERTIFICATES),
    user(remote_access.ANDROID_XAUTH, "android", "aes256-sha1-modp1024", "aes256-sha1"),
    user(remote_access.VPNC_DH14, "vpnc", "aes256-sha1-modp2048", "aes256-sha1"),
    user(remote_access.CISCO_CLIENT, "cisco-vpn-client", "aes256-sha1-modp1024", "aes256-sha1"),
    user(remote_access.CISCO_CLIENT_CERTIFICATE, "cisco-vpn-client", "aes256-sha1-modp1536", "aes256-sha1", number=1),
    user(remote_access.FORTICLIENT, "fortigate", "aes256-sha256-modp2048", "aes256-sha256-modp2048", number=1),
]

REPLAYS += [
    l2tp(remote_access.WINDOWS_CERTIFICATE, "windows-l2tp", "aes256-sha1-ecp384", "aes256-sha1")._replace(
        proof=Proof.CERTIFICATES
    ),
    user(remote_access.ANDROID_CERTIFICATE, "android", "aes256-sha1-modp1024", "aes256-sha1")._replace(
        proof=Proof.CERTIFICATES
    ),
    user(remote_access.ANDROID_HYBRID, "android", "aes256-sha1-modp1024", "aes256-sha1")._replace(proof=Proof.HYBRID),
    user(remote_access.APPLE_HYBRID, "apple", "aes256-sha256-modp2048", "aes256-sha1", subnet(OURS))._replace(
        proof=Proof.HYBRID
    ),
]


# --- the configurations


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "index"], ids=lambda page: page.stem)
def test_every_configuration_can_be_used(tmp_path: Path, page: Path) -> None:
    found = [block for block in blocks(page) if block.language == "toml"]
    assert found
    for number in range(len(found)):
        warnings = {each.rule for each in loaded(page.stem, tmp_path, number).warnings}
        assert warnings == WARNINGS.get((page.stem, number), set())


# --- what peers send


def mode(replay: Replay) -> EncapsulationMode:
    """Tunnel or transport mode; in UDP behind a NAT, by a number of their own with the drafts of RFC 3947."""
    transport = replay.sender.transport
    if not replay.behind_nat:
        return EncapsulationMode.TRANSPORT if transport else EncapsulationMode.TUNNEL
    if "RFC 3947" in {each.name for each in replay.sender.vendor_ids}:
        return EncapsulationMode.UDP_TRANSPORT if transport else EncapsulationMode.UDP_TUNNEL
    return EncapsulationMode.UDP_TRANSPORT_DRAFT if transport else EncapsulationMode.UDP_TUNNEL_DRAFT


@pytest.mark.parametrize("replay", REPLAYS, ids=str)
def test_a_peer_finds_an_acceptable_proposal(tmp_path: Path, replay: Replay) -> None:
    settings = loaded(replay.page, tmp_path, replay.number, replay.proof).settings
    us = gateway(settings)
    caller = Caller(us, replay.sender, SECRET, replay.address, NAT if replay.behind_nat else None)
    caller.phase1()
    if replay.sender.login is not None:
        caller.logs_in(b"alice", b"her password")
        given = caller.is_configured()
        assert given[ConfigAttribute.INTERNAL_IP4_ADDRESS] == [IPv4Address(VIRTUAL).packed]
        assert us.sa.user_name == "alice"
    assert caller.is_behind_nat is replay.behind_nat
    assert us.sa.state is IkeState.ESTABLISHED
    suite = us.sa.suite
    assert ike_name(suite.encryption, suite.key_length, suite.hash, suite.group) == replay.ike
    proposal, transform = caller.quick_mode(replay.ours, replay.theirs)
    child = us.child.suite
    assert esp_name(child.encryption, child.key_length, child.integrity, replay.sender.pfs) == replay.esp
    assert us.failures == []
    assert len(us.inbound) == len(us.outbound) == 1
    assert dict(transform.attributes)[Phase2Attribute.ENCAPSULATION_MODE] == mode(replay)
    assert proposal.spi == us.child.inbound.spi.to_bytes(4)


CALLED = [each for each in REPLAYS if not each.behind_nat and each.sender is not site_to_site.FRITZBOX_PFS]


@pytest.mark.parametrize("replay", CALLED, ids=str)
def test_the_peer_has_what_we_offer(tmp_path: Path, replay: Replay) -> None:
    """As responder, a peer accepts what it offers as initiator."""
    (connection,) = loaded(replay.page, tmp_path, replay.number).settings.connections
    (tunnel,) = connection.tunnels
    accepted = tuple(Policy(1, Phase1Suite(*parse_ike_proposal(each.words))) for each in replay.sender.ike)
    chosen, _ = phase1_proposal.choose(accepted, phase1_proposal.offer(connection.policies))
    assert chosen.suite in {policy.suite for policy in connection.policies}
    theirs = ipsec_tunnel("theirs", OURS, THEIRS, proposals=tuple(esp(each.words) for each in replay.sender.esp))
    offered = phase2_proposal.offer(tunnel, 0x1000, EncapsulationMode.TUNNEL)
    agreed, _ = phase2_proposal.choose(theirs, offered, EncapsulationMode.TUNNEL)
    assert agreed.suite in {proposal.suite for proposal in tunnel.proposals}


def test_windows_clients_with_one_private_address_behind_several_nats(tmp_path: Path) -> None:
    """Windows names its own address, which is the same in many homes."""
    us = gateway(loaded("windows-l2tp", tmp_path).settings)
    for nat in (NAT, ("203.0.113.6", 1_025)):
        caller = Caller(us, remote_access.WINDOWS, SECRET, HOME, nat)
        caller.calls(host(HOME, UDP, L2TP), host(GATEWAY, UDP, L2TP))
    assert us.failures == []
    assert {str(child.remote) for child in us.children} == {"203.0.113.5/32[udp/1701]", "203.0.113.6/32[udp/1701]"}
    assert len({sa.claim for sa in us.engine.sas.values()}) == 2


@pytest.mark.parametrize("separates", [True, False], ids=["told-apart", "alike"])
def test_windows_clients_behind_one_nat(tmp_path: Path, separates: bool) -> None:
    """Both request UDP port 1701: where the data plane cannot tell them apart, the second one is refused."""
    us = gateway(changed(loaded("windows-l2tp", tmp_path).settings, separates_clients=separates))
    for address, port in (("192.168.1.10", 40_500), ("192.168.1.11", 40_501)):
        caller = Caller(us, remote_access.WINDOWS, SECRET, address, (NAT[0], port))
        caller.phase1()
        if separates or not us.children:
            caller.quick_mode(host(address, UDP, L2TP), host(GATEWAY, UDP, L2TP))
        else:
            with pytest.raises(Refused):
                caller.quick_mode(host(address, UDP, L2TP), host(GATEWAY, UDP, L2TP))
    assert us.failures == ([] if separates else [Code.SELECTORS_UNACCEPTABLE])
    assert len(us.children) == (2 if separates else 1)


@pytest.mark.parametrize("order", [(0, 2), (2, 0)])
def test_both_configurations_for_apple_serve_side_by_side(tmp_path: Path, order: tuple[int, int]) -> None:
    """The method of phase 1 says which of the two a device needs, although both have the same addresses."""
    parts = [loaded("apple", tmp_path, number).settings for number in order]
    connections = tuple(changed(each, secret=each.name.encode()) for part in parts for each in part.connections)
    us = gateway(changed(max(parts, key=lambda part: len(part.pools)), connections=connections))
    device = Caller(us, remote_access.APPLE_CISCO, b"iphones", HOME, NAT)
    device.phase1()
    device.logs_in(b"alice", b"her password")
    device.is_configured()
    device.quick_mode(host(VIRTUAL), subnet(OURS))
    other = Caller(us, remote_access.APPLE_L2TP, b"l2tp", "192.168.1.11", ("203.0.113.9", 4_501))
    other.calls(host("192.168.1.11", UDP, 56_322), host(GATEWAY, UDP, L2TP))
    assert us.failures == []
    assert sorted(child.connection for child in us.children) == ["iphones", "l2tp"]


# --- what the pages say


TABLES = {replay.sender.name: (replay.page, table(replay.sender, (replay.ike, replay.esp))) for replay in REPLAYS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_the_peer_sends(pytestconfig: pytest.Config, page: Path) -> None:
    shown = offers(page)
    expected = {name: TABLES[name][1] for name in shown}
    if pytestconfig.getoption("--update"):
        page.write_text(with_offers(page.read_text(), expected))
    assert offers(page) == expected


def test_what_is_remembered_is_not_called_recorded() -> None:
    senders = [each for module in (site_to_site, remote_access) for each in vars(module).values()]
    remembered = [
        each for each in senders if isinstance(each, Sender) and any(sure is Sure.REMEMBERED for sure in each.facts())
    ]
    assert remembered
    assert not any(each.is_recorded for each in remembered)
