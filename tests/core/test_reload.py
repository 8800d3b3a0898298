"""New settings reach SAs that are up: at the next rekeying, at once, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from configured import ALICE, BOB, connection, esp, policy, settings, tunnel
from ikev1.core.engine import Engine
from ikev1.core.records.actions import Action
from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.events import ChildDown, Code, Failure, Note
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.reload import Reload
from ikev1.core.records.settings import Settings
from playbook import Network, Peer, establish

NOW, DRAIN = Reload(at_once=True), Reload(drain=True)
OTHER_ESP = (esp("aes256-sha256"),)


def of_alice(**options: Any) -> Settings:
    return settings(connection(ALICE, BOB, tunnel(**options)))


def of_bob(**options: Any) -> Settings:
    return settings(connection(BOB, ALICE, tunnel(mirrored=True, **options)))


def reloads(peer: Peer, new: Settings, how: Reload = Reload()) -> None:  # noqa: B008
    def reconfigure(engine: Engine) -> list[Action]:
        peer.settings = new
        return engine.reconfigure(new, peer.network.now, how)

    peer.does(reconfigure)


def sas(peer: Peer) -> list[IkeSa]:
    return list(peer.engine.sas.values())


def installed(peer: Peer) -> list[Any]:
    return [child for child in peer.children if child.state is ChildState.INSTALLED]


@pytest.mark.parametrize("how", [Reload(), NOW])
def test_proposals_change_at_the_next_rekeying_or_at_once(
    network: Network, alice: Peer, bob: Peer, how: Reload
) -> None:
    establish(network, alice)
    old = alice.child
    reloads(bob, of_bob(proposals=(*OTHER_ESP, esp())))
    reloads(alice, of_alice(proposals=OTHER_ESP), how)
    network.run(6)
    assert (installed(alice)[0].suite == OTHER_ESP[0].suite) is how.at_once
    network.run(3600)
    assert installed(alice)[0].suite == installed(bob)[0].suite == OTHER_ESP[0].suite
    assert old.unique_id not in [child.unique_id for child in alice.children]
    assert not alice.saw(Failure)


def test_what_one_reload_left_for_later_the_next_does_at_once(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    reloads(bob, of_bob(proposals=(*OTHER_ESP, esp())))
    reloads(alice, of_alice(proposals=OTHER_ESP))
    reloads(alice, of_alice(proposals=OTHER_ESP), NOW)
    network.run(6)
    assert installed(alice)[0].suite == OTHER_ESP[0].suite


def test_what_matches_is_left_alone(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    before = network.labels("alice")
    for peer in (alice, bob):
        reloads(peer, peer.settings, NOW)
        reloads(peer, peer.settings, DRAIN)
    network.settle()
    assert network.labels("alice") == before


@pytest.mark.parametrize("remote", ["10.2.0.0/15", "10.9.0.0/16"])
def test_networks_change_at_once(network: Network, alice: Peer, bob: Peer, remote: str) -> None:
    establish(network, alice)
    reloads(bob, of_bob(remote=remote), NOW)
    reloads(alice, of_alice(remote=remote), NOW)
    network.run(40)
    assert [str(child.remote) for child in alice.children] == [str(child.local) for child in bob.children]
    assert {str(child.remote) for child in installed(alice)} == {str(tunnel(remote=remote).remote)}


def test_networks_change_at_the_next_rekeying(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    old = alice.child
    reloads(bob, of_bob(remote="10.2.0.0/15"))
    reloads(alice, of_alice(remote="10.2.0.0/15"))
    network.settle()
    assert alice.child == old
    network.run(3590)
    assert str(tunnel(remote="10.2.0.0/15").remote) in {str(child.remote) for child in installed(alice)}
    assert [note.code for note in alice.saw(Note)].count(Code.NETWORKS_CHANGED) == 1
    network.run(60)
    assert [str(child.remote) for child in alice.children] == [str(tunnel(remote="10.2.0.0/15").remote)]


def test_phase_1_proposals_change_at_once(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    strong = (policy("aes256-sha256-ecp256"),)
    child = alice.child
    reloads(bob, settings(connection(BOB, ALICE, tunnel(mirrored=True), policies=(*strong, policy(priority=2)))))
    reloads(alice, settings(connection(ALICE, BOB, tunnel(), policies=strong)), NOW)
    network.run(60)
    up = [sa for sa in sas(alice) if sa.state is IkeState.ESTABLISHED]
    assert up[-1].suite.key_length == 256
    assert [each.unique_id for each in installed(alice)] == [child.unique_id]


def test_a_peer_at_an_address_that_is_not_configured_any_more_is_closed_at_once(
    network: Network, alice: Peer, bob: Peer
) -> None:
    establish(network, alice)
    elsewhere = settings(connection(ALICE, "203.0.113.9", tunnel(), remote_id=BOB))
    reloads(alice, elsewhere)
    assert sas(alice)
    reloads(alice, elsewhere, NOW)
    network.settle()
    assert (sas(alice), sas(bob)) == ([], [])


@pytest.mark.parametrize("gone", [settings(), settings(connection(ALICE, BOB))], ids=["connection", "tunnel"])
class TestRemoved:
    """A connection or a tunnel was removed."""

    def test_its_pairs_are_closed(self, network: Network, alice: Peer, bob: Peer, gone: Settings) -> None:
        establish(network, alice)
        reloads(alice, gone)
        network.settle()
        assert alice.children == bob.children == []

    def test_they_run_out_if_that_is_asked_for(self, network: Network, alice: Peer, bob: Peer, gone: Settings) -> None:
        establish(network, alice)
        child = alice.child
        reloads(alice, gone, DRAIN)
        reloads(alice, gone)  # as SIGHUP does
        network.settle()
        assert [each.unique_id for each in alice.children] == [child.unique_id]
        assert not alice.saw(ChildDown)
        bob.does(lambda engine: engine.rekey_child(bob.child.unique_id, network.now))
        network.run(120)
        assert len(alice.children) == 1  # what the peer requests is refused
        network.run(3600)
        assert alice.children == []

    def test_a_drained_pair_can_be_closed_by_the_operator_or_at_once(
        self, network: Network, alice: Peer, bob: Peer, gone: Settings
    ) -> None:
        establish(network, alice)
        reloads(alice, gone, DRAIN)
        reloads(alice, gone, NOW)
        network.settle()
        assert alice.children == bob.children == []

    def test_one_that_comes_back_goes_on(self, network: Network, alice: Peer, bob: Peer, gone: Settings) -> None:
        establish(network, alice)
        before = alice.settings
        reloads(alice, gone, DRAIN)
        reloads(alice, before)
        network.run(7200)
        assert len(installed(alice)) == len(installed(bob)) == 1


def test_a_drained_connection_is_taken_over_by_the_next_process(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    reloads(alice, settings(), DRAIN)
    kept, alive = tuple(alice.stored.values()), frozenset(alice.inbound)
    alice.engine = Engine(settings(), alice.random)
    alice.does(lambda engine: engine.restore(kept, network.now, alive))
    assert len(alice.children) == 1
    assert alice.sa.draining
