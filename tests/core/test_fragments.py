"""IKE fragments between two engines: sent where both ends want them, whole in any order, and no lever for strangers."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from ikev1.core.machine.fragments import PATIENCE, FragmentPool, Fragments, MessageKey
from ikev1.core.peer.vendor_ids import FRAGMENTATION
from ikev1.core.records.events import Code
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Fragmentation
from ikev1.wire.errors import WireError
from ikev1.wire.fragmentation import fragment_of, in_fragments
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import build_message
from ikev1.wire.payloads import Fragment
from ikev1.wire.registry import ExchangeType, PayloadType
from playbook import Couple, Datagram, Network, Peer

LONG_A, LONG_B = f"keyid:{'a' * 900}", f"keyid:{'b' * 900}"
LONG: dict[str, Any] = {
    "alice": {"local_id": LONG_A, "remote_id": LONG_B},
    "bob": {"local_id": LONG_B, "remote_id": LONG_A},
}
SMALL = 300  # octets of an IP packet


def is_fragment(datagram: Datagram) -> bool:
    return datagram.octets[16] == PayloadType.FRAGMENT


def parts(datagram: Datagram) -> Fragment:
    fragment = fragment_of(Header.parse(datagram.octets), datagram.octets)
    assert fragment is not None
    return fragment


def with_data(datagram: Datagram, change: Callable[[Fragment], Fragment]) -> Datagram:
    """The same fragment with other data."""
    header = Header.parse(datagram.octets)
    return datagram._replace(octets=build_message(header, [change(parts(datagram))]))


def spoiled(datagram: Datagram) -> Datagram:
    """A fragment that a stranger sends in the peer's name: as long, with other octets."""
    return with_data(datagram, lambda fragment: fragment._replace(data=bytes(value ^ 0x55 for value in fragment.data)))


class Held:
    """A link that holds the fragments of a message until the last one, and lets ``order`` decide about them."""

    def __init__(self, order: Callable[[list[Datagram]], list[Datagram]]) -> None:
        self._order = order
        self._held: list[Datagram] = []

    def __call__(self, datagram: Datagram) -> list[Datagram]:
        if not is_fragment(datagram):
            return [datagram]
        self._held.append(datagram)
        if not parts(datagram).last:
            return []
        held, self._held = self._held, []
        return self._order(held)


def shuffled(datagrams: list[Datagram]) -> list[Datagram]:
    return random.Random(7).sample(datagrams, len(datagrams))


def are_up(*peers: Peer) -> bool:
    return all(peer.sa.state is IkeState.ESTABLISHED and len(peer.children) == 1 for peer in peers)


@pytest.fixture
def long_pair(couple: Couple) -> tuple[Peer, Peer]:
    """Two peers whose messages 5 and 6 are too long for one packet."""
    return couple(fragment_size=SMALL, **LONG)


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(list, id="in order"),
        pytest.param(lambda all: all[::-1], id="reversed"),
        pytest.param(shuffled, id="shuffled"),
        pytest.param(lambda all: [*all[:2], *all], id="some twice"),
    ],
)
def test_long_messages_go_in_fragments_both_ways_and_arrive_in_any_order(
    network: Network, long_pair: tuple[Peer, Peer], order: Callable[[list[Datagram]], list[Datagram]]
) -> None:
    alice, bob = long_pair
    network.link = Held(order)
    alice.calls()
    network.run(1)
    assert are_up(alice, bob)
    assert alice.failures == bob.failures == []
    fragments = [datagram for datagram in network.sent if is_fragment(datagram)]
    assert {(datagram.sender, datagram.label) for datagram in fragments} == {("alice", "MM5"), ("bob", "MM6")}
    assert all(len(datagram.octets) + 20 + 8 + 4 <= SMALL for datagram in fragments)


@pytest.mark.parametrize("version", [4, 6])
def test_the_size_is_that_of_the_ip_packet(couple: Couple, network: Network, version: int) -> None:
    addresses = ("2001:db8::1", "2001:db8::2") if version == 6 else ("192.0.2.1", "198.51.100.2")
    long: dict[str, Any] = {
        who: {key: f"keyid:{text[6:] * 2}" for key, text in ids.items()} for who, ids in LONG.items()
    }
    alice, bob = couple(addresses=addresses, settings_options={"fragment_size": 0}, **long)
    alice.calls()
    network.run(1)
    assert are_up(alice, bob)
    longest = max(len(datagram.octets) for datagram in network.sent)
    assert longest == (1280 - 40 if version == 6 else 576 - 20) - 8 - 4


@pytest.mark.parametrize(
    ("ours", "theirs", "announces", "sends"),
    [
        ("yes", "yes", True, True),
        ("yes", "no", True, False),
        ("yes", "accept", True, True),
        ("accept", "yes", True, False),
        ("no", "yes", False, False),
        ("force", "no", True, True),
    ],
)
def test_each_end_says_whether_it_takes_fragments(
    network: Network, couple: Couple, ours: str, theirs: str, announces: bool, sends: bool
) -> None:
    long: dict[str, Any] = {who: dict(options) for who, options in LONG.items()}
    long["alice"]["fragmentation"], long["bob"]["fragmentation"] = Fragmentation(ours), Fragmentation(theirs)
    alice, bob = couple(fragment_size=SMALL, **long)
    alice.calls()
    network.run(1)
    assert are_up(alice, bob)
    assert any(FRAGMENTATION in datagram.octets for datagram in network.sent if datagram.label == "MM1") is announces
    assert any(is_fragment(datagram) for datagram in network.sent if datagram.label == "MM5") is sends
    agreed = announces and theirs != "no"
    assert any(FRAGMENTATION in datagram.octets for datagram in network.sent if datagram.label == "MM2") is agreed


def test_a_first_message_in_fragments_is_answered_once_and_keeps_no_state(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice={"fragmentation": Fragmentation.FORCE, "fragment_size": 120})
    alice.calls()
    (whole,) = network.flying
    network.flying.clear()
    pieces = in_fragments(whole.octets, 100)
    assert len(pieces) > 2
    for piece in pieces[:-1]:
        network.deliver(whole._replace(octets=piece))
    assert not network.flying, "a fragment from an unproved address earns no reply"
    network.deliver(whole._replace(octets=pieces[-1]))
    assert [datagram.label for datagram in network.flying] == ["MM2"]
    assert bob.engine.half_open == 0
    assert not bob.engine._state.fragments.dump()
    network.run(1)
    assert are_up(alice, bob)


def test_a_lost_fragment_costs_a_repetition_of_the_same_octets(network: Network, long_pair: tuple[Peer, Peer]) -> None:
    alice, bob = long_pair
    lost: list[Datagram] = []

    def link(datagram: Datagram) -> list[Datagram]:
        if is_fragment(datagram) and parts(datagram).number == 2 and not lost:
            lost.append(datagram)
            return []
        return [datagram]

    network.link = link
    alice.calls()
    network.run(1)
    assert bob.state == "MM_WAIT_MSG5"
    network.run(10)
    assert are_up(alice, bob)
    assert alice.failures == bob.failures == []
    of_alice = [datagram.octets for datagram in network.sent if datagram.label == "MM5"]
    assert of_alice[: len(of_alice) // 2] == of_alice[len(of_alice) // 2 :]


def test_a_repeated_message_is_answered_once(network: Network, long_pair: tuple[Peer, Peer]) -> None:
    alice, bob = long_pair
    alice.calls(tunnel=None)
    network.run(1)
    five = [datagram for datagram in network.sent if datagram.label == "MM5"]
    six = network.labels("bob").count("MM6")
    for datagram in five[:-1]:
        network.deliver(datagram)
    assert not network.flying
    network.deliver(five[-1])
    assert [datagram.label for datagram in network.flying] == ["MM6"] * six
    assert bob.failures == []


@pytest.mark.parametrize("victim", ["alice", "bob"])
@pytest.mark.parametrize("first", [True, False], ids=["forged first", "forged last"])
def test_forged_fragments_do_not_keep_the_genuine_message_out(
    network: Network, long_pair: tuple[Peer, Peer], victim: str, first: bool
) -> None:
    alice, bob = long_pair

    def doubled(datagram: Datagram) -> list[Datagram]:
        if not is_fragment(datagram) or datagram.sender == victim:
            return [datagram]
        return [spoiled(datagram), datagram] if first else [datagram, spoiled(datagram)]

    network.link = doubled
    alice.calls()
    network.run(3)
    assert are_up(alice, bob)


@pytest.mark.parametrize("victim", ["alice", "bob"])
def test_a_forged_end_that_completes_the_message_first_ends_nothing(
    network: Network, long_pair: tuple[Peer, Peer], victim: str
) -> None:
    """All but the first fragment are forged, and arrive before the genuine ones."""
    alice, bob = long_pair

    def forged_first(datagrams: list[Datagram]) -> list[Datagram]:
        if datagrams[0].sender == victim:
            return datagrams
        return [*[spoiled(each) for each in datagrams[1:]], *datagrams]

    network.link = Held(forged_first)
    alice.calls()
    network.run(3)
    assert are_up(alice, bob)


def test_many_forged_fragments_are_told_once(network: Network, long_pair: tuple[Peer, Peer]) -> None:
    alice, bob = long_pair
    network.link = lambda each: [spoiled(each), each, spoiled(each)] if is_fragment(each) else [each]
    alice.calls(tunnel=None)
    network.run(1)
    assert bob.sa.state is IkeState.ESTABLISHED
    assert bob.failures.count(Code.MALFORMED) <= 2, "the contradiction, and the message that was refused"


def test_fragments_for_nobody_are_not_kept(network: Network, pair: tuple[Peer, Peer]) -> None:
    _, bob = pair
    path = UdpPath(bob.address, 500, "203.0.113.9", 500)
    header = Header(b"initiate", b"response", 0, ExchangeType.IDENTITY_PROTECTION, 0, 0, 0)
    bob.takes(build_message(header, [Fragment(1, 1, False, b"x" * 50)]), path)
    assert bob.failures == [Code.UNKNOWN_SA]
    assert not network.flying
    assert not bob.engine._state.fragments.dump()


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(b"other co" + bytes(8) + bytes.fromhex("0110020000000000") + (28).to_bytes(4), id="other cookies"),
        pytest.param(
            build_message(
                Header(b"initiate", bytes(8), 0, ExchangeType.IDENTITY_PROTECTION, 0, 0, 0),
                [Fragment(1, 1, True, b"x")],
            ),
            id="a fragment",
        ),
        pytest.param(b"too short", id="no header"),
    ],
)
def test_what_is_no_message_is_refused_without_a_reply(network: Network, bob: Peer, whole: bytes) -> None:
    path = UdpPath(bob.address, 500, "192.0.2.1", 500)
    header = Header(b"initiate", bytes(8), 0, ExchangeType.IDENTITY_PROTECTION, 0, 0, 0)
    bob.takes(build_message(header, [Fragment(1, 1, True, whole)]), path)
    assert bob.failures == [Code.MALFORMED]
    assert not network.flying


def test_a_fragment_beside_another_payload_is_refused(network: Network, bob: Peer) -> None:
    path = UdpPath(bob.address, 500, "192.0.2.1", 500)
    header = Header(b"initiate", bytes(8), 0, ExchangeType.IDENTITY_PROTECTION, 0, 0, 0)
    bob.takes(build_message(header, [Fragment(1, 1, False, b"one"), Fragment(1, 2, True, b"two")]), path)
    assert bob.failures == [Code.MALFORMED]
    assert not network.flying


# --- what is kept ---------------------------------------------------------------------------------------------------


def piece(cookie: bytes, fragment: Fragment, *, host: str = "192.0.2.1") -> tuple[MessageKey, Header, bytes]:
    """A fragment of a first message from ``host``."""
    header = Header(cookie, bytes(8), 0, ExchangeType.IDENTITY_PROTECTION, 0, 0, 0)
    octets = build_message(header, [fragment])
    path = UdpPath("198.51.100.2", 500, host, 500)
    return MessageKey(path, octets[:16], header.exchange, 0, fragment.id), Header.parse(octets), octets


def test_an_address_displaces_only_its_own_messages() -> None:
    pool = FragmentPool(1 << 20, 1 << 14)
    genuine = [Fragment(1, 1, False, b"a" * 40), Fragment(1, 2, True, b"b" * 40)]
    assert pool.add(*piece(b"honestly", genuine[0], host="192.0.2.9"), 0.0) == ([], False)
    for number in range(1000):
        pool.add(*piece((number + 1).to_bytes(8), Fragment(1, 1, False, b"junk" * 100)), 0.0)
    assert pool.memory <= 8 * (1 << 14) + 1000
    assert pool.add(*piece(b"honestly", genuine[1], host="192.0.2.9"), 0.0) == ([b"a" * 40 + b"b" * 40], False)


def test_memory_is_bounded_and_the_oldest_gives_way() -> None:
    pool = FragmentPool(100_000, 1 << 14)
    for number in range(2000):
        host = f"10.{number >> 8}.{number & 255}.1"
        pool.add(*piece(b"initiate", Fragment(1, 1, False, bytes(1000)), host=host), 0.0)
        assert pool.memory <= 100_000
    assert 50 < len(pool) < 100
    for key in [entry.key for entry in pool.dump()]:
        pool.drop(key)
    assert (len(pool), pool.memory, pool._of_peer) == (0, 0, {})


def test_one_message_is_bounded_and_new_fragments_displace_old_ones() -> None:
    pool = FragmentPool(1 << 20, 1000)
    for number in range(1, 200):
        pool.add(*piece(b"initiate", Fragment(1, number, False, bytes(90))), 0.0)
        assert pool.memory < 1000 + 300 * 20
    assert pool.add(*piece(b"initiate", Fragment(1, 1, False, b"1" * 100)), 0.0) == ([], False)
    assert pool.add(*piece(b"initiate", Fragment(1, 2, True, b"2")), 0.0)[0][0] == b"1" * 100 + b"2"


def test_what_else_a_fragment_completes_is_tried_within_a_limit_per_second() -> None:
    """The most probable message always; alternatives cost as much, and whoever knows the cookies can make many."""
    others = Fragments().others

    def tried(host: str, now: float) -> int:
        """How many messages 100 forged fragments have processed."""
        for number in (1, 1, 2):
            others.add(*piece(b"a" * 8, Fragment(7, number, number == 2, secrets.token_bytes(40)), host=host), now)
        ends = [Fragment(7, 2, True, secrets.token_bytes(40)) for _ in range(100)]
        return sum(len(others.add(*piece(b"a" * 8, end, host=host), now)[0]) for end in ends)

    assert 190 <= tried("192.0.2.1", 1.0) < 210
    assert tried("192.0.2.1", 1.0) == 100
    assert 190 <= tried("192.0.2.1", 2.0) < 210
    assert 10 * 100 + 390 <= sum(tried(f"192.0.2.{host}", 3.0) for host in range(10, 20)) < 10 * 100 + 410


@pytest.mark.parametrize("jump", [PATIENCE, -1.0], ids=["after its time", "after the clock was set back"])
def test_fragments_are_forgotten(jump: float) -> None:
    pool = FragmentPool(1 << 20, 1 << 14)
    pool.add(*piece(b"initiate", Fragment(1, 1, False, b"1")), 1000.0)
    assert pool.add(*piece(b"initiate", Fragment(1, 2, True, b"2")), 1000.0 + jump) == ([], False)
    assert [entry.since for entry in pool.dump()] == [1000.0 + jump]


def test_what_is_dumped_is_restored() -> None:
    fragments = Fragments()
    path = UdpPath("198.51.100.2", 500, "192.0.2.1", 500)
    header = Header(b"initiate", b"response", 0, ExchangeType.IDENTITY_PROTECTION, 0, 0, 0)
    message = build_message(header, [Fragment(9, 9, False, bytes(100))])
    message = message[:16] + b"\1" + message[17:]
    first, second, last = in_fragments(message, HEADER_SIZE + 8 + 50)
    for octets in (last, first):
        fragments.add(Header.parse(octets), octets, path, 5.0)
    restored = Fragments()
    restored.restore(fragments.dump())
    _, found, _ = restored.add(Header.parse(second), second, path, 6.0)
    assert found == [message]
    assert restored.others.memory == fragments.others.memory + len(parts_of(second)) + 300


def parts_of(octets: bytes) -> bytes:
    fragment = fragment_of(Header.parse(octets), octets)
    assert fragment is not None
    return fragment.data


def test_a_malformed_fragment_is_not_kept() -> None:
    pool = FragmentPool(1 << 20, 1 << 14)
    key, header, octets = piece(b"initiate", Fragment(1, 1, False, b""))
    with pytest.raises(WireError):
        pool.add(key, header, octets[:-1], 0.0)
    assert len(pool) == 0
