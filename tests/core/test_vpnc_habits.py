"""A pair of IPsec SAs with vpnc, which the gateway rekeys: what it must send, and what it must not."""

from __future__ import annotations

import pytest

from ikev1.core.records.events import MessageSeen
from ikev1.core.records.settings import Fragmentation
from ikev1.wire.payloads import Delete, Nonce
from playbook import Couple, Network, Peer
from xauth_peers import check, client, server


def sent(peer: Peer, label: str) -> list[MessageSeen]:
    return [each for each in peer.saw(MessageSeen) if each.sent and each.label == label]


@pytest.mark.parametrize(
    ("fragmentation", "nonce", "deletes"),
    [(Fragmentation.NO, 20, 0), (Fragmentation.YES, 32, 1)],
    ids=["vpnc", "another client"],
)
def test_the_gateway_rekeys(
    network: Network, couple: Couple, fragmentation: Fragmentation, nonce: int, deletes: int
) -> None:
    """Of the clients with XAUTH and Unity, vpnc alone does not accept IKE fragments."""
    alice, bob = couple(alice=client(fragmentation=fragmentation), bob=server())
    bob.checks = check
    network.link = lambda datagram: [] if datagram.label.startswith("INFO D") else [datagram]
    alice.calls()
    network.settle()
    first = bob.child
    bob.does(lambda engine: engine.rekey_child(first.unique_id, network.now))
    network.run(300)
    (begun,) = sent(bob, "QM1")
    assert len(begun.message.one(Nonce).data) == nonce
    assert len([each for each in sent(bob, "INFO") if each.message.all(Delete)]) == deletes
    (pair,) = bob.children
    assert pair.unique_id != first.unique_id
    assert alice.failures == bob.failures == []
