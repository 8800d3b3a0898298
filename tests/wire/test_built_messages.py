"""What we build, tshark calls well-formed, and reads the same fields in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import build_message, parse_message
from wire_messages import HEADER, MESSAGES, PHASE1_SA
from wire_oracle import dissect, header_fields, needs_tshark, payload_fields, write_capture

pytestmark = needs_tshark


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("wire") / "built.pcap"
    write_capture(file, [build_message(HEADER, payloads) for payloads in MESSAGES.values()])
    return file


def test_tshark_finds_nothing_wrong_and_reads_the_same(capture: Path) -> None:
    dissections = dissect(capture)
    assert len(dissections) == len(MESSAGES)
    for (name, payloads), dissection in zip(MESSAGES.items(), dissections, strict=True):
        assert dissection.complaints == [], name
        header = Header.parse(dissection.octets)
        message = parse_message(header, dissection.octets[HEADER_SIZE:])
        assert message.payloads == payloads
        expected = header_fields(header) + [pair for fields in payload_fields(message) for pair in fields]
        assert dissection.fields == expected, name


def test_tshark_complains_of_a_broken_message(tmp_path: Path) -> None:
    """The judge above can find against us."""
    broken = bytearray(build_message(HEADER, (PHASE1_SA,)))
    broken[HEADER_SIZE + 4 + 8 + 3] += 40  # the proposal's length
    write_capture(tmp_path / "broken.pcap", [bytes(broken)])
    (dissection,) = dissect(tmp_path / "broken.pcap")
    assert dissection.complaints
