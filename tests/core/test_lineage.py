"""Who replaced whom: of the SAs with a peer one is used, both peers agree on which, and the others end soon."""

from __future__ import annotations

import heapq
import math
from itertools import count
from typing import Any

import pytest

from configured import ALICE, BOB, connection, policy, settings, tunnel
from ikev1.core.exchanges.informational import delete_ike
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import ChildDown, Code, IkeUp, Note
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.record import replace
from nat import NatBox
from playbook import Couple, Datagram, Network, Peer, Randomness, change, end, establish, say

HOUR, DAY = 3600, 86_400
LONG = 30 * DAY


class SlowNetwork(Network):
    """A network on which each datagram is under way for some time, drawn at random."""

    def __init__(self, seed: str, least: float = 0.01, most: float = 0.3) -> None:
        super().__init__()
        self._random, self._least, self._most = Randomness(seed), least, most
        self._arrivals: list[tuple[float, int, Datagram]] = []
        self._number = count()

    def share(self) -> float:
        """A random number from 0 to 1."""
        return int.from_bytes(self._random(2)) / 65536

    def send(self, datagram: Datagram) -> None:
        self.sent.append(datagram)
        for each in self.link(datagram):
            arrives = self.now + self._least + (self._most - self._least) * self.share()
            heapq.heappush(self._arrivals, (arrives, next(self._number), each))

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            timer = min(peer.get_timer() for peer in self.peers.values())
            arrival = self._arrivals[0][0] if self._arrivals else math.inf
            if min(timer, arrival) > end:
                break
            self.now = max(self.now, min(timer, arrival))
            if arrival <= timer:
                self.deliver(heapq.heappop(self._arrivals)[2])
            else:
                for peer in self.peers.values():
                    peer.handle_timer()
        self.now = end


def two(network: Network, **both: object) -> tuple[Peer, Peer]:
    """Alice and bob, whose SAs live so long that nothing is replaced by itself."""
    options: dict[str, Any] = {"policies": (policy(lifetime=LONG),), **both}
    alice = settings(connection(ALICE, BOB, tunnel(lifetime=LONG), **options))
    bob = settings(connection(BOB, ALICE, tunnel(mirrored=True, lifetime=LONG), **options))
    return network.peer("alice", ALICE, alice), network.peer("bob", BOB, bob)


def used(peer: Peer) -> list[IkeSa]:
    """The ISAKMP SAs under which a peer begins exchanges."""
    return [sa for sa in peer.engine.sas.values() if sa.is_current]


def sending(peer: Peer) -> list[ChildSa]:
    """The pairs with which a peer believes to send."""
    return [child for child in peer.children if child.state is ChildState.INSTALLED]


def agree(alice: Peer, bob: Peer) -> None:
    """Both ends have one ISAKMP SA and one pair, the same, and few others, and what either sends reaches the other."""
    assert [sa.cookies for sa in used(alice)] == [sa.cookies for sa in used(bob)]
    assert len(used(alice)) == 1
    assert len(alice.engine.sas) <= 2
    assert len(bob.engine.sas) <= 2
    assert len(alice.children) <= 2
    assert len(bob.children) <= 2
    (one,), (other,) = sending(alice), sending(bob)
    assert (one.inbound.spi, one.outbound.spi) == (other.outbound.spi, other.inbound.spi)
    for peer, child in ((alice, one), (bob, other)):
        assert [sent.inbound.spi for sent in peer.outbound.values()] == [child.inbound.spi]


def replaces(peer: Peer, what: str) -> None:
    """Has a peer replace the pair, or the ISAKMP SA, that it uses."""
    now = peer.network.now
    if what == "pair" and sending(peer):
        child = sending(peer)[-1]
        peer.does(lambda engine: engine.rekey_child(child.unique_id, now))
    elif what == "ISAKMP SA" and used(peer):
        sa = used(peer)[-1]
        peer.does(lambda engine: engine.rekey_ike(sa.unique_id, now))


@pytest.mark.parametrize("what", ["pair", "ISAKMP SA"])
@pytest.mark.parametrize("seed", [*range(12), 19, 28])  # 19, 28: the initiator of a pair decides five seconds late
def test_both_replace_at_about_the_same_time_and_one_is_left(what: str, seed: int) -> None:
    network = SlowNetwork(f"{what} {seed}")
    alice, bob = two(network)
    alice.calls()
    network.run(10)
    replaces(alice, what)
    network.run(network.share())
    replaces(bob, what)
    network.run(60)
    agree(alice, bob)
    network.run(60)
    agree(alice, bob)
    for peer in (alice, bob):
        assert len(peer.engine.sas) == len(peer.children) == 1
        assert peer.failures == []


def test_a_pair_that_is_begun_after_qm2_replaces_the_other_one_at_both_ends(network: Network) -> None:
    """The peer has the other one before QM1 arrives, and to it this is no collision, whichever SPI is the lowest."""
    alice, bob = two(network)
    establish(network, alice)
    for _ in range(10):
        network.run(6)
        replaces(bob, "pair")
        network.deliver(network.flying.popleft())  # QM1; QM2 is under way
        replaces(alice, "pair")
        network.run(60)
        agree(alice, bob)
        assert sending(alice)[0].initiator


def test_the_log_says_which_of_two_stays() -> None:
    for what in ("pair", "ISAKMP SA"):
        network = SlowNetwork("collision", 0.1, 0.1)
        alice, bob = two(network)
        alice.calls()
        network.run(10)
        replaces(alice, what)
        replaces(bob, what)
        network.run(60)
        for peer in (alice, bob):
            assert Code.COLLISION in [note.code for note in peer.saw(Note)]
        agree(alice, bob)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_lost_after_a_minute_of_quiet_both_agree(seed: int) -> None:
    network = SlowNetwork(f"lossy {seed}")
    alice, bob = two(network)
    alice.calls()
    network.run(10)
    network.link = lambda datagram: [datagram] if network.share() > 0.2 else []
    for _ in range(12):
        replaces((alice, bob)[network.share() > 0.5], ("pair", "ISAKMP SA")[network.share() > 0.5])
        network.run(5 * network.share())
    network.run(200)  # every exchange comes to its end
    network.link = lambda datagram: [datagram]
    if used(alice) and used(bob):
        replaces(alice, "ISAKMP SA")
    else:
        (bob if used(alice) else alice).calls()  # one end gave up all of them
    network.run(5)
    replaces(alice, "pair")
    network.run(60)
    agree(alice, bob)


@pytest.mark.parametrize("caller", ["alice", "bob"])
def test_a_peer_that_replaces_phase_1_and_deletes_nothing_leaves_no_zombies(network: Network, caller: str) -> None:
    """As strongSwan does: it replaces an ISAKMP SA after four hours, and deletes the replaced one 24 minutes later."""
    lives = policy(lifetime=4 * HOUR + 1440)
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), policies=(lives,))))
    theirs = connection(BOB, ALICE, tunnel(mirrored=True), policies=(lives,), rekey=False)
    bob = network.peer("bob", BOB, settings(theirs))
    establish(network, network.peers[caller])
    network.link = lambda datagram: [] if datagram.label == "INFO D(ISAKMP)" else [datagram]  # all are lost
    replaced: set[bytes] = set()
    for _ in range(3 * 24 * 6):
        network.run(600)
        for sa in used(bob):
            if network.now - sa.established_at >= 4 * HOUR and sa.cookies not in replaced:
                replaced.add(sa.cookies)
                bob.does(lambda engine, old=sa: engine.rekey_ike(old.unique_id, network.now))  # type: ignore[misc]
        assert len(alice.engine.sas) <= 2
    assert len(replaced) >= 10


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_delete_for_a_replaced_isakmp_sa_comes_late_and_leaves_the_pairs(network: Network, who: str) -> None:
    alice, bob = two(network)
    establish(network, alice)
    network.run(60)
    began, pair = network.now, alice.child.inbound.spi
    replaces(network.peers[who], "ISAKMP SA")
    network.run(9.9)
    assert not [datagram for datagram in network.sent if "D(ISAKMP)" in datagram.label]
    network.run(60)
    assert {datagram.label for datagram in network.sent if "D(" in datagram.label} == {"INFO D(ISAKMP)"}
    assert network.now > began
    assert alice.child.inbound.spi == pair
    assert not alice.saw(ChildDown)
    assert not bob.saw(ChildDown)


def test_closing_pairs_with_their_isakmp_sa_spares_them_when_it_is_replaced(network: Network) -> None:
    alice, bob = two(network, close_children=True)
    establish(network, alice)
    for peer in (alice, bob, alice):
        replaces(peer, "ISAKMP SA")
        network.run(60)
        agree(alice, bob)
    assert not alice.saw(ChildDown)
    assert not bob.saw(ChildDown)
    alice.does(lambda engine: engine.close_ike(used(alice)[0].unique_id, network.now))
    network.settle()
    assert alice.children == bob.children == []


def test_pairs_outlive_their_isakmp_sa_and_their_rekeying_brings_up_a_new_one(network: Network) -> None:
    short = (policy(lifetime=600),)
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), policies=short)))
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(mirrored=True), remote_id=ALICE)))
    establish(network, alice)
    for peer in (alice, bob):
        change(peer.engine, peer.sa, rekey_at=0.0)
    network.run(700)
    assert [sa.state for sa in alice.engine.sas.values()] == [IkeState.DELETED]
    assert len(sending(alice)) == len(sending(bob)) == 1
    network.run(HOUR)
    assert len(alice.saw(IkeUp)) >= 1
    agree(alice, bob)


def test_replaced_pairs_that_the_peer_made_are_removed_too(network: Network) -> None:
    alice, bob = two(network)
    establish(network, alice)
    for _ in range(50):
        replaces(bob, "pair")
        network.run(6)
    network.run(60)
    agree(alice, bob)
    assert len(alice.children) == len(bob.children) == 1


@pytest.mark.parametrize("what", ["pair", "ISAKMP SA"])
def test_a_replaced_sa_is_used_again_if_the_peer_deletes_the_one_in_its_place(what: str) -> None:
    """A peer with another rule: of two that collide, it deletes the one that stays here."""
    network = SlowNetwork("another rule", 0.1, 0.1)
    alice, bob = two(network)
    alice.calls()
    network.run(10)
    replaces(alice, what)
    replaces(bob, what)
    network.run(6)
    if what == "pair":
        child = sending(bob)[0]
        bob.does(lambda engine: engine.close_child(child.unique_id, network.now))
    else:
        sa = used(bob)[0]
        replaced = [each for each in bob.engine.sas.values() if each.heir == sa.unique_id and each.role is not sa.role]
        other = max(replaced, key=lambda each: each.established_at)
        change(bob.engine, other, state=IkeState.ESTABLISHED, heir=0, retires_at=0.0)
        bob.does(lambda engine: say(engine, sa, [delete_ike(sa)], network.now))
        bob.does(lambda engine: end(engine, sa, "another rule", network.now))
    network.run(60)
    agree(alice, bob)


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("rekey", [True, False])
def test_an_isakmp_sa_with_many_quick_modes_is_replaced_early(couple: Couple, who: str, rekey: bool) -> None:
    """Whichever peer begins them: the initiator of phase 1 counts those of both."""
    alice, bob = couple(rekey=rekey)
    network = alice.network
    establish(network, alice)
    first, spis = alice.sa.cookies, tuple(range(1, 2000))
    change(alice.engine, alice.sa, own_quick_modes=1990, spent_message_ids=spis)
    change(bob.engine, bob.sa, own_quick_modes=1999, spent_message_ids=tuple(range(1, 1991)))
    for _ in range(11):
        assert alice.sa.cookies == bob.sa.cookies == first
        replaces(network.peers[who], "pair")
        network.run(6)
    network.run(60)
    assert used(alice)[0].cookies != first
    assert [note.code for note in alice.saw(Note)] == [Code.QUICK_MODE_LIMIT]
    # Bob's last pair is so new that it may be younger than the first message of the new ISAKMP SA
    assert [note.code for note in bob.saw(Note)] == [Code.COLLISION] * (who == "bob" and rekey)
    agree(alice, bob)
    assert used(alice)[0].own_quick_modes + used(bob)[0].own_quick_modes <= 2


@pytest.mark.parametrize("what", ["tunnel", "ISAKMP SA", "connection", "pair"])
def test_a_new_pair_that_does_not_send_yet_is_closed_with_its_tunnel(network: Network, what: str) -> None:
    """The peer considers it established. If only the pair before it is deleted, it sends at once."""
    alice, bob = two(network)
    establish(network, alice)
    old = alice.child
    replaces(alice, "pair")
    network.run(1)
    assert alice.child == replace(old, rekey_at=alice.child.rekey_at), "the new pair does not send yet"
    assert len(bob.children) == 2
    match what:
        case "tunnel":
            alice.does(lambda engine: engine.close_traffic(old.unique_id, network.now))
        case "ISAKMP SA":
            alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
        case "connection":
            alice.is_given(settings(connection(ALICE, BOB, policies=(policy(lifetime=LONG),))))
        case "pair":
            alice.does(lambda engine: engine.close_child(old.unique_id, network.now))
    network.settle()
    if what == "pair":
        agree(alice, bob)
        assert len(alice.children) == 1
    else:
        assert alice.children == []
        assert sending(bob) == []
        assert not alice.inbound
        assert not alice.outbound
    assert alice.failures == []


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_lost_delete_leaves_no_replaced_isakmp_sa(network: Network, who: str) -> None:
    """Nothing acknowledges a Delete: it is repeated a little later."""
    alice, bob = two(network)
    establish(network, alice)
    network.run(60)
    lost: list[Datagram] = []

    def link(datagram: Datagram) -> list[Datagram]:
        if "D(ISAKMP)" in datagram.label and not lost:
            lost.append(datagram)
            return []
        return [datagram]

    network.link = link
    replaces(network.peers[who], "ISAKMP SA")
    while not lost:
        network.run(1)
    other = bob if lost[0].sender == "alice" else alice
    change(other.engine, next(sa for sa in other.engine.sas.values() if sa.heir), retires_at=0.0)  # it never deletes
    network.run(5)
    assert len(alice.engine.sas) == len(bob.engine.sas) == 1
    agree(alice, bob)


def test_an_isakmp_sa_replaced_by_a_peer_behind_a_nat_has_an_heir(network: Network) -> None:
    """Quick Mode proves the address of the first one: its messages depend on nonces sent there. No other message does,
    and nothing else tells where the peer of the second one is.
    """
    ours = connection(ALICE, BOB, tunnel(), local_id="alice.example")
    theirs = connection(BOB, "%any", tunnel(mirrored=True), remote_id="alice.example")
    alice, bob = network.peer("alice", ALICE, settings(ours)), network.peer("bob", BOB, settings(theirs))
    NatBox(network, alice, "203.0.113.1")
    alice.calls(host=BOB)
    network.settle()
    (first,) = used(bob)
    assert first.peer is not None
    assert [datagram.label for datagram in network.sent if "R_U_THERE" in datagram.label] == []
    replaces(alice, "ISAKMP SA")
    network.run(12)
    assert [sa.heir != 0 for sa in bob.engine.sas.values()] == [True, False]
    network.run(60)
    assert len(alice.engine.sas) == len(bob.engine.sas) == 1
    agree(alice, bob)


def test_an_isakmp_sa_of_a_peer_that_had_rebooted_has_an_heir_too(network: Network) -> None:
    """Its INITIAL-CONTACT ends older ones only. The peer behind a NAT proves where it is under the newer one first."""
    ours = connection(ALICE, BOB, tunnel(), local_id="alice.example")
    theirs = connection(BOB, "%any", tunnel(mirrored=True), remote_id="alice.example")
    alice, bob = network.peer("alice", ALICE, settings(ours)), network.peer("bob", BOB, settings(theirs))
    NatBox(network, alice, "203.0.113.1")
    alice.calls(host=BOB)
    network.settle()
    (first,) = used(bob)
    assert first.initial_contact
    change(bob.engine, first, reached=None)  # as if a Quick Mode had proved nothing
    network.run(60)
    lost: list[Datagram] = []
    translated = network.link

    def link(datagram: Datagram) -> list[Datagram]:
        if "R_U_THERE_ACK" in datagram.label and datagram.octets[:16] == first.cookies and not lost:
            lost.append(datagram)
            return []
        return translated(datagram)

    network.link = link
    replaces(alice, "ISAKMP SA")
    network.run(5)
    assert lost
    assert {sa.cookies == first.cookies: sa.heir != 0 for sa in bob.engine.sas.values()} == {True: True, False: False}
    network.run(60)
    assert len(alice.engine.sas) == len(bob.engine.sas) == 1
    agree(alice, bob)


@pytest.mark.parametrize("seconds", [5.0, 30.0])
def test_pairs_that_the_peer_may_keep_under_a_replaced_isakmp_sa_are_rekeyed_before_its_delete(
    network: Network, seconds: float
) -> None:
    """Alice replaces an ISAKMP SA, and bob then either the same one or the new one: nobody can tell, if it is soon."""
    alice, bob = two(network)
    establish(network, alice)
    network.run(60)
    replaces(alice, "ISAKMP SA")
    network.run(seconds)
    pair = alice.child.inbound.spi
    replaces(bob, "ISAKMP SA")
    network.run(5)
    assert used(alice)[0].role is Role.RESPONDER
    network.sent.clear()
    network.run(60)
    labels = [datagram.label for datagram in network.sent]
    if seconds > 10:
        assert "QM1" not in labels
        assert alice.child.inbound.spi == pair
    else:
        assert labels.index("QM3") < labels.index("INFO D(ISAKMP)", labels.index("QM3"))
        assert labels.count("QM1") == 1
        assert sending(alice)[0].inbound.spi != pair
    agree(alice, bob)


def test_the_end_of_a_replaced_isakmp_sa_revives_none(network: Network) -> None:
    alice, bob = two(network)
    establish(network, alice)
    replaces(bob, "ISAKMP SA")
    network.run(2)
    replaces(alice, "ISAKMP SA")
    network.run(2)
    first, second, third = sorted(alice.engine.sas.values(), key=lambda sa: sa.established_at)
    assert [first.heir, second.heir] == [second.unique_id, third.unique_id]
    bob.does(lambda engine: say(engine, second, [delete_ike(second)], network.now))
    network.settle()
    assert [sa.unique_id for sa in alice.engine.sas.values()] == [first.unique_id, third.unique_id]
    assert [sa.unique_id for sa in used(alice)] == [third.unique_id]
