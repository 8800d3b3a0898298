"""From message 1 to message 3: nothing is kept of a caller that did not show that it receives what is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.negotiation.phase1_proposal import offer
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.path import UdpPath
from ikev1.wire.header import Header
from ikev1.wire.message import build_message, parse_message
from ikev1.wire.payloads import VendorId
from ikev1.wire.registry import ExchangeType
from playbook import Couple, Datagram, Network, Peer, Randomness, establish

FROM_ALICE = UdpPath(BOB, 500, ALICE, 500)


@pytest.fixture
def network() -> Network:
    """Peers that stay as they are: to be reborn takes random octets, which are counted here."""
    return Network()


def message_1(cookie: bytes, peer: Peer, *extra: VendorId) -> bytes:
    """A first message that meets the policies of ``peer``."""
    header = Header(cookie, bytes(8), 0, ExchangeType.IDENTITY_PROTECTION, 0, 0, 0)
    return build_message(header, [offer(peer.settings.connections[0].policies), *extra])


def cookies(count: int) -> Iterator[bytes]:
    random = Randomness("a flood")
    return (random(8) for _ in range(count))


def message_3(network: Network, alice: Peer, bob: Peer) -> Datagram:
    """Has alice call, and holds what she says once she was answered."""
    alice.calls(tunnel=None)
    for _ in range(2):
        network.deliver(network.flying.popleft())
    (held,) = network.flying
    network.flying.clear()
    assert held.label == "MM3"
    return held


def test_message_1_is_answered_without_a_record_and_without_randomness(
    network: Network, alice: Peer, bob: Peer
) -> None:
    drawn = bob.random.drawn
    alice.calls(tunnel=None)
    network.deliver(network.flying.popleft())
    assert network.labels("bob") == ["MM2"]
    assert dict(bob.engine.sas) == {}
    assert bob.engine.half_open == 0
    assert bob.random.drawn == drawn, "a Diffie-Hellman private value would be drawn at random"
    assert bob.engine.deadline() == float("inf")


def test_message_3_makes_a_record(network: Network, alice: Peer, bob: Peer) -> None:
    held = message_3(network, alice, bob)
    drawn = bob.random.drawn
    network.deliver(held)
    assert bob.engine.half_open == 1
    assert bob.random.drawn > drawn
    network.settle()
    assert bob.engine.half_open == 0
    assert bob.state == "QM_IDLE"


def test_the_cookie_is_the_same_for_the_same_caller_and_for_nobody_else(alice: Peer, bob: Peer) -> None:
    def cookie(octets: bytes, path: UdpPath) -> bytes:
        bob.takes(octets, path)
        return Header.parse(bob.network.sent[-1].octets).CKY_R

    usual = cookie(message_1(b"A" * 8, bob), FROM_ALICE)
    assert cookie(message_1(b"A" * 8, bob), FROM_ALICE) == usual
    others = [
        cookie(message_1(b"B" * 8, bob), FROM_ALICE),
        cookie(message_1(b"A" * 8, bob), FROM_ALICE._replace(remote_port=501)),
        cookie(message_1(b"A" * 8, bob), FROM_ALICE._replace(local_port=4500)),
    ]
    bob.network.wait(32)
    others.append(cookie(message_1(b"A" * 8, bob), FROM_ALICE))
    assert len({usual, *others}) == 5


@pytest.mark.parametrize(
    "path",
    [
        FROM_ALICE._replace(remote_host="192.0.2.9"),
        FROM_ALICE._replace(remote_port=501),
        FROM_ALICE._replace(local_port=4500),
        FROM_ALICE._replace(local_host="198.51.100.9"),
    ],
)
def test_message_3_is_not_taken_from_elsewhere(network: Network, alice: Peer, bob: Peer, path: UdpPath) -> None:
    held = message_3(network, alice, bob)
    drawn = bob.random.drawn
    bob.takes(held.octets, path)
    assert bob.failure.code is Code.UNKNOWN_SA
    assert dict(bob.engine.sas) == {}
    assert bob.random.drawn == drawn
    assert not network.flying


@pytest.mark.parametrize("place", [0, 7, 8, 9, 10, 15])
def test_message_3_is_not_taken_with_another_cookie(network: Network, alice: Peer, bob: Peer, place: int) -> None:
    held = message_3(network, alice, bob)
    changed = bytearray(held.octets)
    changed[place] ^= 1
    bob.takes(bytes(changed), FROM_ALICE)
    assert bob.failure.code is Code.UNKNOWN_SA
    assert dict(bob.engine.sas) == {}


@pytest.mark.parametrize(("seconds", "taken"), [(0, True), (31, True), (65, False), (1000, False)])
def test_the_cookie_expires(network: Network, alice: Peer, bob: Peer, seconds: int, taken: bool) -> None:
    held = message_3(network, alice, bob)
    network.now += seconds
    network.deliver(held)
    assert bool(bob.engine.sas) is taken


def test_nobody_without_a_connection_is_answered_with_a_cookie(network: Network, bob: Peer, alice: Peer) -> None:
    bob.takes(message_1(b"A" * 8, bob), FROM_ALICE._replace(remote_host="192.0.2.77"))
    assert network.labels("bob") == ["INFO N(NO_PROPOSAL_CHOSEN) in the clear"]
    assert bob.failure.code is Code.NO_CONNECTION
    assert "192.0.2.77" in bob.failure.text
    assert dict(bob.engine.sas) == {}


def test_a_flood_from_everywhere_takes_no_memory_and_no_randomness(network: Network, alice: Peer, bob: Peer) -> None:
    bob.engine.trace = lambda sa, label, sent: False
    held = message_3(network, alice, bob)
    bob.engine.receive(message_1(b"A" * 8, bob), FROM_ALICE, network.now)
    drawn, size = bob.random.drawn, len(bob.engine.dump())
    for number, cookie in enumerate(cookies(5000)):
        bob.engine.receive(message_1(cookie, bob), FROM_ALICE._replace(remote_port=1024 + number), network.now)
    assert len(bob.engine.dump()) == size
    assert bob.random.drawn == drawn
    network.deliver(held)
    network.settle()
    assert bob.state == alice.state == "QM_IDLE"


def test_a_flood_of_ever_new_messages_is_bounded_and_pushes_out_nobody_who_was_there(
    network: Network, alice: Peer, bob: Peer
) -> None:
    bob.engine.trace = lambda sa, label, sent: False
    establish(network, alice, None)
    alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
    network.settle()
    held = message_3(network, alice, bob)
    sizes = []
    for number, cookie in enumerate(cookies(6000)):
        bob.engine.receive(message_1(cookie, bob, VendorId(cookie)), FROM_ALICE, network.now)
        if number in (4500, 5999):
            sizes.append(len(bob.engine.dump()))
    assert sizes[1] <= sizes[0] * 1.01, "bounded"
    network.deliver(held)
    network.settle()
    assert bob.state == alice.state == "QM_IDLE"


def test_a_flood_of_large_messages_is_bounded(network: Network, alice: Peer, bob: Peer) -> None:
    bob.engine.trace = lambda sa, label, sent: False
    size = len(bob.engine.dump())
    for cookie in cookies(100):
        large = [VendorId(cookie + bytes(600)) for _ in range(100)]
        bob.takes(message_1(cookie, bob, *large), FROM_ALICE)
    assert len(bob.engine.dump()) == size
    assert set(bob.failures) == {Code.MALFORMED}


def test_above_the_limit_the_oldest_is_dropped_first(network: Network, couple: Couple) -> None:
    _, bob = couple(settings_options={"half_open_limit": 3}, bob={"remote_address": "%any"})
    callers = [
        network.peer(f"caller{number}", f"192.0.2.{10 + number}", settings(connection(f"192.0.2.{10 + number}", BOB)))
        for number in range(5)
    ]
    network.link = lambda datagram: [] if datagram.label == "MM5" else [datagram]
    for caller in callers:
        caller.calls(None, host=BOB)
        network.settle()
    assert bob.engine.half_open == 3
    assert [sa.path.remote_host for sa in bob.engine.sas.values()] == [caller.address for caller in callers[2:]]
    assert [(failure.code, failure.peer) for failure in bob.saw(Failure)] == [
        (Code.HALF_OPEN_LIMIT, callers[0].address),
        (Code.HALF_OPEN_LIMIT, callers[1].address),
    ]
    network.link = lambda datagram: [datagram]
    network.run(10)
    assert bob.engine.half_open == 0
    assert [caller.state for caller in callers[2:]] == ["QM_IDLE"] * 3


def test_established_peers_do_not_count_as_half_open(network: Network, couple: Couple) -> None:
    alice, bob = couple(settings_options={"half_open_limit": 1})
    for _ in range(3):
        establish(network, alice)
        alice.does(lambda engine: engine.rekey_ike(next(iter(engine.sas.values())).unique_id, network.now))
        network.settle()
    assert bob.engine.half_open == 0
    assert bob.failures == []


def test_answers_are_chosen_anew_after_a_change_of_settings(network: Network, alice: Peer, bob: Peer) -> None:
    bob.takes(message_1(b"A" * 8, bob), FROM_ALICE)
    octets = message_1(b"B" * 8, bob)
    bob.is_given(settings(connection(BOB, ALICE, tunnel(mirrored=True), policies=())))
    bob.takes(octets, FROM_ALICE)
    assert network.labels("bob") == ["MM2", "INFO N(NO_PROPOSAL_CHOSEN) in the clear"]


def test_a_dump_does_not_carry_answers_into_other_settings(network: Network, alice: Peer, bob: Peer) -> None:
    octets = message_1(b"B" * 8, bob)
    bob.takes(octets, FROM_ALICE)
    bob.settings = settings(connection(BOB, ALICE, tunnel(mirrored=True), policies=()))
    loaded = type(bob.engine).load(bob.settings, bob.random, bob.engine.dump())
    bob.engine = loaded
    bob.takes(octets, FROM_ALICE)
    assert network.labels("bob") == ["MM2", "INFO N(NO_PROPOSAL_CHOSEN) in the clear"]


@pytest.mark.parametrize(
    "changes",
    [{"message_id": 1}, {"flags": 1}, {"next_payload": 2}, {"next_payload": 0}, {"next_payload": 200}],
)
def test_a_first_message_that_is_none_gets_no_cookie(
    network: Network, alice: Peer, bob: Peer, changes: dict[str, Any]
) -> None:
    octets = message_1(b"A" * 8, bob)
    bob.takes(Header.parse(octets)._replace(**changes).build() + octets[28:], FROM_ALICE)
    assert bob.failure.code is Code.MALFORMED
    assert "MM2" not in network.labels("bob")
    assert dict(bob.engine.sas) == {}


def test_message_2_is_told_as_it_was_sent(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls(tunnel=None)
    network.deliver(network.flying.popleft())
    (answer,) = network.flying
    header = Header.parse(answer.octets)
    message = parse_message(header, answer.octets[28:])
    assert message.header.CKY_I == alice.sa.CKY_I
    assert len(message.payloads) == 4, "SA, and the vendor IDs of NAT traversal, dead peer detection and fragments"
