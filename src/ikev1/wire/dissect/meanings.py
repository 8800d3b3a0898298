"""What each declared field is called in the RFCs, how its value reads, and what it is there for."""

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
    """Of a number in the head."""

    name: str
    words: NumberWords
    about: str


class OctetMeaning(NamedTuple):
    """Of octets after the head."""

    name: str
    words: OctetWords
    about: str


class Meaning(NamedTuple):
    """Of one declared field: one for each of its numbers, and one for its octets if it has any of its own."""

    numbers: tuple[NumberMeaning, ...] = ()
    octets: OctetMeaning | None = None


def _number(name: str, words: NumberWords, about: str) -> Meaning:
    return Meaning((NumberMeaning(name, words, about),))


def _octets(name: str, words: OctetWords, about: str) -> Meaning:
    return Meaning((), OctetMeaning(name, words, about))


def _spi(about: str) -> Meaning:
    size = NumberMeaning(
        "SPI Size", as_count, "How many octets the SPI has; none is usual in phase 1, where the cookies stand for it."
    )
    return Meaning((size,), OctetMeaning("SPI", as_hex, about))


_DOI = _number(
    "DOI",
    named(DOI),
    "The Domain of Interpretation says whose numbers follow: 1 means those of IPsec (RFC 2407 §4.6).",
)
_PROTOCOL = _number(
    "Protocol ID",
    named(ProtocolId),
    "Which protocol this is about: ISAKMP itself, ESP, AH or IPCOMP (RFC 2407 §4.4.1).",
)

MEANINGS: dict[type[tuple[Any, ...]], dict[str, Meaning]] = {
    SecurityAssociation: {
        "doi": _DOI,
        "situation": _number(
            "Situation",
            named_bits(Situation),
            "What kind of decision this is: IDENTITY_ONLY means that who the peers are is enough (RFC 2407 §4.2).",
        ),
        "proposals": Meaning(),
    },
    Proposal: {
        "number": _number(
            "Proposal Number",
            as_decimal,
            (
                "Proposals of different numbers are alternatives; those of the same number are wanted "
                "together (RFC 2408 §4.2)."
            ),
        ),
        "protocol": _PROTOCOL,
        "spi": _spi(
            "The Security Parameter Index: the sender wants to receive packets that bear this number (RFC 2408 §3.5)."
        ),
        "transforms": _number(
            "Number of Transforms",
            as_decimal,
            "How many transforms follow, the best liked first; the answer names one of them (RFC 2408 §3.5).",
        ),
    },
    Transform: {
        "number": _number(
            "Transform Number", as_decimal, "The transform's number within its proposal (RFC 2408 §3.6)."
        ),
        "id": _number(
            "Transform ID",
            as_transform_id,
            (
                "In phase 1 always KEY_IKE; for ESP the cipher, for AH the hash, for IPCOMP the compression "
                "(RFC 2407 §4.4)."
            ),
        ),
        "attributes": Meaning(),
    },
    KeyExchange: {
        "data": _octets(
            "Key Exchange Data",
            as_octets,
            (
                "The public Diffie-Hellman value g^x: everybody may see it, x stays with the sender, and the group "
                "names p and g (RFC 2409 §5)."
            ),
        ),
    },
    Identification: {
        "id_type": _number("ID Type", named(IdType), "What kind of name this is (RFC 2407 §4.6.2.1)."),
        "protocol": _number(
            "Protocol ID", as_decimal, "The IP protocol that is meant, 17 for UDP; 0 is any (RFC 2407 §4.6.2)."
        ),
        "port": _number("Port", as_decimal, "The port that is meant; 0 is any (RFC 2407 §4.6.2)."),
        "data": _octets(
            "Identification Data",
            as_identity,
            (
                "In phase 1 who the sender is; in Quick Mode between which hosts or networks the tunnel "
                "runs (RFC 2407 §4.6.2)."
            ),
        ),
    },
    Certificate: {
        "encoding": _number(
            "Certificate Encoding",
            named(CertificateEncoding),
            "What kind of certificate this is, mostly one for X.509 signatures (RFC 2408 §3.9).",
        ),
        "data": _octets(
            "Certificate Data",
            as_octets,
            "The certificate, which binds the sender's public key to its name (RFC 2408 §3.9).",
        ),
    },
    CertificateRequest: {
        "encoding": _number(
            "Certificate Type",
            named(CertificateEncoding),
            "What kind of certificate the sender would like to have (RFC 2408 §3.10).",
        ),
        "authority": _octets(
            "Certificate Authority", as_octets, "The name of an authority that the sender trusts (RFC 2408 §3.10)."
        ),
    },
    Hash: {
        "data": _octets(
            "Hash Data",
            as_octets,
            (
                "A keyed hash: only who has the keys can make it, and any change to what it covers would "
                "show (RFC 2409 §5)."
            ),
        ),
    },
    Signature: {
        "data": _octets(
            "Signature Data",
            as_octets,
            "The sender's private key over HASH_I or HASH_R: it proves who the sender is (RFC 2409 §5.1).",
        ),
    },
    Nonce: {
        "data": _octets(
            "Nonce Data",
            as_octets,
            (
                "Random octets that make this run of the exchange unlike any other; not secret, unless "
                "encrypted on its own (RFC 2409 §5)."
            ),
        ),
    },
    Notification: {
        "doi": _DOI,
        "protocol": _PROTOCOL,
        "spi": _spi("Which SA this is about; of an ISAKMP SA, its two cookies (RFC 2408 §3.14)."),
        "type": _number(
            "Notify Message Type",
            named(NotifyType),
            "What is told: errors are numbered below 16384, states from there on (RFC 2408 §3.14.1).",
        ),
        "data": _octets(
            "Notification Data", as_notification, "More about it, where the type asks for more (RFC 2408 §3.14)."
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
                        "How many octets each SPI has: 4 for ESP and AH, 16 for both cookies of an ISAKMP SA (RFC "
                        "2408 §3.15)."
                    ),
                ),
                NumberMeaning("Number of SPIs", as_decimal, "How many SAs are deleted (RFC 2408 §3.15)."),
            ),
            OctetMeaning(
                "SPI", as_hex, "An SA that the sender no longer has: packets to it would be lost (RFC 2408 §3.15)."
            ),
        ),
    },
    VendorId: {
        "data": _octets(
            "Vendor ID",
            as_vendor,
            "A constant that tells of an extension or of the maker, often the MD5 of a text (RFC 2408 §3.16).",
        ),
    },
    NatDiscovery: {
        "data": _octets(
            "Hash of Address and Port",
            as_octets,
            (
                "HASH(CKY-I | CKY-R | IP | Port): if it does not fit the packet that it came in, a NAT is "
                "in between (RFC 3947 §3.2)."
            ),
        ),
        "number": Meaning(),
    },
    NatOriginalAddress: {
        "id_type": _number("ID Type", named(IdType), "IPv4 or IPv6 (RFC 3947 §5.2)."),
        "address": _octets(
            "Original Address",
            as_original_address,
            "An address before any NAT changed it: transport mode needs it to mend checksums (RFC 3947 §5.2).",
        ),
        "number": Meaning(),
    },
    ConfigAttributes: {
        "type": _number(
            "Type",
            named(ConfigType),
            "Who asks or gives: REQUEST and REPLY, or SET and ACK (draft-dukes-ike-mode-cfg-02 §3.3).",
        ),
        "identifier": _number(
            "Identifier", as_decimal, "Ties a reply to its request (draft-dukes-ike-mode-cfg-02 §3.2)."
        ),
        "attributes": Meaning(),
    },
    Fragment: {
        "id": _number("Fragment ID", as_decimal, "The same in all pieces of one message (MS-IKEE §2.2.3.1)."),
        "number": _number("Fragment Number", as_decimal, "Which piece this is, counted from 1 (MS-IKEE §2.2.3.1)."),
        "last": _number(
            "Flags",
            lambda number, known: "last fragment (1)" if number & 1 else f"more follow ({number})",
            "Whether this is the last piece (MS-IKEE §2.2.3.1).",
        ),
        "data": _octets(
            "Fragment Data", as_octets, "A piece of an ISAKMP message, its header included (MS-IKEE §2.2.3.1)."
        ),
    },
    Encrypted: {
        "number": Meaning(),
        "data": _octets(
            "Encrypted Body",
            as_octets,
            (
                "Encrypted on its own: with the receiver's public key, or a key that was sent under it (RFC "
                "2409 §5.2, §5.3)."
            ),
        ),
    },
    Unknown: {
        "number": Meaning(),
        "data": _octets("Data", as_octets, "Nobody here reads payloads of this type."),
    },
}
"""By payload class, and there by the names of its declaration."""
