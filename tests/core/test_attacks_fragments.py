"""What an onlooker does with forged IKE fragments: displace the genuine ones, have others answered, cost time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from configured import ALICE, BOB, policy
from ikev1.core.machine.admission import ANSWER_RATIO
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.wire.fragmentation import MOST_OCTETS, Pieces, fragment_of
from ikev1.wire.header import Header
from ikev1.wire.message import build_message
from ikev1.wire.payloads import Fragment
from ikev1.wire.registry import PayloadType
from playbook import Couple, Datagram, Network, Peer

LONG: dict[str, Any] = {
    "alice": {"local_id": f"keyid:{'a' * 900}", "remote_id": f"keyid:{'b' * 900}"},
    "bob": {"local_id": f"keyid:{'b' * 900}", "remote_id": f"keyid:{'a' * 900}"},
}
Forge = Callable[[Header, Fragment], Iterator[Fragment]]


def parts(datagram: Datagram) -> tuple[Header, Fragment]:
    header = Header.parse(datagram.octets)
    fragment = fragment_of(header, datagram.octets)
    assert fragment is not None
    return header, fragment


def after_the_first(forge: Forge) -> Callable[[Datagram], list[Datagram]]:
    """An onlooker that sends forged fragments in the peer's name as soon as it sees the first one of a message."""

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.octets[16] != PayloadType.FRAGMENT:
            return [datagram]
        header, fragment = parts(datagram)
        if fragment.number != 1:
            return [datagram]
        forged = [datagram._replace(octets=build_message(header, [each])) for each in forge(header, fragment)]
        return [datagram, *forged]

    return link


def one_that_is_long(header: Header, seen: Fragment) -> Iterator[Fragment]:
    yield seen._replace(number=200, data=bytes(MOST_OCTETS - 100))


def four_that_are_long(header: Header, seen: Fragment) -> Iterator[Fragment]:
    for number in range(4):
        yield seen._replace(number=200 + number, data=bytes(MOST_OCTETS // 4))


def of_many_messages(header: Header, seen: Fragment) -> Iterator[Fragment]:
    for number in range(100):
        yield seen._replace(id=seen.id ^ (number + 1), data=b"forged")


@pytest.mark.parametrize("forge", [one_that_is_long, four_that_are_long, of_many_messages])
def test_a_few_forged_fragments_do_not_displace_the_genuine_ones(
    network: Network, couple: Couple, forge: Forge
) -> None:
    alice, bob = couple(fragment_size=300, **LONG)
    network.link = after_the_first(forge)
    alice.calls()
    network.run(1)
    assert all(peer.sa.state is IkeState.ESTABLISHED and len(peer.children) == 1 for peer in (alice, bob))


def refused_first(network: Network, couple: Couple) -> tuple[Peer, bytes]:
    """Bob, and a first message that he refuses with a notification."""
    alice, bob = couple()
    other = replace(policy(), suite=replace(policy().suite, encryption=5, key_length=0))
    alice.is_given(replace(alice.settings, connections=(replace(alice.settings.connections[0], policies=(other,)),)))
    alice.calls()
    (whole,) = network.flying
    network.flying.clear()
    return bob, whole.octets


def test_a_fragment_from_an_unproved_address_earns_one_small_reply(network: Network, couple: Couple) -> None:
    bob, message = refused_first(network, couple)
    path = UdpPath(BOB, 500, ALICE, 500)
    header = Header.parse(message)
    split = len(message) - 20
    last = message[split:]

    def sends(fragment: Fragment) -> tuple[int, int, int]:
        octets = build_message(header, [fragment])
        network.flying.clear()
        bob.takes(octets, path)
        return len(octets), len(network.flying), sum(len(reply.octets) for reply in network.flying)

    sent, replies, octets = [], [], []
    pieces = [Fragment(1, 1, False, message[:split])]
    pieces += [Fragment(1, 2, True, bytes((number,)) + last[1:]) for number in range(4)]
    pieces += [Fragment(1, 1, False, message[: split - 1] + bytes((number,))) for number in range(1, 40)]
    pieces += [Fragment(1, 2, True, bytes((number,)) + last[1:]) for number in range(4, 60)]
    for each in pieces:
        size, count, total = sends(each)
        sent.append(size)
        replies.append(count)
        octets.append(total)
    assert max(replies) <= 1
    assert all(out <= ANSWER_RATIO * size for size, out in zip(sent, octets, strict=True))


def test_a_short_fragment_has_little_tried() -> None:
    """One long fragment, and short ones that complete it in many ways."""
    pieces: Pieces[None] = Pieces()
    pieces.add(Fragment(1, 2, False, bytes(60_000)), None)
    for number in range(4):
        pieces.add(Fragment(1, 3, False, bytes((number,))), None)
        pieces.add(Fragment(1, 4, True, bytes((number,))), None)
    tried = [
        sum(len(whole.octets) for whole in pieces.add(Fragment(1, 1, False, bytes((0, n))), None)) for n in range(200)
    ]
    assert max(tried) <= 2 * MOST_OCTETS
