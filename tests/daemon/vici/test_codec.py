"""The VICI codec: what it builds the PyPI client reads, what a client builds it reads, and garbage is an error."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vici.protocol import Message
from vici.protocol import Packet as ClientPacket

from ikev1.daemon.vici.codec import (
    PacketError,
    PacketType,
    Section,
    build_packet,
    parse_message,
    parse_packet,
    printable,
    segment,
)

NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
TEXTS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40)
SECTIONS = st.recursive(
    st.dictionaries(NAMES, st.one_of(TEXTS, st.lists(TEXTS, max_size=4)), max_size=4),
    lambda inner: st.dictionaries(NAMES, st.one_of(TEXTS, inner), max_size=4),
    max_leaves=8,
)


def as_received(section: Any) -> Any:
    """What a message must look like on the other side: text has become octets."""
    if isinstance(section, str):
        return section.encode()
    if isinstance(section, list):
        return [as_received(item) for item in section]
    return {key: as_received(value) for key, value in section.items()}


@given(NAMES, SECTIONS)
def test_what_is_built_is_parsed_again(name: str, section: Section) -> None:
    packet = parse_packet(build_packet(PacketType.EVENT, name, section))
    assert packet[:2] == (PacketType.EVENT, name)
    assert parse_message(packet.body) == as_received(section)
    assert list(parse_message(packet.body)) == list(section)


@given(SECTIONS)
def test_the_client_of_pypi_reads_what_is_built(section: Section) -> None:
    parsed = ClientPacket.parse(build_packet(PacketType.EVENT, "list-sa", section))
    assert parsed.event_type == b"list-sa"
    assert Message.deserialize(parsed.payload) == as_received(section)


@given(SECTIONS)
def test_what_the_client_of_pypi_builds_is_read(section: Section) -> None:
    packet = parse_packet(ClientPacket.request("list-sas", Message.serialize(section)))
    assert packet[:2] == (PacketType.CMD_REQUEST, "list-sas")
    assert parse_message(packet.body) == as_received(section)


@given(st.binary(max_size=200))
def test_garbage_is_parsed_or_refused(octets: bytes) -> None:
    for parse in (parse_packet, parse_message):
        with contextlib.suppress(PacketError):
            parse(octets)


@given(SECTIONS, st.data())
def test_a_message_cut_short_never_gains_anything(section: Section, data: st.DataObject) -> None:
    body = build_packet(PacketType.CMD_RESPONSE, message=section)[1:]
    cut = body[: data.draw(st.integers(0, len(body)))]
    try:
        received = parse_message(cut)
    except PacketError:
        return
    assert received.keys() <= section.keys()


def test_the_worked_example_of_the_protocol() -> None:
    """An event list-sa with a section, a section in it, and a list."""
    body: Section = {"hq": {"uniqueid": "7", "child-sas": {"net-3": {"local-ts": ["10.1.0.0/16"]}}}}
    assert segment(build_packet(PacketType.EVENT, "list-sa", body)) == bytes.fromhex(
        "00000048 07 07 6c6973742d7361 01 02 6871 03 08 756e697175656964 0001 37 01 09 6368696c642d736173"
        "01 05 6e65742d33 04 08 6c6f63616c2d7473 05 000b 31302e312e302e302f3136 06 02 02 02"
    )
    assert segment(build_packet(PacketType.CMD_RESPONSE, message={"success": "yes"})) == bytes.fromhex(
        "0000000f 01 03 07 73756363657373 0003 796573"
    )
    assert build_packet(PacketType.EVENT_CONFIRM) == b"\x05"


@pytest.mark.parametrize(
    "octets",
    [
        b"\x03\x03ike\x00\x05hq",
        b"\x03\xffike",
        b"\x01\x02hq",
        b"\x02",
        b"\x04\x01l\x03\x01k\x00\x00\x06",
        b"\x04\x01l\x05\x00\x00",
        b"\x07",
        b"\x03\x01\xff\x00\x00",
        b"\x01\x01s" * 40 + b"\x02" * 40,
    ],
)
def test_malformed_messages_are_refused(octets: bytes) -> None:
    with pytest.raises(PacketError):
        parse_message(octets)


@pytest.mark.parametrize("octets", [b"", b"\x08", b"\x00", b"\x00\x05ver", b"\x03\x01\xe4"])
def test_malformed_packets_are_refused(octets: bytes) -> None:
    with pytest.raises(PacketError):
        parse_packet(octets)


@given(st.text())
def test_only_printable_ascii_is_sent(text: str) -> None:
    shown = printable(text)
    assert all(0x20 <= ord(character) <= 0x7E for character in shown)


def test_text_is_escaped_by_its_octets_and_cut_at_the_limit_of_its_field() -> None:
    assert printable("Büro\n") == "B\\xc3\\xbcro\\x0a"
    assert printable("a\\b") == "a\\b"
    long = parse_message(build_packet(PacketType.CMD_RESPONSE, message={"n" * 300: "v" * 70_000})[1:])
    assert long == {"n" * 255: b"v" * 65_535}
