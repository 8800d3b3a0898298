"""What is lost is sent again, what comes twice is answered once more, and silence ends one day."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.exchanges import retransmission
from ikev1.core.records.events import ChildUp, Code, Failure, IkeDown, IkeUp, Note
from ikev1.core.records.settings import Settings
from playbook import Datagram, Network, Peer, establish

LABELS = ("MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "QM1", "QM2", "QM3")


def losing(network: Network, label: str, times: int) -> None:
    """Has the link lose the first datagrams of this label."""
    left = [times]

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label == label and left[0]:
            left[0] -= 1
            return []
        return [datagram]

    network.link = link


def is_up(alice: Peer, bob: Peer) -> bool:
    """Whether both have the same one tunnel, and have been told once."""
    told = [len(peer.saw(kind)) for peer in (alice, bob) for kind in (IkeUp, ChildUp)]
    return told == [1, 1, 1, 1] and alice.carries.inbound == bob.carries.outbound


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("times", [1, 3])
def test_any_message_may_be_lost(network: Network, alice: Peer, bob: Peer, label: str, times: int) -> None:
    losing(network, label, times)
    alice.calls()
    network.run(60)
    assert is_up(alice, bob)
    assert alice.failures == bob.failures == []


@pytest.mark.parametrize("label", LABELS)
def test_what_is_sent_again_is_the_same_octets(network: Network, alice: Peer, bob: Peer, label: str) -> None:
    losing(network, label, 2)
    alice.calls()
    network.run(20)
    times_reborn = 2 if network.reborn and label == "MM2" else 0  # another process answers anew before it knows anybody
    assert len({datagram.octets for datagram in network.sent if datagram.label == label}) == 1 + times_reborn
    assert len({datagram.octets for datagram in network.sent}) == len(LABELS) + times_reborn


def test_an_answer_that_was_lost_is_given_again(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.plays(
        "alice -x bob MM1",
        "5 s pass",
        "alice -> bob MM1",
        "bob -x alice MM2",
        "8 s pass",
        "alice -> bob MM1",
        "bob -> alice MM2",
        "alice -> bob MM3",
        "bob -x alice MM4",
        "5 s pass",
        "alice -> bob MM3",
        "bob -> alice MM4",
        "alice -> bob MM5",
        "bob -x alice MM6",
        "5 s pass",
        "alice -> bob MM5",
        "bob -> alice MM6",
        "alice -> bob QM1",
        "bob -> alice QM2",
        "alice -x bob QM3",
        "5 s pass",
        "bob -> alice QM2",
        "alice -> bob QM3",
    )
    assert is_up(alice, bob)


def test_only_one_side_answers_what_comes_twice(network: Network, alice: Peer, bob: Peer) -> None:
    """If both did, one duplicate would go to and fro for ever."""
    alice.calls()
    network.plays(
        "alice => bob MM1",
        "bob => alice MM2",
        "bob -> alice MM2",
        "alice => bob MM3",
        "bob => alice MM4",
        "bob -> alice MM4",
        "alice => bob MM5",
        "bob => alice MM6",
        "bob -> alice MM6",
        "alice => bob QM1",
        "bob => alice QM2",
        "bob -> alice QM2",
        "alice => bob QM3",
        "alice -> bob QM3",
        "alice -> bob QM3",
    )
    assert is_up(alice, bob)
    assert set(alice.failures + bob.failures) <= ({Code.UNKNOWN_SA} if network.reborn else set())


def test_late_duplicates_are_passed_over(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.settle()
    alice.events.clear()
    bob.events.clear()
    for datagram in tuple(network.sent)[2:]:  # message 1 would be answered by anybody, message 2 is one of that kind
        network.deliver(datagram)
    network.plays("bob -> alice MM6", "alice -> bob QM3")
    assert alice.events == bob.events == []


def test_what_arrives_twice_is_taken_once(network: Network, alice: Peer, bob: Peer) -> None:
    network.link = lambda datagram: [datagram, datagram]
    alice.calls()
    for _ in range(500):
        if network.flying:
            network.deliver(network.flying.popleft())
    assert not network.flying, "every duplicate begets two more only while its exchange goes on"
    assert is_up(alice, bob)


@given(st.data())
def test_any_order_and_any_losses_and_duplicates_end_well(data: st.DataObject) -> None:
    network = Network(reborn=data.draw(st.booleans()))
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel())))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True))))
    alice.calls()
    for _ in range(data.draw(st.integers(0, 25))):
        fates = ["pass"]
        if network.flying:
            fates += ["lose", "deliver", "deliver twice", "hold"]
        match data.draw(st.sampled_from(fates)):
            case "pass":
                network.wait(1)
            case "lose":
                network.flying.popleft()
            case "hold":
                network.flying.rotate(-1)
            case fate:
                datagram = network.flying.popleft()
                for _ in range(2 if fate == "deliver twice" else 1):
                    network.deliver(datagram)
    network.run(120)
    assert is_up(alice, bob)
    assert set(alice.failures + bob.failures) <= {Code.UNKNOWN_SA}, "a second answer to message 1 may come too late"


def sent_at(network: Network, sender: str, seconds: float) -> list[float]:
    """When a peer sends while time passes, in seconds from now."""
    times: list[float] = []
    begun = network.now

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.sender == sender:
            times.append(network.now - begun)
        return []

    network.link = link
    network.run(seconds)
    return times


def test_the_waits_grow_and_no_two_are_alike(network: Network, alice: Peer, bob: Peer) -> None:
    network.link = lambda datagram: []
    alice.calls()
    times = [0.0, *sent_at(network, "alice", 600)]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert len(waits) == 5, "five repetitions"
    for tries, wait in enumerate(waits):
        shortest = 4 * 1.8**tries
        assert shortest < wait < 1.1 * shortest
    assert len({round(wait / 1.8**tries, 6) for tries, wait in enumerate(waits)}) == 5


def test_a_peer_that_never_answers_is_given_up_with_plain_words(network: Network, alice: Peer, bob: Peer) -> None:
    network.link = lambda datagram: []
    alice.calls()
    begun, patience = network.now, retransmission.patience(alice.settings)
    network.run(patience - 0.1)
    assert alice.failures == []
    network.run(0.2)
    assert alice.failure.code is Code.PEER_SILENT
    for name in (f"{BOB}[500]", "MM1", "6"):
        assert name in alice.failure.text
    assert [down.reason for down in alice.saw(IkeDown)] == [alice.failure.text]
    assert dict(alice.engine.sas) == {}
    assert 150 < patience < 200
    assert network.now > begun
    assert len([note for note in alice.saw(Note) if note.code is Code.RETRANSMIT]) == 5


@pytest.mark.parametrize(("label", "asked"), [("MM2", "MM1"), ("MM4", "MM3"), ("MM6", "MM5")])
def test_the_failure_names_the_message_that_was_not_answered(
    network: Network, alice: Peer, bob: Peer, label: str, asked: str
) -> None:
    losing(network, label, 99)
    alice.calls()
    network.run(300)
    assert alice.failure.code is Code.PEER_SILENT
    assert asked in alice.failure.text
    assert dict(alice.engine.sas) == {}


def test_a_caller_that_falls_silent_is_forgotten(network: Network, alice: Peer, bob: Peer) -> None:
    losing(network, "MM5", 99)
    alice.calls()
    network.run(29)
    assert bob.engine.half_open == 1
    network.run(2)
    assert bob.engine.half_open == 0
    assert dict(bob.engine.sas) == {}
    assert bob.failure.code is Code.PEER_SILENT
    assert "MM4" in bob.failure.text


@pytest.mark.parametrize(("label", "silent"), [("QM2", "alice"), ("QM3", "bob")])
def test_a_quick_mode_that_stays_unanswered_leaves_nothing_behind(
    network: Network, alice: Peer, bob: Peer, label: str, silent: str
) -> None:
    losing(network, label, 99)
    alice.calls()
    network.run(300)
    left = network.peers[silent]
    assert [failure.code for failure in left.saw(Failure)] == [Code.PEER_SILENT]
    assert left.saw(Failure)[0].tunnel == "net"
    assert left.children == []
    assert left.inbound == {}
    assert left.state == "QM_IDLE", "the ISAKMP SA stays"


def test_the_last_message_can_be_had_again_for_a_minute(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice, None)
    assert bob.sa.phase1 is not None
    network.run(61)
    assert bob.sa.phase1 is None
    assert alice.sa.phase1 is not None, "alice said nothing last; her record lasts as long as her patience"
    network.run(200)
    assert alice.sa.phase1 is None


def test_when_nothing_waits_there_is_no_deadline(alice: Peer) -> None:
    assert alice.engine.deadline() == float("inf")


def test_an_early_call_does_nothing(network: Network, alice: Peer) -> None:
    alice.calls()
    assert alice.engine.expire(network.now) == []


@given(st.integers(1, 8), st.floats(0.5, 10), st.floats(1, 3), st.floats(0, 1), st.binary(min_size=2, max_size=2))
def test_patience_outlasts_all_the_waits(tries: int, timeout: float, base: float, jitter: float, draw: bytes) -> None:
    hurry = Settings(retransmit_tries=tries, retransmit_timeout=timeout, retransmit_base=base, retransmit_jitter=jitter)
    waits = [retransmission.wait(hurry, number, lambda _: draw) for number in range(1, tries + 1)]
    assert waits[0] == retransmission.first_wait(hurry, lambda _: draw)
    assert sum(waits) < retransmission.patience(hurry)
