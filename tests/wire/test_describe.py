"""A message in one line: readable, harmless, and without its secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.wire.attributes import Attribute, build_attributes
from ikev1.wire.describe import describe, describe_payload
from ikev1.wire.header import Header
from ikev1.wire.message import build_chain, parse_message
from ikev1.wire.payloads import (
    Certificate,
    CertificateRequest,
    ConfigAttributes,
    Delete,
    Encrypted,
    Fragment,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    NatOriginalAddress,
    Nonce,
    Notification,
    Payload,
    Proposal,
    SecurityAssociation,
    Signature,
    Transform,
    Unknown,
    VendorId,
)
from wire_values import payloads


def attributes(*pairs: tuple[int, int | bytes]) -> tuple[Attribute, ...]:
    return tuple(Attribute(*pair) for pair in pairs)


DAY = (86400).to_bytes(4, "big")
AES = Transform(1, 1, attributes((1, 7), (14, 256), (2, 2), (4, 14), (3, 1), (11, 1), (12, DAY)))
TRIPLE_DES = Transform(2, 1, attributes((1, 5), (2, 1), (4, 2), (3, 65001), (11, 1), (12, 5400), (20000, 3)))
ESP = Transform(1, 12, attributes((6, 128), (5, 5), (4, 3), (3, 14), (1, 1), (2, 3600), (1, 2), (2, 4096)))

LINES: dict[str, Payload] = {
    "NONCE(256 encrypted octets)": Encrypted(10, bytes(256)),
    "SA(ISAKMP: AES_CBC-256/SHA1/MODP_2048/PRE_SHARED_KEY, 24h"
    " | TRIPLE_DES_CBC/MD5/MODP_1024/XAUTH_INIT_PRE_SHARED, 90m, ATTRIBUTE_20000=3)": SecurityAssociation(
        1, 1, (Proposal(1, 1, b"", (AES, TRIPLE_DES)),)
    ),
    "SA(ESP 01020304: AES_CBC-128/HMAC_SHA2_256/MODP_2048/UDP_TUNNEL, 1h, 4096kB"
    " + IPCOMP abcd: DEFLATE; AH 05060708: SHA/HMAC_SHA1)": SecurityAssociation(
        1,
        1,
        (
            Proposal(1, 3, b"\1\2\3\4", (ESP,)),
            Proposal(1, 4, b"\xab\xcd", (Transform(1, 2, ()),)),
            Proposal(2, 2, b"\5\6\7\x08", (Transform(1, 3, attributes((5, 2))),)),
        ),
    ),
    "SA(PROTOCOL_9: TRANSFORM_1)": SecurityAssociation(1, 1, (Proposal(1, 9, b"", (Transform(1, 1, ()),)),)),
    "SA(ISAKMP: no algorithm, lifetime 60)": SecurityAssociation(
        1, 1, (Proposal(1, 1, b"", (Transform(1, 1, attributes((12, 60))),)),)
    ),
    "KE(256 octets)": KeyExchange(bytes(256)),
    "ID(IPV4_ADDR_SUBNET 10.0.0.0/16 protocol 17 port 1701)": Identification(
        4, 17, 1701, bytes([10, 0, 0, 0, 255, 255, 0, 0])
    ),
    "ID(IPV4_ADDR_SUBNET 10.0.0.0/255.0.255.0)": Identification(4, 0, 0, bytes([10, 0, 0, 0, 255, 0, 255, 0])),
    "ID(IPV4_ADDR_RANGE 10.0.0.1-10.0.0.9)": Identification(7, 0, 0, bytes([10, 0, 0, 1, 10, 0, 0, 9])),
    "ID(IPV6_ADDR 2001:db8::1)": Identification(5, 0, 0, bytes.fromhex("20010db8000000000000000000000001")),
    "ID(FQDN gw.example)": Identification(2, 0, 0, b"gw.example"),
    "ID(DER_ASN1_DN 30 octets)": Identification(9, 0, 0, bytes(30)),
    "ID(DER_ASN1_DN C=XX, CN=gw)": Identification(
        9, 0, 0, bytes.fromhex("301a 310b 3009 06035504061302 5858 310b 3009 06035504030c02 6777")
    ),
    "CERT(X509_SIGNATURE, 900 octets)": Certificate(4, bytes(900)),
    "CERTREQ(X509_SIGNATURE, any CA)": CertificateRequest(4, b""),
    "HASH(20 octets)": Hash(bytes(20)),
    "SIG(128 octets)": Signature(bytes(128)),
    "NONCE(16 octets)": Nonce(bytes(16)),
    "N(NO_PROPOSAL_CHOSEN, ISAKMP)": Notification(1, 1, b"", 14, b""),
    "N(R_U_THERE, ISAKMP aabb, 7)": Notification(1, 1, b"\xaa\xbb", 36136, bytes([0, 0, 0, 7])),
    "N(RESPONDER_LIFETIME, ESP 01020304, 1h)": Notification(
        1, 3, b"\1\2\3\4", 24576, build_attributes(attributes((1, 1), (2, 3600)))
    ),
    "N(RESPONDER_LIFETIME, ESP 01020304, 3 octets)": Notification(1, 3, b"\1\2\3\4", 24576, bytes(3)),
    "N(LOAD_BALANCE, ISAKMP, 192.0.2.9)": Notification(1, 1, b"", 40501, bytes([192, 0, 2, 9])),
    "D(ESP 01020304, ESP 05060708)": Delete(1, 3, (b"\1\2\3\4", b"\5\6\7\x08")),
    "VID(12 octets)": VendorId(bytes(12)),
    "NAT-D(20 octets)": NatDiscovery(bytes(20)),
    "NAT-OA(10.0.0.1)": NatOriginalAddress(1, bytes([10, 0, 0, 1])),
    "ATTR(REPLY 7: XAUTH_TYPE=GENERIC, XAUTH_USER_NAME=alice, XAUTH_USER_PASSWORD(11 octets),"
    " INTERNAL_IP4_ADDRESS=10.0.0.1, INTERNAL_IP4_DNS, INTERNAL_IP4_SUBNET=10.0.0.0/8)": ConfigAttributes(
        2,
        7,
        attributes(
            (16520, 0),
            (16521, b"alice"),
            (16522, b"open sesame"),
            (1, bytes([10, 0, 0, 1])),
            (3, b""),
            (13, bytes([10, 0, 0, 0, 255, 0, 0, 0])),
        ),
    ),
    "FRAGMENT(2, the last, of message 1, 500 octets)": Fragment(1, 2, True, bytes(500)),
    "PAYLOAD_200(3 octets)": Unknown(200, b"abc"),
}


@pytest.mark.parametrize("line", LINES)
def test_payloads_in_words(line: str) -> None:
    assert describe_payload(LINES[line]) == line


def test_a_message_is_its_payloads() -> None:
    first, chain = build_chain([Hash(bytes(20)), Nonce(bytes(16))])
    message = parse_message(Header(b"initiate", b"response", first, 32, 0, 1, 0), chain)
    assert describe(message) == "HASH(20 octets) NONCE(16 octets)"


def test_long_lists_are_cut() -> None:
    spis = tuple(number.to_bytes(4, "big") for number in range(100))
    assert describe_payload(Delete(1, 3, spis)).endswith("ESP 00000007, 92 more)")


@given(payloads)
def test_one_line_whatever_a_peer_sends(payload: Payload) -> None:
    line = describe_payload(payload)
    assert line.isprintable()
    assert line.isascii()


@given(st.binary(min_size=1, max_size=300))
def test_a_peers_text_is_harmless_and_short(name: bytes) -> None:
    line = describe_payload(Identification(2, 0, 0, name))
    assert line.isprintable()
    assert len(line) < 400


@given(st.sampled_from([16522, 16523, 16528, 16529]), st.binary(min_size=12, max_size=40))
def test_no_secret_is_told(kind: int, secret: bytes) -> None:
    line = describe_payload(ConfigAttributes(2, 1, (Attribute(kind, secret),)))
    assert secret.decode("latin-1") not in line
    assert secret.hex() not in line
    assert line.endswith(f"({len(secret)} octets))")


def test_no_secret_is_told_that_fits_the_short_form() -> None:
    line = describe_payload(ConfigAttributes(2, 1, (Attribute(16523, 4711),)))
    assert line == "ATTR(REPLY 1: XAUTH_PASSCODE(2 octets))"
