"""`ikev1.testing`: networks that lose, repeat and reorder, the same in every run."""

from __future__ import annotations

import pytest

import ikev1
from ikev1.events import ChildUp, Code, Failure
from ikev1.testing import (
    Datagram,
    Delay,
    Duplication,
    Link,
    Loss,
    Lost,
    Mtu,
    Nat,
    Network,
    Outage,
    Peer,
    Randomness,
    Reordering,
    chain,
)
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


def test_what_is_delayed_arrives_later_and_may_be_overtaken() -> None:
    network = Network()
    alice, bob = pair(network)
    network.delay = Delay(0.5, 0.5)
    alice.connect("lan")
    network.settle()
    assert bob.events == []
    network.run(3.9)
    assert alice.children == bob.children == []
    network.run(0.7)
    assert [child.inbound for child in alice.children] == [child.outbound for child in bob.children] != []

    network, slow = Network(), Delay(1, 9, seed=3)
    alice, bob = pair(network)
    network.delay = slow
    alice.connect("lan")
    network.run(1_000)
    assert alice.child.inbound == bob.child.outbound
    assert len(network.sent) > 9  # they were repeated meanwhile


def test_a_delay_is_from_less_to_more() -> None:
    for least, most in ((-1, 2), (2, 1)):
        with pytest.raises(ikev1.LocalError):
            Delay(least, most)


def test_an_outage_loses_everything_while_it_lasts() -> None:
    network, outage = Network(), Outage(BOB[0])
    alice, bob = pair(network)
    network.link = outage
    alice.connect("lan")
    network.run(3)
    assert bob.events == []
    outage.lasts = False
    network.run(30)
    assert alice.child.inbound == bob.child.outbound
    (elsewhere,) = Outage("192.0.2.77")(network.sent[0])
    assert elsewhere == network.sent[0]
    assert Outage()(network.sent[0]) == []


def test_a_path_loses_what_is_too_long() -> None:
    datagram = Datagram(ALICE, BOB, bytes(1472), "MM5", "alice")
    assert Mtu(1500)(datagram) == [datagram]
    assert Mtu(1499)(datagram) == []


def test_a_nat_is_found_and_forgets_its_ports() -> None:
    network = Network()
    lan = ikev1.tunnel("lan", "10.1.0.0/16", "10.2.0.0/16")
    nat = Nat(ALICE[0], "203.0.113.9")
    alice = network.peer(
        "alice", ALICE[0], ikev1.psk("bob", b"secret", lan, local_id="a.example", remote_id="b.example")
    )
    lan = ikev1.tunnel("lan", "10.2.0.0/16", "10.1.0.0/16")
    bob = network.peer("bob", BOB[0], ikev1.psk("alice", b"secret", lan, local_id="b.example", remote_id="a.example"))
    network.link = nat
    alice.connect("lan")
    network.settle()
    assert bob.child.path.remote_host == "203.0.113.9"
    before = bob.child.path.remote_port
    assert before > 40_000
    stranger = Datagram(BOB, ("203.0.113.9", before + 1), b"", "ESP", "bob")
    assert nat(stranger) == []
    nat.rebind()
    assert nat(Datagram(BOB, ("203.0.113.9", before), b"", "ESP", "bob")) == []
    alice.does(lambda ike: ike.rekey(alice.child, network.now))
    network.settle()
    assert bob.children[-1].path.remote_port > before


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
