"""A pair of IPsec SAs between the moment when the peer may rely on it and the end of its Quick Mode."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.engine import UnknownName
from ikev1.core.exchanges.quick_mode import SWITCHES_AFTER
from ikev1.core.machine.sa_table import SaTable
from ikev1.core.peer import path_changes
from ikev1.core.records.actions import Action, AllocateSpi, InstallInbound, InstallOutbound, Move
from ikev1.core.records.answers import Done, Failed, Spis
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import ChildDown, ChildUp, Code, Failure
from ikev1.core.records.path import UdpPath
from ikev1.testing import Datagram
from ikev1.wire.registry import ProtocolId
from playbook import Network, Peer, end, establish
from reborn import kept

MALLORY = "192.0.2.66"


@pytest.fixture
def up(network: Network, alice: Peer, bob: Peer) -> tuple[Peer, Peer]:
    """Alice and bob, who have an ISAKMP SA and no pair."""
    establish(network, alice, None)
    return alice, bob


def states(peer: Peer) -> list[ChildState]:
    """The states of all pairs, complete or not."""
    return [child.state for sa in peer.engine.sas.values() for child in sa.children]


def stored(peer: Peer) -> list[ChildSa]:
    """The pairs in the store."""
    return [child for sa in peer.stored.values() for child in sa.children]


def works(alice: Peer, bob: Peer) -> bool:
    return alice.carries.inbound == bob.carries.outbound and alice.carries.outbound == bob.carries.inbound


# --- stored ---------------------------------------------------------------------------------------------------------


def test_a_pair_is_stored_before_the_message_that_makes_the_peer_rely_on_it(
    network: Network, up: tuple[Peer, Peer]
) -> None:
    seen: dict[str, list[ChildState]] = {}

    def link(datagram: Datagram) -> list[Datagram]:
        seen[datagram.label] = [child.state for child in stored(network.peers[datagram.sender])]
        return [datagram]

    network.link = link
    up[0].calls()
    network.settle()
    assert seen == {"QM1": [], "QM2": [ChildState.CREATED], "QM3": [ChildState.CREATED]}
    for peer in up:
        assert [child.state for child in stored(peer)] == states(peer) == [ChildState.INSTALLED]
        assert all(child == child.without_keys() for child in stored(peer))


@pytest.mark.parametrize("killed", ["alice", "bob"])
def test_a_peer_killed_before_the_pair_is_complete_negotiates_it_anew(
    network: Network, up: tuple[Peer, Peer], killed: str
) -> None:
    peer = network.peers[killed]
    peer.delays = {InstallOutbound}
    up[0].calls()
    network.settle()
    assert states(peer) == [ChildState.CREATED if peer.name == "alice" else ChildState.INSTALLING]
    (lost,) = stored(peer)
    peer.delays = set()
    peer.is_killed()
    network.run(60)
    assert works(*up)
    assert lost.inbound.spi not in {spi for each in up for child in each.children for spi in spis(child)}
    assert [len(each.inbound) for each in up] == [1, 1]


def spis(child: ChildSa) -> tuple[int, int]:
    return child.inbound.spi, child.outbound.spi


@pytest.mark.parametrize("killed", ["alice", "bob"])
def test_a_pair_whose_directions_both_outlive_the_process_is_complete(
    network: Network, up: tuple[Peer, Peer], killed: str
) -> None:
    peer = network.peers[killed]
    peer.delays = {InstallOutbound}
    up[0].calls()
    network.settle()
    peer.delays = set()
    peer.is_killed(*peer.inbound)
    network.run(60)
    assert states(peer) == [ChildState.INSTALLED]
    assert works(*up)
    assert [(event.child, event.replaces) for event in peer.saw(ChildUp)] == [(peer.child, None)]


@pytest.mark.parametrize("survives", [True, False])
def test_a_successor_that_was_not_complete(network: Network, alice: Peer, bob: Peer, survives: bool) -> None:
    establish(network, alice)
    before = alice.child
    alice.delays = {InstallOutbound}
    alice.does(lambda engine: engine.rekey_child(before.unique_id, network.now))
    network.settle()
    assert states(alice) == [ChildState.INSTALLED, ChildState.CREATED]
    alice.delays = set()
    network.sent.clear()
    alice.is_killed(*(alice.inbound if survives else [before.inbound.spi]))
    if survives:
        assert states(alice) == [ChildState.REKEYED, ChildState.INSTALLED]
        assert [event.replaces and event.replaces.unique_id for event in alice.saw(ChildUp)] == [before.unique_id]
    else:
        assert states(alice) == [ChildState.INSTALLED]
        assert network.labels("alice") == ["INFO D(ESP)"]
    network.settle()
    assert set(spis(alice.children[-1])) == set(spis(bob.children[-1 if survives else 0]))


def test_what_is_lost_with_its_successor_is_negotiated_once(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    alice.delays = {InstallOutbound}
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.settle()
    alice.delays = set()
    network.sent.clear()
    alice.is_killed()
    network.settle()
    assert network.labels("alice").count("QM1") == 1
    assert works(alice, bob)


# --- not up ---------------------------------------------------------------------------------------------------------


@kept
def test_a_pair_that_is_not_complete_has_no_timers_and_obeys_no_command(
    network: Network, up: tuple[Peer, Peer]
) -> None:
    alice, bob = up
    bob.delays = {InstallOutbound}
    alice.calls()
    network.settle()
    (child,) = bob.sa.children
    assert child.expires_at
    assert child.timers() == ()
    for command in (bob.engine.close_child, bob.engine.rekey_child):
        with pytest.raises(UnknownName):
            command(child.unique_id, network.now)
    assert bob.saw(ChildUp) == []


@pytest.mark.parametrize("asked", [InstallInbound, InstallOutbound])
@pytest.mark.parametrize("waits", ["alice", "bob"])
def test_nothing_is_left_of_a_pair_that_is_given_up(
    network: Network, up: tuple[Peer, Peer], asked: type[Action], waits: str
) -> None:
    peer = network.peers[waits]
    peer.delays = {asked}
    up[0].calls()
    network.run(400)
    assert states(peer) == []
    assert not peer.inbound
    assert not peer.outbound
    assert peer.saw(ChildDown) == []


def test_the_isakmp_sa_of_a_pair_that_is_not_complete_expires(network: Network, up: tuple[Peer, Peer]) -> None:
    """There is nothing that would have to outlive it."""
    alice, bob = up
    bob.delays = {InstallOutbound}
    alice.calls()
    network.settle()
    bob.does(lambda engine: end(engine, bob.sa, "a test", network.now))
    assert not bob.engine.sas
    assert not bob.inbound
    assert not bob.stored
    assert bob.saw(ChildDown) == []


def test_a_pair_that_is_not_complete_stays_with_its_exchange(network: Network, alice: Peer, bob: Peer) -> None:
    """Only what is complete moves to another ISAKMP SA."""
    establish(network, alice)
    bob.delays = {InstallOutbound}
    alice.calls()
    network.settle()
    assert states(bob) == [ChildState.INSTALLED, ChildState.INSTALLING]
    old, (complete, coming) = bob.sa, bob.sa.children
    network.link = lambda datagram: [] if datagram.label == "INFO D(ISAKMP)" else [datagram]
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(10)
    pairs = {child.unique_id: sa.cookies for sa in bob.engine.sas.values() for child in sa.children}
    assert pairs[coming.unique_id] == old.cookies
    assert pairs[complete.unique_id] != old.cookies
    bob.gives_answers()
    assert states(bob) == [ChildState.REKEYED, ChildState.INSTALLED]
    assert {child.unique_id: sa.cookies for sa in bob.engine.sas.values() for child in sa.children} == {
        complete.unique_id: pairs[complete.unique_id],
        coming.unique_id: pairs[complete.unique_id],
    }
    assert [len(each.exchanges) for each in bob.engine.sas.values()] == [0, 0]


def test_a_delete_under_another_isakmp_sa_ends_it(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice, None)
    old = bob.sa
    bob.delays = {InstallOutbound}
    alice.calls()
    network.settle()
    alice.delays = {InstallInbound}
    alice.calls("net")
    network.settle()
    (pair,) = bob.sa.children[:1]
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    network.settle()
    assert pair.inbound.spi not in bob.inbound
    assert old.cookies in bob.engine.sas


@kept
def test_a_pair_that_is_not_complete_moves_once(network: Network, up: tuple[Peer, Peer]) -> None:
    alice, bob = up
    bob.delays = {InstallOutbound}
    alice.calls()
    network.settle()
    path = UdpPath(BOB, 4500, ALICE, 4501)
    moved, actions = path_changes.take_path(bob.sa, path)
    assert [child.path for child in moved.children] == [path]
    assert [exchange.child.path for exchange in moved.exchanges if exchange.child] == [path]
    assert [(type(action), action.child.path) for action in actions if isinstance(action, Move)] == [(Move, path)]


def test_what_the_peer_deletes_before_it_is_up_is_no_refusal(network: Network, up: tuple[Peer, Peer]) -> None:
    alice, bob = up
    bob.delays = {InstallOutbound}
    alice.calls()
    network.settle()
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    network.settle()
    assert (bob.failure.code, bob.failure.tunnel) == (Code.DELETED_BY_PEER, "net")
    assert states(bob) == []
    assert bob.saw(ChildDown) == []


# --- SPIs -----------------------------------------------------------------------------------------------------------


@dataclass
class Always:
    """A data plane that allocates one SPI again and again."""

    spi: int
    cpi: int = 0

    def __call__(self, path: object, protocol: int) -> int:
        return self.cpi if protocol == ProtocolId.IPCOMP else self.spi


@pytest.mark.parametrize("repeats", ["alice", "bob"])
@pytest.mark.parametrize("waits", [AllocateSpi, InstallInbound, InstallOutbound])
def test_an_spi_that_is_allocated_twice_harms_only_the_second(
    network: Network, up: tuple[Peer, Peer], repeats: str, waits: type[Action]
) -> None:
    alice, bob = up
    peer = network.peers[repeats]
    peer.asks_for_spis(Always(0x1234_5678))
    peer.delays = {waits}
    alice.calls()
    network.settle()
    alice.calls()
    network.settle()
    peer.delays = set()
    for _ in range(3):
        peer.gives_answers()
        network.settle()
    assert Code.NO_SPI in peer.failures
    assert len(peer.saw(ChildUp)) == 1
    assert list(peer.inbound) == [0x1234_5678]
    assert works(alice, bob)


def test_an_spi_is_free_again_after_a_failure(network: Network, up: tuple[Peer, Peer]) -> None:
    alice, bob = up
    bob.asks_for_spis(Always(0x1234_5678))
    bob.refuses = {InstallInbound}
    alice.calls()
    network.settle()
    bob.refuses = set()
    alice.calls()
    network.settle()
    assert bob.failures == [Code.INSTALL_FAILED]
    assert bob.child.inbound.spi == 0x1234_5678


def test_an_spi_without_a_cpi_is_free_again(network: Network) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(compress=True))))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True, compress=True))))
    establish(network, alice, None)
    alice.asks_for_spis(Always(0x1234_5678, cpi=1))
    alice.calls()
    network.settle()
    assert alice.failures == [Code.NO_SPI]
    alice.asks_for_spis(Always(0x1234_5678, cpi=4711))
    alice.calls()
    network.settle()
    assert alice.failures == [Code.NO_SPI]
    assert works(alice, bob)


# --- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusing", ["alice", "bob"])
def test_what_was_not_installed_is_not_removed(network: Network, up: tuple[Peer, Peer], refusing: str) -> None:
    peer = network.peers[refusing]
    peer.refuses = {InstallInbound}
    up[0].calls()
    network.settle()
    assert [what for what, _ in peer.told_to_plane] == ["InstallInbound"]
    assert Code.INSTALL_FAILED in peer.failures


@pytest.mark.parametrize("answer", [Done(), Failed(""), Spis(0)])
def test_an_answer_is_never_mistaken_for_none(answer: object) -> None:
    assert answer


def test_what_comes_up_first_has_the_traffic(network: Network) -> None:
    """Both ask for it before either has it."""
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(mirrored=True, local="10.0.0.0/8"))))
    peers = [
        network.peer(name, address, settings(connection(address, BOB, tunnel(local=local))))
        for name, address, local in (("alice", ALICE, "10.1.0.0/16"), ("mallory", MALLORY, "10.1.2.0/24"))
    ]
    for peer in peers:
        peer.calls(None, host=BOB)
        network.settle()
    bob.delays = {InstallOutbound}
    for peer in peers:
        peer.calls(host=BOB)
        network.settle()
    bob.gives_answers()
    network.settle()
    assert [failure.code for failure in bob.saw(Failure)] == [Code.SELECTORS_UNACCEPTABLE]
    assert [event.child.path.remote_host for event in bob.saw(ChildUp)] == [ALICE]
    assert [child.path.remote_host for child in bob.outbound.values()] == [ALICE]
    assert [len(peer.children) for peer in peers] == [1, 0]


# --- rekeying -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waits", [AllocateSpi, InstallInbound, InstallOutbound, None])
def test_a_pair_is_not_replaced_twice_at_once(
    network: Network, alice: Peer, bob: Peer, waits: type[Action] | None
) -> None:
    establish(network, alice)
    alice.delays = {waits} if waits else set()
    number = alice.child.unique_id
    for _ in range(3):
        alice.does(lambda engine: engine.rekey_child(number, network.now))
    if waits:
        network.settle()
        alice.does(lambda engine: engine.rekey_child(number, network.now))
    network.run(SWITCHES_AFTER)
    alice.gives_answers()
    network.run(SWITCHES_AFTER)
    assert network.labels("alice").count("QM1") == 1
    for peer in (alice, bob):
        assert len(peer.saw(ChildUp)) <= 1


# --- the table ------------------------------------------------------------------------------------------------------


def test_nothing_is_sorted_when_nothing_is_undone() -> None:
    table = SaTable()
    heap = table._heap
    table.restore({}, {}, settled=False)
    assert table._heap is heap
