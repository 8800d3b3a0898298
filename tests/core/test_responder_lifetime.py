"""RESPONDER-LIFETIME: who accepts less than was offered says so, and is heard."""

from __future__ import annotations

import pytest

from configured import connection, policy, settings, tunnel
from ikev1.core.events import MessageSeen
from ikev1.core.responder_lifetime import lifetime_notify, notified_lifetime
from ikev1.wire.header import Header
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import NotifyType, ProtocolId
from playbook import Network, Peer

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


@pytest.mark.parametrize("protocol", [ProtocolId.ISAKMP, ProtocolId.ESP])
def test_it_shortens_and_never_lengthens(protocol: ProtocolId) -> None:
    message = Message(HEADER, (lifetime_notify(protocol, bytes(4), 600),), (), b"")
    assert notified_lifetime(message, protocol, 3600) == 600
    assert notified_lifetime(message, protocol, 60) == 60


def test_one_for_another_sa_is_no_news() -> None:
    message = Message(HEADER, (lifetime_notify(ProtocolId.ESP, bytes(4), 600),), (), b"")
    assert notified_lifetime(message, ProtocolId.ISAKMP, 3600) == 3600
