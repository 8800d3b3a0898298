"""Whatever arrives, the engine raises nothing, and what goes on between honest peers goes on."""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as thoroughness
from hypothesis import strategies as st

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.records.actions import InstallOutbound, Remove
from ikev1.core.records.events import Code, Failure, IkeDown
from ikev1.core.records.path import UdpPath
from playbook import Datagram, Network, Peer

CONVERSATION = ("MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "QM1", "QM2", "QM3", "INFO D(ESP)", "INFO D(ISAKMP)")
MALLORY = "203.0.113.66"

# No key proves messages 1 to 4, nor what follows the HASH in message 5: whoever sits on the way can spoil phase 1.
UNPROVEN = ("MM1", "MM2", "MM3", "MM4", "MM5")
PROVEN = tuple(label for label in CONVERSATION if label not in UNPROVEN)


class Scene(NamedTuple):
    """A conversation just before one of its messages arrives."""

    network: Network
    alice: Peer
    bob: Peer
    due: Datagram


def scene(label: str) -> Scene:
    """Plays until ``label`` is under way."""
    network = Network()
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel())))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True))))
    alice.calls()
    while network.flying and network.flying[0].label != label:
        network.deliver(network.flying.popleft())
    if not network.flying:
        alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
        while network.flying[0].label != label:
            network.deliver(network.flying.popleft())
    return Scene(network, alice, bob, network.flying.popleft())


def ends_well(there: Scene) -> None:
    """The genuine message arrives, and all goes on as if nothing had been."""
    network, alice, bob, due = there
    network.deliver(due)
    network.run(60)
    if due.label.startswith("INFO"):
        assert dict(bob.engine.sas) == {}
        assert bob.inbound == {}
    else:
        assert alice.carries.inbound == bob.carries.outbound
        assert alice.carries.outbound == bob.carries.inbound


mutations = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=4)


@pytest.mark.parametrize("label", PROVEN)
@given(changes=mutations)
@thoroughness(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_changed_message_harms_nothing(label: str, changes: list[tuple[float, int]]) -> None:
    there = scene(label)
    octets = bytearray(there.due.octets)
    for place, change in changes:
        octets[int(place * (len(octets) - 1))] ^= change
    there.network.deliver(there.due._replace(octets=bytes(octets)))
    ends_well(there)


@pytest.mark.parametrize("label", UNPROVEN)
@given(changes=mutations)
@thoroughness(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_changed_message_without_proof_spoils_one_attempt_at_most(
    label: str, changes: list[tuple[float, int]]
) -> None:
    network, alice, bob, due = scene(label)
    octets = bytearray(due.octets)
    for place, change in changes:
        octets[int(place * (len(octets) - 1))] ^= change
    network.deliver(due._replace(octets=bytes(octets)))
    network.deliver(due)
    network.run(400)
    if not alice.children:
        for sa in list(alice.engine.sas.values()):
            alice.engine.close_ike(sa.unique_id, network.now)
        alice.stored.clear()
        alice.calls()
        network.run(60)
    assert alice.children
    assert bob.children


@pytest.mark.parametrize("label", CONVERSATION)
def test_every_octet_may_be_wrong(label: str) -> None:
    """Each octet in turn, and no harm before the genuine message comes, once it is protected."""
    there = scene(label)
    under_way = tuple(there.network.flying)
    for place in range(len(there.due.octets)):
        octets = bytearray(there.due.octets)
        octets[place] ^= 0xFF
        receiver = there.network.receiver(there.due)
        assert receiver is not None
        before = list(receiver.engine.sas)
        children = receiver.children
        if label in PROVEN:
            there.network.deliver(there.due._replace(octets=bytes(octets)))
            assert list(receiver.engine.sas) == before
            assert receiver.children == children
        else:
            receiver.engine.receive(bytes(octets), UdpPath(BOB, 500, MALLORY, 500), there.network.now)
    there.network.flying = deque(under_way)
    if label in PROVEN:
        ends_well(there)


@pytest.mark.parametrize("label", CONVERSATION)
@pytest.mark.parametrize("length", [0, 1, 27, 28, 29, 32, 44, -1, -8, -16])
def test_a_message_cut_short_is_refused(label: str, length: int) -> None:
    there = scene(label)
    there.network.deliver(there.due._replace(octets=there.due.octets[:length]))
    ends_well(there)


@pytest.mark.parametrize("label", CONVERSATION)
@given(octets=st.binary(max_size=300))
@thoroughness(max_examples=40, deadline=None)
def test_noise_under_the_right_cookies_harms_nothing(label: str, octets: bytes) -> None:
    there = scene(label)
    header = bytearray(there.due.octets[:28])
    header[24:28] = (28 + len(octets)).to_bytes(4)
    there.network.deliver(there.due._replace(octets=bytes(header) + octets))
    if label in PROVEN:
        ends_well(there)


@given(octets=st.binary(max_size=200), flags=st.integers(0, 7), exchange=st.sampled_from([2, 4, 5, 6, 32, 33, 99]))
@thoroughness(max_examples=300, deadline=None)
def test_noise_of_strangers_is_not_remembered(octets: bytes, flags: int, exchange: int) -> None:
    network = Network()
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(mirrored=True))))
    length = (28 + len(octets)).to_bytes(4)
    header = b"mallory!" + octets[:8].ljust(8, b"\0") + bytes([1, 0x10, exchange, flags]) + bytes(4) + length
    bob.takes(header + octets, UdpPath(BOB, 500, MALLORY, 500))
    assert dict(bob.engine.sas) == {}


def test_what_was_said_before_means_nothing_later(network: Network, alice: Peer, bob: Peer) -> None:
    """Replays of a whole conversation, from the right address, bring nothing up and nothing down."""
    alice.calls()
    network.settle()
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.settle()
    network.run(45)
    recorded = tuple(network.sent)
    for seconds in (0, 100, 1000):
        network.now += seconds
        for peer in (alice, bob):
            peer.events.clear()
        sas = {peer.name: (list(peer.engine.sas), peer.children) for peer in (alice, bob)}
        for datagram in recorded:
            network.deliver(datagram)
        network.settle()
        for peer in (alice, bob):
            assert (list(peer.engine.sas)[:1], peer.children) == (sas[peer.name][0][:1], sas[peer.name][1])
            assert peer.saw(IkeDown) == []
            assert set(peer.failures) <= {Code.UNKNOWN_SA}


def test_a_deletion_is_not_taken_again_from_another_sa(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.settle()
    alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
    network.settle()
    recorded = [datagram for datagram in network.sent if datagram.label.startswith("INFO")]
    alice.calls()
    network.settle()
    for datagram in recorded:
        network.deliver(datagram)
    assert alice.carries.inbound == bob.carries.outbound


def test_messages_out_of_turn_are_refused(network: Network, alice: Peer, bob: Peer) -> None:
    """Every message of another conversation of the same peers, at every moment of this one."""
    other = scene("QM3")
    foreign = other.network.sent
    for peer in (alice, bob):
        peer.random(32)  # else this conversation would be the other one once more
    alice.calls()
    while network.flying:
        due = network.flying.popleft()
        for datagram in foreign:
            for peer in (alice, bob):
                path = UdpPath(peer.address, 500, network.other(peer).address, 500)
                octets = due.octets[:16] + datagram.octets[16:]
                if octets != due.octets and datagram.label in PROVEN:
                    peer.engine.receive(octets, path, network.now)
        network.deliver(due)
    assert alice.carries.inbound == bob.carries.outbound


def test_the_same_fault_is_told_once(network: Network, alice: Peer, bob: Peer) -> None:
    """A flood of forged messages fills neither the log nor the line."""
    alice.calls()
    while network.flying[0].label != "MM5":
        network.deliver(network.flying.popleft())
    due = network.flying[0]
    for number in range(50):
        octets = due.octets[:-2] + number.to_bytes(2)
        bob.takes(octets, UdpPath(BOB, 500, ALICE, 500))
    told = Counter(failure.code for failure in bob.saw(Failure))
    assert max(told.values()) == (49 if network.reborn else 1), "what was said is no part of what is dumped"
    assert len(network.flying) <= 3


def test_actions_of_a_refused_message_touch_no_data_plane(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    while network.flying[0].label != "QM3":
        network.deliver(network.flying.popleft())
    due = network.flying[0]
    forged = due.octets[:28] + bytes(len(due.octets) - 28)
    actions = bob.engine.receive(forged, UdpPath(BOB, 500, ALICE, 500), network.now)
    assert not any(isinstance(action, (InstallOutbound, Remove)) for action in actions)
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound
