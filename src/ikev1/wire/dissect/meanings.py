"""For each declared field: its name in the RFCs, the format of its value, and its meaning."""

from __future__ import annotations

from typing import Any, NamedTuple

from ikev1.wire.dissect.values import (
    NumberWords,
    OctetWords,
    as_count,
    as_decimal,
    as_hex,
    as_identity,
    as_notification,
    as_octets,
    as_original_address,
    as_transform_id,
    as_vendor,
    named,
    named_bits,
)
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
    Proposal,
    SecurityAssociation,
    Signature,
    Transform,
    Unknown,
    VendorId,
)
from ikev1.wire.registry import (
    DOI,
    CertificateEncoding,
    ConfigType,
    IdType,
    NotifyType,
    ProtocolId,
    Situation,
)


class NumberMeaning(NamedTuple):
    """The meaning of a number in the head."""

    name: str
    words: NumberWords
    about: str


class OctetMeaning(NamedTuple):
    """The meaning of octets after the head."""

    name: str
    words: OctetWords
    about: str


class Meaning(NamedTuple):
    """The meanings of a declared field: one for each number, and one for its octets, if any."""

    numbers: tuple[NumberMeaning, ...] = ()
    octets: OctetMeaning | None = None


def _number(name: str, words: NumberWords, about: str) -> Meaning:
    return Meaning((NumberMeaning(name, words, about),))


def _octets(name: str, words: OctetWords, about: str) -> Meaning:
    return Meaning((), OctetMeaning(name, words, about))


def _spi(about: str) -> Meaning:
    size = NumberMeaning(
        "SPI Size", as_count, "The size of the SPI in octets; usually 0 in phase 1, where the cookies identify the SA."
    )
    return Meaning((size,), OctetMeaning("SPI", as_hex, about))


_DOI = _number(
    "DOI",
    named(DOI),
    "The Domain of Interpretation, which defines the numbers that follow: 1 is IPsec (RFC 2407 §4.6).",
)
_PROTOCOL = _number(
    "Protocol ID",
    named(ProtocolId),
    "The protocol: ISAKMP, ESP, AH or IPCOMP (RFC 2407 §4.4.1).",
)

MEANINGS: dict[type[tuple[Any, ...]], dict[str, Meaning]] = {
    SecurityAssociation: {
        "doi": _DOI,
        "situation": _number(
            "Situation",
            named_bits(Situation),
            "The basis of the decision: IDENTITY_ONLY means the identities of the peers (RFC 2407 §4.2).",
        ),
        "proposals": Meaning(),
    },
    Proposal: {
        "number": _number(
            "Proposal Number",
            as_decimal,
            (
                "Proposals with different numbers are alternatives; proposals with the same number apply "
                "together (RFC 2408 §4.2)."
            ),
        ),
        "protocol": _PROTOCOL,
        "spi": _spi("The Security Parameter Index of the packets that the sender will receive (RFC 2408 §3.5)."),
        "transforms": _number(
            "Number of Transforms",
            as_decimal,
            "The number of transforms, in order of preference; the response selects one (RFC 2408 §3.5).",
        ),
    },
    Transform: {
        "number": _number(
            "Transform Number", as_decimal, "The number of the transform within its proposal (RFC 2408 §3.6)."
        ),
        "id": _number(
            "Transform ID",
            as_transform_id,
            ("KEY_IKE in phase 1, the cipher of ESP, the hash of AH, or the compression of IPCOMP (RFC 2407 §4.4)."),
        ),
        "attributes": Meaning(),
    },
    KeyExchange: {
        "data": _octets(
            "Key Exchange Data",
            as_octets,
            (
                "The public Diffie-Hellman value g^x. The private value x is never sent, and the group number "
                "identifies p and g (RFC 2409 §5)."
            ),
        ),
    },
    Identification: {
        "id_type": _number("ID Type", named(IdType), "The type of the identity (RFC 2407 §4.6.2.1)."),
        "protocol": _number(
            "Protocol ID", as_decimal, "The IP protocol, such as 17 for UDP; 0 is any (RFC 2407 §4.6.2)."
        ),
        "port": _number("Port", as_decimal, "The port; 0 is any (RFC 2407 §4.6.2)."),
        "data": _octets(
            "Identification Data",
            as_identity,
            ("The identity of the sender in phase 1; a host or network of the tunnel in Quick Mode (RFC 2407 §4.6.2)."),
        ),
    },
    Certificate: {
        "encoding": _number(
            "Certificate Encoding",
            named(CertificateEncoding),
            "The type of the certificate, usually X.509 for signatures (RFC 2408 §3.9).",
        ),
        "data": _octets(
            "Certificate Data",
            as_octets,
            "The certificate, which binds the public key of the sender to its name (RFC 2408 §3.9).",
        ),
    },
    CertificateRequest: {
        "encoding": _number(
            "Certificate Type",
            named(CertificateEncoding),
            "The type of the requested certificate (RFC 2408 §3.10).",
        ),
        "authority": _octets(
            "Certificate Authority",
            as_octets,
            "The name of a certificate authority that the sender trusts (RFC 2408 §3.10).",
        ),
    },
    Hash: {
        "data": _octets(
            "Hash Data",
            as_octets,
            ("A keyed hash: it requires the keys, and reveals any modification of the values it covers (RFC 2409 §5)."),
        ),
    },
    Signature: {
        "data": _octets(
            "Signature Data",
            as_octets,
            "The signature over HASH_I or HASH_R, which authenticates the sender (RFC 2409 §5.1).",
        ),
    },
    Nonce: {
        "data": _octets(
            "Nonce Data",
            as_octets,
            ("Random octets that make this exchange unique; not secret, unless encrypted individually (RFC 2409 §5)."),
        ),
    },
    Notification: {
        "doi": _DOI,
        "protocol": _PROTOCOL,
        "spi": _spi("The SA concerned; for an ISAKMP SA, its two cookies (RFC 2408 §3.14)."),
        "type": _number(
            "Notify Message Type",
            named(NotifyType),
            "The notification type: error types are below 16384, status types above (RFC 2408 §3.14.1).",
        ),
        "data": _octets(
            "Notification Data", as_notification, "Additional data, as defined by the type (RFC 2408 §3.14)."
        ),
    },
    Delete: {
        "doi": _DOI,
        "protocol": _PROTOCOL,
        "spis": Meaning(
            (
                NumberMeaning(
                    "SPI Size",
                    as_count,
                    (
                        "The size of each SPI in octets: 4 for ESP and AH, 16 for the cookies of an ISAKMP SA (RFC "
                        "2408 §3.15)."
                    ),
                ),
                NumberMeaning("Number of SPIs", as_decimal, "The number of deleted SAs (RFC 2408 §3.15)."),
            ),
            OctetMeaning(
                "SPI", as_hex, "An SA that the sender has deleted: it drops further packets (RFC 2408 §3.15)."
            ),
        ),
    },
    VendorId: {
        "data": _octets(
            "Vendor ID",
            as_vendor,
            "A constant that identifies an extension or an implementation, often an MD5 hash (RFC 2408 §3.16).",
        ),
    },
    NatDiscovery: {
        "data": _octets(
            "Hash of Address and Port",
            as_octets,
            (
                "HASH(CKY-I | CKY-R | IP | Port): if it does not match the packet, there is a NAT on the path "
                "(RFC 3947 §3.2)."
            ),
        ),
        "number": Meaning(),
    },
    NatOriginalAddress: {
        "id_type": _number("ID Type", named(IdType), "IPv4 or IPv6 (RFC 3947 §5.2)."),
        "address": _octets(
            "Original Address",
            as_original_address,
            "The address before NAT, which transport mode needs to correct checksums (RFC 3947 §5.2).",
        ),
        "number": Meaning(),
    },
    ConfigAttributes: {
        "type": _number(
            "Type",
            named(ConfigType),
            "REQUEST and REPLY, or SET and ACK (draft-dukes-ike-mode-cfg-02 §3.3).",
        ),
        "identifier": _number(
            "Identifier", as_decimal, "Matches a reply to its request (draft-dukes-ike-mode-cfg-02 §3.2)."
        ),
        "attributes": Meaning(),
    },
    Fragment: {
        "id": _number("Fragment ID", as_decimal, "The same in all fragments of a message (MS-IKEE §2.2.3.1)."),
        "number": _number(
            "Fragment Number", as_decimal, "The number of the fragment, counted from 1 (MS-IKEE §2.2.3.1)."
        ),
        "last": _number(
            "Flags",
            lambda number, known: "last fragment (1)" if number & 1 else f"more follow ({number})",
            "Whether this is the last fragment (MS-IKEE §2.2.3.1).",
        ),
        "data": _octets(
            "Fragment Data", as_octets, "A part of an ISAKMP message including its header (MS-IKEE §2.2.3.1)."
        ),
    },
    Encrypted: {
        "number": Meaning(),
        "data": _octets(
            "Encrypted Body",
            as_octets,
            (
                "Encrypted individually, with the public key of the receiver or with a key sent under it (RFC "
                "2409 §5.2, §5.3)."
            ),
        ),
    },
    Unknown: {
        "number": Meaning(),
        "data": _octets("Data", as_octets, "Payloads of this type are not supported."),
    },
}
"""For each payload class, the meanings of its fields by name."""
