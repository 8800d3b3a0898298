"""IKE fragments: whatever comes, in whatever order, a message is whole or is not, and what is kept is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.wire.errors import WireError
from ikev1.wire.fragmentation import (
    MOST_OCTETS,
    OVERHEAD,
    Pieces,
    Reassembly,
    Whole,
    are_of_one_message,
    fragment_of,
    in_fragments,
)
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import build_message
from ikev1.wire.payloads import Fragment, Nonce
from ikev1.wire.registry import ExchangeType, Flags, PayloadType

HEADER = Header(b"initiate", b"response", 0, ExchangeType.IDENTITY_PROTECTION, 0, 0, 0)


def cut(octets: bytes, size: int, id: int = 1) -> list[Fragment]:
    """``octets`` in fragments of ``size``."""
    pieces = [octets[start : start + size] for start in range(0, len(octets), size)]
    return [Fragment(id, number, number == len(pieces), piece) for number, piece in enumerate(pieces, 1)]


def known(fragment: Fragment | None) -> Fragment:
    assert fragment is not None
    return fragment


def reassembly(peers: int = 4, messages: int = 4) -> Reassembly[str, int]:
    return Reassembly(peers, messages)


def kept(waiting: Reassembly[str, int]) -> int:
    """Octets that are kept, all peers together."""
    return sum(
        len(piece.fragment.data)
        for messages in waiting._waiting.values()
        for pieces in messages.values()
        for piece in pieces._kept
    )


@given(st.binary(min_size=1, max_size=600), st.integers(3, 200), st.randoms(use_true_random=False))
def test_a_message_is_whole_with_its_last_fragment_in_any_order(octets: bytes, size: int, random: object) -> None:
    fragments = cut(octets, size)
    random.shuffle(fragments)  # type: ignore[attr-defined]
    waiting = reassembly()
    *before, last = [waiting.take("peer", fragment, fragment.number) for fragment in fragments]
    assert before == [None] * len(before)
    assert last == Whole(octets, tuple(range(1, len(fragments) + 1)))
    assert list(waiting.incomplete()) == []


def test_a_fragment_that_comes_twice_counts_once() -> None:
    one, two, three = cut(bytes(range(30)), 10)
    waiting = reassembly()
    assert [waiting.take("peer", each, 0) for each in (one, one, three, three)] == [None] * 4
    assert waiting.take("peer", two, 0) == Whole(bytes(range(30)), (0, 0, 0))


def test_messages_are_told_apart_by_number_and_peer() -> None:
    waiting = reassembly()
    mine, others, second = cut(b"mine!", 3), cut(b"other", 3), cut(b"again", 3, id=2)
    assert waiting.take("peer", mine[0], 0) is None
    assert waiting.take("stranger", others[1], 0) is None
    assert waiting.take("peer", second[1], 0) is None
    assert waiting.take("stranger", others[0], 0) == Whole(b"other", (0, 0))
    assert waiting.take("peer", second[0], 0) == Whole(b"again", (0, 0))
    assert waiting.take("peer", mine[1], 0) == Whole(b"mine!", (0, 0))


def test_what_is_missing_can_be_asked_for() -> None:
    waiting = reassembly()
    one, _, three = cut(bytes(30), 10)
    waiting.take("peer", three, 30)
    waiting.take("peer", one, 10)
    assert list(waiting.incomplete()) == [("peer", {3: 30, 1: 10})]
    waiting.forget("peer")
    waiting.forget("nobody")
    assert list(waiting.incomplete()) == []


def test_a_peer_displaces_the_oldest_of_its_own_messages_and_nobody_elses() -> None:
    waiting = reassembly(messages=4)
    honest = cut(b"honest", 3)
    waiting.take("honest", honest[0], 0)
    for id in range(100):
        waiting.take("flood", Fragment(id, 1, False, b"junk"), id)
    assert [part for peer, parts in waiting.incomplete() for part in parts.values() if peer == "flood"] == [
        96,
        97,
        98,
        99,
    ]
    assert waiting.take("honest", honest[1], 0) == Whole(b"honest", (0, 0))


def test_of_too_many_peers_the_one_that_was_silent_longest_is_forgotten() -> None:
    waiting = reassembly(peers=3)
    for peer in ("a", "b", "c"):
        waiting.take(peer, Fragment(1, 1, False, b"one"), 0)
    waiting.take("a", Fragment(1, 2, False, b"two"), 0)
    waiting.take("d", Fragment(1, 1, False, b"one"), 0)
    assert [peer for peer, _ in waiting.incomplete()] == ["c", "a", "d"]


def test_a_message_larger_than_any_datagram_is_never_whole() -> None:
    waiting = reassembly()
    huge = bytes(MOST_OCTETS // 2)
    assert waiting.take("peer", Fragment(1, 1, False, huge), 0) is None
    assert waiting.take("peer", Fragment(1, 2, True, huge + b"1"), 0) is None
    assert waiting.take("peer", Fragment(2, 1, False, huge), 0) is None
    assert waiting.take("peer", Fragment(2, 2, True, huge), 0) == Whole(huge + huge, (0, 0))


@pytest.mark.parametrize(
    "fragments",
    [
        [Fragment(1, 0, True, b"none has this number")],
        [Fragment(1, 255, True, b"last"), Fragment(1, 0, False, b"zero")],
        [Fragment(1, 2, True, b"last"), Fragment(1, 1, False, b"first"), Fragment(1, 3, True, b"another")][::2],
    ],
    ids=["number 0", "255 fragments", "two last ones"],
)
def test_fragments_that_nobody_sends_make_no_message(fragments: list[Fragment]) -> None:
    waiting = reassembly()
    assert [waiting.take("peer", fragment, 0) for fragment in fragments] == [None] * len(fragments)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdefgh"),
            st.builds(Fragment, st.integers(0, 12), st.integers(0, 255), st.booleans(), st.binary(max_size=12)),
        ),
        max_size=200,
    )
)
def test_whatever_comes_the_bounds_hold(stream: list[tuple[str, Fragment]]) -> None:
    waiting = reassembly(peers=3, messages=2)
    for number, (peer, fragment) in enumerate(stream):
        whole = waiting.take(peer, fragment, number)
        assert whole is None or stream[whole.parts[-1]][1].last
        assert whole is None or all(stream[part][0] == peer for part in whole.parts)
        incomplete = [peer for peer, _ in waiting.incomplete()]
        assert len(set(incomplete)) <= 3
        assert all(incomplete.count(each) <= 2 for each in incomplete)
    assert kept(waiting) <= 3 * 2 * MOST_OCTETS


@given(st.lists(st.builds(Fragment, st.just(1), st.integers(0, 255), st.booleans(), st.just(bytes(30_000)))))
def test_the_octets_of_one_message_are_bounded(stream: list[Fragment]) -> None:
    waiting = reassembly()
    for fragment in stream:
        waiting.take("peer", fragment, 0)
        assert kept(waiting) <= MOST_OCTETS


def test_a_datagram_is_a_fragment_by_its_first_payload() -> None:
    fragment = Fragment(7, 1, True, b"whole")
    octets = build_message(HEADER, [fragment])
    assert fragment_of(Header.parse(octets), octets) == fragment
    message = build_message(HEADER, [Nonce(bytes(16))])
    assert fragment_of(Header.parse(message), message) is None
    encrypted = Header.parse(octets)._replace(flags=Flags.ENCRYPTION)
    assert fragment_of(encrypted, octets) == fragment  # the flag of the whole message


@given(st.binary(max_size=40))
def test_a_fragment_that_is_malformed_says_so(body: bytes) -> None:
    header = HEADER._replace(next_payload=PayloadType.FRAGMENT, length=HEADER_SIZE + len(body))
    try:
        fragment = fragment_of(header, header.build() + body)
    except WireError:
        return
    assert isinstance(fragment, Fragment)


@given(st.binary(min_size=1, max_size=3000), st.integers(40, 600))
def test_a_message_in_fragments_is_whole_again(body: bytes, size: int) -> None:
    message = build_message(HEADER._replace(flags=Flags.ENCRYPTION), [Nonce(body)])
    datagrams = in_fragments(message, size)
    assert datagrams == (message,) or all(len(datagram) <= size for datagram in datagrams)
    if len(datagrams) == 1:
        assert len(message) <= size or len(message) > 255 * (size - OVERHEAD)
        return
    headers = [Header.parse(datagram) for datagram in datagrams]
    assert all(not header.encrypted for header in headers)
    assert all(message[:16] == header.CKY_I + header.CKY_R for header in headers)
    assert all(are_of_one_message(datagrams[0], datagram) for datagram in datagrams)
    waiting = reassembly()
    found = [waiting.take("peer", known(fragment_of(*each)), 0) for each in zip(headers, datagrams, strict=True)]
    assert found[:-1] == [None] * (len(found) - 1)
    assert found[-1] is not None
    assert found[-1].octets == message


def test_another_message_has_another_number() -> None:
    one, other = (build_message(HEADER, [Nonce(bytes([value]) * 100)]) for value in (1, 2))
    assert not are_of_one_message(in_fragments(one, 80)[0], in_fragments(other, 80)[0])
    assert in_fragments(one, 80) == in_fragments(one, 80)
    assert in_fragments(one, OVERHEAD) == (one,)


def test_genuine_fragments_are_found_among_forged_ones() -> None:
    pieces: Pieces[None] = Pieces()
    message = (HEADER._replace(length=90).build() + bytes(range(62)))[:90]
    genuine = cut(message, 30)
    forged = [fragment._replace(data=b"forged" * 5) for fragment in genuine]
    found = [whole.octets for fragment in (*forged[1:], *genuine) for whole in pieces.add(fragment, None)]
    assert message in found
    assert pieces.in_conflict
    assert len(found) <= 8 * len(genuine)


@given(st.lists(st.builds(Fragment, st.just(1), st.integers(0, 6), st.booleans(), st.binary(max_size=2)), max_size=80))
def test_a_fragment_completes_few_messages(stream: list[Fragment]) -> None:
    pieces: Pieces[None] = Pieces(100)
    for fragment in stream:
        is_known = fragment in pieces.fragments
        found = pieces.add(fragment, None)
        assert len(found) <= 8
        assert is_known or all(fragment.data in whole.octets for whole in found)
        assert pieces.octets <= 100
        assert pieces.octets == sum(len(each.data) for each in pieces.fragments)


def test_a_message_that_was_complete_is_complete_again_when_all_of_it_is_repeated() -> None:
    pieces: Pieces[None] = Pieces()
    fragments = cut(bytes(range(1, 30)), 10)
    assert [len(pieces.add(each, None)) for each in fragments] == [0, 0, 1]
    assert [len(pieces.add(each, None)) for each in fragments] == [0, 0, 1]
    assert [len(pieces.add(fragments[0], None)) for _ in range(5)] == [0] * 5
