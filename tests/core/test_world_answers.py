"""The world answers: an exchange waits for SPIs and installed SAs, and goes on, or ends, with the answer."""

from __future__ import annotations

import pytest

from ikev1.core.exchanges.quick_mode import SWITCHES_AFTER
from ikev1.core.records.actions import Action, AllocateSpi, InstallInbound, InstallOutbound
from ikev1.core.records.answers import Done, Failed, Spis
from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.events import ChildDown, ChildUp, Code, Failure
from ikev1.core.records.ike_sa import IkeState
from playbook import Network, Peer, establish

QUESTIONS: list[type[Action]] = [AllocateSpi, InstallInbound, InstallOutbound]


@pytest.fixture
def up(network: Network, alice: Peer, bob: Peer) -> tuple[Peer, Peer]:
    """Alice and bob, who have an ISAKMP SA and no pair."""
    establish(network, alice, None)
    return alice, bob


def works(alice: Peer, bob: Peer) -> bool:
    return alice.carries.inbound == bob.carries.outbound and alice.carries.outbound == bob.carries.inbound


def carries_nothing(*peers: Peer) -> bool:
    """Whether no pair is left anywhere, nor ever came up."""
    return all(not (peer.children or peer.inbound or peer.outbound or peer.saw(ChildUp)) for peer in peers)


# --- later ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", QUESTIONS)
def test_both_go_on_once_they_are_answered(network: Network, up: tuple[Peer, Peer], asked: type[Action]) -> None:
    for peer in up:
        peer.delays = {asked}
    up[0].calls()
    for _ in range(4):
        network.settle()
        for peer in up:
            peer.gives_answers()
    assert works(*up)
    assert [peer.failures for peer in up] == [[], []]
    assert [len(peer.saw(ChildUp)) for peer in up] == [1, 1]


@pytest.mark.parametrize("asked", [AllocateSpi, InstallInbound])
def test_the_answer_to_an_offer_waits_for_the_data_plane(
    network: Network, up: tuple[Peer, Peer], asked: type[Action]
) -> None:
    alice, bob = up
    bob.delays = {asked}
    alice.calls()
    network.plays("alice => bob QM1")
    network.wait(5)
    network.plays("alice -> bob QM1")  # which bob has, and says nothing to
    bob.gives_answers()
    network.plays("bob -> alice QM2", "alice -> bob QM3")
    assert works(alice, bob)
    assert len(bob.saw(ChildUp)) == 1


def test_the_last_message_waits_for_the_data_plane(network: Network, up: tuple[Peer, Peer]) -> None:
    alice, bob = up
    alice.delays = {InstallInbound}
    alice.calls()
    network.plays("alice -> bob QM1", "bob -> alice QM2")
    alice.gives_answers()
    network.plays("alice -> bob QM3")
    assert works(alice, bob)


@pytest.mark.parametrize("waits", ["alice", "bob"])
def test_a_pair_is_up_when_the_data_plane_sends_with_it(network: Network, up: tuple[Peer, Peer], waits: str) -> None:
    peer = network.peers[waits]
    peer.delays = {InstallOutbound}
    up[0].calls()
    network.settle()
    assert not peer.children
    assert not peer.saw(ChildUp)
    peer.gives_answers()
    assert works(*up)


def test_what_waits_is_asked_again_under_the_same_number(network: Network, up: tuple[Peer, Peer]) -> None:
    alice, bob = up
    for asked in QUESTIONS:
        for peer in up:
            peer.delays = {asked}
        alice.calls()
        network.settle()
        peer = alice if alice.unanswered else bob
        (again,) = peer.engine.questions()
        peer.is_reborn()
        assert peer.engine.questions() == [again]
        assert type(again) is asked
        assert again.request == peer.unanswered[0][0]
        for each in up:
            each.delays = set()
        for _ in range(2):
            for each in up:
                each.gives_answers()
            network.settle()
        network.run(SWITCHES_AFTER)  # until alice sends with the newer pair
        assert alice.engine.questions() == bob.engine.questions() == []
    assert len(alice.saw(ChildUp)) == len(bob.saw(ChildUp)) == 3


def test_answers_that_nothing_waits_for_are_ignored(network: Network, up: tuple[Peer, Peer]) -> None:
    alice, bob = up
    bob.delays = {InstallInbound}
    alice.calls()
    network.settle()
    ((request, _),) = bob.unanswered
    for wrong in (0, -1, request + 1, request - 1, 1 << 70):
        assert bob.engine.answered(wrong, Failed("it is not asked for"), network.now) == []
    bob.gives_answers()
    for late in (Done(), Failed("too late"), Spis(4711)):
        assert bob.engine.answered(request, late, network.now) == []
    network.settle()
    assert works(alice, bob)


def test_an_answer_of_another_kind_is_a_fault_and_ends_that_exchange(network: Network, up: tuple[Peer, Peer]) -> None:
    alice, bob = up
    bob.delays = {AllocateSpi}
    alice.calls()
    network.settle()
    ((request, _),) = bob.unanswered
    bob.does(lambda engine: engine.answered(request, Done(), network.now))
    assert bob.failures == [Code.INTERNAL_ERROR]
    assert bob.sa.exchanges == ()
    assert bob.sa.state is IkeState.ESTABLISHED


# --- no -------------------------------------------------------------------------------------------------------------


def test_a_responder_that_cannot_receive_sends_no_answer(network: Network, up: tuple[Peer, Peer]) -> None:
    alice, bob = up
    bob.refuses = {InstallInbound}
    alice.calls()
    network.plays(
        "alice => bob QM1", "bob -> alice INFO N(NO_PROPOSAL_CHOSEN)", "bob -> alice INFO N(NO_PROPOSAL_CHOSEN)"
    )
    assert bob.failures == [Code.INSTALL_FAILED]
    network.run(60)
    assert bob.failures == [Code.INSTALL_FAILED]
    assert alice.failures == [Code.REFUSED_BY_PEER]
    assert carries_nothing(alice, bob)
    bob.refuses = set()
    alice.calls()
    network.settle()
    assert works(alice, bob)


def test_an_initiator_that_cannot_receive_does_not_confirm(network: Network, up: tuple[Peer, Peer]) -> None:
    alice, bob = up
    alice.refuses = {InstallInbound}
    alice.calls()
    network.plays("alice -> bob QM1", "bob -> alice QM2", "alice -> bob INFO D(ESP)")
    assert (alice.failure.code, alice.failure.tunnel) == (Code.INSTALL_FAILED, "net")
    assert (bob.failure.code, bob.failure.tunnel) == (Code.DELETED_BY_PEER, "net")
    assert carries_nothing(alice, bob)
    network.run(60)
    assert network.labels("bob").count("QM2") == 1


@pytest.mark.parametrize("refusing", ["alice", "bob"])
def test_a_pair_that_cannot_send_is_deleted_and_the_one_before_stays(
    network: Network, alice: Peer, bob: Peer, refusing: str
) -> None:
    establish(network, alice)
    before = alice.child
    peer = network.peers[refusing]
    peer.refuses = {InstallOutbound}
    alice.does(lambda engine: engine.rekey_child(before.unique_id, network.now))
    network.run(SWITCHES_AFTER)
    assert peer.failures == [Code.INSTALL_FAILED]
    assert peer.saw(ChildUp) == []
    assert network.labels(refusing)[-1] == "INFO D(ESP)"
    assert [child.state for child in peer.children] == [ChildState.INSTALLED]
    assert set(peer.inbound) == {peer.child.inbound.spi}
    other = network.other(peer)
    assert len(other.saw(ChildUp)) == len(other.saw(ChildDown))


def test_an_initiator_without_an_spi_says_nothing(network: Network, up: tuple[Peer, Peer]) -> None:
    alice, bob = up
    alice.refuses = {AllocateSpi}
    alice.calls()
    network.plays()
    assert (alice.failure.code, alice.failure.tunnel) == (Code.NO_SPI, "net")
    assert alice.sa.exchanges == ()
    assert bob.events == []


# --- never ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", QUESTIONS)
@pytest.mark.parametrize("waits", ["alice", "bob"])
def test_an_exchange_whose_question_is_not_answered_is_given_up(
    network: Network, up: tuple[Peer, Peer], asked: type[Action], waits: str
) -> None:
    peer = network.peers[waits]
    peer.delays = {asked}
    up[0].calls()
    network.run(400)
    assert peer.saw(Failure)[0].code is (Code.NO_SPI if asked is AllocateSpi else Code.INSTALL_FAILED)
    assert peer.saw(ChildUp) == []
    assert peer.inbound == {}
    assert peer.sa.exchanges == ()
    assert peer.sa.state is IkeState.ESTABLISHED
    ((request, answer),) = peer.unanswered
    assert peer.engine.answered(request, answer, network.now) == []


@pytest.mark.parametrize("asked", QUESTIONS)
@pytest.mark.parametrize("waits", ["alice", "bob"])
def test_nothing_is_left_of_what_waits_when_the_isakmp_sa_is_deleted(
    network: Network, up: tuple[Peer, Peer], asked: type[Action], waits: str
) -> None:
    peer = network.peers[waits]
    peer.delays = {asked}
    up[0].calls()
    network.settle()
    other = network.other(peer)
    other.does(lambda engine: engine.close_ike(other.sa.unique_id, network.now))
    network.settle()
    assert not peer.inbound
    assert not peer.outbound
    assert peer.engine.questions() == []
    for request, answer in peer.unanswered:
        assert peer.engine.answered(request, answer, network.now) == []
    network.run(60)
    assert not peer.engine.sas


def test_a_pair_that_the_peer_deletes_before_it_is_up_does_not_come_up(network: Network, up: tuple[Peer, Peer]) -> None:
    alice, bob = up
    bob.delays = {InstallOutbound}
    alice.calls()
    network.settle()
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    network.settle()
    assert bob.failures == [Code.DELETED_BY_PEER]
    bob.gives_answers()
    assert bob.saw(ChildUp) == []
    assert not bob.inbound
    assert not bob.outbound
