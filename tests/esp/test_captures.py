"""Packets that another implementation sealed: their ICVs are right, and they hold ICMP echoes."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from esp_packets import PATH, child, ones_complement
from ikev1.core.records.child_sa import IpsecSuite
from ikev1.esp.sa_pair import SaPair
from ikev1.wire.registry import EspTransform, IntegrityAlgorithm
from shared import CAPTURES, needs_shared

_ETHERNET, _IPV4, _UDP = 14, 20, 8
# The integrity keys are not beside the captures; in the test bed that they come from each is this, cut to its size.
_REPEATED = bytes.fromhex("8765") * 10

pytestmark = needs_shared(CAPTURES)


def frames(capture: Path) -> Iterator[bytes]:
    """The frames of a little-endian pcap."""
    data, offset = capture.read_bytes(), 24
    while offset < len(data):
        (size,) = struct.unpack_from("<I", data, offset + 8)
        yield data[offset + 16 : offset + 16 + size]
        offset += 16 + size


def secret(spi: int, first: int = 0) -> bytes:
    """The cipher's key, where ``first`` says which octet of what is written down comes first."""
    text = (CAPTURES / "esp-secrets.txt").read_text()
    found = re.search(rf"^0x{spi:08x}@\S+\s+\S+:0x([0-9a-f]+)$", text, re.MULTILINE)
    assert found, f"no secret for SPI {spi:08x}"
    key = bytes.fromhex(found[1])
    return key[first:] + key[:first]


@pytest.mark.parametrize(
    ("name", "outer", "spi", "suite", "integrity_key", "first"),
    [
        (
            "esp-aes256-sha1.pcap",
            _ETHERNET + _IPV4,
            0xD1234567,
            IpsecSuite(EspTransform.AES_CBC, 256, IntegrityAlgorithm.HMAC_SHA1),
            _REPEATED[:20],
            0,
        ),
        (
            "esp-in-udp-3des.pcap",
            _ETHERNET + _IPV4 + _UDP,
            0x12345678,
            IpsecSuite(EspTransform.TRIPLE_DES, 0, IntegrityAlgorithm.HMAC_MD5),
            _REPEATED[:16],
            -1,
        ),
    ],
)
def test_captured_echoes_open(
    name: str, outer: int, spi: int, suite: IpsecSuite, integrity_key: bytes, first: int
) -> None:
    one = child(suite, (secret(spi, first), integrity_key), local="0.0.0.0/0", remote="0.0.0.0/0")
    receiver = SaPair(one, 1400, bytes, print)
    receiver.receives = True
    echoes = []
    for frame in frames(CAPTURES / name):
        (packet,) = receiver.open([frame[outer:]], PATH, 0.0)
        echoes.append((packet[9], packet[20], ones_complement(packet[20:])))
    assert len(echoes) == 8
    assert set(echoes) == {(1, 8, 0xFFFF)}  # ICMP, echo request, a right checksum
    assert receiver.counters(3.0).integrity_failures == 0
