"""Every payload: what is built parses to the same value, and what the RFCs forbid is refused."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.wire import errors
from ikev1.wire.payloads import (
    Delete,
    Encrypted,
    Fragment,
    Hash,
    Nonce,
    Notification,
    Payload,
    Unknown,
    build_body,
    parse_body,
    payload_type,
)
from ikev1.wire.registry import NotifyType, PayloadType
from wire_values import BY_CLASS


def test_every_payload_has_a_strategy() -> None:
    # Only who knows the exchange can tell a body that is encrypted on its own
    assert set(BY_CLASS) | {Encrypted} == set(get_args(Payload))


@pytest.mark.parametrize("payload", BY_CLASS, ids=lambda payload: payload.__name__)
@given(data=st.data())
def test_what_is_built_parses_to_the_same(payload: type[Payload], data: st.DataObject) -> None:
    value = data.draw(BY_CLASS[payload])
    parsed = parse_body(payload_type(value), build_body(value))
    assert parsed == value
    assert type(parsed) is type(value)


def test_the_layout_is_that_of_the_rfc() -> None:
    """RFC 2408 §3.14: the SPI's size stands before the notify type, the SPI itself after it."""
    body = build_body(Notification(doi=1, protocol=3, spi=b"\xaa\xbb\xcc\xdd", type=14, data=b"why"))
    assert body == bytes.fromhex("00000001 03 04 000e aabbccdd") + b"why"


def test_an_unknown_payload_is_kept() -> None:
    assert parse_body(200, b"anything") == Unknown(200, b"anything")


def test_all_but_one_bit_of_a_fragments_flags_is_ignored() -> None:
    """MS-IKEE §2.2.3.1."""
    assert parse_body(PayloadType.FRAGMENT, bytes.fromhex("0001 02 fe")) == Fragment(1, 2, False, b"")
    assert parse_body(PayloadType.FRAGMENT, bytes.fromhex("0001 02 ff")) == Fragment(1, 2, True, b"")


def test_values_that_cannot_be_on_the_wire_are_our_own_fault() -> None:
    with pytest.raises(Exception, match="format requires"):
        build_body(Notification(1, 256, b"", 14, b""))


SA = "00000001 00000001"
REFUSED = {
    "a head cut short": (PayloadType.NOTIFICATION, "00000001 01", NotifyType.PAYLOAD_MALFORMED, 0),
    "an SPI cut short": (PayloadType.NOTIFICATION, "00000001 03 04 000e aabbcc", NotifyType.PAYLOAD_MALFORMED, 8),
    "a nonce of 7 octets": (PayloadType.NONCE, "00" * 7, NotifyType.PAYLOAD_MALFORMED, 0),
    "a nonce of 257 octets": (PayloadType.NONCE, "00" * 257, NotifyType.PAYLOAD_MALFORMED, 0),
    "a DOI nobody knows": (PayloadType.SECURITY_ASSOCIATION, "00000002 00000001", NotifyType.DOI_NOT_SUPPORTED, 0),
    "a labelled situation": (
        PayloadType.SECURITY_ASSOCIATION,
        "00000001 00000003",
        NotifyType.SITUATION_NOT_SUPPORTED,
        4,
    ),
    "no proposal": (PayloadType.SECURITY_ASSOCIATION, SA, NotifyType.BAD_PROPOSAL_SYNTAX, 8),
    "no transform": (PayloadType.SECURITY_ASSOCIATION, f"{SA} 00000008 01010000", NotifyType.BAD_PROPOSAL_SYNTAX, 16),
    "a transform too few": (
        PayloadType.SECURITY_ASSOCIATION,
        f"{SA} 00000010 01010002 00000008 01010000",
        NotifyType.BAD_PROPOSAL_SYNTAX,
        16,
    ),
    "a hash among the proposals": (
        PayloadType.SECURITY_ASSOCIATION,
        f"{SA} 08000010 01010001 00000008 01010000 00000004",
        NotifyType.BAD_PROPOSAL_SYNTAX,
        28,
    ),
    "something after the proposals": (
        PayloadType.SECURITY_ASSOCIATION,
        f"{SA} 00000010 01010001 00000008 01010000 00",
        NotifyType.PAYLOAD_MALFORMED,
        24,
    ),
    "something after the transforms": (
        PayloadType.SECURITY_ASSOCIATION,
        f"{SA} 00000011 01010001 00000008 01010000 00",
        NotifyType.BAD_PROPOSAL_SYNTAX,
        24,
    ),
    "a transform's RESERVED2": (
        PayloadType.SECURITY_ASSOCIATION,
        f"{SA} 00000010 01010001 00000008 01010001",
        NotifyType.BAD_PROPOSAL_SYNTAX,
        23,
    ),
    "a proposal's RESERVED": (
        PayloadType.SECURITY_ASSOCIATION,
        f"{SA} 00010010 01010001 00000008 01010000",
        NotifyType.BAD_PROPOSAL_SYNTAX,
        9,
    ),
    "an ESP proposal's SPI of 2 octets": (
        PayloadType.SECURITY_ASSOCIATION,
        f"{SA} 00000012 01030201 aabb 00000008 010c0000",
        NotifyType.INVALID_SPI,
        14,
    ),
    "an ISAKMP proposal's SPI of 17 octets": (
        PayloadType.SECURITY_ASSOCIATION,
        f"{SA} 00000021 01011101 {'00' * 17} 00000008 01010000",
        NotifyType.INVALID_SPI,
        14,
    ),
    "half an IPv4 address": (PayloadType.IDENTIFICATION, "01000000 0a00", NotifyType.INVALID_ID_INFORMATION, 4),
    "an empty name": (PayloadType.IDENTIFICATION, "02000000", NotifyType.INVALID_ID_INFORMATION, 4),
    "an SPI cut short in a Delete": (
        PayloadType.DELETE,
        "00000001 03 04 0002 aabbccdd",
        NotifyType.PAYLOAD_MALFORMED,
        8,
    ),
    "SPIs left over": (PayloadType.DELETE, "00000001 03 04 0001 aabbccdd00", NotifyType.PAYLOAD_MALFORMED, 12),
    "65535 SPIs without size": (PayloadType.DELETE, "00000001 03 00 ffff", NotifyType.PAYLOAD_MALFORMED, 6),
    "an SPI of no size": (PayloadType.DELETE, "00000001 03 00 0001", NotifyType.PAYLOAD_MALFORMED, 5),
    "half a cookie pair": (PayloadType.DELETE, "00000001 01 08 0001 0011223344556677", NotifyType.INVALID_SPI, 5),
    "NAT-OA of a name": (PayloadType.NAT_OA, "02000000 0a000001", NotifyType.PAYLOAD_MALFORMED, 0),
    "NAT-OA with RESERVED set": (PayloadType.NAT_OA, "01000100 0a000001", NotifyType.PAYLOAD_MALFORMED, 2),
    "NAT-OA of 5 octets": (PayloadType.NAT_OA_DRAFT, "01000000 0a00000100", NotifyType.PAYLOAD_MALFORMED, 4),
    "mode config with RESERVED set": (PayloadType.ATTRIBUTES, "01010000", NotifyType.PAYLOAD_MALFORMED, 1),
    "half an attribute": (PayloadType.ATTRIBUTES, "01000000 8001", NotifyType.PAYLOAD_MALFORMED, 4),
    "a proposal outside an SA": (PayloadType.PROPOSAL, "01010000", NotifyType.INVALID_PAYLOAD_TYPE, 0),
    "a transform outside an SA": (PayloadType.TRANSFORM, "01010000", NotifyType.INVALID_PAYLOAD_TYPE, 0),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_refused(why: str) -> None:
    number, body, notify, offset = REFUSED[why]
    with pytest.raises(errors.WireError) as refusal:
        parse_body(number, bytes.fromhex(body))
    assert refusal.value.notify is notify
    assert refusal.value.offset == offset


def test_a_refusal_says_where_and_which_notify_answers_it() -> None:
    body = bytes.fromhex(f"{SA} 00000014 01010001 0000000c 01010000 000b0009")
    with pytest.raises(errors.WireError) as refusal:
        parse_body(PayloadType.SECURITY_ASSOCIATION, body)
    assert refusal.value.notify is NotifyType.PAYLOAD_MALFORMED
    assert refusal.value.payload == ("PROPOSAL", "TRANSFORM")
    assert str(refusal.value) == (
        "PROPOSAL > TRANSFORM, octet 26: expected an attribute length of at most 0, found 9 (PAYLOAD_MALFORMED)"
    )


def test_a_delete_of_nothing() -> None:
    assert parse_body(PayloadType.DELETE, bytes.fromhex("00000001 03 04 0000")) == Delete(1, 3, ())


def test_nonces_of_the_shortest_and_longest_size() -> None:
    """RFC 2409 §5: between 8 and 256 octets inclusive."""
    assert parse_body(PayloadType.NONCE, bytes(8)) == Nonce(bytes(8))
    assert parse_body(PayloadType.NONCE, bytes(256)) == Nonce(bytes(256))
    assert parse_body(PayloadType.HASH, b"") == Hash(b"")
