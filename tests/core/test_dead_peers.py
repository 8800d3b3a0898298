"""Dead peer detection (RFC 3706): who is asked and when, what counts as a sign of life, and what a dead peer leaves."""

from __future__ import annotations

from typing import Any

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.exchanges.informational import clear_invalid_spi, clear_notify, notify
from ikev1.core.peer import vendor_ids
from ikev1.core.records.actions import AskTraffic
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import ChildDown, Code, IkeDown, Note
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import DOI, NotifyType, ProtocolId
from nat import NatBox
from playbook import Couple, Datagram, Network, Peer, change, end, establish, say

DPD: dict[str, Any] = {"dpd_delay": 20.0, "dpd_timeout": 30.0}
ASKS, ACKNOWLEDGES = "INFO N(R_U_THERE)", "INFO N(R_U_THERE_ACK)"
FROM_BOB = UdpPath(ALICE, 500, BOB, 500)
MALLORY = "203.0.113.66"


@pytest.fixture
def peers(network: Network, couple: Couple) -> tuple[Peer, Peer]:
    """Alice, who detects dead peers, and bob, who answers, with a tunnel."""
    alice, bob = couple(alice=DPD)
    establish(network, alice)
    return alice, bob


def falls_silent(network: Network, peer: Peer) -> None:
    """From now on nothing comes from ``peer``, nor reaches it."""
    network.link = lambda datagram: [] if peer.name in (datagram.sender, receiver(network, datagram)) else [datagram]


def receiver(network: Network, datagram: Datagram) -> str:
    found = network.receiver(datagram)
    return "" if found is None else found.name


def asked(network: Network, name: str = "alice") -> int:
    return network.labels(name).count(ASKS)


def test_an_idle_peer_is_asked_once_in_each_delay_and_stays(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, bob = peers
    network.run(100.0)
    assert asked(network) == network.labels("bob").count(ACKNOWLEDGES) == 5
    assert asked(network, "bob") == 0
    assert alice.failures == bob.failures == []
    assert alice.child in alice.sa.children


def test_both_peers_ask_only_where_the_other_one_has_not_asked(network: Network, couple: Couple) -> None:
    alice, _ = couple(**DPD)
    establish(network, alice)
    network.run(200.0)
    assert asked(network) + asked(network, "bob") <= 11


def test_traffic_in_costs_no_message(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, _ = peers
    for _ in range(50):
        alice.packets("in", "out")
        network.run(10.0)
    assert network.sent == []


def test_traffic_out_alone_is_no_sign_of_life(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, bob = peers
    falls_silent(network, bob)
    for _ in range(12):
        alice.packets("out")
        network.run(5.0)
    assert alice.failures == [Code.PEER_DEAD]


def test_a_dead_peer_is_noticed_and_everything_of_it_goes(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, bob = peers
    began, child = network.now, alice.child
    falls_silent(network, bob)
    network.run(49.0)
    assert alice.failures == []
    network.run(1.5)
    failure = alice.failure
    assert (failure.code, failure.sa is not None and failure.sa.children) == (Code.PEER_DEAD, (child,))
    assert network.now - began < 60.0
    assert not alice.engine.sas
    assert not alice.inbound
    assert not alice.stored
    assert [type(event) for event in alice.events if isinstance(event, (IkeDown, ChildDown))] == [ChildDown, IkeDown]
    assert asked(network) == 6
    said = len(network.sent)
    network.run(600.0)
    assert len(network.sent) == said, "nothing is sent to a dead peer, unless somebody calls it"


def test_the_newest_packet_counts_and_not_the_last_question(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, bob = peers
    network.run(15.0)
    alice.packets("in")
    falls_silent(network, bob)
    network.run(19.0)
    assert asked(network) == 0
    network.run(1.5)
    assert asked(network) == 1


@pytest.mark.parametrize("lost", [1, 2, 3, 4, 5])
def test_losses_kill_nobody(network: Network, peers: tuple[Peer, Peer], lost: int) -> None:
    alice, _ = peers
    link = network.link
    dropped: list[Datagram] = []

    def lossy(datagram: Datagram) -> list[Datagram]:
        if len(dropped) < lost:
            dropped.append(datagram)
            return []
        return link(datagram)

    network.link = lossy
    network.run(60.0)
    assert alice.failures == []
    assert alice.child.unique_id
    assert network.labels("bob").count(ACKNOWLEDGES) >= 1


def test_lost_acknowledgements_kill_nobody(network: Network, peers: tuple[Peer, Peer]) -> None:
    """The receiver of a repetition has seen the number before it, so that each has a number of its own (§6.2)."""
    alice, _ = peers
    link = network.link
    dropped: list[Datagram] = []

    def lossy(datagram: Datagram) -> list[Datagram]:
        if datagram.sender == "bob" and len(dropped) < 3:
            dropped.append(datagram)
            return []
        return link(datagram)

    network.link = lossy
    network.run(45.0)
    assert len(dropped) == 3
    assert alice.failures == []


def test_sequence_numbers_begin_at_random_below_the_highest_bit_and_grow_by_one(
    network: Network, peers: tuple[Peer, Peer]
) -> None:
    alice, bob = peers
    network.run(21.0)
    first = alice.sa.own_sequence
    assert first is not None
    assert first < 2**31
    assert bob.sa.peer_sequence == first
    network.run(60.0)
    assert alice.sa.own_sequence == bob.sa.peer_sequence == first + 3
    falls_silent(network, bob)
    network.run(25.0)
    assert alice.sa.probe is not None
    assert alice.sa.own_sequence == first + 3 + alice.sa.probe.tries


def tells(network: Network, peer: Peer, *payloads: Notification) -> None:
    peer.does(lambda engine: say(engine, peer.sa, payloads, network.now))
    network.settle()


@pytest.mark.parametrize("off", [-1, 1, 7])
def test_an_acknowledgement_of_another_number_is_none(network: Network, peers: tuple[Peer, Peer], off: int) -> None:
    alice, bob = peers
    network.link = lambda datagram: [] if datagram.sender == "alice" else [datagram]
    network.run(20.5)
    probe = alice.sa.probe
    assert probe is not None
    wrong = (probe.first + off).to_bytes(4)
    tells(network, bob, notify(bob.sa, NotifyType.R_U_THERE_ACK, wrong))
    assert alice.sa.probe == probe
    tells(network, bob, notify(bob.sa, NotifyType.R_U_THERE_ACK, probe.first.to_bytes(4)))
    assert alice.sa.probe is None


def test_an_acknowledgement_for_another_sa_is_none(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, bob = peers
    network.link = lambda datagram: [] if datagram.sender == "alice" else [datagram]
    network.run(20.5)
    probe = alice.sa.probe
    assert probe is not None
    other = Notification(DOI.IPSEC, ProtocolId.ISAKMP, bytes(16), NotifyType.R_U_THERE_ACK, probe.first.to_bytes(4))
    tells(network, bob, other)
    assert alice.sa.probe == probe


def test_a_question_of_the_peer_is_a_sign_of_life_and_its_repetition_is_none(
    network: Network, peers: tuple[Peer, Peer]
) -> None:
    alice, bob = peers
    network.run(10.0)
    tells(network, bob, notify(bob.sa, NotifyType.R_U_THERE, (5).to_bytes(4)))
    question = next(sent for sent in network.sent if sent.label == ASKS)
    falls_silent(network, bob)
    for _ in range(5):
        network.run(10.0)
        alice.takes(question.octets, FROM_BOB)
    assert network.labels("alice").count(ACKNOWLEDGES) == 1
    network.run(11.0)
    assert alice.failures == [Code.PEER_DEAD]


def test_an_onlooker_who_repeats_acknowledgements_keeps_nobody_alive(
    network: Network, peers: tuple[Peer, Peer]
) -> None:
    alice, bob = peers
    network.run(41.0)
    acknowledgements = [sent.octets for sent in network.sent if sent.label == ACKNOWLEDGES]
    assert len(acknowledgements) == 2
    falls_silent(network, bob)
    for _ in range(60):
        network.run(1.0)
        for octets in acknowledgements:
            alice.takes(octets, FROM_BOB)
    assert Code.PEER_DEAD in alice.failures


def test_a_deleted_pair_said_again_is_no_sign_of_life(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, bob = peers
    bob.does(lambda engine: engine.close_child(bob.child.unique_id, network.now))
    network.settle()
    deletion = next(sent.octets for sent in network.sent if sent.label == "INFO D(ESP)")
    falls_silent(network, bob)
    for _ in range(52):
        network.run(1.0)
        alice.takes(deletion, FROM_BOB)
    assert alice.failures == [Code.PEER_DEAD]


def test_a_silent_data_plane_stops_nothing(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, bob = peers
    alice.delays.add(AskTraffic)
    falls_silent(network, bob)
    network.run(55.0)
    assert alice.failures == [Code.PEER_DEAD]
    alice.gives_answers()
    assert not alice.engine.sas


def test_an_open_question_about_traffic_is_asked_again_by_the_next_process(
    network: Network, peers: tuple[Peer, Peer]
) -> None:
    alice, _ = peers
    alice.delays.add(AskTraffic)
    network.run(20.5)
    (question,) = alice.engine.questions()
    assert question == AskTraffic(alice.sa.liveness.request, (alice.child,), 20.0, 1)


def test_a_process_that_was_killed_leaves_no_question_open(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, bob = peers
    spi = alice.child.inbound.spi
    alice.delays.add(AskTraffic)
    network.run(20.5)
    alice.delays.clear()
    alice.is_killed(spi)
    assert alice.engine.questions() == []
    assert alice.sa.liveness.check_at > network.now
    falls_silent(network, bob)
    network.run(55.0)
    assert alice.failures == [Code.PEER_DEAD]


def test_a_peer_that_was_suspended_with_us_is_asked_again_before_it_is_dead(
    network: Network, peers: tuple[Peer, Peer]
) -> None:
    alice, bob = peers
    link = network.link
    falls_silent(network, bob)
    network.run(25.0)
    assert alice.sa.probe is not None
    network.link = link
    network.now += 7200.0  # the time that no timer saw
    network.run(5.0)
    assert alice.failures == []
    assert alice.sa.probe is None


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_peer_without_detection_is_not_asked_by_r_u_there(network: Network, couple: Couple, who: str) -> None:
    alice, bob = couple(**DPD)
    establish(network, alice)
    peer = {"alice": alice, "bob": bob}[who]
    change(peer.engine, peer.sa, vendors=tuple(vendor for vendor in peer.sa.vendors if vendor != vendor_ids.DPD))
    other = bob if peer is alice else alice
    falls_silent(network, other)
    network.run(600.0)
    assert asked(network, who) == 0
    assert peer.failures == []


def without_detection(peer: Peer) -> None:
    change(peer.engine, peer.sa, vendors=tuple(vendor for vendor in peer.sa.vendors if vendor != vendor_ids.DPD))


def finds_the_peer_dead(network: Network, alice: Peer) -> None:
    """Alice, who sends packets, notices within a minute from now that nobody answers."""
    began = network.now
    while not alice.failures and network.now - began < 100.0:
        alice.packets("out")
        network.run(1.0)
    assert Code.PEER_DEAD in alice.failures
    assert network.now - began < 60.0
    assert not alice.engine.sas


def test_a_dead_peer_without_detection_is_found_by_a_quick_mode(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, bob = peers
    without_detection(alice)
    alice.packets("in")
    falls_silent(network, bob)
    finds_the_peer_dead(network, alice)


def test_a_quick_mode_that_is_under_way_already_asks_a_dead_peer(network: Network, peers: tuple[Peer, Peer]) -> None:
    """A pair is rekeyed when the peer dies: no other Quick Mode for it begins, and that one is repeated for longer."""
    alice, bob = peers
    without_detection(alice)
    alice.packets("in")
    falls_silent(network, bob)
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    finds_the_peer_dead(network, alice)


def test_a_live_peer_without_detection_is_asked_ever_more_rarely(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, _ = peers
    without_detection(alice)
    for _ in range(600):
        alice.packets("out")
        network.run(1.0)
    assert alice.failures == []
    assert 2 <= network.labels("alice").count("QM1") <= 6


def test_a_pair_that_brings_nothing_back_is_replaced_ever_more_rarely(
    network: Network, peers: tuple[Peer, Peer]
) -> None:
    """Alice cannot know whether bob has lost the pair, or has nothing to say; she hears from him that he is alive."""
    alice, _ = peers
    numbers = []
    for _ in range(600):
        alice.packets("out")
        network.run(1.0)
        numbers.append(network.labels("alice").count("QM1"))
    assert alice.failures == []
    assert numbers[38] == 0
    assert numbers[60] == 1
    assert 3 <= numbers[-1] <= 5


def test_a_pair_that_brings_nothing_back_is_replaced_although_the_peer_asks(
    network: Network, peers: tuple[Peer, Peer]
) -> None:
    alice, bob = peers
    for number in range(60):
        alice.packets("out")
        tells(network, bob, notify(bob.sa, NotifyType.R_U_THERE, (100 + number).to_bytes(4)))
        network.run(1.0)
    assert asked(network) == 0
    assert network.labels("alice").count("QM1") == 1


def test_a_peer_without_an_isakmp_sa_is_called_if_it_sends_nothing(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, _ = peers
    for peer in peers:
        peer.does(lambda engine, peer=peer: end(engine, peer.sa, "lifetime expired", network.now))  # type: ignore[misc]
    assert not alice.sa.is_up
    old = alice.child
    for _ in range(25):
        alice.packets("out")
        network.run(1.0)
    assert any(sa.is_up for sa in alice.engine.sas.values())
    assert [child.unique_id for child in alice.children] == [old.unique_id]
    assert network.labels("alice").count("MM1") == 1


# --- one of several pairs -------------------------------------------------------------------------------------------


def with_tunnels(network: Network, count: int) -> tuple[Peer, Peer]:
    """Alice and bob with so many tunnels, ``net0`` and so on."""
    tunnels = [
        [tunnel(f"net{place}", f"10.1.{place}.0/24", f"10.2.{place}.0/24", mirrored=end) for place in range(count)]
        for end in (False, True)
    ]
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, *tunnels[0], **DPD)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, *tunnels[1])))
    for place in range(count):
        alice.calls(f"net{place}")
        network.settle()
    return alice, bob


def has_lost(bob: Peer, name: str) -> ChildSa:
    """Bob deletes the pair of a tunnel, and the Delete is lost."""
    network, (pair,) = bob.network, [child for child in bob.children if child.name == name]
    delivers, network.link = network.link, lambda datagram: []
    bob.does(lambda engine: engine.close_child(pair.unique_id, network.now))
    network.link = delivers
    return pair


@pytest.mark.parametrize("count", [2, 20])
@pytest.mark.parametrize("detection", [True, False])
def test_a_pair_whose_delete_was_lost_is_replaced_although_other_pairs_carry_traffic(
    network: Network, count: int, detection: bool
) -> None:
    alice, bob = with_tunnels(network, count)
    if not detection:
        without_detection(alice)
    has_lost(bob, "net1")
    network.sent.clear()
    for _ in range(100 if count == 2 else 240):
        alice.packets("out")
        for place in range(count):
            if place != 1:
                alice.packets("in", tunnel=f"net{place}")
        network.run(1.0)
        if any(child.name == "net1" for child in bob.children):
            break
    network.run(6.0)
    (new,) = (child for child in bob.children if child.name == "net1")
    assert alice.outbound[new.remote, new.local].outbound.spi == new.inbound.spi
    assert network.labels("alice").count("QM1") == 1, "no other pair is replaced"
    assert asked(network) == 0
    assert alice.failures == []


def test_each_tunnel_without_an_answer_has_its_own_wait(network: Network) -> None:
    """Traffic of net0 goes one way only; that of net1 does so from the fifth minute on."""
    alice, _ = with_tunnels(network, 3)
    for second in range(600):
        alice.packets("out")
        alice.packets("in", tunnel="net2")
        if second < 300:
            alice.packets("in", tunnel="net1")
        network.run(1.0)
        waits = {each.tunnel: each.quick_mode_wait for each in alice.sa.liveness.renewals}
        if second == 290:
            assert set(waits) == {"net0"}
        if second == 380:
            assert waits["net1"] == 20.0 < waits["net0"]
    assert "net2" not in waits
    assert 5 <= network.labels("alice").count("QM1") - 3 <= 9
    assert alice.failures == []


def test_each_pair_of_a_tunnel_has_its_own_wait(network: Network) -> None:
    """Bob negotiates parts of alice's tunnel. Traffic of one goes one way only; that of the other does so later."""
    parts = [tunnel(f"part{place}", remote=f"10.2.{place}.0/24", mirrored=True) for place in range(2)]
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), **DPD)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, *parts, **DPD)))
    for part in parts:
        bob.calls(part.name)
        network.settle()
    silent, other = (part.local for part in parts)
    for second in range(380):
        alice.packets("out")
        for child in alice.children if second < 300 else ():
            if child.remote == other:
                alice.received_at[child.inbound.spi] = network.now
        network.run(1.0)
        waits = {each.remote: each.quick_mode_wait for each in alice.sa.liveness.renewals}
        if second == 290:
            assert set(waits) == {silent}
    assert {child.remote for child in alice.children} == {silent, other}
    assert waits[other] == 22.0 < waits[silent], "the first wait of a responder"
    assert alice.failures == []


def test_traffic_that_comes_back_with_the_pair_before_is_an_answer(network: Network) -> None:
    """A peer may go on sending with the pair that was replaced."""
    alice, bob = couple_with_long_linger(network)
    old = alice.child
    alice.does(lambda engine: engine.rekey_child(old.unique_id, network.now))
    network.run(6.0)
    network.sent.clear()
    for _ in range(200):
        alice.packets("out")
        alice.received_at[old.inbound.spi] = network.now
        alice.received_at.pop(alice.children[-1].inbound.spi, None)
        network.run(1.0)
    assert "QM1" not in network.labels("alice")
    assert bob.failures == []


def couple_with_long_linger(network: Network) -> tuple[Peer, Peer]:
    alice, bob = (
        network.peer(
            name, own, settings(connection(own, other, tunnel(mirrored=end), **DPD), delete_rekeyed_delay=600.0)
        )
        for name, own, other, end in (("alice", ALICE, BOB, False), ("bob", BOB, ALICE, True))
    )
    establish(network, alice)
    return alice, bob


def test_detection_that_is_switched_off_asks_nobody(network: Network, pair: tuple[Peer, Peer]) -> None:
    alice, bob = pair
    establish(network, alice)
    falls_silent(network, bob)
    network.run(1800.0)
    assert network.sent == []


def test_a_reload_switches_it_on_and_off(network: Network, couple: Couple, peers: tuple[Peer, Peer]) -> None:
    alice, _ = peers
    with_it = alice.settings
    (known,) = with_it.connections
    alice.is_given(replace(with_it, connections=(replace(known, dpd_delay=0.0),)))
    network.run(100.0)
    assert asked(network) == 0
    alice.is_given(with_it)
    network.run(21.0)
    assert asked(network) == 1


# --- errors that nobody vouches for ---------------------------------------------------------------------------------


def invalid_cookie(sa: IkeSa, number: int = 7) -> bytes:
    return clear_notify(sa.CKY_I, sa.CKY_R, NotifyType.INVALID_COOKIE, number)


def invalid_spi(spi: int, number: int = 7) -> bytes:
    payload = Notification(DOI.IPSEC, ProtocolId.ESP, spi.to_bytes(4), NotifyType.INVALID_SPI, b"")
    return clear_invalid_spi(b"somebody", payload, number)


@pytest.mark.parametrize("kind", ["cookie", "spi"])
def test_an_error_in_the_clear_has_the_peer_asked_at_once_and_nothing_else(
    network: Network, peers: tuple[Peer, Peer], kind: str
) -> None:
    alice, _ = peers
    network.run(5.0)
    octets = invalid_cookie(alice.sa) if kind == "cookie" else invalid_spi(alice.child.outbound.spi)
    child = alice.child
    alice.takes(octets, FROM_BOB)
    assert network.labels("alice") == [ASKS]
    network.settle()
    assert alice.sa.probe is None
    assert alice.child == child
    assert [note.code for note in alice.saw(Note)] == [Code.DPD_HINT]


@pytest.mark.parametrize("kind", ["cookie", "spi"])
def test_a_flood_of_errors_earns_one_question_in_ten_seconds(
    network: Network, peers: tuple[Peer, Peer], kind: str
) -> None:
    alice, _ = peers
    for number in range(300):
        octets = invalid_cookie(alice.sa, number) if kind == "cookie" else invalid_spi(alice.child.outbound.spi, number)
        alice.takes(octets, FROM_BOB)
        network.run(0.1)
    assert asked(network) <= 4
    assert len(alice.events) < 20
    assert alice.child.unique_id


@pytest.mark.parametrize("kind", ["cookie", "spi"])
def test_an_error_from_elsewhere_earns_nothing(network: Network, peers: tuple[Peer, Peer], kind: str) -> None:
    alice, _ = peers
    octets = invalid_cookie(alice.sa) if kind == "cookie" else invalid_spi(alice.child.outbound.spi)
    alice.takes(octets, UdpPath(ALICE, 500, MALLORY, 500))
    assert network.sent == []


def test_an_error_about_another_spi_earns_nothing(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, _ = peers
    alice.takes(invalid_spi(alice.child.outbound.spi ^ 1), FROM_BOB)
    assert network.sent == []


def test_a_peer_that_lost_everything_and_says_so_is_dead_within_the_timeout(
    network: Network, peers: tuple[Peer, Peer]
) -> None:
    alice, bob = peers
    bob.stored.clear()
    bob.is_killed()
    assert not bob.engine.sas
    network.run(5.0)
    alice.takes(invalid_cookie(alice.sa), FROM_BOB)
    network.run(31.0)
    assert alice.failures[-1] == Code.PEER_DEAD
    assert "INFO N(INVALID_COOKIE) in the clear" in network.labels("bob")


def test_a_known_peer_is_told_that_its_isakmp_sa_is_unknown(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, bob = peers
    bob.stored.clear()
    bob.is_killed()
    for number in range(30):
        tells(network, alice, notify(alice.sa, NotifyType.R_U_THERE, number.to_bytes(4)))
    assert network.labels("bob") == ["INFO N(INVALID_COOKIE) in the clear"]
    network.run(5.0)
    tells(network, alice, notify(alice.sa, NotifyType.R_U_THERE, (99).to_bytes(4)))
    assert network.labels("bob").count("INFO N(INVALID_COOKIE) in the clear") == 2


def test_a_peer_that_missed_the_delete_is_told_when_no_message_can_be_under_way_any_more(
    network: Network, peers: tuple[Peer, Peer]
) -> None:
    alice, bob = peers
    delivers, network.link = network.link, lambda datagram: []
    bob.does(lambda engine: engine.close_ike(bob.sa.unique_id, network.now))
    network.link = delivers
    network.sent.clear()
    tells(network, alice, notify(alice.sa, NotifyType.R_U_THERE, (1).to_bytes(4)))
    assert network.labels("bob") == []
    network.now += 31.0
    tells(network, alice, notify(alice.sa, NotifyType.R_U_THERE, (2).to_bytes(4)))
    assert network.labels("bob") == ["INFO N(INVALID_COOKIE) in the clear"]


def test_nobody_else_is_told(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, bob = peers
    bob.stored.clear()
    bob.is_killed()
    alice.does(lambda engine: say(engine, alice.sa, [notify(alice.sa, NotifyType.R_U_THERE, bytes(4))], network.now))
    (sent,) = network.flying
    bob.takes(sent.octets, UdpPath(BOB, 500, MALLORY, 500))
    assert network.labels("bob") == []


def test_an_error_in_the_clear_is_never_answered(network: Network, peers: tuple[Peer, Peer]) -> None:
    _, bob = peers
    bob.takes(clear_notify(b"unknown1", b"unknown2", NotifyType.INVALID_COOKIE, 7), UdpPath(BOB, 500, ALICE, 500))
    bob.takes(invalid_spi(0x1234), UdpPath(BOB, 500, ALICE, 500))
    assert network.labels("bob") == []


def test_a_peer_with_an_isakmp_sa_is_told_under_it_that_its_spi_is_unknown_and_replaces_the_pair(
    network: Network, peers: tuple[Peer, Peer]
) -> None:
    alice, bob = peers
    network.run(6.0)
    old, path = alice.child, UdpPath(BOB, 500, ALICE, 500)
    spi = old.outbound.spi
    for _ in range(10):
        bob.does(lambda engine: engine.unknown_spi(spi, ProtocolId.ESP, path, network.now))
    network.run(6)
    assert network.labels("bob")[0] == "INFO N(INVALID_SPI)"
    assert network.labels("bob").count("INFO N(INVALID_SPI)") == 1
    assert "QM1" in network.labels("alice")
    assert any(child.outbound.spi != spi for child in alice.outbound.values())


def test_a_former_peer_is_told_in_the_clear_that_its_spi_is_unknown(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, bob = peers
    bob.stored.clear()
    bob.is_killed()
    spi, path = alice.child.outbound.spi, UdpPath(BOB, 500, ALICE, 500)
    bob.does(lambda engine: engine.unknown_spi(spi, ProtocolId.ESP, path, network.now))
    assert network.labels("bob") == ["INFO N(INVALID_SPI) in the clear"]
    network.settle()
    assert asked(network) == 1


def test_a_stranger_is_not_told_of_unknown_spis(network: Network, peers: tuple[Peer, Peer]) -> None:
    _, bob = peers
    path = UdpPath(BOB, 500, MALLORY, 500)
    bob.does(lambda engine: engine.unknown_spi(0x1234, ProtocolId.ESP, path, network.now))
    assert network.sent == []


# --- who asks, where there are several ISAKMP SAs -------------------------------------------------------------------


def test_only_the_newest_isakmp_sa_with_a_peer_is_asked(network: Network, peers: tuple[Peer, Peer]) -> None:
    alice, _ = peers
    first = alice.sa
    alice.does(lambda engine: engine.rekey_ike(first.unique_id, network.now))
    network.run(1.0)
    network.sent.clear()
    network.run(100.0)
    assert asked(network) <= 5


# --- a NAT in front of the caller -----------------------------------------------------------------------------------


def behind_a_nat(network: Network) -> tuple[Peer, Peer, NatBox]:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), **DPD)))
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(mirrored=True), dpd_delay=0.0)))
    box = NatBox(network, alice, "203.0.113.1")
    establish(network, alice)
    return alice, bob, box


def test_a_peer_that_answers_no_packets_any_more_learns_the_new_port_of_a_nat(network: Network) -> None:
    alice, bob, box = behind_a_nat(network)
    for _ in range(30):
        alice.packets("in", "out")
        network.run(1.0)
    assert asked(network) == 0, "traffic in both directions costs no message"
    box.rebind()
    for _ in range(11):
        alice.packets("out")
        network.run(1.0)
    assert asked(network) == 1
    assert bob.sa.path.remote_port == bob.child.path.remote_port == box.port_of(4500)


def test_traffic_in_one_direction_through_a_nat_is_asked_about_once_at_once(network: Network) -> None:
    alice, bob, _ = behind_a_nat(network)
    alice.packets("in")
    for _ in range(200):
        alice.packets("out")
        network.run(1.0)
    assert 8 <= asked(network) <= 12
    assert alice.failures == bob.failures == []
