"""A pair of IPsec SAs at work: what it carries, what it refuses, what it counts."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esp_packets import LOCAL6, PATH, REMOTE6, all_suites, child, ip, mirrored, tcp, tcp_checksum_is_right, udp
from ikev1.core.records.child_sa import ChildSa, IpsecKeys, IpsecSuite
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.esp.plane import Counters, Expired, PeerMoved, PeerSends, PlaneEvent, RekeyNeeded
from ikev1.esp.sa_pair import SaPair
from ikev1.esp.transforms import UnsupportedError, sealer

PACKET = udp("10.1.0.1", "10.2.0.1", data=b"payload")
HERE = PATH  # the receiver's path, as the receiver sees it
BACK = UdpPath(PATH.remote_host, PATH.remote_port, PATH.local_host, PATH.local_port)


class Ends:
    """Two ends of one tunnel: `sender` inside 10.1.0.0/16, `receiver` inside 10.2.0.0/16."""

    def __init__(self, one: ChildSa | None = None) -> None:
        self.child = one or child()
        self.events: list[PlaneEvent] = []
        self.sender = SaPair(self.child, 1400, os.urandom, self.events.append)
        self.receiver = SaPair(mirrored(self.child), 1400, os.urandom, self.events.append)
        self.sender.sends = True
        self.receiver.receives = self.receiver.sends = True

    def carry(self, packet: bytes) -> bytes | None:
        (sealed,) = self.sender.seal([packet], 1.0)
        return self.open(sealed, BACK, 2.0)

    def open(self, sealed: bytes, path: UdpPath, now: float = 0.0) -> bytes | None:
        opened = self.receiver.open([sealed], path, now)
        return opened[0] if opened else None

    def forge(self, payload: bytes, sequence: int = 1) -> bytes | None:
        """Open an authentic packet with any payload: inner packet, padding, pad length, next header."""
        keys = self.child.outbound
        seal = sealer(self.child.suite, keys, os.urandom)
        return self.open(seal(keys.spi.to_bytes(4) + sequence.to_bytes(4), payload), BACK, 2.0)

    @property
    def counts(self) -> Counters:
        return self.receiver.counters(3.0)


def trailed(packet: bytes, next_header: int = 4) -> bytes:
    pad = -(len(packet) + 2) % 4
    return packet + bytes(range(1, pad + 1)) + bytes((pad, next_header))


@pytest.mark.parametrize(("suite", "key_size", "mac_size"), all_suites(), ids=str)
@given(data=st.binary(max_size=1300))
def test_carries_any_packet_with_every_suite(suite: IpsecSuite, key_size: int, mac_size: int, data: bytes) -> None:
    ends = Ends(child(suite, (bytes(i % 251 for i in range(key_size)), bytes(mac_size))))
    for packet in (udp("10.1.0.1", "10.2.0.1", data=data), udp("10.1.255.255", "10.2.0.0", data=data)):
        assert ends.carry(packet) == packet
    assert ends.counts.packets_in == 2


@given(data=st.binary(max_size=64))
def test_carries_ipv6(data: bytes) -> None:
    ends = Ends(child(local=LOCAL6, remote=REMOTE6))
    packet = udp("fd01::1", "fd02::1", data=data)
    assert ends.carry(packet) == packet


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_keys_that_do_not_fit_are_refused_before_the_first_packet(direction: str) -> None:
    with pytest.raises(UnsupportedError):
        SaPair(replace(child(), **{direction: IpsecKeys(0x1001, bytes(19))}), 1400, os.urandom, print)


def test_counts_inner_octets_and_times() -> None:
    ends = Ends()
    ends.carry(PACKET)
    ends.carry(PACKET)
    assert ends.counts == Counters(bytes_in=2 * len(PACKET), packets_in=2, idle_in=1.0)
    assert ends.sender.counters(3.0) == Counters(bytes_out=2 * len(PACKET), packets_out=2, idle_out=2.0)


def test_first_sequence_number_is_one_and_each_follows() -> None:
    sealed = Ends().sender.seal([PACKET] * 3, 0.0)
    assert [packet[:8].hex() for packet in sealed] == [f"00002002{n:08x}" for n in (1, 2, 3)]


def test_a_batch_opens_in_order_without_what_is_refused() -> None:
    ends = Ends()
    packets = [udp("10.1.0.1", "10.2.0.1", data=bytes((n,))) for n in range(5)]
    sealed = ends.sender.seal(packets, 0.0)
    sealed[1] = sealed[1][:-1] + bytes((sealed[1][-1] ^ 1,))
    assert ends.receiver.open([*sealed, sealed[0]], BACK, 0.0) == [packets[n] for n in (0, 2, 3, 4)]
    assert (ends.counts.integrity_failures, ends.counts.replays, ends.counts.packets_in) == (1, 1, 4)


def test_replayed_packet_is_dropped() -> None:
    ends = Ends()
    (sealed,) = ends.sender.seal([PACKET], 0.0)
    assert ends.open(sealed, BACK) == PACKET
    assert ends.open(sealed, BACK) is None
    assert (ends.counts.replays, ends.counts.packets_in) == (1, 1)


def test_forged_packet_does_not_move_the_window() -> None:
    ends = Ends()
    sealed = ends.sender.seal([PACKET] * 200, 0.0)
    forged = sealed[199][:-1] + bytes((sealed[199][-1] ^ 1,))
    assert ends.open(forged, BACK) is None
    assert ends.open(sealed[0], BACK) == PACKET  # still inside the window
    assert ends.open(sealed[199], BACK) == PACKET
    assert ends.open(sealed[1], BACK) is None  # left of it now
    assert (ends.counts.integrity_failures, ends.counts.replays) == (1, 1)


@given(st.integers(0, 200), st.integers(1, 255))
def test_tampering_with_any_octet_is_refused_and_leaves_no_trace(position: int, flip: int) -> None:
    ends = Ends()
    (sealed,) = ends.sender.seal([PACKET], 0.0)
    tampered = bytearray(sealed)
    tampered[position % len(sealed)] ^= flip
    assert ends.open(bytes(tampered), BACK) is None
    assert ends.counts.packets_in == 0
    assert ends.open(sealed, BACK) == PACKET


@given(st.binary(max_size=120))
def test_noise_is_refused(noise: bytes) -> None:
    ends = Ends()
    assert ends.open(ends.child.outbound.spi.to_bytes(4) + bytes(3) + b"\1" + noise, BACK) is None
    assert ends.counts.integrity_failures + ends.counts.malformed == 1


@pytest.mark.parametrize("extra", [1, 7, 64, 900])
@pytest.mark.parametrize("packet", [PACKET, udp("fd01::1", "fd02::1")], ids=["IPv4", "IPv6"])
def test_tfc_padding_is_cut(packet: bytes, extra: int) -> None:
    version6 = packet[0] >> 4 == 6
    ends = Ends(child(local=LOCAL6, remote=REMOTE6) if version6 else None)
    assert ends.forge(trailed(packet + os.urandom(extra), 41 if version6 else 4)) == packet
    assert ends.counts.bytes_in == len(packet)


def test_dummy_packets_are_dropped_without_prejudice() -> None:
    ends = Ends()
    assert ends.forge(trailed(os.urandom(50), 59)) is None
    assert ends.counts == Counters(dummies=1, idle_in=1.0)


@pytest.mark.parametrize(
    "payload",
    [
        PACKET + b"\1\3\3\3\4",
        PACKET + b"\0\2\2\4",
        b"\1\2\3\xff\4",  # longer than the packet
        trailed(PACKET[:-3]),  # shorter than it says
        trailed(PACKET, 41),  # IPv4 that says it is IPv6
        trailed(udp("fd01::1", "fd02::1"), 4),
        trailed(PACKET, 17),  # transport mode
        trailed(b"\x45" * 10),
        trailed(b""),
        trailed(b"\x00" * 40),  # no IP version
    ],
)
def test_malformed_contents_are_dropped(payload: bytes) -> None:
    ends = Ends()
    assert (
        ends.forge(payload + b"" if len(payload) % 4 == 0 else b"\x45" + bytes(-len(payload) % 4 - 1) + payload) is None
    )
    assert ends.counts == Counters(malformed=1)


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        ("10.1.0.1", "10.3.0.1"),
        ("10.3.0.1", "10.2.0.1"),
        ("10.2.0.1", "10.1.0.1"),  # the wrong way round
        ("10.0.255.255", "10.2.0.1"),
        ("10.2.0.0", "10.2.0.1"),
        ("fd01::1", "fd02::1"),
    ],
)
def test_inbound_selectors_are_enforced(source: str, destination: str) -> None:
    ends = Ends()
    assert ends.carry(udp(source, destination)) is None
    assert ends.carry(udp(source, destination)) is None  # not remembered as matching
    assert ends.counts == Counters(selector_drops=2)


def test_inbound_ports_and_protocols_are_enforced() -> None:
    ends = Ends(child(local="10.1.0.0/16", remote="10.2.0.0/16[udp/53]"))
    fitting = udp("10.1.0.1", "10.2.0.1", 999, 53)
    assert ends.carry(fitting) == fitting
    assert ends.carry(udp("10.1.0.1", "10.2.0.1", 999, 54)) is None
    assert ends.carry(udp("10.1.0.1", "10.2.0.1", 53, 999)) is None
    assert ends.carry(tcp("10.1.0.1", "10.2.0.1")) is None
    assert ends.carry(ip("10.1.0.1", "10.2.0.1", 17, b"\0\1\0\x35" + bytes(20), offset=3)) is None  # ports unknown
    assert ends.counts.selector_drops == 4


def test_sequence_numbers_never_wrap() -> None:
    ends = Ends()
    ends.sender._sequence = 2**32 - 3
    sealed = ends.sender.seal([PACKET] * 5, 0.0)
    assert [int.from_bytes(packet[4:8]) for packet in sealed] == [2**32 - 2, 2**32 - 1]
    assert ends.sender.seal([PACKET], 0.0) == []
    assert ends.sender.counters(3.0).refused_out == 4
    assert [type(event) for event in ends.events] == [Expired, RekeyNeeded]
    assert ends.open(sealed[1], BACK) == PACKET


def test_rekeying_is_asked_for_once_in_good_time() -> None:
    ends = Ends()
    ends.sender._sequence = (15 << 28) - 2
    ends.sender.seal([PACKET], 0.0)
    assert ends.events == []
    ends.sender.seal([PACKET], 0.0)
    ends.sender.seal([PACKET], 0.0)
    (event,) = ends.events
    assert isinstance(event, RekeyNeeded)
    assert event.child is ends.child


def test_kilobytes_are_a_soft_and_a_hard_limit() -> None:
    ends = Ends(child(lifetime_kilobytes=10))
    packet = udp("10.1.0.1", "10.2.0.1", data=bytes(996))
    assert len(packet) == 1024
    for _ in range(8):
        assert ends.carry(packet) == packet
    assert ends.events == []
    assert ends.carry(packet) == packet
    assert [type(event) for event in ends.events] == [RekeyNeeded, RekeyNeeded]  # both ends have seen 7/8
    assert ends.carry(packet) == packet
    assert ends.sender.seal([packet], 0.0) == []
    assert ends.sender.seal([packet], 0.0) == []
    assert [type(event) for event in ends.events[2:]] == [Expired]
    assert ends.sender.counters(3.0).refused_out == 2


def test_a_peer_that_moved_is_reported_once_and_only_by_new_authentic_packets() -> None:
    ends = Ends()
    elsewhere = BACK._replace(remote_host="198.51.100.9", remote_port=1024)
    sealed = ends.sender.seal([PACKET] * 4, 0.0)
    ends.open(sealed[1], BACK)
    ends.open(sealed[1], elsewhere)  # a replay
    ends.open(sealed[0], elsewhere)  # late
    ends.open(sealed[2][:-1] + bytes((sealed[2][-1] ^ 1,)), elsewhere)  # forged
    assert ends.events == []
    ends.open(sealed[2], elsewhere)
    ends.open(sealed[3], elsewhere)
    assert ends.events == [PeerMoved(ends.receiver.child, elsewhere)]
    for sealed_later in ends.sender.seal([PACKET] * 2, 0.0):
        ends.open(sealed_later, BACK)  # back where we send anyhow
    assert len(ends.events) == 1


def test_a_pair_that_moves_before_its_first_packet_keeps_its_keys() -> None:
    ends = Ends()
    for end in (ends.sender, ends.receiver):
        end.move(end.child.without_keys(), 1400)
    (sealed,) = ends.sender.seal([PACKET], 0.0)
    assert ends.open(sealed, BACK) == PACKET


def test_nothing_is_said_of_a_peer_that_is_where_it_was() -> None:
    for encapsulated, path in ((True, BACK), (False, BACK._replace(local_port=0, remote_port=0))):
        ends = Ends(child(udp_encapsulation=encapsulated))
        for sealed in ends.sender.seal([PACKET] * 2, 0.0):
            assert ends.open(sealed, path) == PACKET
        assert ends.events == []


def test_inbound_packets_before_keys_are_dropped() -> None:
    receiver = SaPair(mirrored(child()), 1400, os.urandom, print)
    (sealed,) = Ends().sender.seal([PACKET], 0.0)
    assert receiver.open([sealed], BACK, 0.0) == []


def test_mss_is_clamped_on_the_way_in() -> None:
    arrived = Ends().carry(tcp("10.1.0.1", "10.2.0.1", flags=2, options=b"\2\4\x05\xb4"))
    assert arrived is not None
    assert int.from_bytes(arrived[42:44]) == 1360
    assert tcp_checksum_is_right(arrived)


def test_secrets_do_not_show() -> None:
    pair: Any = Ends().sender
    assert bytes(range(20)).hex() not in repr(pair.child)


def test_the_first_packet_for_a_pair_that_does_not_send_is_told_once() -> None:
    ends = Ends()
    ends.receiver.sends = False
    forged = bytearray(ends.sender.seal([PACKET], 0.0)[0])
    forged[-1] ^= 1
    assert ends.open(bytes(forged), BACK) is None
    assert ends.events == []
    for _ in range(2):
        assert ends.carry(PACKET) == PACKET
    assert [type(event) for event in ends.events] == [PeerSends]


@pytest.mark.parametrize("limit", [{"rekey_packets": 3}, {"rekey_bytes": 3 * len(PACKET)}])
def test_packets_and_octets_after_which_a_pair_is_rekeyed(limit: dict[str, int]) -> None:
    ends = Ends(replace(child(), **limit))
    ends.receiver = SaPair(replace(mirrored(ends.child), **limit), 1400, os.urandom, ends.events.append)
    ends.receiver.receives = ends.receiver.sends = True
    for _ in range(2):
        assert ends.carry(PACKET) == PACKET
    assert ends.events == []
    for _ in range(2):
        assert ends.carry(PACKET) == PACKET
    assert [type(event) for event in ends.events] == [RekeyNeeded, RekeyNeeded]  # one of each end
