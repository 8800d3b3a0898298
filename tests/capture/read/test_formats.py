"""pcap and pcapng, whatever their byte order and their resolution of time, and whatever is wrong with them."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture_files import (
    ETHERNET,
    ISAKMP,
    RAW,
    A,
    B,
    block,
    enhanced,
    ethernet,
    interface,
    ipv4,
    ipv6,
    noted,
    old_packet,
    option,
    pcap,
    pcapng,
    section,
    simple,
    udp,
)
from ikev1.capture.read import CaptureError, NotACapture, open_capture
from ikev1.capture.records.packets import Datagram, Packet
from wire_oracle import needs_tshark

PACKET = ipv4(udp(ISAKMP))
OTHER = ipv4(bytes(20), 6)
FRAMES = [ethernet(PACKET), ethernet(OTHER), ethernet(ipv6(udp(ISAKMP)))]


def read(octets: bytes) -> tuple[list[Packet], tuple[tuple[str, int, int], ...]]:
    with open_capture(io.BytesIO(octets)) as capture:
        return list(capture), noted(capture)


def packets_of(octets: bytes) -> list[Packet]:
    packets, notes = read(octets)
    assert notes == ()
    return packets


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("magic", "fraction"), [(0xA1B2C3D4, 250_000), (0xA1B23C4D, 250_000_000), (0xA1B2CD34, 250_000)]
)
def test_pcap(order: str, magic: int, fraction: int) -> None:
    first, last = packets_of(pcap(FRAMES, order=order, magic=magic, fraction=fraction))
    assert first == Datagram((1,), 1_000_000_000.25, A, 500, B, 500, False, ISAKMP)
    assert last == Datagram((3,), 1_000_000_002.25, "2001:db8::1", 500, "2001:db8::2", 500, False, ISAKMP)


def test_the_length_of_a_checksum_beside_the_link_type_is_not_a_link_type() -> None:
    octets = bytearray(pcap(FRAMES))
    octets[23] = 0x24  # a checksum of 4 octets
    assert len(packets_of(bytes(octets))) == 2


@pytest.mark.parametrize("order", "<>")
def test_pcapng(order: str) -> None:
    first, last = packets_of(pcapng(FRAMES, order=order))
    assert first == Datagram((1,), 1_000_000_000.0, A, 500, B, 500, False, ISAKMP)
    assert last.frames == (3,)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("resolution", "ticks"),
    [(b"\x00", 1), (b"\x03", 10**3), (b"\x06", 10**6), (b"\x09", 10**9), (b"\x8a", 2**10), (b"\x80", 1)],
)
def test_the_resolution_of_time_is_the_interfaces_own(order: str, resolution: bytes, ticks: int) -> None:
    options = (option(9, resolution, order), option(14, struct.pack(f"{order}q", -100), order))
    frames = enhanced(FRAMES[0], 1_000_000_100 * ticks, order=order)
    (packet,) = packets_of(section(order) + interface(ETHERNET, *options, order=order) + frames)
    assert packet.time == pytest.approx(1_000_000_000, abs=1e-6)


def test_every_section_has_interfaces_and_a_byte_order_of_its_own() -> None:
    octets = section("<") + interface(RAW) + interface(ETHERNET)
    octets += enhanced(FRAMES[0], number=1) + enhanced(PACKET, number=0)
    octets += section(">") + interface(ETHERNET, order=">") + old_packet(FRAMES[0], order=">")
    assert [packet.frames for packet in packets_of(octets)] == [(1,), (2,), (3,)]


def test_blocks_that_are_no_packets_are_passed_over() -> None:
    unknown = block(0x0BAD, b"anything") + block(5, bytes(20)) + block(10, bytes(2 << 20))
    octets = section() + unknown + interface() + unknown + enhanced(FRAMES[0]) + unknown + enhanced(FRAMES[0]) + unknown
    assert [packet.frames for packet in packets_of(octets)] == [(1,), (2,)]


@pytest.mark.parametrize("order", "<>")
def test_simple_packets_have_no_time(order: str) -> None:
    octets = section(order) + interface(longest=30, order=order) + simple(FRAMES[0][:30], order, len(FRAMES[0]))
    octets += section(order) + interface(order=order) + simple(FRAMES[0], order) + old_packet(FRAMES[2], 5, order=order)
    packets, notes = read(octets)
    assert [packet.frames for packet in packets] == [(2,), (3,)]
    assert [packet.time for packet in packets] == pytest.approx([0, 5e-6])
    assert notes == (("no-timestamps", 0, 0), ("truncated", 1, 1))


@pytest.mark.parametrize("octets", [pcap(FRAMES), pcapng(FRAMES)], ids=["pcap", "pcapng"])
def test_a_compressed_file(octets: bytes) -> None:
    packed = gzip.compress(octets)
    assert packets_of(packed) == packets_of(octets)
    packets, notes = read(packed[:-12])
    assert len(packets) <= 2
    assert notes[-1] == ("file-unreadable", 0, 0)
    packets, notes = read(packed[:-5] + b"\0" + packed[-4:])
    assert len(packets) == 2
    assert notes == (("file-unreadable", 0, 0),)


def test_frames_across_the_ends_of_the_buffer() -> None:
    filler = [ethernet(ipv4(bytes(size % 1400 + 20), 6)) for size in range(3000)]
    frames = [frame for number, other in enumerate(filler) for frame in (other, *FRAMES[: number % 2])]
    for octets in (pcap(frames), pcapng(frames)):
        assert len(octets) > 2 << 20
        packets = packets_of(octets)
        assert [packet.frames[0] for packet in packets] == [
            number for number, frame in enumerate(frames, 1) if frame == FRAMES[0]
        ]


@pytest.mark.parametrize("octets", [pcap(FRAMES), pcapng(FRAMES)], ids=["pcap", "pcapng"])
def test_a_file_cut_short_anywhere_gives_what_is_whole(octets: bytes) -> None:
    whole = packets_of(octets)
    for end in range(24, len(octets)):
        packets, notes = read(octets[:end])
        assert packets == whole[: len(packets)]
        assert len(notes) <= 1
        assert packets != whole or not notes or notes[0][0] == "file-truncated"


@given(st.sampled_from([pcap(FRAMES), pcapng(FRAMES)]), st.integers(4), st.binary(min_size=1, max_size=8))
def test_damage_is_never_raised(octets: bytes, place: int, damage: bytes) -> None:
    place = 4 + place % (len(octets) - 4)
    read(octets[:place] + damage + octets[place + len(damage) :])
    read(octets[:place] + damage + octets[place:])


@given(
    st.sampled_from([pcap([])[:4], pcap([]), pcapng([]), section(), section() + interface()]), st.binary(max_size=300)
)
def test_anything_may_follow_a_magic_number(beginning: bytes, octets: bytes) -> None:
    read(beginning + octets)


DAMAGED = {
    "pcap, a frame too long": pcap(FRAMES) + struct.pack("<IIII", 1, 1, 1 << 30, 60) + bytes(60),
    "pcapng, a block too short": pcapng(FRAMES) + struct.pack("<III", 6, 8, 8),
    "pcapng, no such interface": pcapng(FRAMES) + enhanced(FRAMES[0], number=1),
    "pcapng, a packet longer than its block": pcapng(FRAMES)
    + block(6, struct.pack("<IIIII", 0, 0, 0, 100, 100) + bytes(60)),
    "pcapng, a packet without an interface": section() + simple(FRAMES[0]),
    "pcapng, a packet larger than any": pcapng(FRAMES) + enhanced(bytes(3 << 20)),
    "pcapng, an invalid byte order": pcapng(FRAMES) + block(0x0A0D0D0A, bytes(16)),
    "pcapng, an interface too short": section() + block(1, bytes(4)),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_noted(name: str) -> None:
    octets = DAMAGED[name]
    packets, notes = read(octets)
    assert len(packets) == (2 if FRAMES[2] in octets else 0)
    assert notes[0] == ("file-damaged", 0, 0)


def test_a_link_type_that_nobody_understands() -> None:
    packets, notes = read(pcap(FRAMES, 147))
    assert packets == []
    assert notes == (("unsupported", 3, 1),)


def test_counts_and_progress(tmp_path: Path) -> None:
    file = tmp_path / "traffic.pcap"
    frame = ethernet(ipv4(bytes(1400), 6))
    file.write_bytes(pcap([frame] * 3000))
    seen: list[int] = []
    with open_capture(file, progress=seen.append) as capture:
        assert list(capture) == []
        assert capture.frames == 3000
        assert capture.position == capture.size == file.stat().st_size
    assert seen == sorted(seen)
    assert len(seen) > 4
    assert seen[-1] == file.stat().st_size


def test_standard_input() -> None:
    code = "from ikev1.capture.read import open_capture; print(len(list(open_capture('-'))))"
    done = subprocess.run([sys.executable, "-c", code], input=pcap(FRAMES), capture_output=True, check=True)
    assert done.stdout == b"2\n"


def test_a_slow_pipe() -> None:
    out, into = os.pipe()
    octets = pcapng(FRAMES)
    with os.fdopen(out, "rb", buffering=0) as stream, os.fdopen(into, "wb", buffering=0) as writer:
        writer.write(octets[:100])
        with open_capture(stream) as capture:
            assert capture.size is None
            packets = iter(capture)
            writer.write(octets[100:-40])
            assert next(packets).frames == (1,)
            writer.write(octets[-40:])
            writer.close()
            assert [packet.frames for packet in packets] == [(3,)]


class Endless(io.RawIOBase):
    """A capture of ``blocks`` times the same frames, made while it is read."""

    def __init__(self, blocks: int) -> None:
        octets = pcap([*FRAMES, *[ethernet(ipv4(bytes(1400), 6))] * 200])
        self._pieces = iter([octets] + [octets[24:]] * (blocks - 1))
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._rest = self._rest or next(self._pieces, b"")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def test_memory_does_not_grow_with_the_file() -> None:
    tracemalloc.start()
    try:
        with open_capture(io.BufferedReader(Endless(100))) as capture:
            assert sum(1 for _ in capture) == 2 * 100
            assert capture.position > 28_000_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20


FILE_TYPES = {
    b"": "empty",
    b"# a table\n": "text",
    b"\x28\xb5\x2f\xfdrest": "compressed",
    b"\xfd7zXZ\0rest": "compressed",
    b"BZh9": "compressed",
    b"PK\x03\x04rest": "compressed",
    b"snoop\0\0\0rest": "other-capture",
    b"\x7fELFrest": "other-file",
    b"\x01\x02\x03\x04": "other-file",
}


@pytest.mark.parametrize("octets", FILE_TYPES)
def test_a_file_that_is_no_capture(octets: bytes, tmp_path: Path) -> None:
    for content in (octets, gzip.compress(octets)):
        file = tmp_path / "file"
        file.write_bytes(content)
        with pytest.raises(NotACapture) as error:
            open_capture(file)
        assert error.value.code == FILE_TYPES[octets]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b\x08rest")
    for path in (tmp_path / "nowhere", tmp_path, tmp_path / "broken.gz"):
        with pytest.raises(CaptureError) as error:
            open_capture(path)
        assert error.value.code == "unreadable"


@needs_tshark
@pytest.mark.parametrize("kind", ["pcap", "nsecpcap", "modpcap", "pcapng"])
def test_what_wireshark_writes(kind: str, tmp_path: Path) -> None:
    if shutil.which("editcap") is None:
        pytest.skip("needs editcap")
    (tmp_path / "ours.pcap").write_bytes(pcap(FRAMES))
    subprocess.run(["editcap", "-F", kind, tmp_path / "ours.pcap", tmp_path / "theirs"], check=True)
    assert packets_of((tmp_path / "theirs").read_bytes()) == packets_of(pcap(FRAMES))
