"""Which two SAs are with the same peer, and what the second does to the first."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from configured import ALICE, BOB, connection, policy, settings, tunnel
from ikev1.core.exchanges.informational import delete_ike, notify
from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.events import ChildDown, ChildUp, Code, IkeDown, MessageSeen, Note
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Unique
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import NotifyType
from nat import NatBox
from playbook import Couple, Network, Peer, change, establish, say

OUTSIDE, ELSEWHERE, CAROL = "203.0.113.1", "203.0.113.77", "192.0.2.33"
GROUP: dict[str, Any] = {"local_id": "keyid:group", "remote_id": BOB}


class Group:
    """Alice and carol, clients of bob who share an identity, as all in a group of XAUTH do; usually behind one NAT."""

    def __init__(self, network: Network, *, behind_nat: bool = True, **of_bob_too: Any) -> None:
        of_alice, of_carol = tunnel(local="10.9.0.1/32"), tunnel(local="10.9.0.2/32")
        of_bob = tunnel(local="10.2.0.0/16", remote="10.9.0.0/24")
        self.network = network
        self.bob = network.peer("bob", BOB, settings(connection(BOB, "%any", of_bob, **of_bob_too)))
        self.alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, of_alice, **GROUP)))
        self.carol = network.peer("carol", CAROL, settings(connection(CAROL, BOB, of_carol, **GROUP)))
        self.boxes = (
            [NatBox(network, self.alice, OUTSIDE), NatBox(network, self.carol, OUTSIDE, first_port=50_001)]
            if behind_nat
            else []
        )

    def comes(self, peer: Peer) -> None:
        peer.calls(host=BOB)
        self.network.settle()


def test_two_clients_with_one_identity_behind_one_nat_do_not_disturb_each_other(network: Network) -> None:
    there = Group(network)
    there.comes(there.alice)
    there.comes(there.carol)
    network.run(60)
    assert [*there.bob.saw(IkeDown), *there.bob.saw(ChildDown)] == []
    for client, port in ((there.alice, 40_002), (there.carol, 50_002)):
        (pair,) = [child for child in there.bob.inbound.values() if child.outbound.spi == client.child.inbound.spi]
        assert pair.path.remote_port == port


def test_a_client_that_rebooted_behind_a_nat_ends_nobody_elses_sa(network: Network) -> None:
    """She says INITIAL-CONTACT, and has another port than before."""
    there = Group(network)
    there.comes(there.alice)
    there.comes(there.carol)
    there.boxes[1].rebind()
    reboots(there.carol)
    there.comes(there.carol)
    network.run(10)
    assert there.alice.child.inbound.spi in [child.outbound.spi for child in there.bob.children]
    assert there.carol.child.inbound.spi in [child.outbound.spi for child in there.bob.children]


@pytest.mark.parametrize("begins_anew", [True, False])
def test_who_forges_the_port_of_a_neighbour_is_not_taken_for_it(network: Network, begins_anew: bool) -> None:
    """Carol has alice's identity, and can send from alice's port at the NAT, but receives nothing there."""
    there = Group(network)
    there.comes(there.alice)
    victim = there.alice.child
    port = there.boxes[0].port_of(4500)
    if not begins_anew:  # who has something with bob already does not say INITIAL-CONTACT
        other = replace(there.carol.settings.connections[0], name="other")
        there.carol.is_given(settings(*there.carol.settings.connections, other))
        there.carol.calls(None, host=BOB, connection="other")
        network.flying.clear()
    there.carol.calls(None, host=BOB)
    while network.flying[0].label != "MM5":
        network.deliver(network.flying.popleft())
    there.bob.takes(network.flying.popleft().octets, UdpPath(BOB, 4500, OUTSIDE, port))
    there.carol.takes(
        network.flying.popleft().octets, UdpPath(CAROL, 4500, BOB, 4500)
    )  # message 6, which she can compute
    (sa,) = [sa for sa in there.carol.engine.sas.values() if sa.is_up]
    there.carol.does(lambda engine: say(engine, sa, [notify(sa, NotifyType.R_U_THERE, bytes(4))], network.now))
    there.bob.takes(network.flying.popleft().octets, UdpPath(BOB, 4500, OUTSIDE, port))
    network.run(30)
    there.comes(there.carol)
    network.run(30)
    assert there.bob.saw(ChildDown) == []
    (pair,) = [child for child in there.bob.inbound.values() if child.outbound.spi == victim.inbound.spi]
    assert pair.path.remote_port == port


def reboots(peer: Peer) -> None:
    """Loses all that it knew."""
    peer.engine = type(peer.engine)(peer.settings, peer.random)
    for kept in (peer.inbound, peer.outbound, peer.stored):
        kept.clear()


class Roaming:
    """Alice, whose provider gives her another address; she has no NAT, and bob knows her by her name."""

    def __init__(self, network: Network, **of_bob: Any) -> None:
        at_bob = connection(BOB, "%any", tunnel(mirrored=True), **of_bob)
        self.network = network
        self.bob = network.peer("bob", BOB, settings(at_bob))
        self.alice = self.at(ALICE)
        self.before = self.alice.child

    def at(self, address: str, *, rebooted: bool = True) -> Peer:
        ours = connection(address, BOB, tunnel(), local_id="alice.example", remote_id=BOB)
        alice = self.network.peer("alice", address, settings(ours, replace(ours, name="other")))
        if not rebooted:  # who has something with bob already does not say INITIAL-CONTACT
            alice.calls(None, host=BOB, connection="other")
            self.network.flying.clear()
        alice.calls(host=BOB)
        self.network.settle()
        return alice

    def comes_from(self, address: str, *, rebooted: bool = True) -> None:
        del self.network.peers["alice"]
        self.bob.events.clear()
        self.alice = self.at(address, rebooted=rebooted)


@pytest.mark.parametrize("rebooted", [True, False])
def test_a_peer_that_comes_back_from_another_address_takes_the_place_of_the_first(
    network: Network, rebooted: bool
) -> None:
    there = Roaming(network)
    said = len(network.sent)
    there.comes_from(ELSEWHERE, rebooted=rebooted)
    to_first = [each.label for each in network.sent[said:] if each.destination[0] == ALICE]
    assert to_first == ["INFO D(ESP)", "INFO D(ISAKMP)"], "it may be another client, which learns of its end at once"
    used = [child for child in there.bob.children if child.state is ChildState.INSTALLED]
    assert [child.outbound.spi for child in used] == [there.alice.children[-1].inbound.spi]
    assert [down.child.outbound.spi for down in there.bob.saw(ChildDown)] == [there.before.inbound.spi]
    assert {child.path.remote_host for child in there.bob.inbound.values()} == {ELSEWHERE}
    sent = len(network.sent)
    network.run(90_000)
    assert ALICE not in {datagram.destination[0] for datagram in network.sent[sent:]}, "somebody else may live there"


def test_a_second_peer_with_the_same_identity_is_sent_away_if_the_first_is_to_stay(network: Network) -> None:
    there = Roaming(network, unique=Unique.KEEP)
    there.comes_from(ELSEWHERE, rebooted=False)
    assert [note.code for note in there.bob.saw(Note)] == [Code.DUPLICATE_PEER]
    assert [child.outbound.spi for child in there.bob.children] == [there.before.inbound.spi]
    assert there.alice.children == []
    assert not [sa for sa in there.alice.engine.sas.values() if sa.is_up]


def test_peers_with_the_same_identity_may_all_stay(network: Network) -> None:
    there = Roaming(network, unique=Unique.NEVER)
    there.comes_from(ELSEWHERE)
    assert [*there.bob.saw(IkeDown), *there.bob.saw(ChildDown)] == []
    assert len(there.bob.engine.sas) == 2


class Apart(Group):
    """Alice and carol at addresses of their own, both connected to bob, who lets both stay and finds dead peers."""

    def __init__(self, network: Network, first: str, spi: int = 0) -> None:
        never: dict[str, Any] = {"unique": Unique.NEVER, "dpd_delay": 20.0, "dpd_timeout": 30.0}
        super().__init__(network, behind_nat=False, **never)
        for client in (self.alice, self.carol) if spi else ():
            client.asks_for_spis(lambda path, protocol: spi)
        self.comes(self.alice if first == "alice" else self.carol)
        network.run(5)
        self.comes(self.carol if first == "alice" else self.alice)
        network.run(5)

    def paths_at_bob(self) -> dict[str, int]:
        """How many pairs bob has with each address."""
        return dict(Counter(child.path.remote_host for child in self.bob.inbound.values()))


@pytest.mark.parametrize("first", ["alice", "carol"])
def test_of_two_peers_with_the_same_identity_the_dead_one_is_found(network: Network, first: str) -> None:
    there = Apart(network, first)
    assert there.paths_at_bob() == {ALICE: 1, CAROL: 1}
    network.link = lambda datagram: [] if CAROL in (datagram.source[0], datagram.destination[0]) else [datagram]
    network.run(60)
    assert there.bob.failures == [Code.PEER_DEAD]
    assert there.paths_at_bob() == {ALICE: 1}
    assert [sa.path.remote_host for sa in there.bob.engine.sas.values()] == [ALICE]


def test_packets_of_one_peer_are_no_sign_of_life_of_another_with_the_same_identity(network: Network) -> None:
    there = Apart(network, "carol")
    network.link = lambda datagram: [] if CAROL in (datagram.source[0], datagram.destination[0]) else [datagram]
    (spi,) = [spi for spi, child in there.bob.inbound.items() if child.path.remote_host == ALICE]
    for _ in range(60):
        there.bob.received_at[spi] = network.now
        network.run(1)
    assert there.paths_at_bob() == {ALICE: 1}


@pytest.mark.parametrize("first", ["alice", "carol"])
def test_a_pair_without_an_isakmp_sa_goes_to_no_other_peer_with_the_same_identity(network: Network, first: str) -> None:
    there = Apart(network, first)
    (pair,) = [child for child in there.bob.inbound.values() if child.path.remote_host == CAROL]
    ends_isakmp_sa(there.carol)
    assert there.paths_at_bob() == {ALICE: 1, CAROL: 1}
    there.carol.packets("in", "out")
    network.run(pair.rekey_at - network.now + 10)
    assert there.paths_at_bob().get(ALICE) == 1, "nobody negotiates carol's networks with alice"


@pytest.mark.parametrize("first", ["alice", "carol"])
def test_a_peer_deletes_no_pair_of_another_with_the_same_identity_and_spi(network: Network, first: str) -> None:
    there = Apart(network, first, spi=0x1000)
    there.carol.does(lambda engine: engine.close_child(there.carol.child.unique_id, network.now))
    network.settle()
    assert there.paths_at_bob() == {ALICE: 1}


def test_many_peers_with_the_same_identity_renew_their_isakmp_sas_at_once(network: Network) -> None:
    """Each keeps its replaced ISAKMP SA for as long as a peer alone does: strongSwan needs it to move its pairs."""
    wide, lifetime = tunnel(local="10.2.0.0/16", remote="10.9.0.0/24"), policy(lifetime=3600)
    at_bob = connection(BOB, "%any", wide, unique=Unique.NEVER, policies=(lifetime,))
    bob = network.peer("bob", BOB, settings(at_bob))
    clients = []
    for number in range(1, 11):
        address, own = f"192.0.2.{100 + number}", tunnel(local=f"10.9.0.{number}/32")
        ours = connection(address, BOB, own, policies=(lifetime,), **GROUP)
        clients.append(network.peer(f"client{number}", address, settings(ours)))
        clients[-1].calls(host=BOB)
        network.settle()
    network.run(30)
    for client in clients:
        client.does(lambda engine, old=client.sa: engine.rekey_ike(old.unique_id, network.now))  # type: ignore[misc]
        network.run(0.1)
    network.run(8)
    assert (len(bob.engine.sas), len(bob.inbound)) == (20, 10)
    network.run(60)
    assert (len(bob.engine.sas), len(bob.inbound)) == (10, 10)
    assert bob.saw(ChildDown) == []


@pytest.mark.parametrize("unique", list(Unique))
def test_a_renewal_is_no_second_peer(network: Network, unique: Unique) -> None:
    there = Roaming(network, unique=unique)
    there.alice.does(lambda engine: engine.rekey_ike(there.alice.sa.unique_id, network.now))
    network.run(10)
    assert there.bob.child.outbound.spi == there.alice.child.inbound.spi
    assert [*there.bob.saw(Note), *there.bob.saw(ChildDown)] == []


# --- two connections with one gateway -------------------------------------------------------------------------------


def says_initial_contact(peer: Peer) -> list[bool]:
    """Whether each message 5 that ``peer`` sent said so."""
    return [
        any(payload.type == NotifyType.INITIAL_CONTACT for payload in seen.message.all(Notification))
        for seen in peer.saw(MessageSeen)
        if seen.label == "MM5" and seen.sent
    ]


def two_connections(network: Network, second_id: str) -> tuple[Peer, Peer]:
    """Alice with two connections to bob, the second under this identity."""
    one, two = tunnel(), tunnel(local="10.3.0.0/16")
    alice = network.peer(
        "alice",
        ALICE,
        settings(
            connection(ALICE, BOB, one, name="one", local_id="alice.example", remote_id=BOB),
            connection(ALICE, BOB, two, name="two", local_id=second_id, remote_id=BOB),
        ),
    )
    both = (tunnel(mirrored=True), tunnel("three", local="10.2.0.0/16", remote="10.3.0.0/16"))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, *both, remote_id="%any")))
    for name in ("one", "two"):
        alice.calls(connection=name)
        network.settle()
    return alice, bob


def test_two_connections_under_one_identity_do_not_end_each_other(network: Network) -> None:
    alice, bob = two_connections(network, "alice.example")
    assert says_initial_contact(alice) == [True, False]
    assert bob.saw(ChildDown) == []
    assert {child.outbound.spi for child in bob.children} == {child.inbound.spi for child in alice.children}


def test_initial_contact_is_said_again_under_another_identity(network: Network) -> None:
    alice, bob = two_connections(network, "other.example")
    assert says_initial_contact(alice) == [True, True]
    assert bob.saw(ChildDown) == []


# --- pairs outlive their ISAKMP SA ----------------------------------------------------------------------------------


def test_pairs_live_on_when_the_peer_deletes_the_isakmp_sa(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    pair = bob.child
    ends_isakmp_sa(alice)
    assert bob.children == [pair]
    assert bob.state == "MM_NO_STATE"
    assert bob.sa.keys is None
    assert bob.stored[bob.sa.cookies].keys is None, "the store keeps none either"
    assert len(bob.saw(IkeDown)) == 1


def test_a_pair_outlives_a_replaced_isakmp_sa_whose_heir_has_ended(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    (pair,) = bob.children
    change(bob.engine, bob.sa, heir=99, retires_at=network.now + 5, state=IkeState.REKEYED)
    network.run(10)
    assert bob.sa.state is IkeState.DELETED
    assert bob.children == [pair]
    assert bob.failures == []


def ends_isakmp_sa(peer: Peer) -> None:
    """Deletes the ISAKMP SA alone, as peers do that keep its pairs."""
    sa = peer.sa
    peer.does(lambda engine: say(engine, sa, [delete_ike(sa)], peer.network.now))
    peer.network.settle()


def test_a_pair_without_an_isakmp_sa_is_renewed_under_a_new_one(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice={"rekey": False})
    establish(network, alice)
    pair = bob.child
    ends_isakmp_sa(alice)
    network.link = lambda datagram: [datagram]
    network.run(pair.expires_at - network.now - 1)
    assert [child.state for child in bob.children if child.inbound.spi != pair.inbound.spi] == [ChildState.INSTALLED]
    assert len(bob.saw(ChildUp)) == 1


def test_nothing_is_left_when_the_last_pair_has_ended(network: Network, couple: Couple) -> None:
    alice, bob = couple(rekey=False)
    establish(network, alice)
    ends_isakmp_sa(alice)
    network.run(3601)
    assert dict(bob.engine.sas) == {}
    assert [*bob.stored, *bob.inbound] == []


def test_a_connection_may_want_its_pairs_to_end_with_the_isakmp_sa(network: Network, couple: Couple) -> None:
    alice, bob = couple(bob={"close_children": True})
    establish(network, alice)
    ends_isakmp_sa(alice)
    assert dict(bob.engine.sas) == {}
    assert len(bob.saw(ChildDown)) == 1


def test_pairs_live_on_when_the_lifetime_of_the_isakmp_sa_is_over(network: Network, couple: Couple) -> None:
    short = (policy(lifetime=600),)
    alice, bob = couple(rekey=False, policies=short)
    establish(network, alice)
    network.run(601)
    for peer in (alice, bob):
        assert peer.state == "MM_NO_STATE"
        assert len(peer.inbound) == 1
    assert "INFO D(ISAKMP)" not in [*network.labels("alice"), *network.labels("bob")], "strongSwan would end the pair"


def test_nothing_is_negotiated_under_an_isakmp_sa_that_ended(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    ends_isakmp_sa(alice)
    before, said = bob.sa, len(network.labels("bob"))
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.run(10)
    assert bob.sa == before
    assert network.labels("bob")[said:] == []


def test_pairs_without_an_isakmp_sa_outlive_the_process(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    ends_isakmp_sa(alice)
    pair = bob.child
    bob.is_killed(pair.inbound.spi)
    assert bob.children == [pair]
    bob.is_killed()
    assert dict(bob.engine.sas) == {}


SPELLINGS = {
    "case": (ALICE, "alice.example.org", ["alice.example.org", "Alice.Example.org", "ALICE.example.ORG"]),
    "address": (
        "2001:db8::a",
        None,
        ["@2001:db8::a", "@2001:DB8::A", "@2001:0db8::000a", "@2001:db8:0:0:0:0:0:a"],
    ),
}


@pytest.mark.parametrize("kind", list(SPELLINGS))
def test_a_peer_that_spells_its_identity_in_several_ways_is_one_peer(network: Network, kind: str) -> None:
    address, expected, spellings = SPELLINGS[kind]
    host = BOB if "." in address else "2001:db8::b"
    bob = network.peer("bob", host, settings(connection(host, address, tunnel(mirrored=True), remote_id=expected)))
    alice = network.peer("alice", address, settings(connection(address, host, tunnel())))
    for spelling in spellings:
        alice.stored.clear()
        alice.is_killed()
        alice.is_given(settings(connection(address, host, tunnel(), local_id=spelling)))
        alice.calls()
        network.run(5)
        assert bob.failures == []
        assert len(bob.engine.sas) == len(bob.children) == 1
