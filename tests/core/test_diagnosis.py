"""When phase 1 fails, both sides say why, in words that an operator can act on."""

from __future__ import annotations

from typing import Any

import pytest

from configured import ALICE, BOB, IKE, connection, policy, settings, tunnel
from ikev1.core.exchanges.informational import clear_notify
from ikev1.core.records.events import Code, Failure, IkeDown, IkeUp
from ikev1.core.records.path import UdpPath
from ikev1.wire.header import Header
from ikev1.wire.registry import NotifyType
from playbook import Couple, Network, Peer, establish


def test_different_keys_are_named_on_both_sides(network: Network, couple: Couple) -> None:
    alice, bob = couple(bob={"secret": b"another secret"})
    alice.calls()
    network.run(10)
    for peer in (alice, bob):
        assert peer.failures[0] is Code.PSK_MISMATCH
        assert "'peer'" in peer.saw(Failure)[0].text, "the connection whose secret was used"
        assert peer.saw(IkeUp) == []
    assert dict(alice.engine.sas) == {}
    network.run(60)
    assert dict(bob.engine.sas) == {}
    assert set(bob.failures) == {Code.PSK_MISMATCH}


@pytest.mark.parametrize("ike", ["3des-md5-modp1024", "des-sha1-ecp256", "camellia256-sha512-curve25519"])
def test_different_keys_with_other_ciphers(network: Network, couple: Couple, ike: str) -> None:
    alice, bob = couple(bob={"secret": b"another secret"}, policies=(policy(ike),))
    alice.calls()
    network.run(10)
    assert (alice.failures[0], bob.failures[0]) == (Code.PSK_MISMATCH, Code.PSK_MISMATCH)


def test_a_wrong_key_is_told_even_where_any_address_is_served(network: Network, couple: Couple) -> None:
    alice, bob = couple(bob={"secret": b"another secret", "remote_address": "%any"})
    alice.calls()
    network.settle()
    assert bob.failure.code is Code.PSK_MISMATCH
    network.run(5)
    assert alice.failure.code is Code.PSK_MISMATCH
    assert BOB in alice.failure.text


def test_the_initiator_expects_another_identity(network: Network, couple: Couple) -> None:
    alice, _ = couple(alice={"remote_id": "somebody.else"})
    alice.calls()
    network.settle()
    assert alice.failure.code is Code.ID_MISMATCH
    assert "198.51.100.2" in alice.failure.text
    assert "somebody.else" in alice.failure.text
    assert dict(alice.engine.sas) == {}
    assert [down.reason for down in alice.saw(IkeDown)] == [alice.failure.text]


def test_the_responder_expects_another_identity(network: Network, couple: Couple) -> None:
    alice, bob = couple(bob={"remote_id": "alice@example.org"})
    alice.calls()
    network.run(5)
    assert bob.failure.code is Code.ID_MISMATCH
    assert "192.0.2.1" in bob.failure.text
    assert "alice@example.org" in bob.failure.text
    assert dict(bob.engine.sas) == dict(alice.engine.sas) == {}
    assert alice.failure.code is Code.REFUSED_BY_PEER
    assert "INVALID_ID_INFORMATION" in alice.failure.text


def test_no_policy_in_common(network: Network, couple: Couple) -> None:
    alice, bob = couple(bob={"policies": (policy("aes256-sha256-ecp256", 7),)})
    alice.calls()
    network.plays("alice -> bob MM1", "bob -> alice INFO N(NO_PROPOSAL_CHOSEN) in the clear")
    assert bob.failure.code is Code.NO_PROPOSAL_CHOSEN
    for name in ("policy 7", "aes256", "aes128"):
        assert name in bob.failure.text
    network.run(5)
    assert alice.failure.code is Code.NO_PROPOSAL_CHOSEN
    assert IKE in alice.failure.text


def test_no_connection_for_the_caller(network: Network, couple: Couple) -> None:
    alice, bob = couple(bob={"remote_address": "192.0.2.99"})
    alice.calls()
    network.run(5)
    assert bob.failure.code is Code.NO_CONNECTION
    assert alice.failure.code is Code.NO_PROPOSAL_CHOSEN


def test_an_error_in_the_clear_shortens_patience_and_no_more(network: Network, alice: Peer, bob: Peer) -> None:
    """Anybody may have sent it: a proper answer that comes soon is still taken."""
    alice.calls()
    network.deliver(network.flying.popleft())
    forged = clear_notify(alice.sa.CKY_I, bytes(8), NotifyType.NO_PROPOSAL_CHOSEN, 4711)
    alice.takes(forged, UdpPath(ALICE, 500, BOB, 500))
    assert alice.failures == []
    network.wait(1)
    network.settle()
    assert alice.state == "QM_IDLE"
    assert alice.carries.inbound == bob.carries.outbound
    assert alice.failures == []


@pytest.mark.parametrize("kind", [NotifyType.INITIAL_CONTACT, NotifyType.RESPONDER_LIFETIME])
def test_a_status_in_the_clear_shortens_nothing(network: Network, alice: Peer, bob: Peer, kind: NotifyType) -> None:
    network.link = lambda datagram: []
    alice.calls()
    before = alice.sa
    alice.takes(clear_notify(alice.sa.CKY_I, bytes(8), kind, 4711), UdpPath(ALICE, 500, BOB, 500))
    assert alice.sa == before


def test_an_error_in_the_clear_means_nothing_once_the_sa_is_up(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    for peer, other in ((alice, bob), (bob, alice)):
        before = peer.sa
        for kind in (NotifyType.INVALID_COOKIE, NotifyType.AUTHENTICATION_FAILED, NotifyType.NO_PROPOSAL_CHOSEN):
            path = UdpPath(peer.address, 500, other.address, 500)
            peer.takes(clear_notify(peer.sa.CKY_I, peer.sa.CKY_R, kind, 4711), path)
        assert peer.sa == before
    assert not network.flying


@pytest.mark.parametrize("label", ["MM1", "MM2", "MM3", "MM4"])
def test_what_came_encrypted_before_there_are_keys_tells_nothing_about_keys(
    network: Network, alice: Peer, bob: Peer, label: str
) -> None:
    alice.calls()
    while network.flying[0].label != label:
        network.deliver(network.flying.popleft())
    datagram = network.flying[0]
    octets = Header.parse(datagram.octets)._replace(flags=1).build() + datagram.octets[28:]
    network.deliver(datagram._replace(octets=octets))
    assert Code.PSK_MISMATCH not in alice.failures + bob.failures
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


def test_a_peer_whose_key_is_right_but_whose_message_is_odd_is_not_told_that_keys_differ(
    network: Network, alice: Peer, bob: Peer
) -> None:
    alice.calls()
    while network.flying[0].label != "MM6":
        network.deliver(network.flying.popleft())
    forged = UdpPath(ALICE, 500, BOB, 500)
    late = next(datagram for datagram in network.sent if datagram.label == "MM4")
    alice.takes(late.octets[:-1] + bytes((late.octets[-1] ^ 1,)), forged)
    assert Code.PSK_MISMATCH not in alice.failures
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


def test_the_connection_is_chosen_by_identity_among_those_of_one_secret(network: Network) -> None:
    def road_warrior(name: str, **options: Any) -> Any:
        return connection(BOB, "%any", tunnel(mirrored=True), name=name, **options)

    bob = network.peer(
        "bob",
        BOB,
        settings(
            road_warrior("carol", remote_id="carol@example.org"),
            road_warrior("other secret", remote_id="alice@example.org", secret=b"another secret"),
            road_warrior("other suite", remote_id="alice@example.org", policies=(policy("3des-md5-ecp256"),)),
            road_warrior("alice", remote_id="alice@example.org"),
        ),
    )
    alice = network.peer(
        "alice", ALICE, settings(connection(ALICE, BOB, tunnel(), local_id="alice@example.org", remote_id=BOB))
    )
    establish(network, alice)
    assert bob.sa.connection == bob.child.connection == "alice"


def test_the_most_specific_address_decides_first(network: Network) -> None:
    def serving(name: str, remote: str, **options: Any) -> Any:
        return connection(BOB, remote, tunnel(mirrored=True), name=name, **options)

    bob = network.peer(
        "bob",
        BOB,
        settings(
            serving("anybody", "%any", secret=b"another secret"),
            serving("network", "192.0.2.0/24", secret=b"a third secret"),
            serving("host", ALICE),
        ),
    )
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel())))
    establish(network, alice)
    assert bob.sa.connection == "host"
