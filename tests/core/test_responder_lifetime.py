"""RESPONDER-LIFETIME: who accepts less than was offered says so, and is heard."""

from __future__ import annotations

import pytest

from configured import connection, policy, settings, tunnel
from ikev1.core.negotiation.responder_lifetime import lifetime_notify, notified_life
from ikev1.core.records.events import MessageSeen
from ikev1.core.records.exchange import Life
from ikev1.core.records.settings import Aggressive, Mode
from ikev1.wire.header import Header
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import NotifyType, ProtocolId
from playbook import Couple, Network, Peer, establish, say
from xauth_peers import INIT, check, client, policies, server

ALICE, BOB = "192.0.2.1", "198.51.100.2"
HEADER = Header(bytes(8), bytes(8), 0, 2, 0, 0, 28)


def pair(network: Network, offered: int, accepted: int) -> tuple[Peer, Peer]:
    """Alice offers both SAs for longer than bob has them."""
    of_alice = connection(ALICE, BOB, tunnel(lifetime=offered), policies=(policy(lifetime=offered),))
    of_bob = connection(BOB, ALICE, tunnel(mirrored=True, lifetime=accepted), policies=(policy(lifetime=accepted),))
    return network.peer("alice", ALICE, settings(of_alice)), network.peer("bob", BOB, settings(of_bob))


def notified(peer: Peer) -> list[str]:
    """In which messages of ``peer`` the notify stands."""
    return [
        seen.label
        for seen in peer.saw(MessageSeen)
        if seen.sent and any(n.type == NotifyType.RESPONDER_LIFETIME for n in seen.message.all(Notification))
    ]


def tells(peer: Peer, notify: Notification) -> None:
    """Has a peer say this in an informational exchange."""
    peer.does(lambda engine: say(engine, peer.sa, [notify], peer.network.now))


def test_both_sides_take_the_shorter_life(network: Network) -> None:
    alice, bob = pair(network, 90_000, 70_000)
    alice.calls()
    network.settle()
    assert notified(bob) == ["MM6", "QM2"]
    assert notified(alice) == []
    for peer in (alice, bob):
        assert peer.sa.expires_at == peer.child.expires_at == network.now + 70_000


def test_a_responder_that_takes_what_was_offered_says_nothing(network: Network) -> None:
    alice, bob = pair(network, 7_000, 9_000)
    alice.calls()
    network.settle()
    assert notified(bob) == []
    for peer in (alice, bob):
        assert peer.sa.expires_at == peer.child.expires_at == network.now + 7_000


def test_aggressive_mode_is_followed_by_the_notification(network: Network, couple: Couple) -> None:
    """It "MUST NOT be sent in Aggressive Mode exchange" (RFC 2407 §4.6.3)."""
    shorter = {"policies": (policy(lifetime=70_000),), "aggressive": Aggressive.ACCEPT_PSK}
    alice, bob = couple(alice={"mode": Mode.AGGRESSIVE, "policies": (policy(lifetime=90_000),)}, bob=shorter)
    alice.calls()
    network.settle()
    assert notified(bob) == ["INFO"]
    for peer in (alice, bob):
        assert peer.sa.expires_at == network.now + 70_000


def test_a_user_is_authenticated_before_the_notification(network: Network, couple: Couple) -> None:
    """vpnc, when it renews phase 1, waits for it after XAUTH, and does not use one before."""
    of_client = client(mode=Mode.AGGRESSIVE, policies=policies(INIT, lifetime=90_000))
    alice, bob = couple(alice=of_client, bob=server(policies=policies(INIT, lifetime=70_000)))
    bob.checks = check
    alice.calls()
    network.settle()
    assert [each for each in network.labels("bob") if each[:3] in ("CFG", "INF")][:3] == [
        "CFG1",
        "CFG1",
        "INFO N(RESPONDER_LIFETIME)",
    ]
    assert notified(bob) == ["INFO"]
    assert alice.sa.expires_at == network.now + 70_000


def test_kilobytes_are_told_as_seconds_are(network: Network) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel())))
    of_bob = connection(
        BOB, ALICE, tunnel(mirrored=True, lifetime_kilobytes=70_000), policies=(policy(lifetime_kilobytes=80_000),)
    )
    bob = network.peer("bob", BOB, settings(of_bob))
    alice.calls()
    network.settle()
    assert notified(bob) == ["MM6", "QM2"]
    for peer in (alice, bob):
        assert peer.sa.chosen is not None
        assert peer.sa.chosen.lifetime_kilobytes == 80_000
        assert peer.child.lifetime_kilobytes == 70_000
        assert peer.sa.expires_at == network.now + 86_400


@pytest.mark.parametrize("protocol", [ProtocolId.ISAKMP, ProtocolId.ESP])
@pytest.mark.parametrize(
    ("offered", "told", "kept"),
    [
        (Life(3600, 0), Life(600, 0), Life(600, 0)),
        (Life(60, 0), Life(600, 0), Life(60, 0)),
        (Life(60, 0), Life(0, 5000), Life(60, 5000)),
        (Life(86_400, 9000), Life(0, 5000), Life(86_400, 5000)),
        (Life(86_400, 5000), Life(600, 9000), Life(600, 5000)),
        (Life(86_400, 5000), Life(0, 0), Life(86_400, 5000)),
    ],
)
def test_it_shortens_and_never_lengthens(protocol: ProtocolId, offered: Life, told: Life, kept: Life) -> None:
    message = Message(HEADER, (lifetime_notify(protocol, bytes(4), told),), (), b"")
    assert notified_life(message, protocol, offered) == kept


def test_one_for_another_sa_is_no_news() -> None:
    message = Message(HEADER, (lifetime_notify(ProtocolId.ESP, bytes(4), Life(600, 0)),), (), b"")
    assert notified_life(message, ProtocolId.ISAKMP, Life(3600, 0)) == (3600, 0)


@pytest.mark.parametrize(("told", "lives"), [(Life(900, 0), 900), (Life(0, 500), 7200), (Life(90_000, 0), 7200)])
def test_an_initiator_honours_it_when_it_comes_later(network: Network, told: Life, lives: int) -> None:
    alice, bob = pair(network, 7200, 7200)
    establish(network, alice)
    network.wait(60)
    spi = bob.child.inbound.spi.to_bytes(4)
    for notify in (
        lifetime_notify(ProtocolId.ISAKMP, bob.sa.cookies, told),
        lifetime_notify(ProtocolId.ESP, spi, told),
    ):
        tells(bob, notify)
    network.settle()
    for sa in (alice.sa, alice.child):
        assert sa.expires_at == network.now - 60 + lives
        assert lives * 0.85 < sa.rekey_at - network.now + 60 < lives


def test_only_the_responder_of_an_sa_shortens_it(network: Network) -> None:
    alice, bob = pair(network, 7200, 7200)
    establish(network, alice)
    life = Life(900, 0)
    spi = alice.child.inbound.spi.to_bytes(4)
    for notify in (
        lifetime_notify(ProtocolId.ISAKMP, alice.sa.cookies, life),
        lifetime_notify(ProtocolId.ESP, spi, life),
        lifetime_notify(ProtocolId.ESP, bytes(4), life),
        lifetime_notify(ProtocolId.ESP, spi, life)._replace(protocol=77),
    ):
        tells(alice, notify)
    network.settle()
    assert bob.sa.expires_at == bob.child.expires_at == network.now + 7200
    assert bob.failures == []
