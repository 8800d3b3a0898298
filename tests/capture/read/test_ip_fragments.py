"""IP fragments: put together where they fit, refused where they overlap, forgotten where they are too many or old."""

from __future__ import annotations

import io
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture_files import (
    ESP,
    ISAKMP,
    A,
    enhanced,
    ethernet,
    fragment6,
    fragments,
    interface,
    ipv4,
    noted,
    pcap,
    section,
    udp,
)
from ikev1.capture.read import open_capture
from ikev1.capture.read.ip_fragments import MOST_DATAGRAMS, MOST_FRAGMENTS, TIMEOUT
from ikev1.capture.records.packets import Datagram, EspPacket, Packet

LONG = ISAKMP[:24] + (2000).to_bytes(4, "big") + bytes(range(256)) * 8
LONG = LONG[:2000]
PIECES = fragments(udp(LONG), 1024)
FOREIGN = fragments(udp(LONG, 2049, 2049), 1024, identification=2)
LOST = "fragment-incomplete"


def read(packets: list[bytes]) -> tuple[list[Packet], tuple[tuple[str, int, int], ...]]:
    with open_capture(io.BytesIO(pcap([ethernet(packet) for packet in packets]))) as capture:
        return list(capture), noted(capture)


@pytest.mark.parametrize("order", [*permutations(range(4))])
def test_in_whatever_order_they_come(order: tuple[int, ...]) -> None:
    pieces = fragments(udp(LONG), 512)
    (packet,), notes = read([pieces[number] for number in order])
    assert notes == ()
    assert packet == Datagram((1, 2, 3, 4), packet.time, A, 500, packet.destination, 500, False, LONG)
    assert packet.time == 1_000_000_003.25  # of the frame that made it whole


def test_ipv6() -> None:
    octets = udp(LONG)
    pieces = [fragment6(octets[:1200], 0, True), fragment6(octets[1200:], 1200, False)]
    (packet,), notes = read(pieces[::-1])
    assert notes == ()
    assert packet.frames == (1, 2)
    assert packet.payload == LONG


def test_esp_travels_in_fragments_too() -> None:
    octets = bytes(range(200)) * 10
    (packet,), notes = read(fragments(octets, 1024, ESP))
    assert notes == ()
    assert isinstance(packet, EspPacket)
    assert packet.payload == octets
    assert packet.length == len(octets)


def test_several_datagrams_at_a_time() -> None:
    mixed = [piece for number in range(50) for piece in fragments(udp(LONG), 1024, identification=number)[:1]]
    mixed += [piece for number in range(50) for piece in fragments(udp(LONG), 1024, identification=number)[1:]]
    packets, notes = read(mixed[:20] + mixed[50:70])
    assert [packet.frames for packet in packets] == [(number, number + 20) for number in range(1, 21)]
    assert notes == ()


def test_the_same_frame_twice_is_no_overlap() -> None:
    packets, notes = read([PIECES[0], PIECES[0], PIECES[1]])
    assert [packet.frames for packet in packets] == [(1, 3)]
    assert notes == ()


OVERLAPS = {
    "other octets in the same place": ipv4(bytes(1024), fragment=0x2000),
    "one octet into the next": ipv4(bytes(8), fragment=0x2000 | 127),
    "around the next": ipv4(bytes(1100), fragment=0x2000 | 120),
}


@pytest.mark.parametrize("name", OVERLAPS)
def test_fragments_that_overlap_are_refused_with_their_datagram(name: str) -> None:
    packets, notes = read([PIECES[0], OVERLAPS[name], PIECES[1], PIECES[0]])
    assert packets == []
    assert notes == (("fragment-overlap", 1, 2),)


def test_two_last_fragments() -> None:
    packets, notes = read([PIECES[1], ipv4(bytes(8), fragment=500), PIECES[0]])
    assert packets == []
    assert notes == (("fragment-last", 1, 2),)


def test_a_fragment_behind_the_last_one() -> None:
    """Without it, and with a gap of its size, the pieces would have the right length all the same."""
    octets = udp(LONG)
    pieces = [
        ipv4(octets[:512], fragment=0x2000),
        ipv4(octets[1024:], fragment=128),
        ipv4(bytes(512), fragment=0x2000 | 300),
    ]
    for order in permutations(pieces):
        packets, notes = read([*order])
        assert packets == []
        assert notes == (("fragment-last", 1, 3 if order[2] != pieces[0] else 2),)


def test_a_fragment_of_nothing() -> None:
    packets, notes = read([PIECES[0], ipv4(b"", fragment=0x2000), PIECES[1]])
    assert packets == []
    assert notes == (("fragment-empty", 1, 2),)


def test_larger_than_ip() -> None:
    packets, notes = read([PIECES[0], ipv4(bytes(100), fragment=0x1FFF)])
    assert packets == []
    assert notes == (("fragment-too-large", 1, 2),)


def test_too_many_fragments() -> None:
    pieces = [ethernet(ipv4(bytes(8), fragment=0x2000 | number * 3)) for number in range(1, MOST_FRAGMENTS + 5)]
    at_once = section() + interface() + b"".join([enhanced(piece) for piece in pieces])
    with open_capture(io.BytesIO(at_once)) as capture:
        assert list(capture) == []
        assert noted(capture) == (("fragment-too-large", 1, MOST_FRAGMENTS + 1),)


def test_fragments_that_are_cut_short() -> None:
    with open_capture(io.BytesIO(pcap([ethernet(piece) for piece in PIECES], cut=100))) as capture:
        assert list(capture) == []
        assert noted(capture) == (("truncated", 1, 1),)


def test_what_never_becomes_whole_is_noted_at_the_end() -> None:
    assert read(PIECES[:1]) == ([], ((LOST, 1, 1),))
    assert read(PIECES[1:]) == ([], ((LOST, 1, 1),))


def test_others_fragments_cost_no_memory_and_no_note() -> None:
    many = [
        piece
        for number in range(MOST_DATAGRAMS)
        for piece in fragments(udp(LONG, 2049, 2049), 1024, identification=number)
    ]
    packets, notes = read([*FOREIGN, *many, *PIECES])
    assert [packet.payload for packet in packets] == [LONG]
    assert notes == ()


def test_the_oldest_makes_room() -> None:
    first = [fragments(udp(LONG), 1024, identification=number)[0] for number in range(MOST_DATAGRAMS + 1)]
    with open_capture(io.BytesIO(pcap([ethernet(packet) for packet in first]))) as capture:
        assert list(capture) == []
        assert noted(capture) == ((LOST, MOST_DATAGRAMS + 1, 1),)


def test_patience_ends() -> None:
    wait = [ipv4(bytes(20), 6)] * int(TIMEOUT)
    packets, _ = read([PIECES[0], *wait[:-1], PIECES[1]])
    assert len(packets) == 1
    packets, notes = read([PIECES[0], *wait, PIECES[1]])
    assert packets == []
    assert notes == ((LOST, 2, 1),)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40), st.booleans()), max_size=12))
def test_nothing_that_fragments_do_is_raised(pieces: list[tuple[int, int, bool]]) -> None:
    octets = udp(bytes(3000))
    packets = [
        ipv4(octets[8 * start : 8 * (start + size)], fragment=start | (0x2000 if more else 0))
        for start, size, more in pieces
    ]
    for packet in read(packets)[0]:
        assert not any(packet.payload)
