"""The tree of a message's fields: complete, harmless, and of one mind with the parser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.wire.attributes import Attribute
from ikev1.wire.dissect import DissectedField, dissect
from ikev1.wire.dissect.meanings import MEANINGS
from ikev1.wire.dissect.plan import plan_of
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.layout import Remaining, Sized
from ikev1.wire.message import build_message, parse_message
from ikev1.wire.payloads import (
    CLASSES,
    ConfigAttributes,
    Encrypted,
    Hash,
    Identification,
    KeyExchange,
    Nonce,
    Notification,
    Payload,
    Proposal,
    Transform,
    Unknown,
    VendorId,
)
from ikev1.wire.payloads.notification import SpiList
from ikev1.wire.registry import ExchangeType, NotifyType, PayloadType
from wire_messages import HEADER, MESSAGES, PHASE1_SA, PHASE2_SA
from wire_values import headers, payloads

IN_THE_CLEAR = headers.map(lambda header: header._replace(flags=header.flags & ~1))
NOT_UNDERSTOOD = "Not Understood"


def all_fields(fields: tuple[DissectedField, ...]) -> Iterator[DissectedField]:
    for field in fields:
        yield field
        yield from all_fields(field.fields)


def leaves(fields: tuple[DissectedField, ...]) -> Iterator[DissectedField]:
    """The fields without parts; one whose parts are bits of it counts as one of them."""
    for field in fields:
        if all((part.offset, part.length) == (field.offset, field.length) for part in field.fields):
            yield field
        else:
            yield from leaves(field.fields)


def assert_covers(fields: tuple[DissectedField, ...], octets: bytes) -> None:
    """Every octet is in one leaf, and the leaves come in its order."""
    position = 0
    for leaf in leaves(fields):
        assert leaf.offset == position, leaf
        assert leaf.length > 0, leaf
        position += leaf.length
    assert position == len(octets)


def value_of(octets: bytes, *names: str, decrypted: bool = False) -> str:
    """The value of the field that ``names`` lead to."""
    fields = dissect(octets, decrypted=decrypted).fields
    found = None
    for name in names:
        found = next(field for field in fields if field.name == name)
        fields = found.fields
    assert found is not None
    return found.value


@given(IN_THE_CLEAR, st.lists(payloads, max_size=5))
def test_every_octet_of_what_we_build_is_in_one_leaf(header: Header, chosen: list[Payload]) -> None:
    octets = build_message(header, chosen)
    fields, error = dissect(octets)
    assert error is None
    assert_covers(fields, octets)
    for field in all_fields(fields):
        assert field.name != NOT_UNDERSTOOD
        assert field.value.isprintable()
        assert field.value.isascii()


@given(st.binary(max_size=200) | st.builds(lambda rest: HEADER.build()[:24] + rest, st.binary(max_size=200)))
def test_every_octet_of_anything_is_in_one_leaf(octets: bytes) -> None:
    assert_covers(dissect(octets).fields, octets)
    assert_covers(dissect(octets, decrypted=True).fields, octets)


@given(
    st.sampled_from(sorted(MESSAGES)),
    st.integers(min_value=HEADER_SIZE),
    st.integers(1, 255),
    st.integers(min_value=0, max_value=3),
)
def test_what_is_spoiled_is_told_as_far_as_it_goes(name: str, place: int, change: int, lost: int) -> None:
    octets = bytearray(build_message(HEADER, MESSAGES[name]))
    if len(octets) > HEADER_SIZE:
        octets[HEADER_SIZE + place % (len(octets) - HEADER_SIZE)] ^= change
    spoiled = bytes(octets[: len(octets) - lost])
    fields, error = dissect(spoiled)
    assert_covers(fields, spoiled)
    understood = all(field.name != NOT_UNDERSTOOD for field in all_fields(fields))
    assert understood or error is not None
    assert (error is None) == parses(spoiled)


def parses(octets: bytes) -> bool:
    try:
        parse_message(Header.parse(octets), octets[HEADER_SIZE:])
    except WireError:
        return False
    return True


@pytest.mark.parametrize("payload", [*dict.fromkeys(CLASSES.values()), Proposal, Transform, Encrypted, Unknown])
def test_every_declared_field_has_its_meaning(payload: type[tuple[object, ...]]) -> None:
    plan = plan_of(payload)
    assert [part.name for part in plan.parts] == list(MEANINGS[payload])
    for part in plan.parts:
        meaning = MEANINGS[payload][part.name]
        assert len(meaning.numbers) == len(part.numbers)
        assert (meaning.octets is not None) == isinstance(part.kind, Remaining | Sized | SpiList)
        abouts = [number.about for number in meaning.numbers] + ([meaning.octets.about] if meaning.octets else [])
        assert all(about.endswith(".") for about in abouts)


def test_a_proposal_says_what_its_transforms_are_about() -> None:
    sa = ("Security Association Payload", "Proposal Payload", "Transform Payload")
    phase1, phase2 = build_message(HEADER, [PHASE1_SA]), build_message(HEADER, [PHASE2_SA])
    assert value_of(phase1, *sa[:1]).startswith("ISAKMP: AES_CBC-256/SHA1/MODP_2048/")
    assert value_of(phase1, *sa[:2]) == "ISAKMP, 2 transforms"
    assert value_of(phase1, *sa, "Transform ID") == "KEY_IKE (1)"
    assert value_of(phase1, *sa, "Life Duration") == "86400 s = 24 h"
    assert value_of(phase1, *sa, "Encryption Algorithm", "Attribute Value") == "AES_CBC (7)"
    assert value_of(phase2, *sa, "Transform ID") == "AES_CBC (12)"
    assert value_of(phase2, *sa, "SA Life Duration") == "3600 s = 1 h"
    assert value_of(phase2, *sa[:2], "SPI") == "c0000001"


def test_the_header_in_words() -> None:
    octets = build_message(HEADER._replace(flags=3, exchange=ExchangeType.QUICK_MODE), [Hash(bytes(20))])
    assert value_of(octets, "Header", "Initiator Cookie") == b"initiate".hex()
    assert value_of(octets, "Header", "Next Payload") == "HASH (8)"
    assert value_of(octets, "Header", "Version") == "1.0"
    assert value_of(octets, "Header", "Exchange Type") == "QUICK_MODE (32)"
    assert value_of(octets, "Header", "Flags") == "ENCRYPTION + COMMIT (0x03)"
    assert value_of(octets, "Header", "Flags", "Commit") == "set"
    assert value_of(octets, "Header", "Message ID") == "0x0000cafe"


def test_identities_have_parts_where_they_are_two_addresses() -> None:
    subnet = Identification(4, 0, 0, bytes([10, 0, 0, 0, 255, 255, 0, 0]))
    octets = build_message(HEADER, [subnet])
    data = ("Identification Payload", "Identification Data")
    assert value_of(octets, *data) == "10.0.0.0/16"
    assert value_of(octets, *data, "Mask") == "255.255.0.0"


def test_a_lifetime_in_a_notification_is_told() -> None:
    data = bytes.fromhex("80010001 0002000400015180".replace(" ", ""))
    octets = build_message(HEADER, [Notification(1, 3, b"\1\2\3\4", 24576, data)])
    assert value_of(octets, "Notification Payload", "Notification Data", "SA Life Duration") == "86400 s = 24 h"


def test_vendor_ids_have_their_names() -> None:
    octets = build_message(HEADER, [VendorId(bytes.fromhex("afcad71368a1f1c96b8696fc77570100")), VendorId(bytes(9))])
    names = [field.fields[3].value for field in dissect(octets).fields[1:]]
    assert names == ["DPD", "unknown, 9 octets"]


def test_no_secret_is_told() -> None:
    attributes = (Attribute(16521, b"alice"), Attribute(16522, b"open sesame"), Attribute(16523, 4711))
    octets = build_message(HEADER, [ConfigAttributes(2, 7, attributes)])
    told = [field.value for field in all_fields(dissect(octets).fields)]
    assert "alice" in told
    assert "11 octets" in told
    assert not [value for value in told if "sesame" in value or "4711" in value]


def test_what_is_encrypted_is_one_field_until_it_is_decrypted() -> None:
    octets = build_message(HEADER._replace(flags=1), [Hash(bytes(20)), Nonce(bytes(16))])
    octets = octets[:24] + (len(octets) + 4).to_bytes(4, "big") + octets[28:] + bytes([0, 0, 0, 4])
    sealed, opened = dissect(octets), dissect(octets, decrypted=True)
    assert sealed.error is None
    assert [field.name for field in sealed.fields] == ["Header", "Encrypted Data"]
    assert opened.error is None
    assert [field.name for field in opened.fields] == ["Header", "Hash Payload", "Nonce Payload", "Padding"]
    assert_covers(sealed.fields, octets)
    assert_covers(opened.fields, octets)


def test_bodies_that_are_encrypted_on_their_own() -> None:
    octets = build_message(HEADER, [KeyExchange(bytes(128)), Encrypted(PayloadType.NONCE, bytes(256))])
    fields = dissect(octets, hidden=frozenset({PayloadType.NONCE})).fields
    assert [(field.name, field.value) for field in fields[1:]] == [
        ("Key Exchange Payload", "128 octets"),
        ("Nonce Payload", "256 octets, encrypted"),
    ]


def test_zeros_at_the_end_of_a_clear_message_are_padding() -> None:
    octets = build_message(HEADER, [Hash(bytes(21))])
    octets = octets[:24] + (len(octets) + 3).to_bytes(4, "big") + octets[28:] + bytes(3)
    fields, error = dissect(octets)
    assert error is None
    assert fields[-1].name == "Padding"


def test_a_payload_that_is_too_long_shows_its_header() -> None:
    octets = build_message(HEADER, [Hash(bytes(20))])
    spoiled = octets[:30] + (1000).to_bytes(2, "big") + octets[32:]
    fields, error = dissect(spoiled)
    assert error is not None
    assert error.notify is NotifyType.UNEQUAL_PAYLOAD_LENGTHS
    assert [field.name for field in fields[1].fields] == ["Next Payload", "Reserved", "Payload Length", NOT_UNDERSTOOD]
    assert fields[1].fields[2].value == "1000 octets"


def test_what_comes_behind_a_malformed_body_is_still_told() -> None:
    octets = build_message(HEADER, [Identification(1, 0, 0, bytes(5)), Hash(bytes(20))])
    fields, error = dissect(octets)
    assert error is not None
    assert [(field.name, field.value) for field in fields[1:]] == [
        ("Identification Payload", "malformed"),
        ("Hash Payload", "20 octets"),
    ]


def test_another_version_is_not_read() -> None:
    octets = build_message(HEADER._replace(version=0x20), [Hash(bytes(20))])
    fields, error = dissect(octets)
    assert error is not None
    assert [field.name for field in fields] == ["Header", NOT_UNDERSTOOD]


def test_less_than_a_header() -> None:
    fields, error = dissect(bytes(27))
    assert error is not None
    assert error.notify is NotifyType.UNEQUAL_PAYLOAD_LENGTHS
    assert [(field.name, field.length) for field in fields] == [(NOT_UNDERSTOOD, 27)]
    assert dissect(b"").fields == ()


def test_a_reserved_field_that_is_not_zero_shows() -> None:
    octets = bytearray(build_message(HEADER, [Hash(bytes(20))]))
    octets[29] = 7
    fields, error = dissect(bytes(octets))
    assert error is not None
    assert error.notify is NotifyType.PAYLOAD_MALFORMED
    assert fields[1].fields[1].value == "0x07"
