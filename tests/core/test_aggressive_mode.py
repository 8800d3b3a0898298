"""Aggressive Mode with a pre-shared key (RFC 2409 §5.4), and what it gives away."""

from __future__ import annotations

from typing import Any

import pytest

from configured import ALICE, BOB, connection, policy, settings, tunnel
from ikev1.core.records.events import Code, IkeUp, MessageSeen, Note
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.settings import Aggressive, Mode
from ikev1.crypto.keymat import HASH_R, SKEYID_psk
from ikev1.wire.header import Header
from ikev1.wire.message import Message, parse_message
from ikev1.wire.payloads import Hash, Identification, KeyExchange, Nonce, SecurityAssociation
from nat import NatBox
from playbook import Couple, Datagram, Network, Peer

CALLER: dict[str, Any] = {
    "mode": Mode.AGGRESSIVE,
    "local_id": "alice@example.org",
    "remote_id": "gw.example.org",
}
CALLED: dict[str, Any] = {
    "aggressive": Aggressive.ACCEPT_PSK,
    "local_id": "gw.example.org",
    "remote_id": "*@example.org",
    "remote_address": "%any",
}
THREE = ("alice -> bob AM1", "bob -> alice AM2", "alice -> bob AM3")


@pytest.fixture
def pair(couple: Couple) -> tuple[Peer, Peer]:
    return couple(alice=CALLER, bob=CALLED)


def clear(network: Network, label: str) -> Message:
    """What an eavesdropper reads of a message."""
    octets = next(datagram.octets for datagram in network.sent if datagram.label == label)
    header = Header.parse(octets)
    assert not header.encrypted
    return parse_message(header, octets[28:])


def test_three_messages_establish_the_isakmp_sa(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls(tunnel=None)
    network.plays(*THREE)
    for peer, role in ((alice, Role.INITIATOR), (bob, Role.RESPONDER)):
        assert peer.sa.role is role
        assert peer.sa.state is IkeState.ESTABLISHED
        assert len(peer.saw(IkeUp)) == 1
        assert peer.failures == []
    assert alice.sa.keys == bob.sa.keys


def test_quick_mode_follows(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound
    assert alice.carries.outbound == bob.carries.inbound


def test_the_states_are_those_that_cisco_shows(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls(tunnel=None)
    shown = [alice.state]
    for _ in THREE:
        network.deliver(network.flying.popleft())
        shown.append(f"{alice.state} {bob.state}")
    assert shown == ["AM_WAIT_MSG2", "AM_WAIT_MSG2 AM_WAIT_MSG3", "QM_IDLE AM_WAIT_MSG3", "QM_IDLE QM_IDLE"]


@pytest.mark.parametrize("lost", THREE)
def test_a_lost_message_is_sent_again(network: Network, alice: Peer, bob: Peer, lost: str) -> None:
    label = lost[-3:]
    dropped: list[Datagram] = []

    def lossy(datagram: Datagram) -> list[Datagram]:
        if datagram.label == label and not dropped:
            dropped.append(datagram)
            return []
        return [datagram]

    network.link = lossy
    alice.calls()
    network.run(60)
    assert dropped
    assert alice.sa.state is bob.sa.state is IkeState.ESTABLISHED
    assert alice.carries.inbound == bob.carries.outbound


# --- what it costs --------------------------------------------------------------------------------------------------


def test_both_identities_and_the_hash_pass_in_the_clear(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls(tunnel=None)
    network.settle()
    assert clear(network, "AM1").one(Identification).data == b"alice@example.org"
    assert clear(network, "AM2").one(Identification).data == b"gw.example.org"
    last = next(datagram.octets for datagram in network.sent if datagram.label == "AM3")
    assert Header.parse(last).encrypted


def test_whoever_asks_can_try_secrets_against_the_answer(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls(tunnel=None)
    network.settle()
    asked, answered = clear(network, "AM1"), clear(network, "AM2")
    header = answered.header
    suite = bob.sa.chosen.suite if bob.sa.chosen else None
    assert suite is not None

    def hash_r(secret: bytes) -> bytes:
        SKEYID = SKEYID_psk(suite.hash, secret, asked.one(Nonce).data, answered.one(Nonce).data)
        return HASH_R(
            suite.hash,
            SKEYID,
            asked.one(KeyExchange).data,
            answered.one(KeyExchange).data,
            header.CKY_I,
            header.CKY_R,
            asked.body_of(asked.one(SecurityAssociation)),
            answered.body_of(answered.one(Identification)),
        )

    seen = answered.one(Hash).data
    assert [secret for secret in (b"guess", b"a secret that both know") if hash_r(secret) == seen] == [
        b"a secret that both know"
    ]


def test_a_connection_that_does_not_accept_it_says_why(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice=CALLER, bob=CALLED | {"aggressive": Aggressive.ACCEPT})
    alice.calls()
    network.run(5)
    assert bob.failures == [Code.WRONG_MODE]
    assert alice.failures == [Code.REFUSED_BY_PEER]
    assert not alice.engine.sas
    assert not bob.engine.sas


def test_a_connection_may_refuse_it_altogether(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice=CALLER, bob=CALLED | {"aggressive": Aggressive.REFUSE})
    alice.calls()
    network.run(5)
    assert bob.failures == [Code.WRONG_MODE]


# --- what it is for -------------------------------------------------------------------------------------------------


def test_the_secret_is_chosen_by_identity(network: Network) -> None:
    address = "198.51.100.2"
    alice = network.peer(
        "alice", "192.0.2.1", settings(connection("192.0.2.1", address, tunnel(), secret=b"for alice", **CALLER))
    )
    common = {"remote_address": "%any", "aggressive": Aggressive.ACCEPT_PSK, "local_id": "gw.example.org"}
    bob = network.peer(
        "bob",
        address,
        settings(
            *(
                connection(address, "%any", tunnel(mirrored=True), name=name, secret=secret, remote_id=who, **common)
                for name, secret, who in (
                    ("carol", b"for carol", "carol@example.org"),
                    ("alice", b"for alice", "alice@example.org"),
                )
            )
        ),
    )
    alice.calls()
    network.settle()
    assert bob.sa.connection == "alice"
    assert bob.sa.state is IkeState.ESTABLISHED


def test_nobody_we_know(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice=CALLER, bob=CALLED | {"remote_id": "*@example.net"})
    alice.calls()
    network.run(5)
    assert bob.failures == [Code.NO_CONNECTION]
    assert "alice@example.org" in bob.failure.text


def test_different_secrets_are_told_at_both_ends(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice=CALLER | {"secret": b"another"}, bob=CALLED)
    alice.calls()
    network.run(60)
    assert alice.failures == [Code.PSK_MISMATCH]
    assert bob.failures == [Code.PSK_MISMATCH]
    assert not alice.engine.sas
    assert not bob.engine.sas


def test_only_policies_of_one_group_are_offered(network: Network, couple: Couple) -> None:
    texts = ("aes128-sha256-ecp256", "aes256-sha256-modp2048", "aes256-sha256-ecp256")
    several = tuple(policy(text, priority) for priority, text in enumerate(texts, 1))
    alice, bob = couple(alice=CALLER | {"policies": several}, bob=CALLED | {"policies": several})
    alice.calls(tunnel=None)
    network.settle()
    (proposal,) = clear(network, "AM1").one(SecurityAssociation).proposals
    assert len(proposal.transforms) == 2
    assert alice.sa.keys == bob.sa.keys


def test_a_caller_behind_a_nat_floats_with_its_last_message(network: Network, alice: Peer, bob: Peer) -> None:
    NatBox(network, alice, "203.0.113.7")
    alice.calls(host=bob.address)
    network.settle()
    assert bob.sa.path.local_port == 4500
    assert bob.sa.nat is not None
    assert bob.sa.nat.remote_behind
    assert alice.carries.inbound == bob.carries.outbound
    assert alice.child.udp_encapsulation
    assert bob.child.udp_encapsulation


def test_a_last_message_in_the_clear_is_accepted(network: Network, alice: Peer, bob: Peer) -> None:
    """RFC 2409 §5: "The final message MAY NOT be sent under protection of the ISAKMP SA"."""
    alice.calls(tunnel=None)
    network.deliver(network.flying.popleft())
    network.deliver(network.flying.popleft())
    network.flying.clear()
    (sent,) = [seen for seen in alice.saw(MessageSeen) if seen.label == "AM3"]
    proof = sent.message.one(Hash)
    body = bytes((0, 0, 0, 4 + len(proof.data))) + proof.data
    header = sent.message.header._replace(next_payload=8, flags=0, length=28 + len(body))
    bob.takes(header.build() + body, bob.sa.path)
    assert bob.sa.state is IkeState.ESTABLISHED


def test_a_caller_is_kept_from_its_first_message_on(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.deliver(network.flying.popleft())
    assert bob.engine.half_open == 1
    exchange = bob.sa.phase1
    assert isinstance(exchange, Exchange)
    assert exchange.script == "AM"
    network.flying.clear()
    network.link = lambda _: []
    network.run(31)
    assert not bob.engine.sas


def test_the_most_specific_connection_wins_and_the_runner_up_is_named(network: Network) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), **CALLER)))
    common = {"aggressive": Aggressive.ACCEPT_PSK, "local_id": "gw.example.org"}
    general = connection(BOB, "%any", tunnel(mirrored=True), name="general", remote_id="*@example.org", **common)
    special = connection(BOB, "192.0.2.0/24", tunnel(mirrored=True), name="special", **common)
    bob = network.peer("bob", BOB, settings(general, special))
    alice.calls()
    network.settle()
    assert bob.sa.connection == "special"
    (note,) = [note.text for note in bob.saw(Note) if note.code is Code.RUNNER_UP]
    assert "'special'" in note
    assert "'general'" in note
