"""Whole messages: the chain, what HASH(1) covers, padding, and finding payloads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.wire.attributes import Attribute
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import (
    MAX_PADDING,
    MAX_PAYLOADS,
    MAX_UNPROVED,
    MAX_UNPROVED_OPAQUE,
    Message,
    build_chain,
    build_message,
    parse_message,
    parse_unproved,
    without_trailer,
)
from ikev1.wire.payloads import (
    CertificateRequest,
    Delete,
    Encrypted,
    Hash,
    Identification,
    Nonce,
    Notification,
    Payload,
    Proposal,
    SecurityAssociation,
    Transform,
    Unknown,
    VendorId,
)
from ikev1.wire.payloads.security_association import MAX_UNPROVED_TRANSFORMS
from ikev1.wire.registry import Flags, NotifyType
from wire_values import headers, payloads

HEADER = Header(b"initiate", b"response", 0, 32, 0, 0xCAFE, 0)
NONCE, IDci, IDcr = Nonce(bytes(16)), Identification(1, 0, 0, b"abcd"), Identification(1, 0, 0, b"abcd")


def parse(first: int, chain: bytes, flags: int = 0) -> Message:
    return parse_message(HEADER._replace(next_payload=first, flags=flags), chain)


@given(headers, st.lists(payloads, max_size=6))
def test_what_is_built_parses_to_the_same(header: Header, chain: list[Payload]) -> None:
    octets = build_message(header, chain)
    message = parse_message(Header.parse(octets), octets[HEADER_SIZE:])
    assert message.payloads == tuple(chain)
    assert message.header == header._replace(next_payload=message.header.next_payload, length=len(octets))


def test_after_first_is_what_hash_1_covers() -> None:
    """RFC 2409 §5.5: the message after HASH with its generic headers, without padding."""
    first, chain = build_chain([Hash(b"h" * 20), NONCE, IDci])
    message = parse(first, chain + bytes(7), Flags.ENCRYPTION)
    assert first == 8
    assert message.after_first == chain[24:]
    assert message.bodies == (b"h" * 20, bytes(16), b"\x01\0\0\0abcd")


def test_nothing_comes_after_a_lone_payload() -> None:
    assert parse(*build_chain([NONCE])).after_first == b""


def test_a_message_without_payloads() -> None:
    message = parse(0, b"")
    assert (message.payloads, message.bodies, message.after_first) == ((), (), b"")
    assert build_chain([]) == (0, b"")


def test_bodies_that_are_encrypted_on_their_own() -> None:
    first, chain = build_chain([Hash(b"h"), Encrypted(10, bytes(512)), Encrypted(5, b"\x01\xff")])
    message = parse_message(HEADER._replace(next_payload=first), chain, frozenset({5, 10}))
    assert message.payloads == (Hash(b"h"), Encrypted(10, bytes(512)), Encrypted(5, b"\x01\xff"))
    with pytest.raises(WireError, match="256"):
        parse(first, chain)


def test_finding_payloads() -> None:
    message = parse(*build_chain([Hash(b"h"), NONCE, IDci, IDcr]))
    assert message.one(Nonce) == NONCE
    assert message.first(VendorId) is None
    assert message.first(Identification) is message.payloads[2]
    assert message.all(Identification) == (IDci, IDcr)
    with pytest.raises(WireError):
        message.one(VendorId)
    with pytest.raises(WireError):
        message.one(Identification)


def test_equal_payloads_have_their_own_bodies() -> None:
    message = parse(*build_chain([IDci, IDcr]))
    assert message.body_of(message.payloads[1]) == message.bodies[1]
    with pytest.raises(ValueError, match="payload"):
        message.body_of(NONCE)


@pytest.mark.parametrize("padding", [b"\0", b"\0\0\0", bytes(255), b"random padding"])
def test_an_encrypted_message_may_be_padded(padding: bytes) -> None:
    first, chain = build_chain([NONCE])
    assert parse(first, chain + padding, Flags.ENCRYPTION).payloads == (NONCE,)


def test_what_follows_an_encrypted_message_is_bounded() -> None:
    first, chain = build_chain([NONCE])
    assert parse(first, chain + bytes(MAX_PADDING), Flags.ENCRYPTION).payloads == (NONCE,)
    with pytest.raises(WireError) as refusal:
        parse(first, chain + bytes(MAX_PADDING + 1), Flags.ENCRYPTION)
    assert refusal.value.notify is NotifyType.UNEQUAL_PAYLOAD_LENGTHS


@pytest.mark.parametrize(("padding", "accepted"), [(b"\0", True), (bytes(3), True), (bytes(4), False), (b"\1", False)])
def test_a_clear_message_ends_on_four_octets_at_most(padding: bytes, accepted: bool) -> None:
    first, chain = build_chain([NONCE])
    if accepted:
        assert parse(first, chain + padding).payloads == (NONCE,)
    else:
        with pytest.raises(WireError) as refusal:
            parse(first, chain + padding)
        assert (refusal.value.notify, refusal.value.offset) == (NotifyType.UNEQUAL_PAYLOAD_LENGTHS, 48)


BROKEN = {
    "a chain that ends too early": (8, "0a000005 00", ("NONCE",), 33),
    "half a generic header": (8, "000000", ("HASH",), 28),
    "RESERVED set": (8, "00ff0005 00", ("HASH",), 29),
    "a payload of no length": (8, "08000000", ("HASH",), 30),
    "a payload length of 3": (8, "00000003", ("HASH",), 30),
    "a payload too long": (8, "00000006 00", ("HASH",), 30),
    "a proposal in the chain": (2, "00000008 01010000", ("PROPOSAL",), 32),
}


@pytest.mark.parametrize("why", BROKEN)
def test_a_broken_chain_is_refused_where_it_breaks(why: str) -> None:
    first, chain, payload, offset = BROKEN[why]
    with pytest.raises(WireError) as refusal:
        parse(first, bytes.fromhex(chain))
    assert (refusal.value.payload, refusal.value.offset) == (payload, offset)


def test_there_is_a_limit() -> None:
    first, chain = build_chain([VendorId(b"")] * MAX_PAYLOADS)
    assert len(parse(first, chain).payloads) == MAX_PAYLOADS
    first, chain = build_chain([VendorId(b"")] * (MAX_PAYLOADS + 1))
    with pytest.raises(WireError):
        parse(first, chain)


TRANSFORM = Transform(1, 1, (Attribute(1, 7),) * 8)


def offer(transforms: int, proposals: int = 1) -> SecurityAssociation:
    return SecurityAssociation(1, 1, (Proposal(1, 1, b"", (TRANSFORM,) * transforms),) * proposals)


@pytest.mark.parametrize(
    "chain",
    [
        [offer(MAX_UNPROVED_TRANSFORMS), *[VendorId(b"")] * MAX_UNPROVED_OPAQUE],
        [offer(1), *[CertificateRequest(4, b"")] * 200],
        [offer(1), *[Notification(1, 1, b"", 24578, b"")] * (MAX_UNPROVED - 1)],
    ],
)
def test_what_real_peers_send_before_they_prove_anything_is_read(chain: list[Payload]) -> None:
    first, octets = build_chain(chain)
    assert parse_unproved(HEADER._replace(next_payload=first), octets).payloads == tuple(chain)


@pytest.mark.parametrize(
    "chain",
    [
        [offer(MAX_UNPROVED_TRANSFORMS + 1)],
        [offer(1, proposals=2)],
        [offer(25), offer(25)],
        [offer(1)] * (MAX_UNPROVED + 1),
        [offer(1), *[Notification(1, 1, b"", 24578, b"")] * MAX_UNPROVED],
        [offer(1), Delete(1, 3, (bytes(4),) * 1000)],
        [offer(1), *[VendorId(b"")] * (MAX_UNPROVED_OPAQUE + 1)],
        [offer(1), *[Unknown(200, b"")] * (MAX_UNPROVED_OPAQUE + 1)],
        [*[VendorId(b"")] * (MAX_UNPROVED_OPAQUE + 1), offer(1)],
    ],
)
def test_more_is_refused_before_it_is_read_unless_it_is_read_for_its_own_sake(chain: list[Payload]) -> None:
    first, octets = build_chain(chain)
    with pytest.raises(WireError):
        parse_unproved(HEADER._replace(next_payload=first), octets)
    assert parse(first, octets).payloads == tuple(chain)


def test_a_list_of_transforms_ends_where_its_proposal_says() -> None:
    first, octets = build_chain([offer(3)])
    few = octets[:19] + b"\x02" + octets[20:]  # the number of transforms
    with pytest.raises(WireError) as refusal:
        parse(first, few)
    assert refusal.value.notify is NotifyType.BAD_PROPOSAL_SYNTAX


@given(headers, st.lists(payloads, max_size=3), st.integers(0, 40))
def test_up_to_sixteen_zeros_behind_a_message_are_told_apart(header: Header, chain: list[Payload], zeros: int) -> None:
    octets = build_message(header, chain)
    message, more = without_trailer(octets + bytes(zeros))
    forgiven = zeros if zeros <= 16 else 0
    assert (message, more) == (octets + bytes(zeros - forgiven), forgiven)


@given(st.binary(max_size=100))
def test_what_is_behind_no_message_stays(octets: bytes) -> None:
    message, more = without_trailer(octets)
    assert octets == message + bytes(more)
    assert len(message) >= HEADER_SIZE or not more
