"""The long run: SAs are replaced before they end, whoever is first, and end when they must."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configured import ALICE, BOB, connection, policy, settings, tunnel
from ikev1.core.exchanges.quick_mode import SWITCHES_AFTER
from ikev1.core.negotiation import rekey_times
from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.events import ChildDown, ChildUp, Code, IkeDown, IkeUp
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.settings import Rekeying
from ikev1.testing import Outage
from playbook import Couple, Datagram, Network, Peer, Randomness, establish

HOUR, DAY = 3600, 86_400


def works(one: Peer, other: Peer) -> bool:
    """Whether what either sends reaches the other: it sends with an SPI and keys that the other receives with."""
    return all(
        any(used.outbound == child.inbound for child in receiver.inbound.values())
        for sender, receiver in ((one, other), (other, one))
        for used in sender.outbound.values()
    ) and bool(one.outbound and other.outbound)


def replaces(peer: Peer, what: str) -> None:
    """Has ``peer`` replace its newest pair, or its newest ISAKMP SA."""
    if what == "rekey_child":
        child = [child for child in peer.children if child.state is ChildState.INSTALLED][-1]
        peer.does(lambda engine: engine.rekey_child(child.unique_id, peer.network.now))
    else:
        sa = list(peer.engine.sas.values())[-1]
        peer.does(lambda engine: engine.rekey_ike(sa.unique_id, peer.network.now))


def closes_first(peer: Peer) -> None:
    """Has ``peer`` close its oldest pair."""
    peer.does(lambda engine: engine.close_child(peer.children[0].unique_id, peer.network.now))


def test_the_initiator_replaces_a_pair_before_it_ends(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    first = alice.child
    assert HOUR - 450 <= first.rekey_at - network.now <= HOUR - 360, (
        "a tenth before its end, and some of that at random"
    )
    assert bob.child.rekey_at > first.rekey_at, "the responder waits longer, lest they collide"
    network.wait(first.rekey_at - network.now)
    network.plays("alice -> bob QM1", "bob -> alice QM2", "alice -> bob QM3")
    assert [child.state for child in alice.children] == [ChildState.INSTALLED]
    assert len(alice.inbound) == 2, "she receives with the new pair already"
    assert works(alice, bob), "alice still sends with the older pair, because message 3 may be lost"
    again = "alice -> bob QM3"
    network.plays("0.5 s pass", again, "1 s pass", again, "2 s pass", again, "1.5 s pass")
    for peer in (alice, bob):
        (up,) = peer.saw(ChildUp)
        assert up.replaces is not None
        assert up.child.reqid == up.replaces.reqid
        assert [child.state for child in peer.children] == [ChildState.REKEYED, ChildState.INSTALLED]
        assert len(peer.inbound) == 2, "packets of the older pair may still be under way"
        assert len(peer.outbound) == 1
    assert works(alice, bob)
    network.wait(27)
    network.plays("bob -> alice INFO D(ESP)")
    assert alice.carries.inbound == bob.carries.outbound
    assert [down.child.inbound.spi for down in alice.saw(ChildDown)] == [first.inbound.spi]
    assert alice.sa.cookies == bob.sa.cookies


def test_a_new_pair_receives_before_it_sends_and_the_old_one_goes_last(
    network: Network, alice: Peer, bob: Peer
) -> None:
    """So that no packet finds nobody: inbound first, then outbound, which takes over, and long after that the end."""
    establish(network, alice)
    old = {peer.name: peer.child for peer in (alice, bob)}
    for peer in (alice, bob):
        peer.told_to_plane.clear()
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.settle()
    network.run(31)
    for peer in (alice, bob):
        before, after = old[peer.name], peer.child
        assert peer.told_to_plane == [
            ("InstallInbound", after.inbound.spi),
            ("InstallOutbound", after.inbound.spi),
            ("Remove", before.inbound.spi),
        ]
        assert (before.unique_id, before.reqid, after.unique_id, after.reqid) == (1, 1, 2, 1)


def test_a_responder_replaces_the_pair_if_the_initiator_does_not(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice={"rekey": False})
    establish(network, alice)
    assert alice.child.rekey_at == 0
    network.run(HOUR - 100)
    assert bob.child.initiator
    assert works(alice, bob)


def test_without_rekeying_a_pair_ends_with_its_time(network: Network, couple: Couple) -> None:
    alice, bob = couple(rekey=False)
    establish(network, alice)
    network.run(HOUR - 1)
    assert works(alice, bob)
    network.run(6)
    for peer in (alice, bob):
        assert peer.children == []
        assert peer.state == "QM_IDLE"
    network.run(DAY)
    assert dict(alice.engine.sas) == dict(bob.engine.sas) == {}
    assert alice.inbound == bob.inbound == {}


def test_an_isakmp_sa_is_replaced_and_its_pairs_go_over(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    old, pair = alice.sa, alice.child
    alice.does(lambda engine: engine.rekey_ike(old.unique_id, network.now))
    assert old.cookies in alice.engine.sas
    assert alice.engine.sas[old.cookies].state is IkeState.REKEYING
    network.plays(
        "alice -> bob MM1",
        "bob -> alice MM2",
        "alice -> bob MM3",
        "bob -> alice MM4",
        "alice -> bob MM5",
        "bob -> alice MM6",
        "0.4 s pass",  # bob spoke last, and gives nothing up before alice has confirmed
        "bob -> alice INFO N(R_U_THERE)",
        "alice -> bob INFO N(R_U_THERE_ACK)",
    )
    for peer in (alice, bob):
        replaced = peer.engine.sas[old.cookies]
        assert (replaced.state, replaced.heir, replaced.rekey_at) == (IkeState.REKEYED, peer.sa.unique_id, 0.0)
        assert replaced.children == (), "the heir has them"
    network.plays(
        "29.8 s pass",  # bob's last message is so old that a Delete might find nobody
        "alice -> bob INFO N(R_U_THERE)",
        "bob -> alice INFO N(R_U_THERE_ACK)",
        "0.5 s pass",
        "alice -> bob INFO D(ISAKMP)",
        "4 s pass",  # it may have been lost
        "alice -> bob INFO D(ISAKMP)",
    )
    for peer in (alice, bob):
        assert peer.sa.cookies != old.cookies
        assert peer.sa.state is IkeState.ESTABLISHED
        assert len(peer.saw(IkeDown)) == len(peer.saw(IkeUp)) == 1
        assert not peer.saw(ChildDown)
        assert not peer.saw(ChildUp)
    assert alice.child == pair
    assert works(alice, bob)


def test_a_replaced_isakmp_sa_is_deleted_when_the_peer_is_there_to_hear_it(
    network: Network, alice: Peer, bob: Peer
) -> None:
    establish(network, alice)
    old = alice.sa
    alice.does(lambda engine: engine.rekey_ike(old.unique_id, network.now))
    network.run(6)
    network.link = Outage()
    network.run(45)
    assert old.cookies in alice.engine.sas
    network.link = lambda datagram: [datagram]
    network.run(10)
    for peer in (alice, bob):
        assert [sa.state for sa in peer.engine.sas.values()] == [IkeState.ESTABLISHED]


def test_the_responder_may_replace_the_isakmp_sa(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    bob.does(lambda engine: engine.rekey_ike(bob.sa.unique_id, network.now))
    network.run(6)
    assert (alice.sa.role, bob.sa.role) == (Role.RESPONDER, Role.INITIATOR)
    assert works(alice, bob)
    assert len(alice.children) == len(bob.children) == 1


def test_a_pair_under_a_new_isakmp_sa_can_be_replaced_and_deleted(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(6)
    bob.does(lambda engine: engine.rekey_child(bob.child.unique_id, network.now))
    network.settle()
    assert works(alice, bob)
    network.run(60)
    assert alice.carries.inbound == bob.carries.outbound
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    network.settle()
    assert alice.children == bob.children == []


@pytest.mark.parametrize("lives", [{}, {"alice": {"policies": (policy(lifetime=600),)}}])
def test_a_tunnel_lives_for_days(network: Network, couple: Couple, lives: dict[str, dict[str, object]]) -> None:
    alice, bob = couple(alice=lives.get("alice"))
    network.reborn = False
    establish(network, alice)
    for _ in range(3 * 24):
        network.run(HOUR)
        assert works(alice, bob)
        for peer in (alice, bob):
            assert len([child for child in peer.children if child.state is ChildState.INSTALLED]) == 1
            assert len(peer.engine.sas) <= 2
    assert alice.failures == bob.failures == []


@pytest.mark.parametrize("what", ["rekey_child", "rekey_ike"])
@pytest.mark.parametrize("order", ["as sent", "bob first", "by turns"])
def test_both_replace_at_once_and_what_comes_of_it_works(
    network: Network, alice: Peer, bob: Peer, what: str, order: str
) -> None:
    establish(network, alice)
    for peer in (alice, bob):
        replaces(peer, what)
    context = 0
    while network.flying:
        senders = [datagram.sender for datagram in network.flying]
        wanted = {"as sent": senders[0], "bob first": "bob", "by turns": ("alice", "bob")[context % 2]}[order]
        place = senders.index(wanted) if wanted in senders else 0
        datagram = network.flying[place]
        del network.flying[place]
        network.deliver(datagram)
        context += 1
    assert works(alice, bob)
    network.run(60)
    assert works(alice, bob)
    assert set(alice.failures + bob.failures) <= {Code.UNKNOWN_SA}, "both delete the old one"
    for peer in (alice, bob):
        replaces(peer, "rekey_child")
        network.settle()
        assert works(alice, bob)
    network.run(2 * HOUR)
    assert works(alice, bob)
    for peer in (alice, bob):
        assert len(peer.children) <= 3, "what was made twice ends with its time"


def test_both_call_at_once_and_what_comes_of_it_works(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    bob.calls()
    network.settle()
    assert works(alice, bob)
    network.run(2 * HOUR)
    assert works(alice, bob)
    for closing in (alice, bob):
        while closing.children:
            closes_first(closing)
            network.settle()
    assert alice.children == bob.children == [], "a pair is deleted whichever ISAKMP SA carries the word"


def test_message_3_is_repeated_until_the_peer_sends_with_the_new_pair(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    replaces(alice, "rekey_child")
    network.plays("alice -> bob QM1", "bob -> alice QM2", "alice -x bob QM3", "0.5 s pass", "alice -x bob QM3")
    assert not bob.saw(ChildUp)
    network.plays("1 s pass", "alice -> bob QM3")
    (up,) = bob.saw(ChildUp)
    alice.does(lambda engine: engine.peer_sends(up.child.outbound.spi, network.now))
    assert len(alice.saw(ChildUp)) == 1
    network.plays("5 s pass")


@pytest.mark.parametrize("what", ["rekey_child", "rekey_ike"])
def test_a_peer_that_is_silent_is_asked_once_at_a_time(network: Network, alice: Peer, bob: Peer, what: str) -> None:
    establish(network, alice)
    lost: list[Datagram] = []

    def link(datagram: Datagram) -> list[Datagram]:
        lost.append(datagram)
        return []

    network.link = link
    replaces(alice, what)
    network.run(170)
    assert len({datagram.octets for datagram in lost}) == 1


@pytest.mark.parametrize("what", ["rekey_child", "rekey_ike"])
def test_a_replacement_that_fails_is_tried_again(network: Network, alice: Peer, bob: Peer, what: str) -> None:
    establish(network, alice)
    network.link = lambda datagram: []
    replaces(alice, what)
    network.run(200)
    network.link = lambda datagram: [datagram]
    network.run(400)
    assert [child.state for child in alice.children] == [ChildState.INSTALLED]
    assert len(alice.saw(ChildUp if what == "rekey_child" else IkeUp)) == 1
    assert works(alice, bob)


def test_a_pair_that_has_a_successor_is_not_replaced_again(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    first = alice.child
    for _ in range(3):
        alice.does(lambda engine: engine.rekey_child(first.unique_id, network.now))
        network.run(SWITCHES_AFTER)
    assert len(alice.children) == 2


def test_an_isakmp_sa_whose_peer_is_gone_ends_with_its_time(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    network.link = lambda datagram: []
    network.run(DAY + 600)
    for peer in (alice, bob):
        assert dict(peer.engine.sas) == {}
        assert not peer.inbound
        assert not peer.outbound
        assert not peer.stored
        assert peer.engine.deadline() == float("inf")


@given(st.integers(1, 10 * DAY), st.sampled_from(Role), st.booleans(), st.text(max_size=4))
def test_deadlines_lie_before_the_end(seconds: int, role: Role, rekey: bool, seed: str) -> None:
    rekeying = Rekeying() if rekey else None
    rekey_at, expires_at = rekey_times.deadlines(1000.0, seconds, role, rekeying, Randomness(seed))
    lifetime_of_ours = max(seconds, 10)
    assert expires_at == 1000 + lifetime_of_ours
    margin = expires_at - rekey_at
    longest = min(lifetime_of_ours * 0.1, 540) * 1.25 * (1 if role is Role.INITIATOR else 0.5)
    assert (0 < margin <= longest + 1e-6) if rekey else rekey_at == 0


@given(st.integers(60, DAY), st.integers(60, DAY), st.sampled_from(Role), st.none() | st.integers(0, DAY), st.text())
def test_the_configured_time_of_rekeying_decides(
    rekey_time: int, over_time: int, role: Role, rand_time: int | None, seed: str
) -> None:
    """Up to ``rand_time`` before ``rekey_time``, by default as in strongSwan up to ``over_time``, but no more than a
    tenth of ``rekey_time``. The responder leaves the initiator the first half of the time until the end.
    """
    lifetime = rekey_time + over_time
    rekeying = Rekeying(rekey_time, rand_time)
    rekey_at, expires_at = rekey_times.deadlines(1000.0, lifetime, role, rekeying, Randomness(seed))
    assert expires_at == 1000 + lifetime
    jitter = min(over_time, rekey_time * 0.1) if rand_time is None else rand_time
    share = 1 if role is Role.INITIATOR else 0.5
    latest = expires_at - over_time * share
    assert max(latest - jitter * share, 1000.0) - 1e-6 <= rekey_at <= latest


@given(st.integers(0, 2**40), st.integers(0, 2**32 - 1), st.text())
def test_the_configured_volumes_are_never_exceeded(octets: int, packets: int, seed: str) -> None:
    found = rekey_times.volumes(Rekeying(rekey_bytes=octets, rekey_packets=packets), Randomness(seed))
    for limit, configured in zip(found, (octets, packets), strict=True):
        assert configured * 0.9 - 1 <= limit <= configured


def test_many_sas_made_at_once_are_not_replaced_at_once(network: Network) -> None:
    names = [f"net{number}" for number in range(20)]
    ours = [tunnel(name, f"10.1.{place}.0/24") for place, name in enumerate(names)]
    theirs = [tunnel(name, f"10.1.{place}.0/24", mirrored=True) for place, name in enumerate(names)]
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, *ours)))
    network.peer("bob", BOB, settings(connection(BOB, ALICE, *theirs)))
    for name in names:
        alice.calls(name)
    network.settle()
    times = sorted(child.rekey_at for child in alice.children)
    assert times[-1] - times[0] > 40
