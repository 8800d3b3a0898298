"""What we write into a capture comes back as it was, and its headers are right."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.capture.read import open_capture
from ikev1.capture.records.packets import Datagram
from ikev1.capture.write import datagram_block, ip_packet, section_blocks
from ikev1.wire.header import Header
from wire_oracle import needs_tshark

MESSAGE = Header(b"initiate", bytes(8), 0, 2, 0, 0, 28).build()
ADDRESSES = [("192.0.2.1", "198.51.100.7"), ("2001:db8::1", "2001:db8::2")]


def ones_complement(octets: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@given(
    st.sampled_from(ADDRESSES),
    st.sampled_from([(500, 500, False), (1024, 500, False), (4500, 4500, True), (4500, 1024, True)]),
    st.integers(0, 4_000_000_000_000_000),
    st.binary(min_size=1, max_size=300),
    st.booleans(),
)
def test_what_is_written_is_read(
    addresses: tuple[str, str], ports: tuple[int, int, bool], microseconds: int, payload: bytes, sent: bool
) -> None:
    source_port, destination_port, marked = ports
    time = microseconds / 1e6
    datagram = Datagram((1,), time, addresses[0], source_port, addresses[1], destination_port, marked, payload)
    octets = section_blocks("test", "a test") + datagram_block(datagram, sent=sent)
    with open_capture(io.BytesIO(octets)) as capture:
        (packet,) = capture
        assert capture.notes() == ()
    assert isinstance(packet, Datagram)
    assert packet.time == pytest.approx(time, abs=2e-6)
    assert packet._replace(time=time) == datagram


@given(st.sampled_from(ADDRESSES), st.binary(max_size=65_507 - 20))
def test_checksums_are_right(addresses: tuple[str, str], payload: bytes) -> None:
    packet = ip_packet(Datagram((), 0.0, addresses[0], 500, addresses[1], 500, False, payload))
    if packet[0] >> 4 == 4:
        assert ones_complement(packet[:20]) == 0xFFFF
        hosts, udp = packet[12:20], packet[20:]
    else:
        hosts, udp = packet[8:40], packet[40:]
    pseudo = hosts + struct.pack("!II", len(udp), 17)
    assert ones_complement(pseudo + udp + bytes(len(udp) % 2)) == 0xFFFF


@needs_tshark
def test_tshark_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "ours.pcapng"
    octets = section_blocks("ikev1 0", "a test")
    for number, (source, destination) in enumerate(ADDRESSES):
        datagram = Datagram((), 1_700_000_000.5 + number, source, 4500, destination, 4500, True, MESSAGE)
        octets += datagram_block(datagram, sent=number == 0)
    file.write_bytes(octets)
    fields = ["frame.time_epoch", "isakmp.length", "udp.checksum.status", "frame.packet_flags_direction"]
    command = ["tshark", "-r", str(file), "-o", "udp.check_checksum:TRUE", "-Y", "isakmp", "-T", "fields"]
    command += [part for field in fields for part in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert [line.split("\t") for line in done.stdout.splitlines()] == [
        ["1700000000.500000000", "28", "1", "0x00000002"],
        ["1700000001.500000000", "28", "1", "0x00000001"],
    ]
