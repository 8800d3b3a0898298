"""Segmentation and coalescing for the TUN device: whole streams in, whole streams out, and no checksum hidden."""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esp_packets import ip, ones_complement, pseudo_header, tcp, tcp_checksum_is_right, udp
from ikev1.esp import checksum
from ikev1.esp.offload import HEADER_SIZE, coalesce, segments

ENDS = {4: ("10.1.0.1", "10.2.0.1"), 6: ("fd01::1", "fd02::1")}
TCP_AT = {4: 20, 6: 40}
GSO = {4: 1, 6: 4}
TIMESTAMPS = b"\1\1\x08\x0a" + bytes(8)
PLAIN = bytes(HEADER_SIZE)


@pytest.fixture(params=["numpy", "integers"], autouse=True)
def arithmetic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything holds with numpy and without."""
    if request.param == "integers":
        monkeypatch.setattr(checksum, "numpy", None)
    else:
        assert vars(checksum)["numpy"] is not None, "numpy is not installed: `make venv` installs it"


def long_segment(
    version: int, size: int, data: bytes, *, flags: int = 0x10, options: bytes = b"", sequence: int = 1
) -> bytes:
    """What the kernel hands over when TCP segmentation is ours: a virtio header and a packet of any length."""
    packet = tcp(*ENDS[version], flags=flags, options=options, data=data, sequence=sequence)
    at = TCP_AT[version]
    return struct.pack("=BBHHHH", 1, GSO[version], at + 20 + len(options), size, at, 16) + packet


def described(unit: bytes) -> tuple[tuple[int, ...], bytes]:
    return struct.unpack_from("=BBHHHH", unit), unit[HEADER_SIZE:]


versions = st.sampled_from([4, 6])


@given(versions, st.integers(1, 300), st.binary(min_size=1, max_size=3000), st.sampled_from([b"", TIMESTAMPS]))
def test_segments_carry_the_stream(version: int, size: int, data: bytes, options: bytes) -> None:
    start, at = 2**32 - 500, TCP_AT[version]
    cut = list(segments(long_segment(version, size, data, options=options, sequence=start)))
    offset = 0
    for packet in cut:
        assert tcp_checksum_is_right(packet)
        if version == 4:
            assert ones_complement(packet[:20]) == 0xFFFF
            assert int.from_bytes(packet[2:4]) == len(packet)
        else:
            assert int.from_bytes(packet[4:6]) == len(packet) - 40
        assert int.from_bytes(packet[at + 4 : at + 8]) == (start + offset) % 2**32
        payload = packet[at + 20 + len(options) :]
        assert payload == data[offset : offset + size]
        offset += len(payload)
    assert offset == len(data)
    if version == 4:
        assert [int.from_bytes(packet[4:6]) for packet in cut] == [7 + n for n in range(len(cut))]


def test_flags_go_where_they_belong() -> None:
    """RFC 3168 §6.1.2 for CWR; FIN and PSH end the stream, so they come last."""
    cut = list(segments(long_segment(4, 10, bytes(30), flags=0x80 | 0x10 | 0x08 | 0x01)))
    assert [packet[33] for packet in cut] == [0x90, 0x10, 0x19]


@given(st.binary(max_size=90))
def test_partial_checksums_are_completed(data: bytes) -> None:
    packet = bytearray(udp("10.1.0.1", "10.2.0.1", data=data))
    packet[26:28] = ones_complement(pseudo_header(bytes(packet), 17, 8 + len(data))).to_bytes(2)
    (whole,) = segments(struct.pack("=BBHHHH", 1, 0, 0, 0, 20, 6) + packet)
    assert ones_complement(pseudo_header(whole, 17, 8 + len(data)) + whole[20:]) == 0xFFFF
    assert whole[26:28] != b"\0\0"


def test_packets_without_offload_stay_as_they_are() -> None:
    packet = udp("10.1.0.1", "10.2.0.1")
    assert segments(PLAIN + packet) == [packet]


@given(
    versions,
    st.integers(1, 900),
    st.binary(min_size=1, max_size=4000),
    st.sampled_from([b"", TIMESTAMPS]),
    st.booleans(),
)
def test_coalescing_undoes_segmentation(version: int, size: int, data: bytes, options: bytes, push: bool) -> None:
    flags = 0x18 if push else 0x10
    long = long_segment(version, size, data, options=options, flags=flags)
    cut = list(segments(long))
    (unit,) = coalesce(cut)
    written = b"".join(unit)
    if len(cut) == 1:
        assert written == PLAIN + cut[0]
        return
    (_, gso_type, headers, gso_size, start, offset), packet = described(written)
    assert (gso_type, gso_size, offset) == (GSO[version], size, 16)
    assert (headers, start) == (TCP_AT[version] + 20 + len(options), TCP_AT[version])
    assert list(segments(written)) == cut
    assert packet[headers:] == data
    at = TCP_AT[version]
    assert int.from_bytes(packet[at + 16 : at + 18]) == ones_complement(pseudo_header(packet, 6, len(packet) - at))


def stream(*pieces: bytes, gap: int = 0, **options: object) -> list[bytes]:
    packets, sequence = [], 1000
    for piece in pieces:
        packets.append(tcp("10.1.0.1", "10.2.0.1", data=piece, sequence=sequence))
        sequence += len(piece) + gap
    return packets


def shapes(packets: list[bytes]) -> list[int]:
    """How many packets each unit holds."""
    return [len(unit) - 1 for unit in coalesce(packets)]


def test_a_run_ends_with_the_shorter_one() -> None:
    assert shapes(stream(b"aaaa", b"bbbb", b"cc", b"dd", b"ee")) == [3, 2]


def test_a_longer_one_begins_a_new_run() -> None:
    assert shapes(stream(b"aa", b"bbbb", b"cccc")) == [1, 2]


def test_a_gap_ends_a_run() -> None:
    assert shapes(stream(b"aaaa", b"bbbb", gap=1)) == [1, 1]


def test_order_is_kept_around_other_packets() -> None:
    other = udp("10.1.0.1", "10.2.0.1")
    one, two, three = stream(b"aaaa", b"bbbb", b"cccc")
    assert shapes([one, two, other, three]) == [2, 1, 1]
    assert coalesce([one, other])[1] == (PLAIN, other)


@pytest.mark.parametrize(
    ("offset", "why"),
    [(1, "service"), (8, "hops"), (15, "source"), (21, "port"), (31, "acknowledgement"), (35, "window")],
)
def test_what_differs_elsewhere_is_not_joined(offset: int, why: str) -> None:
    one, two = stream(b"aaaa", b"bbbb")
    changed = bytearray(two)
    changed[offset] ^= 1
    assert shapes([one, bytes(changed)]) == [1, 1], why


@pytest.mark.parametrize("flags", [0x11, 0x12, 0x14, 0x30, 0x50, 0x90, 0x00])
def test_flags_that_mean_something_are_not_joined(flags: int) -> None:
    first = tcp("10.1.0.1", "10.2.0.1", data=b"aaaa", sequence=1000)
    second = tcp("10.1.0.1", "10.2.0.1", data=b"bbbb", sequence=1004, flags=flags)
    assert shapes([first, second]) == [1, 1]


def test_a_push_ends_a_run() -> None:
    first, second, third = stream(b"aaaa", b"bbbb", b"cccc")
    pushed = tcp("10.1.0.1", "10.2.0.1", data=b"bbbb", sequence=1004, flags=0x18)
    assert shapes([first, pushed, third]) == [2, 1]
    assert shapes([pushed, third]) == [1, 1]
    assert second != pushed


def test_acknowledgements_are_not_joined() -> None:
    assert shapes(stream(b"", b"")) == [1, 1]


@given(st.integers(0, 10_000), st.integers(1, 255), versions)
def test_a_wrong_checksum_is_never_hidden(position: int, flip: int, version: int) -> None:
    """A packet damaged before it entered the tunnel comes out as it is: the receiving host must see it."""
    cut = list(segments(long_segment(version, 40, os.urandom(100))))
    damaged = bytearray(cut[1])
    position %= len(damaged)
    if version == 6 and position in (4, 5):
        return  # a length that is not the packet's own: refused before this
    damaged[position] ^= flip
    cut[1] = bytes(damaged)
    written = [b"".join(unit) for unit in coalesce(cut)]
    assert PLAIN + cut[1] in written


def test_fragments_are_not_joined() -> None:
    one = ip("10.1.0.1", "10.2.0.1", 6, bytes(12) + b"\x50\x10" + bytes(30), offset=0x2000)
    assert shapes([one, one]) == [1, 1]


def test_nothing_grows_beyond_the_longest_packet() -> None:
    units = coalesce(stream(*[bytes(1400)] * 60))
    assert [len(unit) - 1 for unit in units] == [46, 14]
    assert all(sum(map(len, unit)) - HEADER_SIZE <= 65_535 for unit in units)


@given(st.lists(st.binary(min_size=1, max_size=70), max_size=5))
def test_noise_passes_through(packets: list[bytes]) -> None:
    assert sum(len(unit) - 1 for unit in coalesce(packets)) == len(packets)
