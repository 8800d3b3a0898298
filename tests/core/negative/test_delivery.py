"""Negative catalogue: messages that come late, again, in another order or not at all."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from configured import ALICE, BOB, connection, policy, settings, tunnel
from ikev1.core.exchanges.quick_mode import SWITCHES_AFTER
from ikev1.core.records.events import ChildUp, Code, IkeUp
from ikev1.core.records.settings import Aggressive, Mode
from ikev1.testing import Datagram
from negative import AGGRESSIVE, LABELS, MAIN, QUICK, answers_to, is_up, recovers, scene
from playbook import Network, Peer

_CONVERSATIONS = {Mode.MAIN: (*MAIN, *QUICK), Mode.AGGRESSIVE: (*AGGRESSIVE, *QUICK)}
_PAIRS = [(mode, *two) for mode, labels in _CONVERSATIONS.items() for two in combinations(labels, 2)]


def peers(mode: Mode) -> tuple[Network, Peer, Peer]:
    network = Network()
    both: dict[str, Any] = {
        "mode": mode,
        "aggressive": Aggressive.ACCEPT_PSK,
        "policies": (policy("aes128-sha256-x25519"),),
    }
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), **both)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True), **both)))
    return network, alice, bob


def up_once(*both: Peer) -> bool:
    told = [len(peer.saw(kind)) for peer in both for kind in (IkeUp, ChildUp)]
    alice, bob = both
    return told == [1, 1, 1, 1] and alice.carries.inbound == bob.carries.outbound


@pytest.mark.parametrize(("mode", "one", "other"), _PAIRS)
def test_any_two_messages_are_lost(mode: Mode, one: str, other: str) -> None:
    """Each the first time that it is sent."""
    network, alice, bob = peers(mode)
    lost: set[str] = set()

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label in (one, other) and datagram.label not in lost:
            lost.add(datagram.label)
            return []
        return [datagram]

    network.link = link
    alice.calls()
    network.run(100)
    assert lost == {one, other}
    assert up_once(alice, bob)
    assert alice.failures == bob.failures == []


@pytest.mark.parametrize("label", _CONVERSATIONS[Mode.AGGRESSIVE])
@pytest.mark.parametrize("times", [1, 3])
def test_any_message_of_aggressive_mode_may_be_lost(label: str, times: int) -> None:
    network, alice, bob = peers(Mode.AGGRESSIVE)
    left = [times]

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label == label and left[0]:
            left[0] -= 1
            return []
        return [datagram]

    network.link = link
    alice.calls()
    network.run(100)
    assert up_once(alice, bob)


@pytest.mark.parametrize("label", LABELS)
def test_a_burst_of_duplicates_is_taken_once(label: str) -> None:
    there = scene(label)
    there.receiver.events.clear()
    said = answers_to(there, *[there.due] * 50)
    assert len({each.octets for each in said}) <= (50 if label == "MM1" else 2)  # each first message may be another's
    assert len([event for event in there.receiver.events if isinstance(event, (IkeUp, ChildUp))]) <= 1
    for each in said[:2]:
        there.network.deliver(each)
    there.network.run(60)
    assert Code.INTERNAL_ERROR not in there.receiver.failures
    assert is_up(there) or label.startswith("INFO")


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("later", [1, 100, 3_000])
def test_everything_again_later_changes_nothing(mode: Mode, later: int) -> None:
    network, alice, bob = peers(mode)
    alice.calls()
    network.settle()
    alice.does(lambda engine: engine.rekey_child(alice.children[-1].unique_id, network.now))
    network.settle()
    network.run(SWITCHES_AFTER + later)
    recorded = list(network.sent)
    before = [sorted(child.inbound.spi for child in peer.children) for peer in (alice, bob)]
    plane = [len(peer.told_to_plane) for peer in (alice, bob)]
    for datagram in [*recorded, *reversed(recorded)]:
        network.deliver(datagram)
        network.flying.clear()
    network.run(5)
    assert [sorted(child.inbound.spi for child in peer.children) for peer in (alice, bob)] == before
    assert [len(peer.told_to_plane) for peer in (alice, bob)] == plane
    assert all(len([sa for sa in peer.engine.sas.values() if sa.is_up]) == 1 for peer in (alice, bob))


@pytest.mark.parametrize("mode", list(Mode))
def test_a_peer_that_gets_everything_in_reverse_comes_up(mode: Mode) -> None:
    """Whatever is under way at the same time arrives last first."""
    network, alice, bob = peers(mode)
    alice.calls()
    for _ in range(200):
        while network.flying:
            network.deliver(network.flying.pop())
        network.wait(1)
    assert up_once(alice, bob)


@pytest.mark.parametrize("label", [*MAIN, *AGGRESSIVE, *QUICK])
def test_an_initiator_that_restarts_half_way_is_served(label: str) -> None:
    """It knows nothing any more, and calls again from the same address."""
    there = scene(label)
    network, alice, bob = there.network, there.alice, there.bob
    network.flying.clear()
    for sa in list(alice.stored):
        del alice.stored[sa]
    alice.is_killed()
    network.run(2)
    alice.calls()
    network.run(60)
    assert is_up(there)
    assert sum(sa.is_up for sa in alice.engine.sas.values()) == 1
    network.run(200)
    assert len(bob.engine.sas) == 1
    assert Code.INTERNAL_ERROR not in bob.failures


@pytest.mark.parametrize("label", [*MAIN, *AGGRESSIVE, *QUICK])
def test_a_message_from_elsewhere_earns_one_reply_at_most(label: str) -> None:
    there = scene(label)
    spoofed = there.due._replace(source=("203.0.113.66", 500))
    said = answers_to(there, spoofed)
    assert len(said) <= 1 or label == "AM2"
    assert sum(len(each.octets) for each in said if each.destination[0] == "203.0.113.66") <= 2 * len(spoofed.octets)
    there.network.run(300)
    recovers(there)
