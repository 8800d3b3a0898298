"""Every payload: a class each, and the two functions between it and its body's octets.

The body is what follows the generic header. A class declares its fields once (`ikev1.wire.layout`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import call
from typing import Any

from ikev1.wire.errors import WireError
from ikev1.wire.layout import Layout, PlainLayout
from ikev1.wire.payloads.notification import Delete, Notification
from ikev1.wire.payloads.plain import (
    Certificate,
    CertificateRequest,
    ConfigAttributes,
    Encrypted,
    Fragment,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    NatOriginalAddress,
    Nonce,
    Signature,
    Unknown,
    VendorId,
)
from ikev1.wire.payloads.security_association import Proposal, SecurityAssociation, Transform, check_unproved
from ikev1.wire.registry import NotifyType, PayloadType

__all__ = [
    "CLASSES",
    "STRUCTURED",
    "Certificate",
    "CertificateRequest",
    "ConfigAttributes",
    "Delete",
    "Encrypted",
    "Fragment",
    "Hash",
    "Identification",
    "KeyExchange",
    "NatDiscovery",
    "NatOriginalAddress",
    "Nonce",
    "Notification",
    "Payload",
    "Proposal",
    "SecurityAssociation",
    "Signature",
    "Transform",
    "Unknown",
    "VendorId",
    "build_body",
    "check_unproved",
    "parse_body",
    "payload_type",
]

Payload = (
    SecurityAssociation
    | KeyExchange
    | Identification
    | Certificate
    | CertificateRequest
    | Hash
    | Signature
    | Nonce
    | Notification
    | Delete
    | VendorId
    | NatDiscovery
    | NatOriginalAddress
    | ConfigAttributes
    | Fragment
    | Encrypted
    | Unknown
)


def _refuse(body: bytes) -> Payload:
    # "This field MUST NOT contain the values for the Proposal or Transform payloads" (RFC 2408 §3.4)
    raise WireError("this payload inside an SA payload only", "it outside", notify=NotifyType.INVALID_PAYLOAD_TYPE)


CLASSES: dict[int, type[Payload]] = {
    PayloadType.SECURITY_ASSOCIATION: SecurityAssociation,
    PayloadType.KEY_EXCHANGE: KeyExchange,
    PayloadType.IDENTIFICATION: Identification,
    PayloadType.CERTIFICATE: Certificate,
    PayloadType.CERTIFICATE_REQUEST: CertificateRequest,
    PayloadType.HASH: Hash,
    PayloadType.SIGNATURE: Signature,
    PayloadType.NONCE: Nonce,
    PayloadType.NOTIFICATION: Notification,
    PayloadType.DELETE: Delete,
    PayloadType.VENDOR_ID: VendorId,
    PayloadType.ATTRIBUTES: ConfigAttributes,
    PayloadType.NAT_D: NatDiscovery,
    PayloadType.NAT_D_DRAFT: NatDiscovery,
    PayloadType.NAT_D_PRE_DRAFT: NatDiscovery,
    PayloadType.NAT_OA: NatOriginalAddress,
    PayloadType.NAT_OA_DRAFT: NatOriginalAddress,
    PayloadType.FRAGMENT: Fragment,
}
PLAIN = (
    Certificate,
    CertificateRequest,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    Nonce,
    Signature,
    VendorId,
)
STRUCTURED = frozenset(number for number, payload in CLASSES.items() if payload not in PLAIN)
"""The payload types that are parsed field by field, which costs far more than copying their octets."""

LAYOUTS: dict[int, Layout[Any]] = {
    number: (PlainLayout if payload in PLAIN else Layout)(payload, number) for number, payload in CLASSES.items()
}


class _Parsers(dict[int, Callable[[bytes], Payload]]):
    """A parser for every type: an unsupported one becomes `Unknown`."""

    def __missing__(self, number: int) -> Callable[[bytes], Payload]:
        return partial(Unknown, number)


PARSERS = _Parsers({number: layout.parse for number, layout in LAYOUTS.items()})
PARSERS[PayloadType.PROPOSAL] = PARSERS[PayloadType.TRANSFORM] = _refuse
NUMBERS: dict[type, int] = {
    payload: number for number, payload in CLASSES.items() if payload not in (NatDiscovery, NatOriginalAddress)
}
BUILDERS: dict[type, Callable[[Any], bytes]] = {payload: LAYOUTS[number].build for number, payload in CLASSES.items()}
BUILDERS[Unknown] = Layout(Unknown).build
BUILDERS[Encrypted] = Layout(Encrypted).build


def payload_type(payload: Payload) -> int:
    """The number that announces ``payload`` in a Next Payload field."""
    number = NUMBERS.get(type(payload))
    if number is None:
        assert isinstance(payload, NatDiscovery | NatOriginalAddress | Encrypted | Unknown)
        number = payload.number
    return number


def parse_body(payload_type: int, body: bytes) -> Payload:
    """Parse the body of one payload. An unsupported type becomes `Unknown`. Raises WireError."""
    return PARSERS[payload_type](body)


def parse_all(types: list[int], bodies: list[bytes]) -> Iterator[Payload]:
    """`parse_body` of each, without a Python function in between."""
    return map(call, map(PARSERS.__getitem__, types), bodies)


def build_body(payload: Payload) -> bytes:
    """The body's octets, so that ``parse_body(payload_type(payload), build_body(payload)) == payload``.

    Raises struct.error where a value does not fit its field.
    """
    return BUILDERS[type(payload)](payload)
