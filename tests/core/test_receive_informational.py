"""Informational messages from a peer that is in trouble, or elsewhere than we think."""

from __future__ import annotations

from ikev1.core.exchanges.informational import INFORMATIONAL, delete_child, notify, tell
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.protection import as_established
from ikev1.core.machine.engine_state import State
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Role
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Aggressive, Mode
from ikev1.wire.registry import NotifyType
from nat import NatBox
from playbook import Couple, Network, Peer, establish

BLOCK = 16  # octets


def sealed(peer: Peer, last_block: bytes, kind: NotifyType) -> None:
    """``peer``, with keys and without SA, sends an error as strongSwan does: under the keys that it has."""
    state = State(peer.settings, peer.random)
    context = state.context(
        as_established(peer.sa, last_block), new_exchange(INFORMATIONAL, 0, Role.INITIATOR, 0.0), peer.network.now
    )
    tell(context, [notify(context.sa, kind)])
    peer.does(lambda _: context.actions)


def test_an_error_under_the_right_keys_is_not_blamed_on_the_secret(network: Network, couple: Couple) -> None:
    alice, bob = couple()
    alice.calls()
    for _ in range(4):
        network.deliver(network.flying.popleft())
    fifth = network.flying.popleft()
    sealed(bob, fifth.octets[-BLOCK:], NotifyType.AUTHENTICATION_FAILED)
    network.run(3)
    assert alice.failures == [Code.REFUSED_BY_PEER]


def test_an_error_under_other_keys_is(network: Network, couple: Couple) -> None:
    alice, bob = couple(bob={"secret": b"another"})
    alice.calls()
    for _ in range(4):
        network.deliver(network.flying.popleft())
    fifth = network.flying.popleft()
    sealed(bob, fifth.octets[-BLOCK:], NotifyType.PAYLOAD_MALFORMED)
    network.run(3)
    assert alice.failures == [Code.PSK_MISMATCH]


def test_an_error_instead_of_the_end_of_aggressive_mode(network: Network, couple: Couple) -> None:
    """Nothing was encrypted yet, so the first IV of phase 1 is what later ones come from."""
    alice, bob = couple(mode=Mode.AGGRESSIVE, aggressive=Aggressive.ACCEPT_PSK)
    alice.calls()
    network.deliver(network.flying.popleft())
    first_iv = bob.sa.phase1.iv  # type: ignore[union-attr]
    network.deliver(network.flying.popleft())
    network.flying.clear()
    sealed(alice, first_iv, NotifyType.AUTHENTICATION_FAILED)
    network.settle()
    assert bob.failures == [Code.REFUSED_BY_PEER]


def test_a_responder_that_is_not_whom_we_expect_is_told_and_lets_go(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice={"remote_id": "somebody.example.org"}, bob={"local_id": "bob.example.org"})
    alice.calls()
    network.run(3)
    assert alice.failures == [Code.ID_MISMATCH]
    assert not alice.engine.sas
    assert not bob.engine.sas, "for bob it was up with message 6"


def test_a_pair_may_be_deleted_under_another_sa(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    old = bob.sa
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.link = lambda datagram: [] if datagram.label == "INFO D(ISAKMP)" else [datagram]
    network.settle()
    assert len(bob.engine.sas) == 2
    (child,) = bob.children
    state = State(alice.settings, alice.random)
    gone = alice.children[0]
    mirrored = replace(old, path=UdpPath(alice.address, 500, bob.address, 500), role=Role.INITIATOR)
    context = state.context(mirrored, new_exchange(INFORMATIONAL, 0, Role.INITIATOR, 0.0), network.now)
    tell(context, [delete_child(gone)])
    assert child.outbound.spi == gone.inbound.spi
    alice.engine.close_child(gone.unique_id, network.now)
    bob.takes(context.actions[0].datagram, UdpPath(bob.address, 500, alice.address, 500))  # type: ignore[union-attr]
    assert bob.children == []


def test_an_informational_message_moves_nobody(network: Network, couple: Couple) -> None:
    alice, bob = couple(bob={"remote_address": "%any"})
    box = NatBox(network, alice, "203.0.113.7")
    alice.calls(host=bob.address)
    network.settle()
    before = bob.sa.path
    box.rebind()
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    network.settle()
    assert bob.children == []
    assert bob.sa.path == before
