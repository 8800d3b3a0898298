"""docs/recipes: every configuration can be used, and the peer that a page is about finds an acceptable proposal.

The peers are played from what is known of them (`clients.facts`): what is only remembered is not called recorded.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from clients import remote_access, site_to_site
from clients.caller import Caller, Refused
from clients.facts import Peer as Sender
from clients.facts import Sure, host, subnet
from clients.recipes import PAGES, loaded, offers, table, with_offers
from configuration_files import SECRET
from configured import esp
from configured import tunnel as ipsec_tunnel
from documents import blocks
from ikev1.config import Rule
from ikev1.core.negotiation import phase1_proposal, phase2_proposal
from ikev1.core.records.events import Code
from ikev1.core.records.ike_sa import IkeState, Phase1Suite
from ikev1.core.records.settings import Policy, Settings
from ikev1.crypto.suites import esp_name, ike_name, parse_ike_proposal
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import EncapsulationMode, Phase2Attribute
from playbook import Network, Peer

GATEWAY = "192.0.2.1"
THEIR_GATEWAY = "198.51.100.7"
OURS, THEIRS = "10.1.0.0/16", "10.2.0.0/16"
NAT = ("203.0.113.5", 40_500)

# A weak algorithm stands in a recipe only where the peer has nothing better; `ikev1 check` says so.
WEAK: dict[str, int] = {"azure": 1, "android": 1}


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

    def __str__(self) -> str:
        return f"{self.sender.name}-{'recorded' if self.sender.is_recorded else 'remembered'}"


BOX = "192.168.178.0/24"
REPLAYS = [
    Replay(site_to_site.CISCO_IOS, "cisco-ios", "aes256-sha256-modp2048", "aes256-sha256-modp2048"),
    Replay(site_to_site.CISCO_ASA, "cisco-asa", "aes256-sha1-modp2048", "aes256-sha1"),
    Replay(site_to_site.MIKROTIK, "mikrotik", "aes128-sha1-modp2048", "aes256-sha1-modp2048"),
    Replay(site_to_site.FORTIGATE, "fortigate", "aes256-sha256-modp2048", "aes256-sha256-modp2048"),
    Replay(site_to_site.AZURE, "azure", "aes256-sha256-modp1024", "aes256gcm16"),
    Replay(site_to_site.FRITZBOX, "fritzbox", "aes256-sha1-modp2048", "aes256-sha512", ours=subnet(BOX)),
    *(
        Replay(sender, "fritzbox", *pair, ours=subnet(BOX))
        for sender, pair in zip(
            (*site_to_site.FRITZBOX_ONE_LENGTH, site_to_site.FRITZBOX_WITHOUT_LENGTH),
            [(f"aes{bits}-sha1-modp2048", f"aes{bits}-sha1") for bits in (128, 192, 256, 128)],
            strict=True,
        )
    ),
]

HOME = "192.168.1.10"  # of a road warrior behind a NAT
UDP, L2TP = 17, 1701


def l2tp(sender: Sender, page: str, ike: str, esp: str, port: int = L2TP) -> Replay:
    """A client behind a NAT, which names its private address."""
    return Replay(sender, page, ike, esp, True, HOME, ours=host(HOME, UDP, port), theirs=host(GATEWAY, UDP, L2TP))


REPLAYS += [
    l2tp(remote_access.WINDOWS, "windows-l2tp", "aes256-sha1-ecp384", "aes256-sha1"),
    l2tp(remote_access.WINDOWS_7, "windows-l2tp", "aes256-sha1-ecp384", "aes256-sha1", port=0),
    l2tp(remote_access.NETWORKMANAGER_L2TP, "networkmanager-l2tp", "aes256-sha256-modp2048", "aes256-sha1"),
    l2tp(remote_access.APPLE_L2TP, "apple", "aes256-sha256-modp2048", "aes256-sha1", port=56_322),
    l2tp(remote_access.ANDROID_L2TP, "android", "aes256-sha1-modp1024", "aes256-sha1", port=0),
    l2tp(remote_access.ANDROID_LATER_L2TP, "android", "aes256-sha256-modp1024", "aes256-sha256", port=0),
]


def gateway(settings: Settings, address: str = GATEWAY) -> Peer:
    """Our gateway in a network of its own."""
    peer = Network().peer("gateway", address, settings)
    peer.engine.name_addresses({"box.example.org": (THEIR_GATEWAY,)})
    return peer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


# --- the configurations


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "index"], ids=lambda page: page.stem)
def test_every_configuration_can_be_used(folder: Path, page: Path) -> None:
    found = [block for block in blocks(page) if block.language == "toml"]
    assert found
    for number in range(len(found)):
        warnings = loaded(page.stem, folder, number).warnings
        assert {each.rule for each in warnings} <= {Rule.WEAK_ALGORITHM}
        assert len(warnings) == WEAK.get(page.stem, 0)


# --- what peers send


@pytest.mark.parametrize("replay", REPLAYS, ids=str)
def test_a_peer_finds_an_acceptable_proposal(folder: Path, replay: Replay) -> None:
    settings = loaded(replay.page, folder, replay.number).settings
    us = gateway(settings)
    caller = Caller(us, replay.sender, SECRET, replay.address, NAT if replay.behind_nat else None)
    caller.phase1()
    assert caller.is_behind_nat is replay.behind_nat
    assert us.sa.state is IkeState.ESTABLISHED
    suite = us.sa.suite
    assert ike_name(suite.encryption, suite.key_length, suite.hash, suite.group) == replay.ike
    proposal, transform = caller.quick_mode(replay.ours, replay.theirs)
    child = us.child.suite
    assert esp_name(child.encryption, child.key_length, child.integrity, replay.sender.pfs) == replay.esp
    assert us.failures == []
    assert len(us.inbound) == len(us.outbound) == 1
    mode = dict(transform.attributes)[Phase2Attribute.ENCAPSULATION_MODE]
    assert mode in (
        (EncapsulationMode.UDP_TUNNEL, EncapsulationMode.UDP_TRANSPORT)
        if replay.behind_nat
        else (EncapsulationMode.TUNNEL, EncapsulationMode.TRANSPORT)
    )
    assert proposal.spi == us.child.inbound.spi.to_bytes(4)


@pytest.mark.parametrize("replay", [each for each in REPLAYS if not each.behind_nat], ids=str)
def test_the_peer_has_what_we_offer(folder: Path, replay: Replay) -> None:
    """As responder, a peer accepts what it offers as initiator."""
    (connection,) = loaded(replay.page, folder, replay.number).settings.connections
    (tunnel,) = connection.tunnels
    accepted = tuple(Policy(1, Phase1Suite(*parse_ike_proposal(each.words))) for each in replay.sender.ike)
    chosen, _ = phase1_proposal.choose(accepted, phase1_proposal.offer(connection.policies))
    assert chosen.suite in {policy.suite for policy in connection.policies}
    theirs = ipsec_tunnel("theirs", OURS, THEIRS, proposals=tuple(esp(each.words) for each in replay.sender.esp))
    offered = phase2_proposal.offer(tunnel, 0x1000, EncapsulationMode.TUNNEL)
    agreed, _ = phase2_proposal.choose(theirs, offered, EncapsulationMode.TUNNEL)
    assert agreed.suite in {proposal.suite for proposal in tunnel.proposals}


def test_windows_clients_with_one_private_address_behind_several_nats(folder: Path) -> None:
    """Windows names its own address, which is the same in many homes."""
    us = gateway(loaded("windows-l2tp", folder).settings)
    for nat in (NAT, ("203.0.113.6", 1_025)):
        caller = Caller(us, remote_access.WINDOWS, SECRET, HOME, nat)
        caller.calls(host(HOME, UDP, L2TP), host(GATEWAY, UDP, L2TP))
    assert us.failures == []
    assert {str(child.remote) for child in us.children} == {"203.0.113.5/32[udp/1701]", "203.0.113.6/32[udp/1701]"}
    assert len({sa.claim for sa in us.engine.sas.values()}) == 2


def refused(us: Peer, sender: Sender, address: str, ours: Identification) -> Code:
    """Why our gateway does not accept what this peer offers, in phase 1 or 2."""
    caller = Caller(us, sender, SECRET, address)
    with pytest.raises(Refused):
        caller.calls(ours, subnet(OURS))
    return us.failures[-1]


def test_a_mikrotik_with_its_own_group_of_pfs_is_refused(folder: Path) -> None:
    us = gateway(loaded("mikrotik", folder).settings)
    assert refused(us, site_to_site.MIKROTIK_DEFAULT, THEIR_GATEWAY, subnet(THEIRS)) is Code.NO_PROPOSAL_CHOSEN


@pytest.mark.parametrize(("aggressive", "code"), [(True, Code.WRONG_MODE), (False, Code.NO_PROPOSAL_CHOSEN)])
def test_a_fritzbox_as_it_calls_by_default_is_refused(folder: Path, aggressive: bool, code: Code) -> None:
    us = gateway(loaded("fritzbox", folder).settings)
    sender = replace(site_to_site.FRITZBOX_DEFAULT, aggressive=aggressive)
    assert refused(us, sender, THEIR_GATEWAY, subnet(BOX)) is code


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
