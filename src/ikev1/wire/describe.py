"""One-line descriptions of messages for logs. Keys, nonces, hashes and passwords appear only by length."""

from __future__ import annotations

from itertools import groupby

from ikev1.wire.attributes import parse_attributes
from ikev1.wire.errors import WireError
from ikev1.wire.message import Message
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
    VendorId,
    payload_type,
)
from ikev1.wire.registry import CertificateEncoding, ConfigType, NotifyType, PayloadType
from ikev1.wire.vendors import vendor_name
from ikev1.wire.words import address, config_words, identity, lifetimes, octets, spi_words, transform_words

SHOWN = 8
"""The maximum number of transforms, SPIs or attributes listed individually."""


def describe(message: Message) -> str:
    """The payloads of a message in the clear, such as ``SA(ISAKMP: AES_CBC-256/SHA1/MODP_1024/PRE_SHARED_KEY, 24h)
    VID(12 octets)``. Whatever a peer put into it, the line has neither control characters nor any secret.
    """
    return " ".join([describe_payload(payload) for payload in message.payloads])


def describe_payload(payload: Payload) -> str:
    """The description of one payload."""
    match payload:
        case SecurityAssociation(_, _, proposals):
            return f"SA({_proposals(proposals)})"
        case KeyExchange(data):
            return f"KE({octets(data)})"
        case Identification():
            return f"ID({identity(payload)})"
        case Certificate(encoding, data):
            return f"CERT({CertificateEncoding(encoding).name}, {octets(data)})"
        case CertificateRequest(encoding, authority):
            return f"CERTREQ({CertificateEncoding(encoding).name}, {octets(authority) if authority else 'any CA'})"
        case Hash(data):
            return f"HASH({octets(data)})"
        case Signature(data):
            return f"SIG({octets(data)})"
        case Nonce(data):
            return f"NONCE({octets(data)})"
        case Notification():
            return f"N({_notification(payload)})"
        case Delete(_, protocol, spis):
            return f"D({_some([spi_words(protocol, spi) for spi in spis[: SHOWN + 1]], len(spis))})"
        case VendorId(data):
            return f"VID({vendor_name(data) or octets(data)})"
        case NatDiscovery(data):
            return f"NAT-D({octets(data)})"
        case NatOriginalAddress():
            return f"NAT-OA({address(payload.address)})"
        case ConfigAttributes(type, identifier, attributes):
            words = _some([config_words(attribute) for attribute in attributes[: SHOWN + 1]], len(attributes))
            return f"ATTR({ConfigType(type).name} {identifier}: {words})"
        case Fragment(id, number, last, data):
            return f"FRAGMENT({number}{', the last' if last else ''}, of message {id}, {octets(data)})"
        case Encrypted(number, data):
            return f"{PayloadType(number).name}({len(data)} encrypted octets)"
        case _:
            return f"{PayloadType(payload_type(payload)).name}({octets(payload.data)})"


def _some(words: list[str], count: int) -> str:
    more = [f"{count - SHOWN} more"] if count > SHOWN else []
    return ", ".join(words[:SHOWN] + more) or "none"


def _proposals(proposals: tuple[Proposal, ...]) -> str:
    """Alternatives are separated by semicolons, proposals with the same number (RFC 2408 §4.2) by plus signs."""
    together = [" + ".join(map(_proposal, group)) for _, group in groupby(proposals, lambda proposal: proposal.number)]
    return "; ".join(together)


def _proposal(proposal: Proposal) -> str:
    transforms = [transform_words(proposal.protocol, transform) for transform in proposal.transforms[:SHOWN]]
    if len(proposal.transforms) > SHOWN:
        transforms.append(f"{len(proposal.transforms) - SHOWN} more")
    return f"{spi_words(proposal.protocol, proposal.spi)}: {' | '.join(transforms)}"


def _notification(payload: Notification) -> str:
    """The type, the SA, and the data formatted according to the type (RFC 2407 §4.6.3, RFC 3706 §5.3)."""
    about = f"{NotifyType(payload.type).name}, {spi_words(payload.protocol, payload.spi)}"
    data = payload.data
    if not data:
        return about
    match payload.type:
        case NotifyType.R_U_THERE | NotifyType.R_U_THERE_ACK | NotifyType.REPLAY_STATUS if len(data) == 4:
            return f"{about}, {int.from_bytes(data, 'big')}"
        case NotifyType.RESPONDER_LIFETIME:
            try:
                words = lifetimes(payload.protocol, parse_attributes(data))
            except WireError:
                words = []
            return ", ".join([about, *(words or [octets(data)])])
        case NotifyType.LOAD_BALANCE if len(data) == 4:
            return f"{about}, {address(data)}"
        case _:
            return f"{about}, {octets(data)}"
