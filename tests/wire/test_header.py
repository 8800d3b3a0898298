"""The header of RFC 2408 §3.1, and what §5.1 and §5.2 say of a bad one."""

from __future__ import annotations

import pytest
from hypothesis import given

from ikev1.wire import errors
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.registry import NotifyType
from wire_values import headers

GOOD = Header(b"initiate", b"response", 5, 2, 1, 0xCAFE, HEADER_SIZE + 4)


@given(headers)
def test_what_is_built_parses_to_the_same(header: Header) -> None:
    header = header._replace(length=HEADER_SIZE + 9)
    assert Header.parse(header.build() + bytes(9)) == header


def test_the_layout_is_that_of_the_rfc() -> None:
    expected = b"initiate" + b"response" + bytes.fromhex("05 10 02 01 0000cafe 00000020")
    assert GOOD.build() == expected


def test_only_the_e_flag_means_encrypted() -> None:
    assert [flags for flags in range(8) if GOOD._replace(flags=flags).encrypted] == [1, 3, 5, 7]


REFUSED = {
    "nothing": (b"", NotifyType.UNEQUAL_PAYLOAD_LENGTHS, 0),
    "27 octets": (GOOD.build()[:27], NotifyType.UNEQUAL_PAYLOAD_LENGTHS, 0),
    "a datagram too short": (GOOD.build() + bytes(3), NotifyType.UNEQUAL_PAYLOAD_LENGTHS, 24),
    "a datagram too long": (GOOD.build() + bytes(5), NotifyType.UNEQUAL_PAYLOAD_LENGTHS, 24),
    "a length below the header's": (GOOD._replace(length=27).build(), NotifyType.UNEQUAL_PAYLOAD_LENGTHS, 24),
    "IKEv2": (GOOD._replace(version=0x20).build() + bytes(4), NotifyType.INVALID_MAJOR_VERSION, 17),
    "a draft's ISAKMP": (GOOD._replace(version=0x01).build() + bytes(4), NotifyType.INVALID_MAJOR_VERSION, 17),
    "ISAKMP 1.1": (GOOD._replace(version=0x11).build() + bytes(4), NotifyType.INVALID_MINOR_VERSION, 17),
    "an unknown flag": (GOOD._replace(flags=8).build() + bytes(4), NotifyType.INVALID_FLAGS, 19),
    "no cookie": (GOOD._replace(CKY_I=bytes(8)).build() + bytes(4), NotifyType.INVALID_COOKIE, 0),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_refused(why: str) -> None:
    datagram, notify, offset = REFUSED[why]
    with pytest.raises(errors.WireError) as refusal:
        Header.parse(datagram)
    assert refusal.value.notify is notify
    assert refusal.value.payload == ("HEADER",)
    assert refusal.value.offset == offset


def test_a_refusal_says_what_was_expected_and_found() -> None:
    with pytest.raises(errors.WireError) as refusal:
        Header.parse(GOOD._replace(version=0x20).build() + bytes(4))
    assert refusal.value.notify is NotifyType.INVALID_MAJOR_VERSION
    assert (refusal.value.payload, refusal.value.offset) == (("HEADER",), 17)
    assert str(refusal.value).endswith("(INVALID_MAJOR_VERSION)")


def test_any_exchange_type_is_a_value() -> None:
    header = GOOD._replace(exchange=243)
    assert Header.parse(header.build() + bytes(4)).exchange == 243
