"""What is used although it should not be is said once for each connection."""

from __future__ import annotations

from configured import policy
from ikev1.core.records.events import Code, Note
from ikev1.core.records.settings import Aggressive, Mode
from playbook import Couple, Network, Peer


def told(peer: Peer) -> list[str]:
    return [note.text for note in peer.saw(Note) if note.code is Code.WEAK]


def test_a_sound_suite_is_not_mentioned(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.settle()
    assert told(alice) == told(bob) == []


def test_each_weak_algorithm_is_named_once(network: Network, couple: Couple) -> None:
    network.reborn = False  # what was said is forgotten with the process
    alice, bob = couple(policies=(policy("3des-md5-modp1024"),))
    for _ in range(2):
        alice.calls()
        network.settle()
        alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
        network.settle()
    for peer in (alice, bob):
        for name, text in zip(("3des", "md5", "modp1024"), told(peer), strict=True):
            assert name in text


def test_who_calls_in_aggressive_mode_is_warned(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice={"mode": Mode.AGGRESSIVE}, bob={"aggressive": Aggressive.ACCEPT_PSK})
    alice.calls()
    network.settle()
    assert len(told(alice)) == 1
    assert told(bob) == []
