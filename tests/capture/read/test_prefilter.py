"""The sieve and the kernel's filter let pass everything in which there is something, and keep out what is most of a
capture. The filter is judged by the kernel itself: it sits on a pair of sockets.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture_files import (
    AH,
    COOKED,
    COOKED_2,
    ESP,
    ETHERNET,
    ISAKMP,
    NULL,
    PPP,
    RAW,
    TCP,
    UDP,
    ether_type,
    ethernet,
    fragments,
    ipv4,
    ipv6,
    udp,
)
from ikev1.capture.read.capture import FrameParser
from ikev1.capture.read.frame import SHORTEST, Frame
from ikev1.capture.read.kernel_filter import attach_filter
from ikev1.capture.read.prefilter import prefilter_for
from ikev1.capture.read.problems import Notes
from ikev1.capture.read.source import SLACK

PORTS = frozenset((500, 4500))

ports = st.sampled_from([500, 4500, 53, 0x2000]) | st.integers(0, 0xFFFF)
datagrams = st.builds(udp, st.binary(min_size=9, max_size=60), ports, ports)
headers6 = st.lists(st.sampled_from([0, 43, 60]), max_size=2)


def behind(headers: list[int], payload: bytes, protocol: int) -> bytes:
    numbers = [*headers, protocol]
    chain = b"".join([bytes([following, 0]) + bytes(6) for following in numbers[1:]])
    return ipv6(chain + payload, numbers[0])


packets = st.one_of(
    st.builds(ipv4, datagrams, options=st.sampled_from([b"", bytes([1] * 4), bytes([1] * 40)])),
    st.builds(ipv4, st.binary(min_size=20, max_size=60), st.sampled_from([ESP, AH, TCP, 1, 47])),
    st.builds(ipv4, datagrams, fragment=st.integers(0, 0x3FFF)),
    st.builds(behind, headers6, datagrams, st.just(UDP)),
    st.builds(behind, headers6, st.binary(min_size=20, max_size=60), st.sampled_from([ESP, AH, TCP, 44, 58])),
)
frames = st.one_of(
    st.builds(
        lambda packet, tags: (ETHERNET, ethernet(packet, *tags)),
        packets,
        st.sampled_from([(), (0x8100,), (0x88A8, 0x8100)]),
    ),
    packets.map(lambda packet: (COOKED, bytes(14) + ether_type(packet) + packet)),
    packets.map(lambda packet: (COOKED_2, ether_type(packet) + bytes(18) + packet)),
    packets.map(lambda packet: (RAW, packet)),
    packets.map(lambda packet: (NULL, struct.pack("<I", 2 if packet[0] >> 4 == 4 else 10) + packet)),
    packets.map(lambda packet: (PPP, (b"\x00\x21" if packet[0] >> 4 == 4 else b"\x00\x57") + packet)),
)


def wanted(link_type: int, octets: bytes) -> bool:
    return len(octets) < SHORTEST or prefilter_for(link_type, PORTS)(bytearray(octets + bytes(SLACK)), 0)


def something_in(link_type: int, octets: bytes) -> bool:
    """Whether there is a packet, a fragment that may belong to one, or something to note."""
    notes = Notes()
    parser = FrameParser(PORTS, notes)
    found = parser.packet(Frame(1, 0.0, link_type, octets, len(octets))) is not None
    parser.close()
    return found or notes.problems() != ()


@given(frames)
def test_nothing_is_lost(frame: tuple[int, bytes]) -> None:
    link_type, octets = frame
    assert wanted(link_type, octets) or not something_in(link_type, octets)


@given(st.sampled_from([ETHERNET, COOKED, COOKED_2, RAW]), st.binary(min_size=SHORTEST, max_size=SHORTEST + 60))
def test_nothing_is_lost_of_anything(link_type: int, octets: bytes) -> None:
    parser = FrameParser(PORTS, Notes())
    assert wanted(link_type, octets) or parser.packet(Frame(1, 0.0, link_type, octets, len(octets))) is None


MOST: dict[str, bytes] = {
    "TCP": ipv4(bytes(40), TCP),
    "TCP in IPv6": ipv6(bytes(40), TCP),
    "other UDP": ipv4(udp(bytes(40), 443, 50000)),
    "other UDP in IPv6": ipv6(udp(bytes(40), 443, 50000)),
    "ICMP": ipv4(bytes(40), 1),
}


@pytest.mark.parametrize("name", MOST)
def test_most_of_a_capture_is_kept_out(name: str) -> None:
    packet = MOST[name]
    assert not wanted(ETHERNET, ethernet(packet))
    assert not wanted(ETHERNET, ethernet(packet, 0x8100))
    assert not wanted(COOKED, bytes(14) + ether_type(packet) + packet)
    assert not wanted(COOKED_2, ether_type(packet) + bytes(18) + packet)
    assert not wanted(RAW, packet)
    assert not wanted(NULL, struct.pack("<I", 2) + packet)


def test_arp_is_kept_out() -> None:
    assert not wanted(ETHERNET, bytes(12) + b"\x08\x06" + bytes(60))


class Filtered:
    """A pair of sockets of which one has the filter."""

    def __init__(self) -> None:
        self.sender, self.receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.receiver.setblocking(False)
        attach_filter(self.receiver, PORTS)

    def passes(self, packet: bytes) -> bool:
        self.sender.send(packet)
        try:
            return self.receiver.recv(1 << 16) == packet
        except BlockingIOError:
            return False

    def close(self) -> None:
        self.sender.close()
        self.receiver.close()


@pytest.fixture(scope="module")
def kernel() -> Iterator[Filtered]:
    filtered = Filtered()
    yield filtered
    filtered.close()


@given(packets)
def test_the_kernel_loses_nothing(kernel: Filtered, packet: bytes) -> None:
    assert kernel.passes(packet) or not something_in(RAW, packet)


def test_the_kernel_lets_pass_what_it_should(kernel: Filtered) -> None:
    assert kernel.passes(ipv4(udp(ISAKMP)))
    assert kernel.passes(ipv4(udp(ISAKMP, 1024, 4500)))
    assert kernel.passes(ipv4(udp(ISAKMP), options=bytes([1] * 40)))
    assert kernel.passes(ipv6(udp(ISAKMP, 4500, 1024)))
    assert kernel.passes(ipv4(bytes(40), ESP))
    assert all(kernel.passes(piece) for piece in fragments(udp(bytes(2000), 53, 53), 1024))


@pytest.mark.parametrize("name", MOST)
def test_the_kernel_keeps_out_what_is_most(kernel: Filtered, name: str) -> None:
    assert not kernel.passes(MOST[name])
    assert not kernel.passes(b"\x11" + MOST[name][1:])


def test_the_filter_may_have_many_ports() -> None:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.setblocking(False)
        attach_filter(receiver, frozenset(range(10_000, 10_300)))
        sender.send(ipv6(udp(ISAKMP, 53, 10_299)))
        assert receiver.recv(1 << 16)
        sender.send(ipv6(udp(ISAKMP, 53, 10_300)))
        with pytest.raises(BlockingIOError):
            receiver.recv(1 << 16)
