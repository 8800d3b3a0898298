"""First messages by somebody who has proved nothing, made to take as long as 8 kB can, and a gateway that gets them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from configured import ALICE, BOB, connection, policy, settings, tunnel
from ikev1.core.engine import Engine
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Aggressive, ProposalCheck
from ikev1.wire.attributes import Attribute
from ikev1.wire.header import Header
from ikev1.wire.message import build_message
from ikev1.wire.payloads import (
    CertificateRequest,
    Delete,
    Identification,
    KeyExchange,
    Nonce,
    Notification,
    Payload,
    Proposal,
    SecurityAssociation,
    Transform,
    Unknown,
    VendorId,
)
from ikev1.wire.registry import ExchangeType, IdType
from ikev1.wire.registry import Phase1Attribute as A
from playbook import Randomness

LARGEST = 8192  # octets of a datagram here
PATH = UdpPath(BOB, 500, ALICE, 500)

POLICIES = tuple(
    policy(text, priority, lifetime=3600, lifetime_set=True, check=ProposalCheck.STRICT)
    for priority, text in enumerate(
        ("aes256-sha512-modp2048", "aes256-sha256-modp2048", "aes128-sha256-modp2048", "aes128-sha1-modp1024"), 1
    )
)
PATTERNS = (
    "N=*-gw-*-site*.example",
    "*, N=*-gw-*-site*.example, *",
    "*, N=*a*b*c, *, N=*-gw-*-site*.example",
    "*-gw-*-site*.example",
    "*a*a*a*b@*.example",
    None,
)

Attributes = Iterable[Attribute]


class FirstMessage(NamedTuple):
    """Message 1 of an exchange. That of one number is like that of another, and not the same: none is answered from
    memory.
    """

    exchange: ExchangeType
    payloads: Callable[[int], list[Payload]]

    def datagram(self, number: int) -> bytes:
        """The octets that go with ``number``."""
        header = Header(b"CKY" + number.to_bytes(5), bytes(8), 0, self.exchange, 0, 0, 0)
        return build_message(header, [*self.payloads(number), VendorId(number.to_bytes(16))])


def gateway() -> Engine:
    """A gateway with four policies and several connections for whoever calls, each for another kind of name."""
    return Engine(
        settings(
            *(
                connection(
                    BOB,
                    "%any",
                    tunnel(f"net{place}", mirrored=True),
                    name=f"peer{place}",
                    remote_id=pattern,
                    policies=POLICIES,
                    aggressive=Aggressive.ACCEPT_PSK,
                )
                for place, pattern in enumerate(PATTERNS)
            )
        ),
        Randomness("gateway"),
    )


# --- SA payloads


def suite(number: int, *more: Attribute, hash: int = 4) -> tuple[Attribute, ...]:
    """AES-256 with SHA-256 and a group of 2048 bits, which is a policy, unless ``hash`` is another."""
    return (
        Attribute(A.ENCRYPTION_ALGORITHM, 7),
        Attribute(A.KEY_LENGTH, 256),
        Attribute(A.HASH_ALGORITHM, hash),
        Attribute(A.GROUP_DESCRIPTION, 14),
        Attribute(A.AUTHENTICATION_METHOD, 1),
        *more,
    )


def offer(*transforms: Attributes, proposals: int = 1) -> SecurityAssociation:
    each = tuple(Transform(number % 256, 1, tuple(attributes)) for number, attributes in enumerate(transforms))
    return SecurityAssociation(1, 1, (Proposal(1, 1, b"", each),) * proposals)


def transforms(count: int, each: Callable[[int], Attributes]) -> Callable[[int], list[Payload]]:
    """So many transforms in one SA payload."""
    return lambda number: [offer(*(each(number + place) for place in range(count)))]


def life(number: int) -> tuple[Attribute, ...]:
    """A lifetime that is longer than the policies allow."""
    return Attribute(A.LIFE_TYPE, 1), Attribute(A.LIFE_DURATION, (1_000_000 + number).to_bytes(4))


def others(number: int, of: Payload, count: int) -> list[Payload]:
    return [offer(suite(number, hash=9)), *[of] * count]


# --- message 1 of Aggressive Mode


def called(kind: IdType, data: Callable[[int], bytes], *more: Payload) -> FirstMessage:
    """Somebody with this identity calls; what it offers fits no policy."""

    def payloads(number: int) -> list[Payload]:
        return [
            offer(*(suite(number, *life(number + place)) for place in range(38))),
            KeyExchange(bytes(256)),
            Nonce(number.to_bytes(16)),
            Identification(kind, 0, 0, data(number)),
            *more,
        ]

    return FirstMessage(ExchangeType.AGGRESSIVE, payloads)


def der(tag: int, *content: bytes) -> bytes:
    octets = b"".join(content)
    size = len(octets)
    return bytes([tag]) + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2)) + octets


def dn(*parts: list[bytes]) -> bytes:
    """A distinguished name; each part is the values of its attributes, all of type ``N``."""
    return der(
        0x30, *(der(0x31, *(der(0x30, b"\x06\x03\x55\x04\x29", der(12, one)) for one in part)) for part in parts)
    )


def main_mode(payloads: Callable[[int], list[Payload]]) -> FirstMessage:
    return FirstMessage(ExchangeType.IDENTITY_PROTECTION, payloads)


HONEST = main_mode(
    lambda number: [offer(*(suite(number + place, hash=9) for place in range(14))), *[VendorId(bytes(16))] * 12]
)

FIRST_MESSAGES = {
    "38 transforms of six attributes": main_mode(transforms(38, lambda each: suite(each, *life(each), hash=9))),
    "250 transforms": main_mode(transforms(250, lambda each: suite(each, Attribute(A.LIFE_TYPE, 1), hash=9))),
    "255 transforms without attributes": main_mode(transforms(255, lambda _: ())),
    "38 transforms that live too long": main_mode(transforms(38, lambda each: suite(each, *life(each)))),
    "38 transforms with an unknown attribute": main_mode(
        transforms(38, lambda each: suite(each, Attribute(100 + each % 1000, 1)))
    ),
    "38 transforms with a key too short": main_mode(
        transforms(38, lambda each: (*suite(each), Attribute(A.KEY_LENGTH, each % 100)))
    ),
    "15 transforms of 128 attributes": main_mode(
        transforms(15, lambda each: suite(each, *(Attribute(200 + place, each % 65536) for place in range(120))))
    ),
    "390 attributes without a value": main_mode(
        transforms(3, lambda each: [Attribute(1000 + place + each % 1000, b"") for place in range(120)])
    ),
    "a number of 1.5 kB": main_mode(transforms(1, lambda each: [Attribute(A.GROUP_DESCRIPTION, b"\1" * 1500)])),
    "128 proposals": main_mode(lambda number: [offer(suite(number), proposals=128)]),
    "160 SA payloads": main_mode(lambda number: [offer(suite(number, hash=9))] * 160),
    "8 SA payloads": main_mode(lambda number: [offer(*(suite(number, hash=9),) * 9)] * 8),
    "250 vendor IDs": main_mode(lambda number: others(number, VendorId(number.to_bytes(27)), 250)),
    "250 empty vendor IDs": main_mode(lambda number: others(number, VendorId(b""), 250)),
    "250 payloads for private use": main_mode(lambda number: others(number, Unknown(200, number.to_bytes(8)), 250)),
    "250 notifications": main_mode(lambda number: others(number, Notification(1, 1, b"", 14, b""), 250)),
    "Deletes of 1,000 SPIs": main_mode(lambda number: others(number, Delete(1, 3, (bytes(4),) * 1000), 2)),
    "AM1: a DN of 2,000 octets for a pattern": called(IdType.DER_ASN1_DN, lambda _: dn([b"-gw--site" * 220])),
    "AM1: 20 parts": called(IdType.DER_ASN1_DN, lambda number: dn(*[[b"-gw--site" + str(number).encode()]] * 20)),
    "AM1: 400 parts": called(IdType.DER_ASN1_DN, lambda number: dn(*[[b"abc"]] * 380)),
    "AM1: 400 attributes in a part": called(IdType.DER_ASN1_DN, lambda number: dn([b"abc"] * 380)),
    "AM1: 16 attributes in each of two parts": called(
        IdType.DER_ASN1_DN, lambda number: dn(*[[bytes([97 + number % 20])] * 16] * 2)
    ),
    "AM1: accents": called(IdType.DER_ASN1_DN, lambda number: dn(*[["\u0301\u0323".encode() * 125] * 2] * 3)),
    "AM1: ligatures that become sentences": called(IdType.DER_ASN1_DN, lambda _: dn(["\ufdfa".encode() * 200] * 5)),
    "AM1: a name of 5,000 letters": called(IdType.FQDN, lambda _: b"a" * 5000),
    "AM1: a user of 300 letters": called(IdType.USER_FQDN, lambda _: b"a" * 300 + b"@x.example"),
    "AM1: 100 labels": called(IdType.FQDN, lambda _: b"a.-gw-.-site" * 26),
    "AM1: 190 certificate requests": called(
        IdType.FQDN, lambda _: b"a.example", *[CertificateRequest(4, bytes(10))] * 190
    ),
}
