"""What a peer that proved who it is may cause: pairs, Quick Modes, lifetimes and answers, all of them bounded."""

from __future__ import annotations

import pytest

from configured import ALICE, BOB, connection, policy, settings, tunnel
from dishonest import Change, add, resealed
from ikev1.core.exchanges.informational import INFORMATIONAL, notify
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.message_ids import fresh_message_id
from ikev1.core.exchanges.protection import as_established, seal
from ikev1.core.negotiation.responder_lifetime import lifetime_notify
from ikev1.core.records.actions import Report, Send
from ikev1.core.records.child_sa import ChildState, IpsecKeys
from ikev1.core.records.events import ChildDown, Code, Failure, IkeUp, Note
from ikev1.core.records.exchange import Life, Role
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.payloads import Nonce, Payload
from ikev1.wire.registry import NotifyType, ProtocolId
from playbook import Couple, Network, Peer, change, establish, say
from reborn import kept


def test_a_peer_that_replaces_a_pair_without_end_leaves_few(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    for _ in range(40):
        newest = alice.children[-1].unique_id
        alice.does(lambda engine, newest=newest: engine.rekey_child(newest, network.now))  # type: ignore[misc]
        network.run(5)
        for peer in (alice, bob):
            assert len(peer.children) <= 1 + 4
    assert alice.children[-1].inbound.spi == bob.children[-1].outbound.spi
    assert "INFO D(ESP)" in network.labels("bob"), "the peer is told what was removed"
    assert len(bob.saw(ChildDown)) == 40 - 4


def test_a_peer_that_deletes_nothing_of_what_it_replaced_leaves_one_pair(
    network: Network, alice: Peer, bob: Peer
) -> None:
    establish(network, alice)
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.settle()
    network.link = lambda datagram: []
    assert [child.state for child in bob.children] == [ChildState.REKEYED, ChildState.INSTALLED]
    network.run(30)
    assert len(bob.children) == 2
    network.run(2)
    assert [child.state for child in bob.children] == [ChildState.INSTALLED]


def test_an_isakmp_sa_with_many_quick_modes_is_replaced_early(pair: tuple[Peer, Peer]) -> None:
    alice, bob = pair
    network = alice.network
    establish(network, alice)
    change(bob.engine, bob.sa, spent_message_ids=tuple(range(1, 4200)))
    old = bob.sa.cookies
    alice.does(lambda engine: engine.rekey_child(alice.children[-1].unique_id, network.now))
    network.settle()
    assert [note.code for note in bob.saw(Note)] == [Code.QUICK_MODE_LIMIT]
    network.run(60)
    assert bob.saw(IkeUp)
    assert old not in bob.engine.sas
    assert alice.children[-1].inbound.spi == bob.children[-1].outbound.spi


def test_quick_modes_without_end_are_refused_with_a_word(pair: tuple[Peer, Peer]) -> None:
    alice, bob = pair
    network = alice.network
    establish(network, alice)
    full = change(bob.engine, bob.sa, spent_message_ids=tuple(range(1, 5001)), rekey_at=0.0)
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    for _ in range(5):
        network.deliver(network.flying[0])
    assert set(bob.failures) == {Code.QUICK_MODE_LIMIT}
    assert network.reborn or len(bob.failures) == 1
    assert bob.sa == full
    assert len(network.flying) == 1


def test_pairs_for_ever_other_traffic_are_bounded(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    one = bob.child
    more = tuple(replace(one, unique_id=number, inbound=IpsecKeys(number)) for number in range(10_000, 11_999))
    full = change(bob.engine, bob.sa, children=(one, *more), rekey_at=0.0)
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    actions = bob.engine.receive(network.flying.popleft().octets, bob.sa.path, network.now)
    (failure,) = [action.event for action in actions if isinstance(action, Report)]
    assert isinstance(failure, Failure)
    assert failure.code is Code.QUICK_MODE_LIMIT
    assert not [action for action in actions if isinstance(action, Send)]
    assert bob.engine.sas[full.cookies] == full


@kept
def test_quick_modes_that_are_begun_and_not_finished_are_bounded(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice, None)
    network.link = lambda datagram: [] if datagram.label == "QM2" else [datagram]
    for _ in range(300):
        alice.calls()
        network.settle()
    assert len(bob.sa.exchanges) == 256
    assert bob.failures == [Code.QUICK_MODE_LIMIT]
    network.run(200)
    assert bob.sa.exchanges == ()


def test_a_lifetime_of_a_second_is_no_loop(network: Network, couple: Couple) -> None:
    short = policy(lifetime=1)
    alice, bob = couple(policies=(short,), tunnel_options={"lifetime": 1})
    alice.calls()
    network.run(30)
    assert len(network.sent) < 120
    assert alice.children
    assert bob.children


@pytest.mark.parametrize("protocol", [ProtocolId.ISAKMP, ProtocolId.ESP])
def test_a_lifetime_that_a_peer_notifies_leaves_time_to_replace_the_sa(
    network: Network, alice: Peer, bob: Peer, protocol: ProtocolId
) -> None:
    establish(network, alice)
    network.run(60)
    spi = bob.child.inbound.spi.to_bytes(4) if protocol is ProtocolId.ESP else bob.sa.cookies
    said = lifetime_notify(protocol, spi, Life(1, 0))
    bob.does(lambda engine: say(engine, bob.sa, [said], network.now))
    network.settle()
    ours = alice.child if protocol is ProtocolId.ESP else alice.sa
    assert ours.expires_at == network.now + 10
    assert network.now + 8 < ours.rekey_at < ours.expires_at
    network.run(12)
    assert alice.children
    assert alice.failures == []


def test_zeros_behind_each_message_are_noted_once(network: Network, alice: Peer, bob: Peer) -> None:
    network.link = lambda datagram: [datagram._replace(octets=datagram.octets + bytes(16))]
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound
    for peer in (alice, bob):
        assert peer.failures == []
        notes = [note.code for note in peer.saw(Note) if note.code is Code.MALFORMED]
        assert set(notes) == {Code.MALFORMED}
        assert network.reborn or len(notes) == 1


@pytest.mark.parametrize("behind", [bytes(17), b"\1", bytes(15) + b"\1", b"\1" + bytes(15)])
def test_anything_else_behind_a_message_is_malformed(network: Network, alice: Peer, bob: Peer, behind: bytes) -> None:
    establish(network, alice)
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    before = dict(bob.engine.sas)
    last = network.flying.popleft()
    network.deliver(last._replace(octets=last.octets + behind))
    assert dict(bob.engine.sas) == before
    assert bob.failures == [Code.MALFORMED]


def test_an_error_under_a_wrong_iv_is_not_blamed_on_the_secret(network: Network, alice: Peer, bob: Peer) -> None:
    """A wrong IV spoils the first block alone; the HASH goes on behind it, and shows that the keys agree."""
    alice.calls()
    for _ in range(4):
        network.deliver(network.flying.popleft())
    network.flying.clear()
    sa = as_established(bob.sa, bytes(16))
    sa, message_id = fresh_message_id(sa)
    exchange = new_exchange(INFORMATIONAL, message_id, Role.INITIATOR, 0.0, b"another IV......")
    payloads: list[Payload] = [notify(sa, NotifyType.INVALID_ID_INFORMATION)]
    octets, _, _ = seal(sa, exchange, INFORMATIONAL.exchange, INFORMATIONAL.grammars[0], payloads)
    alice.takes(octets, UdpPath(ALICE, 500, BOB, 500))
    assert alice.sa, "nothing but a reason to give, if nothing better comes"
    network.run(3)
    assert alice.failures == [Code.REFUSED_BY_PEER]
    assert "INVALID_ID_INFORMATION" in alice.failure.text


@pytest.mark.parametrize("octets", [0, 16, 47, 50])
def test_a_junk_informational_is_not_blamed_on_the_secret(
    network: Network, alice: Peer, bob: Peer, octets: int
) -> None:
    alice.calls()
    for _ in range(4):
        network.deliver(network.flying.popleft())
    junk = Header(alice.sa.CKY_I, alice.sa.CKY_R, 8, 5, 1, 4711, HEADER_SIZE + octets).build() + bytes(octets)
    before = alice.sa
    alice.takes(junk, UdpPath(ALICE, 500, BOB, 500))
    assert alice.sa == before
    network.settle()
    assert alice.failures == []
    assert alice.carries.inbound == bob.carries.outbound


@pytest.mark.parametrize("label", ["MM5", "MM6"])
@pytest.mark.parametrize("change", [lambda payloads: payloads[:1], add(Nonce(bytes(16)))])
def test_a_message_that_decrypts_but_lacks_a_payload_is_not_blamed_on_the_secret(
    network: Network, alice: Peer, bob: Peer, label: str, change: Change
) -> None:
    alice.calls()
    while network.flying[0].label != label:
        network.deliver(network.flying.popleft())
    due = network.flying.popleft()
    receiver = network.receiver(due)
    assert receiver is not None
    network.deliver(resealed(receiver, due, change))
    network.flying.clear()
    network.run(3)
    assert receiver.failures == [Code.MALFORMED]


def test_a_refused_quick_mode_is_told_with_what_was_asked_for(network: Network) -> None:
    strange = tunnel("strange", "10.9.0.0/16")
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, strange)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True))))
    establish(network, alice, None)
    alice.calls("strange")
    network.run(5)
    assert alice.failure.code is Code.REFUSED_BY_PEER
    assert alice.failure.tunnel == "strange"
    for name in ("10.9.0.0/16", "aes128-sha256", "INVALID_ID_INFORMATION"):
        assert name in alice.failure.text
    assert bob.failures == [Code.SELECTORS_UNACCEPTABLE]
