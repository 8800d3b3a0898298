"""What moves an SA to another path, and what does not: copies, forged sources, other ports, other addresses."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.engine import Engine
from ikev1.core.records.events import Code, Note
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Aggressive, Mode
from nat import NatBox
from playbook import Couple, Datagram, Network, Peer, establish

OUTSIDE, MALLORY, CAROL = "203.0.113.1", "203.0.113.66", "192.0.2.33"
HASTY: dict[str, Any] = {"mode": Mode.AGGRESSIVE, "aggressive": Aggressive.ACCEPT_PSK}


def behind(network: Network, *tunnels: Any, **of_alice: Any) -> tuple[Peer, Peer, NatBox]:
    """Alice behind a NAT, and bob, whom she calls."""
    ours, theirs = tunnels or (tunnel(), tunnel(mirrored=True))
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, ours, **of_alice)))
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", theirs, aggressive=Aggressive.ACCEPT_PSK)))
    box = NatBox(network, alice, OUTSIDE)
    alice.calls()
    network.settle()
    for peer in (alice, bob):
        peer.events.clear()
    network.sent.clear()
    return alice, bob, box


def renews(peer: Peer) -> Datagram:
    """The Quick Mode with which ``peer`` renews its newest pair, which does not arrive."""
    peer.does(lambda engine: engine.rekey_child(peer.children[-1].unique_id, peer.network.now))
    return peer.network.flying.popleft()


# --- without a NAT --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [(MALLORY, 4500), (MALLORY, 666), (ALICE, 4500), (ALICE, 666)])
@pytest.mark.parametrize("port", [500, 4500])
@pytest.mark.parametrize("mode", list(Mode))
def test_a_copy_of_a_quick_mode_from_elsewhere_moves_nothing(
    network: Network, couple: Couple, mode: Mode, port: int, source: tuple[str, int]
) -> None:
    alice, bob = couple(alice={"mode": mode}, aggressive=Aggressive.ACCEPT_PSK)
    establish(network, alice)
    before = bob.sa
    copied = renews(alice)
    bob.takes(copied.octets, UdpPath(BOB, port, *source))
    assert bob.sa.path == before.path
    assert [child.path for child in bob.children] == [child.path for child in before.children]
    network.plays("bob -> alice QM2", "alice -> bob QM3")
    assert {child.path for child in (*bob.inbound.values(), *bob.outbound.values())} == {before.path}
    assert bob.saw(Note) == []


@pytest.mark.parametrize("label", ["MM5", "AM3"])
@pytest.mark.parametrize("source", [(MALLORY, 4500), (MALLORY, 500), (ALICE, 666)])
def test_a_copy_of_the_proof_from_elsewhere_moves_nothing(
    network: Network, couple: Couple, label: str, source: tuple[str, int]
) -> None:
    mode = Mode.MAIN if label == "MM5" else Mode.AGGRESSIVE
    alice, bob = couple(alice={"mode": mode}, aggressive=Aggressive.ACCEPT_PSK)
    alice.calls()
    while network.flying[0].label != label:
        network.deliver(network.flying.popleft())
    bob.takes(network.flying[0].octets, UdpPath(BOB, 4500, *source))
    if source[0] != ALICE:  # who can send in the name of alice can make the two believe in a NAT (RFC 3947 §3.2)
        assert bob.sa.path == UdpPath(BOB, 500, ALICE, 500)
        network.settle()
        assert alice.carries.inbound == bob.carries.outbound
    assert bob.sa.hosts == (BOB, ALICE)


def test_esp_from_elsewhere_moves_nothing_without_a_nat(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    before = bob.sa
    for path in (UdpPath(BOB, 4500, MALLORY, 4500), UdpPath(BOB, 4500, ALICE, 666)):
        assert bob.engine.peer_moved(bob.child.inbound.spi, path, network.now) == []
    assert bob.sa == before


# --- behind a NAT ---------------------------------------------------------------------------------------------------


def test_another_port_is_followed_at_once(network: Network) -> None:
    alice, bob, box = behind(network)
    box.rebind()
    bob.takes(*through(box, renews(alice)))
    assert bob.sa.path == UdpPath(BOB, 4500, OUTSIDE, 40_003)
    assert [note.code for note in bob.saw(Note)] == [Code.PEER_MOVED]
    assert bob.sa.moves == 1
    network.settle()
    assert {child.path for child in bob.inbound.values()} == {bob.sa.path}


def through(box: NatBox, datagram: Datagram) -> tuple[bytes, UdpPath]:
    """A datagram as it arrives behind the NAT box."""
    (seen,) = box.pass_on(datagram)
    return seen.octets, UdpPath(*seen.destination, *seen.source)


def test_another_address_is_followed_once_the_peer_answers_from_there(network: Network) -> None:
    alice, bob, box = behind(network)
    before = bob.sa.path
    box.moves_to("203.0.113.77", 50_000)
    bob.takes(*through(box, renews(alice)))
    assert bob.sa.path == before
    question = network.sent[-1]
    assert (question.label, question.destination) == ("INFO N(R_U_THERE)", ("203.0.113.77", 50_000))
    assert [datagram.destination for datagram in network.sent if datagram.label == "QM2"] == [(OUTSIDE, 40_002)]
    network.run(30)
    assert bob.sa.path == UdpPath(BOB, 4500, "203.0.113.77", 50_000)
    assert {child.path for child in (*bob.inbound.values(), *bob.outbound.values())} == {bob.sa.path}
    assert alice.failures == bob.failures == []
    assert [note.code for note in bob.saw(Note)].count(Code.PEER_MOVED) == 1


def test_an_onlooker_who_was_first_is_asked_and_cannot_answer(network: Network) -> None:
    alice, bob, _ = behind(network)
    before = bob.sa
    copied = renews(alice)
    bob.takes(copied.octets, UdpPath(BOB, 4500, MALLORY, 4500))
    network.run(60)
    to_mallory = [datagram.label for datagram in network.sent if datagram.destination[0] == MALLORY]
    assert to_mallory == ["INFO N(R_U_THERE)"] * 4
    assert bob.sa.path == before.path
    assert bob.sa.probe is None
    assert {child.path for child in (*bob.inbound.values(), *bob.outbound.values())} == {before.path}
    assert alice.child.inbound.spi in {child.outbound.spi for child in bob.children}


def test_an_answer_by_another_path_than_the_question_moves_nothing(network: Network) -> None:
    alice, bob, _ = behind(network)
    before = bob.sa.path
    bob.takes(renews(alice).octets, UdpPath(BOB, 4500, MALLORY, 4500))
    question = next(datagram for datagram in network.sent if datagram.destination[0] == MALLORY)
    alice.takes(question.octets, UdpPath(ALICE, 4500, BOB, 4500))  # mallory passes it on, and alice answers for herself
    network.settle()
    assert bob.sa.path == before
    assert bob.sa.probe is None


def test_esp_with_another_address_is_asked_about_first(network: Network) -> None:
    alice, bob, _ = behind(network)
    before = bob.sa.path
    bob.does(lambda engine: engine.peer_moved(bob.child.inbound.spi, UdpPath(BOB, 4500, MALLORY, 4500), network.now))
    assert bob.sa.path == bob.child.path == before
    assert network.flying[-1].destination == (MALLORY, 4500)
    assert alice.sa.cookies == bob.sa.cookies


def test_one_question_at_a_time(network: Network) -> None:
    _, bob, _ = behind(network)
    for last in range(1, 200):
        path = UdpPath(BOB, 4500, f"203.0.113.{last}", 4500)
        bob.does(partial(Engine.peer_moved, spi=bob.child.inbound.spi, path=path, now=network.now))
    assert len(network.flying) == 1


@pytest.mark.parametrize("label", ["QM1", "MM5"])
def test_a_repetition_from_another_port_is_answered_there_and_moves_nothing(network: Network, label: str) -> None:
    """An onlooker behind the same NAT was faster than alice; she gets her answer all the same."""
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel())))
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(mirrored=True))))
    box = NatBox(network, alice, OUTSIDE)
    alice.calls()
    while network.flying[0].label != label:
        network.deliver(network.flying.popleft())
    copied = network.flying[0]
    bob.takes(copied.octets, UdpPath(BOB, 4500, OUTSIDE, 666))
    network.flying.pop()  # the answer went to the onlooker
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound
    assert bob.sa.path.remote_port == box.port_of(4500), "her next message moved it to her"


def test_quick_mode_proves_no_port_to_which_its_messages_did_not_go_alone(network: Network) -> None:
    """Alice claims the port of another peer behind her NAT. She repeats message 1 from her own port, and so learns the
    nonce of message 2.
    """
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel())))
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(mirrored=True))))
    box = NatBox(network, alice, OUTSIDE)
    claimed = UdpPath(BOB, 4500, OUTSIDE, 666)
    alice.calls()
    while network.flying[0].label != "MM5":
        network.deliver(network.flying.popleft())
    bob.takes(network.flying.popleft().octets, claimed)
    alice.takes(network.flying.popleft().octets, UdpPath(ALICE, 4500, BOB, 4500))  # she can compute message 6
    first = network.flying.popleft().octets
    bob.takes(first, claimed)
    network.flying.clear()
    bob.takes(first, UdpPath(BOB, 4500, OUTSIDE, box.port_of(4500)))
    network.deliver(network.flying.popleft())
    last = network.flying.popleft()
    assert last.label == "QM3"
    bob.takes(last.octets, claimed)
    assert bob.child.path.remote_port == 666
    assert bob.sa.peer is None


# --- what is a function of the anchor -------------------------------------------------------------------------------


def test_a_road_warrior_with_a_forged_source_gets_no_address_but_his_own(network: Network) -> None:
    victim = "198.51.100.99"
    ours, theirs = tunnel(local=OUTSIDE, remote="10.2.0.0/16"), tunnel(local="10.2.0.0/16", remote=None)
    alice, bob, _ = behind(network, ours, theirs)
    assert bob.child.remote == Selector.parse(OUTSIDE)
    alice.is_given(settings(connection(ALICE, BOB, tunnel(local=victim, remote="10.2.0.0/16"))))
    alice.does(lambda engine: engine.initiate("peer", "net", alice.sa.path, network.now))
    network.flying.rotate(1)
    forged = network.flying.popleft()
    assert forged.label == "QM1"
    bob.takes(forged.octets, UdpPath(BOB, 4500, victim, 4500))
    network.run(60)
    assert bob.failures == [Code.SELECTORS_UNACCEPTABLE]
    assert {child.remote for child in bob.inbound.values()} == {Selector.parse(OUTSIDE)}
    assert bob.sa.hosts == (BOB, OUTSIDE)


def test_a_site_that_shares_its_secret_does_not_become_another_one(network: Network) -> None:
    of_a, of_b = tunnel(remote="10.1.0.0/16", local="10.9.0.0/16"), tunnel(remote="10.2.0.0/16", local="10.9.0.0/16")
    bob = network.peer(
        "bob",
        BOB,
        settings(
            connection(BOB, ALICE, of_a, name="site-a", remote_id="a.example"),
            connection(BOB, CAROL, of_b, name="site-b", remote_id="b.example"),
        ),
    )
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), local_id="b.example")))
    alice.calls(tunnel=None, host=BOB)
    while network.flying[0].label != "MM5":
        network.deliver(network.flying.popleft())
    bob.takes(network.flying.popleft().octets, UdpPath(BOB, 4500, CAROL, 4500))
    assert bob.failures == [Code.ID_MISMATCH]
    assert not any(sa.is_up for sa in bob.engine.sas.values())
