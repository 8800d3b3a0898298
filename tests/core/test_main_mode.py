"""Main Mode with a pre-shared key, as RFC 2409 §5.4 has it."""

from __future__ import annotations

import pytest

from configured import IKE, policy
from ikev1.core.records.events import IkeUp, MessageSeen
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.settings import Policy
from ikev1.crypto import cipher
from ikev1.crypto.algorithms import GROUPS, HASHES, IKE_CIPHERS
from ikev1.crypto.groups import NUMBERS
from playbook import Couple, Network, Peer, establish

SIX = (
    "alice -> bob MM1",
    "bob -> alice MM2",
    "alice -> bob MM3",
    "bob -> alice MM4",
    "alice -> bob MM5",
    "bob -> alice MM6",
)
SLOW = {"modp3072", "modp4096", "modp6144", "modp8192"}


def test_six_messages_establish_the_isakmp_sa(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls(tunnel=None)
    network.plays(*SIX)
    for peer, role in ((alice, Role.INITIATOR), (bob, Role.RESPONDER)):
        assert peer.sa.role is role
        assert peer.sa.state is IkeState.ESTABLISHED
        assert peer.state == "QM_IDLE"
        assert [up.sa.cookies for up in peer.saw(IkeUp)] == [peer.sa.cookies]
        assert peer.failures == []
    assert alice.sa.cookies == bob.sa.cookies
    assert alice.sa.keys == bob.sa.keys


def test_what_only_phase_1_needs_is_forgotten(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice, None)
    for peer in (alice, bob):
        assert peer.sa.share is None
        assert peer.sa.keys is not None
        assert peer.sa.keys.SKEYID == b""
        assert peer.sa.SAi_b == b""


def test_the_states_are_those_that_cisco_shows(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls(tunnel=None)
    shown = [alice.state]
    for _ in SIX:
        network.deliver(network.flying.popleft())
        shown.append(" ".join(peer.state for peer in (alice, bob) if peer.engine.sas))
    assert shown == [
        "MM_WAIT_MSG2",
        "MM_WAIT_MSG2",  # bob answered and remembers nothing
        "MM_WAIT_MSG4",
        "MM_WAIT_MSG4 MM_WAIT_MSG5",
        "MM_WAIT_MSG6 MM_WAIT_MSG5",
        "MM_WAIT_MSG6 QM_IDLE",
        "QM_IDLE QM_IDLE",
    ]


def test_every_message_is_reported_with_what_is_awaited_next(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls(tunnel=None)
    network.settle()
    assert [(seen.sent, seen.label, seen.state) for seen in bob.saw(MessageSeen)] == [
        (False, "MM1", "MM_WAIT_MSG3"),
        (True, "MM2", "MM_WAIT_MSG3"),
        (False, "MM3", "MM_WAIT_MSG5"),
        (True, "MM4", "MM_WAIT_MSG5"),
        (False, "MM5", "QM_IDLE"),
        (True, "MM6", "QM_IDLE"),
    ]
    assert [(seen.sent, seen.label, seen.state) for seen in alice.saw(MessageSeen)][:2] == [
        (True, "MM1", "MM_WAIT_MSG2"),
        (False, "MM2", "MM_WAIT_MSG4"),
    ]


def test_without_a_trace_nothing_is_reported_of_messages(network: Network, alice: Peer, bob: Peer) -> None:
    network.reborn = False  # the switch belongs to the process, not to its state
    bob.engine.trace = lambda sa, label, sent: False
    alice.calls()
    network.settle()
    assert bob.saw(MessageSeen) == []
    assert bob.carries.inbound == alice.carries.outbound


@pytest.mark.parametrize(
    "proposal",
    [
        *(f"{word}-sha256-ecp256" for word, entry in IKE_CIPHERS.items() if not cipher.missing(entry.number)),
        *(f"aes128-{hash}-ecp256" for hash in HASHES),
        *(f"aes128-sha1-{name}" for name, word in GROUPS.items() if word.number in NUMBERS and name not in SLOW),
    ],
)
def test_every_suite_serves(network: Network, couple: Couple, proposal: str) -> None:
    alice, bob = couple(policies=(policy(proposal),))
    alice.calls(tunnel=None)
    network.plays(*SIX)
    assert alice.sa.keys == bob.sa.keys
    assert alice.sa.chosen == bob.sa.chosen
    assert alice.sa.chosen is not None
    assert alice.sa.chosen.suite == policy(proposal).suite


@pytest.mark.parametrize("addresses", [("192.0.2.1", "198.51.100.2"), ("2001:db8::1", "2001:db8:1::2")])
def test_both_versions_of_ip(network: Network, couple: Couple, addresses: tuple[str, str]) -> None:
    alice, bob = couple(addresses=addresses)
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound
    assert alice.failures == bob.failures == []


@pytest.mark.parametrize("names", [("alice@example.org", "bob.example.org"), ("keyid:one", "@#0102"), ("@a", "::1")])
def test_identities_of_every_kind(network: Network, couple: Couple, names: tuple[str, str]) -> None:
    a, b = names
    alice, bob = couple(alice={"local_id": a, "remote_id": b}, bob={"local_id": b, "remote_id": a})
    alice.calls(tunnel=None)
    network.plays(*SIX)
    assert alice.sa.peer_id_body == bob.sa.local_id_body
    assert bob.sa.peer_id_body == alice.sa.local_id_body


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [
        (policy(), policy(), (86_400, 0)),
        (policy(lifetime=3600), policy(), (3600, 0)),
        (policy(), policy(lifetime=3600), (3600, 0)),
        (policy(lifetime_kilobytes=5000), policy(), (86_400, 5000)),
        (policy(), policy(lifetime_kilobytes=70_000), (86_400, 70_000)),
    ],
)
def test_the_responder_keeps_the_shorter_lifetime(
    network: Network, couple: Couple, ours: Policy, theirs: Policy, agreed: tuple[int, int]
) -> None:
    alice, bob = couple(alice={"policies": (ours,)}, bob={"policies": (theirs,)})
    alice.calls(tunnel=None)
    network.plays(*SIX)
    assert bob.sa.chosen is not None
    assert (bob.sa.chosen.lifetime, bob.sa.chosen.lifetime_kilobytes) == agreed
    assert bob.sa.expires_at == network.now + agreed[0]


def test_the_default_lifetime_is_a_day(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice, None)
    for peer in (alice, bob):
        assert peer.sa.expires_at == network.now + 24 * 3600


@pytest.mark.parametrize(
    ("offered", "configured", "taken"),
    [
        ((IKE, "aes256-sha1-ecp256"), ("aes256-sha1-ecp256", IKE), "aes256-sha1-ecp256"),
        (("aes256-sha1-ecp256", IKE), (IKE, "aes256-sha1-ecp256"), IKE),
        (("3des-md5-modp1024", IKE), ("camellia256-sha512-ecp256", IKE), IKE),
    ],
)
def test_the_priority_of_the_responder_decides(
    network: Network, couple: Couple, offered: tuple[str, ...], configured: tuple[str, ...], taken: str
) -> None:
    alice, bob = couple(
        alice={"policies": tuple(policy(text, place) for place, text in enumerate(offered))},
        bob={"policies": tuple(policy(text, place) for place, text in enumerate(configured))},
    )
    alice.calls(tunnel=None)
    network.plays(*SIX)
    for peer in (alice, bob):
        assert peer.sa.chosen is not None
        assert peer.sa.chosen.suite == policy(taken).suite
