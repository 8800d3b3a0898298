"""Whatever octets come, the answer is a message or a typed refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ikev1.wire import errors
from ikev1.wire.describe import describe
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import Message, build_chain, parse_message
from ikev1.wire.payloads import Payload, build_body, parse_body, payload_type
from ikev1.wire.payloads.notification import MAX_SPIS
from ikev1.wire.registry import NotifyType, PayloadType
from shared import CAPTURES
from wire_oracle import datagrams, needs_captures, needs_tshark
from wire_values import headers, payloads

Parsed = TypeVar("Parsed")


def receive(datagram: bytes) -> Message:
    header = Header.parse(datagram)
    return parse_message(header, datagram[HEADER_SIZE:])


def outcome(parse: Callable[[], Parsed]) -> Parsed | WireError:
    try:
        return parse()
    except WireError as refusal:
        return refusal


def is_message_or_refusal(datagram: bytes) -> None:
    result = outcome(lambda: receive(datagram))
    if isinstance(result, WireError):
        assert result.notify in NotifyType.__members__.values()
        assert result.payload
        assert 0 <= result.offset <= len(datagram)
        assert str(result).isprintable()
    else:
        assert describe(result).isprintable()
        for payload in result.payloads:  # what parses can be built, and then says the same
            assert parse_body(payload_type(payload), build_body(payload)) == payload


@given(st.binary(max_size=200))
@example(b"")
def test_random_octets(datagram: bytes) -> None:
    is_message_or_refusal(datagram)


@given(headers, st.integers(0, 255), st.binary(max_size=300))
def test_random_octets_after_a_good_header(header: Header, first: int, chain: bytes) -> None:
    header = header._replace(next_payload=first, length=HEADER_SIZE + len(chain))
    is_message_or_refusal(header.build() + chain)


@given(st.integers(0, 255), st.binary(max_size=300))
def test_random_bodies(number: int, body: bytes) -> None:
    result = outcome(lambda: parse_body(number, body))
    if isinstance(result, WireError):
        assert 0 <= result.offset <= len(body)
    else:
        assert parse_body(number, build_body(result)) == result


changes = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 2), st.binary(max_size=2)), min_size=1, max_size=4)


@given(headers, st.lists(payloads, min_size=1, max_size=5), changes)
def test_a_good_message_with_some_octets_changed(
    header: Header, chain: list[Payload], changes: list[tuple[int, int, bytes]]
) -> None:
    first, good = build_chain(chain)
    octets = bytearray(good)
    for place, size, instead in changes:
        start = place % (len(octets) + 1)
        octets[start : start + size] = instead
    header = header._replace(next_payload=first, length=HEADER_SIZE + len(octets))
    is_message_or_refusal(header.build() + octets)


def test_proposals_without_end() -> None:
    proposal = bytes.fromhex("02000010 01010001 00000008 01010000")
    with pytest.raises(errors.WireError):
        parse_body(PayloadType.SECURITY_ASSOCIATION, bytes.fromhex("0000000100000001") + proposal * 4000)


def test_spis_without_end() -> None:
    count = MAX_SPIS + 1
    with pytest.raises(errors.WireError):
        parse_body(PayloadType.DELETE, bytes.fromhex("000000010304") + count.to_bytes(2, "big") + bytes(4 * count))


MALFORMED = {
    "isakmp-delete-segfault.pcap": "HEADER, octet 17: expected major version 1, found 11 (INVALID_MAJOR_VERSION)",
    "isakmp-no-none-np.pcapng": "HEADER, octet 24: expected the datagram's length, 2186, found 84"
    " (UNEQUAL_PAYLOAD_LENGTHS)",
    "isakmp-pointer-loop.pcap": "HEADER, octet 24: expected the datagram's length, 30, found 0"
    " (UNEQUAL_PAYLOAD_LENGTHS)",
    "payload-bad-length.pcap": "VENDOR_ID, octet 90: expected a payload length of at least 4, found 3"
    " (PAYLOAD_MALFORMED)",
}


@needs_captures
def test_no_malformed_capture_is_left_out() -> None:
    assert {file.name for file in (CAPTURES / "malformed").iterdir()} == set(MALFORMED)


@needs_captures
@needs_tshark
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_captures(name: str) -> None:
    (datagram,) = datagrams(CAPTURES / "malformed" / name)
    with pytest.raises(WireError) as refusal:
        receive(datagram)
    assert str(refusal.value) == MALFORMED[name]


@needs_captures
@needs_tshark
def test_what_is_wrong_behind_a_wrong_header() -> None:
    """With version, flags and length mended, the Delete that crashed decoders and the payload loop are refused too."""
    for name, problem in (
        ("isakmp-delete-segfault.pcap", "DELETE, octet"),
        ("isakmp-pointer-loop.pcap", "HASH, octet 28: expected this payload"),
    ):
        (datagram,) = datagrams(CAPTURES / "malformed" / name)
        header = Header(b"initiate", b"response", datagram[16], 5, 0, 0, len(datagram))
        with pytest.raises(WireError, match=problem):
            receive(header.build() + datagram[HEADER_SIZE:])


@needs_captures
@needs_tshark
def test_a_last_payload_that_announces_another() -> None:
    """What is wrong with isakmp-no-none-np.pcapng once its length is mended."""
    (datagram,) = datagrams(CAPTURES / "malformed" / "isakmp-no-none-np.pcapng")
    mended = b"initiate" + datagram[8:84]
    with pytest.raises(errors.WireError):
        receive(mended)
