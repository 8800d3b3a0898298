"""What each payload is called, and what it is for."""

from __future__ import annotations

from ikev1.wire.registry import PayloadType

_NAT_D = (
    "NAT Discovery Payload",
    (
        "A hash of an address and port as its sender sees them: the first is the receiver's, the "
        "others the sender's own (RFC 3947 §3.2)."
    ),
)
_NAT_OA = ("NAT Original Address Payload", "An end's address as it is without NAT (RFC 3947 §5.2).")

_PAYLOADS: dict[int, tuple[str, str]] = {
    PayloadType.SECURITY_ASSOCIATION: (
        "Security Association Payload",
        (
            "What the initiator offers, or which of it the responder takes: algorithms, groups, "
            "lifetimes (RFC 2408 §3.4)."
        ),
    ),
    PayloadType.PROPOSAL: ("Proposal Payload", "One protocol, and the ways in which it may be done (RFC 2408 §3.5)."),
    PayloadType.TRANSFORM: (
        "Transform Payload",
        "One way to do it: algorithms and lifetimes that belong together (RFC 2408 §3.6).",
    ),
    PayloadType.KEY_EXCHANGE: (
        "Key Exchange Payload",
        (
            "One half of the Diffie-Hellman exchange; in Quick Mode its presence means perfect forward "
            "secrecy (RFC 2408 §3.7)."
        ),
    ),
    PayloadType.IDENTIFICATION: (
        "Identification Payload",
        "Who the sender is, or whom the tunnel is for (RFC 2408 §3.8).",
    ),
    PayloadType.CERTIFICATE: (
        "Certificate Payload",
        "A certificate with the sender's public key, or one that vouches for it (RFC 2408 §3.9).",
    ),
    PayloadType.CERTIFICATE_REQUEST: (
        "Certificate Request Payload",
        "Asks for a certificate of an authority that the sender trusts (RFC 2408 §3.10).",
    ),
    PayloadType.HASH: (
        "Hash Payload",
        "Proves that the sender has the keys and that nothing was changed (RFC 2408 §3.11).",
    ),
    PayloadType.SIGNATURE: ("Signature Payload", "Proves that the sender has the private key (RFC 2408 §3.12)."),
    PayloadType.NONCE: ("Nonce Payload", "Random octets, a part of what the keys are made from (RFC 2408 §3.13)."),
    PayloadType.NOTIFICATION: ("Notification Payload", "An error, or a piece of news (RFC 2408 §3.14)."),
    PayloadType.DELETE: ("Delete Payload", "SAs that the sender has deleted on its side (RFC 2408 §3.15)."),
    PayloadType.VENDOR_ID: (
        "Vendor ID Payload",
        "Names an extension that the sender has, or who made it (RFC 2408 §3.16).",
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
        "A piece of a message that was too long for one datagram (MS-IKEE §2.2.3.1).",
    ),
}


def payload_name(number: int) -> str:
    """The name of a payload by its type."""
    return _PAYLOADS[number][0] if number in _PAYLOADS else f"Payload of Type {number}"


def payload_about(number: int) -> str:
    """What it is for; empty where that is not known."""
    return _PAYLOADS[number][1] if number in _PAYLOADS else ""
