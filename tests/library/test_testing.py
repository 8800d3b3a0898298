"""`ikev1.testing`: networks that lose, repeat and reorder, the same in every run."""

from __future__ import annotations

import pytest

import ikev1
from ikev1.events import ChildUp, Code, Failure
from ikev1.testing import Duplication, Link, Loss, Lost, Network, Peer, Randomness, Reordering, chain
from library import ALICE, BOB, connections


def pair(network: Network, secret_of_bob: bytes = b"secret") -> tuple[Peer, Peer]:
    of_alice, of_bob = connections(secret_of_bob)
    return network.peer("alice", ALICE[0], of_alice), network.peer("bob", BOB[0], of_bob)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_conversation_is_played_line_by_line(restarts: bool) -> None:
    network = Network(restarts=restarts)
    alice, bob = pair(network)
    alice.connect("lan")
    network.plays(
        "alice -> bob MM1",
        "bob -x alice MM2",
        "5 s pass",
        "alice -> bob MM1",
        "bob => alice MM2",
        "alice -> bob MM3",
        "bob -> alice MM4",
        "alice -> bob MM5",
        "bob -> alice MM6",
        "alice -> bob QM1",
        "bob -> alice QM2",
        "alice -> bob QM3",
    )
    assert alice.child.inbound == bob.child.outbound
    assert alice.failures == bob.failures == []


def test_a_play_that_does_not_come_true_says_what_was_sent() -> None:
    network = Network()
    alice, _ = pair(network)
    alice.connect("lan")
    with pytest.raises(AssertionError, match="alice -> bob MM1"):
        network.plays("alice -> bob MM1", "bob -> alice MM4")


LINKS: list[tuple[str, Link]] = [
    ("a fifth is lost", Loss(0.2, seed=1)),
    ("a third is repeated", Duplication(0.33, seed=2)),
    ("a quarter is late", Reordering(0.25, seed=3)),
    ("all of it", chain(Loss(0.1, seed=4), Duplication(0.2, seed=5), Reordering(0.2, seed=6))),
]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("link", [link for _, link in LINKS], ids=[name for name, _ in LINKS])
def test_a_tunnel_comes_up_on_a_bad_link_and_is_rekeyed(link: Link, restarts: bool) -> None:
    network = Network(restarts=restarts)
    alice, bob = pair(network)
    network.link = link
    alice.connect("lan")
    network.run(120)
    assert [child.inbound.spi for child in alice.children] == [child.outbound.spi for child in bob.children]
    first = alice.child
    network.run(3_400)  # beyond nine tenths of an hour
    (up,) = [event for event in alice.saw(ChildUp) if event.replaces is not None]
    assert up.replaces is not None
    assert up.replaces.unique_id == first.unique_id
    assert alice.child.outbound == bob.child.inbound


def test_a_run_is_the_same_again() -> None:
    def sent() -> list[tuple[bytes, str]]:
        network = Network()
        alice, _ = pair(network)
        network.link = chain(Loss(0.3, seed=7), Reordering(0.3, seed=8))
        alice.connect("lan")
        network.run(200)
        return [(datagram.octets, datagram.label) for datagram in network.sent]

    assert sent() == sent()
    assert len(sent()) > 9


def test_one_message_is_lost_as_often_as_is_said() -> None:
    network = Network()
    alice, bob = pair(network)
    network.link = Lost("QM3", times=2)
    alice.connect("lan")
    network.run(60)
    assert network.labels("alice").count("QM3") == 3
    assert bob.child.inbound == alice.child.outbound


def test_a_link_that_delivers_nothing_is_a_silent_peer() -> None:
    network = Network()
    alice, bob = pair(network)
    network.link = Loss(1)
    alice.connect("lan")
    network.run(600)
    assert alice.failures == [Code.PEER_SILENT]
    assert bob.events == []


def test_another_secret() -> None:
    network = Network()
    alice, bob = pair(network, b"another")
    alice.connect("lan")
    network.run(600)
    assert Code.PSK_MISMATCH in alice.failures
    assert alice.saw(Failure)[0].peer.startswith(BOB[0])
    assert alice.children == bob.children == []
    with pytest.raises(AssertionError):
        _ = alice.child


@pytest.mark.parametrize("kind", [Loss, Duplication, Reordering])
def test_a_share_is_a_share(kind: type[Loss]) -> None:
    with pytest.raises(ikev1.LocalError):
        kind(1.5)


def test_which_connection_is_meant_must_be_clear() -> None:
    network = Network()
    lan = ikev1.tunnel("lan")
    alice = network.peer("alice", ALICE[0], ikev1.psk("a", b"secret", lan), ikev1.psk("b", b"secret", lan))
    network.peer("bob", BOB[0])
    with pytest.raises(ikev1.LocalError, match="a"):
        alice.connect("lan")


def test_randomness_is_that_of_its_seed() -> None:
    one, same, other = Randomness("x"), Randomness("x"), Randomness("y")
    drawn = [one(8), one(8), one(16)]
    assert drawn == [same(8), same(8), same(16)]
    assert len({*drawn, other(8)}) == 4
    assert one.drawn == 32
