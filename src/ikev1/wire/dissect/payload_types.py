"""The names and purposes of payloads."""

from __future__ import annotations

from ikev1.wire.registry import PayloadType

_NAT_D = (
    "NAT Discovery Payload",
    (
        "A hash of an address and port as seen by the sender: the first of the receiver, the others of the "
        "sender itself (RFC 3947 §3.2)."
    ),
)
_NAT_OA = ("NAT Original Address Payload", "The address of a peer without NAT (RFC 3947 §5.2).")

_PAYLOADS: dict[int, tuple[str, str]] = {
    PayloadType.SECURITY_ASSOCIATION: (
        "Security Association Payload",
        (
            "The offer of the initiator or the selection of the responder: algorithms, groups, lifetimes "
            "(RFC 2408 §3.4)."
        ),
    ),
    PayloadType.PROPOSAL: ("Proposal Payload", "One protocol and its alternative transforms (RFC 2408 §3.5)."),
    PayloadType.TRANSFORM: (
        "Transform Payload",
        "One combination of algorithms and lifetimes (RFC 2408 §3.6).",
    ),
    PayloadType.KEY_EXCHANGE: (
        "Key Exchange Payload",
        (
            "The public value of the Diffie-Hellman exchange; in Quick Mode it provides perfect forward "
            "secrecy (RFC 2408 §3.7)."
        ),
    ),
    PayloadType.IDENTIFICATION: (
        "Identification Payload",
        "The identity of the sender, or a host or network of the tunnel (RFC 2408 §3.8).",
    ),
    PayloadType.CERTIFICATE: (
        "Certificate Payload",
        "A certificate of the sender, or of an authority that issued one (RFC 2408 §3.9).",
    ),
    PayloadType.CERTIFICATE_REQUEST: (
        "Certificate Request Payload",
        "A request for a certificate from an authority that the sender trusts (RFC 2408 §3.10).",
    ),
    PayloadType.HASH: (
        "Hash Payload",
        "Proves that the sender knows the keys and that the message was not modified (RFC 2408 §3.11).",
    ),
    PayloadType.SIGNATURE: ("Signature Payload", "Proves that the sender has the private key (RFC 2408 §3.12)."),
    PayloadType.NONCE: ("Nonce Payload", "Random octets that enter the key derivation (RFC 2408 §3.13)."),
    PayloadType.NOTIFICATION: ("Notification Payload", "An error or a status notification (RFC 2408 §3.14)."),
    PayloadType.DELETE: ("Delete Payload", "SAs that the sender has deleted (RFC 2408 §3.15)."),
    PayloadType.VENDOR_ID: (
        "Vendor ID Payload",
        "Identifies an extension or the implementation of the sender (RFC 2408 §3.16).",
    ),
    PayloadType.ATTRIBUTES: (
        "Attributes Payload",
        "Addresses and settings for a client, or a login (draft-dukes-ike-mode-cfg-02 §3.2).",
    ),
    PayloadType.NAT_D: _NAT_D,
    PayloadType.NAT_D_DRAFT: _NAT_D,
    PayloadType.NAT_D_PRE_DRAFT: _NAT_D,
    PayloadType.NAT_OA: _NAT_OA,
    PayloadType.NAT_OA_DRAFT: _NAT_OA,
    PayloadType.FRAGMENT: (
        "Fragment Payload",
        "A part of a message that is too long for one datagram (MS-IKEE §2.2.3.1).",
    ),
}


def payload_name(number: int) -> str:
    """The name of a payload type."""
    return _PAYLOADS[number][0] if number in _PAYLOADS else f"Payload of Type {number}"


def payload_about(number: int) -> str:
    """The purpose of a payload type; empty if unknown."""
    return _PAYLOADS[number][1] if number in _PAYLOADS else ""
