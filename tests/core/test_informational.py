"""Informational exchanges: deletions, notifies, dead peer detection (RFC 2409 §5.7, RFC 3706)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.engine import Engine
from ikev1.core.exchanges import informational
from ikev1.core.exchanges.informational import notify
from ikev1.core.exchanges.message_ids import fresh_message_id, is_own, was_heard, with_heard
from ikev1.core.records.actions import Action
from ikev1.core.records.events import ChildDown, ChildUp, Code, IkeDown, MessageSeen, Note
from ikev1.core.records.path import UdpPath
from ikev1.wire.payloads import Delete, Notification, Payload
from ikev1.wire.registry import DOI, NotifyType, ProtocolId
from playbook import Network, Peer, establish, say
from reborn import kept

CAROL = "203.0.113.9"

Told = Callable[[Engine], list[Action]]


def tells(peer: Peer, *payloads: Payload, cookies: bytes = b"") -> None:
    """Has a peer say something that it would not say of itself, under its only ISAKMP SA or that of these cookies."""
    sa = peer.engine.sas[cookies] if cookies else peer.sa
    peer.does(lambda engine: say(engine, sa, list(payloads), peer.network.now))


@pytest.mark.parametrize(("closing", "told"), [("alice", "bob"), ("bob", "alice")])
def test_either_side_closes_a_tunnel(network: Network, alice: Peer, bob: Peer, closing: str, told: str) -> None:
    establish(network, alice)
    peer = network.peers[closing]
    gone = {each.name: each.child.unique_id for each in (alice, bob)}
    peer.does(lambda engine: engine.close_child(peer.child.unique_id, network.now))
    network.plays(f"{closing} -> {told} INFO D(ESP)")
    for each in (alice, bob):
        assert each.sa.children == ()
        assert not each.inbound
        assert not each.outbound
        (down,) = each.saw(ChildDown)
        assert down.child.unique_id == gone[each.name]


@pytest.mark.parametrize(("closing", "told"), [("alice", "bob"), ("bob", "alice")])
def test_either_side_closes_the_isakmp_sa_with_all_its_tunnels(
    network: Network, alice: Peer, bob: Peer, closing: str, told: str
) -> None:
    establish(network, alice)
    peer = network.peers[closing]
    peer.does(lambda engine: engine.close_ike(peer.sa.unique_id, network.now))
    network.plays(f"{closing} -> {told} INFO D(ESP)", f"{closing} -> {told} INFO D(ISAKMP)")
    for each in (alice, bob):
        assert dict(each.engine.sas) == {}
        assert not each.inbound
        assert not each.outbound
        assert not each.stored
        assert len(each.saw(ChildDown)) == len(each.saw(IkeDown)) == 1


def test_a_tunnel_comes_up_again_after_it_was_closed(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    for _ in range(3):
        alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
        network.settle()
        alice.calls()
        network.settle()
        assert alice.carries.inbound == bob.carries.outbound


def test_closing_while_connecting_gives_up(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
    network.settle()
    assert dict(alice.engine.sas) == {}
    assert len(alice.saw(IkeDown)) == 1
    network.run(60)
    assert dict(bob.engine.sas) == {}


@pytest.mark.parametrize("asking", ["alice", "bob"])
def test_a_peer_that_asks_is_told_that_we_are_here(network: Network, alice: Peer, bob: Peer, asking: str) -> None:
    establish(network, alice)
    peer, other = network.peers[asking], network.other(network.peers[asking])
    sequence = bytes.fromhex("00112233")
    tells(peer, notify(peer.sa, NotifyType.R_U_THERE, sequence))
    network.plays(f"{asking} -> {other.name} INFO N(R_U_THERE)", f"{other.name} -> {asking} INFO N(R_U_THERE_ACK)")
    seen = [event for event in peer.saw(MessageSeen) if not event.sent][-1]
    (answer,) = seen.message.all(Notification)
    assert answer == Notification(DOI.IPSEC, ProtocolId.ISAKMP, peer.sa.cookies, NotifyType.R_U_THERE_ACK, sequence)
    assert alice.failures == bob.failures == []


def test_what_the_peer_notifies_is_told(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    tells(alice, notify(alice.sa, NotifyType.RESPONDER_LIFETIME), notify(alice.sa, NotifyType(40_001)))
    network.settle()
    notes = bob.saw(Note)
    assert [note.code for note in notes] == [Code.NOTIFY, Code.NOTIFY]
    assert "RESPONDER_LIFETIME" in notes[0].text
    assert "NOTIFY_40001" in notes[1].text


def test_a_message_is_taken_once(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    tells(alice, notify(alice.sa, NotifyType.R_U_THERE, bytes(4)))
    network.plays("alice => bob INFO N(R_U_THERE)", "bob -> alice INFO N(R_U_THERE_ACK)")


@pytest.mark.parametrize(
    "payload",
    [
        Delete(DOI.IPSEC, ProtocolId.ESP, ((4711).to_bytes(4),)),
        Delete(DOI.IPSEC, ProtocolId.ESP, ()),
        Delete(DOI.IPSEC, ProtocolId.ISAKMP, (bytes(16),)),
        Delete(DOI.IPSEC, ProtocolId.AH, ((4711).to_bytes(4),)),
    ],
)
def test_deleting_what_is_not_there_deletes_nothing(network: Network, alice: Peer, bob: Peer, payload: Delete) -> None:
    establish(network, alice)
    before = bob.sa.children
    tells(alice, payload)
    network.settle()
    assert bob.sa.children == before
    assert bob.saw(ChildDown) == []


def test_pairs_outlive_an_isakmp_sa_while_there_is_another(network: Network, alice: Peer, bob: Peer) -> None:
    """Some peers delete an ISAKMP SA and keep its pairs for the next."""
    alice.calls()
    bob.calls()
    network.settle()
    before = bob.children
    assert len(bob.engine.sas) == 2
    holder = next(sa for sa in bob.engine.sas.values() if sa.children)
    tells(alice, Delete(DOI.IPSEC, ProtocolId.ISAKMP, (holder.cookies,)), cookies=holder.cookies)
    network.settle()
    assert bob.sa.cookies != holder.cookies
    assert [child.inbound.spi for child in bob.children] == [child.inbound.spi for child in before]
    assert bob.saw(ChildDown) == []


def test_a_peer_that_could_not_install_a_pair_deletes_it_by_our_spi(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    tells(alice, Delete(DOI.IPSEC, ProtocolId.ESP, (bob.child.inbound.spi.to_bytes(4),)))
    network.settle()
    assert bob.children == []
    assert [note.code for note in bob.saw(Note)] == [Code.NOTIFY]


def test_a_peer_deletes_no_pair_of_another_peer_by_its_spi(network: Network, alice: Peer, bob: Peer) -> None:
    carol = network.peer("carol", CAROL, settings(connection(CAROL, BOB, tunnel("carol", "10.3.0.0/16"))))
    of_carol = connection(BOB, CAROL, tunnel("carol", "10.3.0.0/16", mirrored=True), name="carol")
    bob.is_given(settings(*bob.settings.connections, of_carol))
    alice.calls(host=BOB)
    carol.calls("carol", host=BOB)
    network.settle()
    hers = next(child for child in bob.children if child.name == "carol")
    spis = (hers.inbound.spi.to_bytes(4), hers.outbound.spi.to_bytes(4))
    tells(alice, Delete(DOI.IPSEC, ProtocolId.ESP, spis))
    network.settle()
    assert len(bob.children) == 2


def test_message_ids_are_never_used_twice(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    for number in range(20):
        alice.does(lambda engine: engine.rekey_child(alice.children[-1].unique_id, network.now))
        network.run(6)  # until the new pair sends: before that, the pair is not rekeyed again
        tells(alice, notify(alice.sa, NotifyType.R_U_THERE, number.to_bytes(4)))
        network.settle()
    message_ids = [
        datagram.octets[20:24] for datagram in network.sent if datagram.label in ("QM1", "INFO N(R_U_THERE)")
    ]
    assert len(set(message_ids)) == len(message_ids) == 40
    assert bytes(4) not in message_ids


def test_what_is_remembered_of_notifies_is_bounded(pair: tuple[Peer, Peer]) -> None:
    alice, _ = pair
    alice.calls()
    alice.network.settle()
    sa = alice.sa
    for number in range(1, 3000):
        sa = with_heard(sa, number * 65_537)
    assert len(sa.heard_message_ids) == 4 * 1024
    assert was_heard(sa, 2999 * 65_537)
    assert was_heard(sa, (3000 - 1024) * 65_537)
    assert not was_heard(sa, (2999 - 1024) * 65_537)
    assert not was_heard(sa, int.from_bytes(sa.heard_message_ids[2:6])), "octets of two message IDs are none"


def test_message_ids_of_ours_are_known_without_a_list(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    ours = []
    sa = alice.sa
    for _ in range(500):
        sa, message_id = fresh_message_id(sa)
        ours.append(message_id)
    assert len(set(ours)) == 500
    assert 0 not in ours
    assert all(is_own(sa, message_id) for message_id in ours)
    theirs = bob.sa
    for _ in range(500):
        theirs, message_id = fresh_message_id(theirs)
        assert not is_own(sa, message_id)


def test_our_own_error_that_comes_back_blames_no_quick_mode(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    tells(alice, notify(alice.sa, NotifyType.NO_PROPOSAL_CHOSEN))
    ours = network.flying.popleft()
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    before = alice.sa
    alice.takes(ours.octets, UdpPath(ALICE, 500, BOB, 500))
    assert alice.sa == before


def test_an_old_error_of_the_peer_blames_no_quick_mode(network: Network, alice: Peer, bob: Peer) -> None:
    """Whatever somebody without keys sends in between, what was taken once is not taken again."""
    establish(network, alice)
    tells(bob, notify(bob.sa, NotifyType.NO_PROPOSAL_CHOSEN))
    old = network.flying[0]
    network.settle()
    for number in range(3000):
        junk = old.octets[:20] + (number + 1).to_bytes(4) + old.octets[24:]
        alice.engine.receive(junk, UdpPath(ALICE, 500, BOB, 500), network.now)
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    before = alice.sa
    network.deliver(old)
    assert alice.sa == before
    network.run(6)
    assert alice.saw(ChildUp)


@pytest.mark.parametrize(
    ("spi", "data", "answered"),
    [("cookies", 4, True), ("", 4, True), ("another", 4, False), ("cookies", 3, False), ("cookies", 8, False)],
)
def test_a_malformed_question_gets_no_answer(
    network: Network, alice: Peer, bob: Peer, spi: str, data: int, answered: bool
) -> None:
    establish(network, alice)
    before = bob.sa
    about = {"cookies": alice.sa.cookies, "": b"", "another": bytes(16)}[spi]
    question = Notification(DOI.IPSEC, ProtocolId.ISAKMP, about, NotifyType.R_U_THERE, bytes(data))
    tells(alice, question)
    network.settle()
    assert network.labels("bob") == ["INFO N(R_U_THERE_ACK)"] * answered
    assert (bob.sa == before) is not answered


def test_an_old_question_gets_no_answer(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    for number in (0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, 0, 0xFFFFFFFF, 1):
        tells(alice, notify(alice.sa, NotifyType.R_U_THERE, number.to_bytes(4)))
        network.settle()
    assert len(network.labels("bob")) == 4, "a number that begins near its largest value goes on from 0"


@kept
def test_a_peer_that_asks_without_end_is_answered_now_and_then(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    for second in range(3):
        for number in range(100):
            tells(alice, notify(alice.sa, NotifyType.R_U_THERE, (1000 * second + number).to_bytes(4)))
        network.settle()
        network.wait(1)
    assert len(network.labels("bob")) == 3 * 20


def test_acknowledgements_that_nobody_asked_for_change_nothing(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    before = bob.sa
    for number in range(50):
        tells(alice, notify(alice.sa, NotifyType.R_U_THERE_ACK, number.to_bytes(4)))
    network.settle()
    assert bob.sa == before
    assert bob.saw(Note) == []
    assert bob.failures == []


@kept
def test_a_late_delete_of_an_sa_that_both_ends_deleted_is_no_failure(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    for peer in (alice, bob):
        closing = peer.sa.unique_id
        peer.does(lambda engine, closing=closing: engine.close_ike(closing, network.now))  # type: ignore[misc]
    network.settle()
    assert alice.failures == bob.failures == []
    (late,) = [datagram for datagram in network.sent if datagram.label == "INFO D(ISAKMP)" and datagram.sender == "bob"]
    for _ in range(10):
        network.deliver(late)
    assert set(alice.failures) == {Code.UNKNOWN_SA}, "a peer that does not stop does not know that the SA is gone"


def test_a_notify_in_the_clear_says_what_it_is_about() -> None:
    octets = informational.clear_notify(b"I" * 8, b"R" * 8, NotifyType.NO_PROPOSAL_CHOSEN, 0x01020304)
    assert octets.hex() == (b"I" * 8 + b"R" * 8).hex() + "0b10050001020304000000280000000c000000010100000e"
