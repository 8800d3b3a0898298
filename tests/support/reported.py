"""Reports on captures in few words: messages built from payloads, without the packets around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ikev1.capture.records.report import Conversation, Message, Party, Report
from ikev1.wire.attributes import Attribute
from ikev1.wire.header import Header
from ikev1.wire.message import build_message
from ikev1.wire.payloads import KeyExchange, Nonce, Payload, Proposal, SecurityAssociation, Transform
from ikev1.wire.registry import (
    DOI,
    AuthenticationMethod,
    Encryption,
    ExchangeType,
    Group,
    HashAlgorithm,
    Phase1Attribute,
    Phase2Attribute,
    ProtocolId,
    Situation,
)

CALLER, GATEWAY = "192.0.2.1", "198.51.100.2"
CKY_I, CKY_R = b"initiate", b"responds"

_EXCHANGES = {
    "MM": ExchangeType.IDENTITY_PROTECTION,
    "AM": ExchangeType.AGGRESSIVE,
    "QM": ExchangeType.QUICK_MODE,
    "CF": ExchangeType.TRANSACTION,
}
_NAMES = {"MM": "Main Mode", "AM": "Aggressive Mode", "QM": "Quick Mode", "CF": "Transaction"}


def phase1(
    *,
    encryption: int = Encryption.AES_CBC,
    hash: int = HashAlgorithm.SHA2_256,
    group: int = Group.MODP_2048,
    method: int = AuthenticationMethod.PRE_SHARED_KEY,
    lifetime: int = 3600,
) -> Transform:
    """A transform of phase 1."""
    return Transform(
        1,
        1,
        (
            Attribute(Phase1Attribute.ENCRYPTION_ALGORITHM, encryption),
            Attribute(Phase1Attribute.HASH_ALGORITHM, hash),
            Attribute(Phase1Attribute.GROUP_DESCRIPTION, group),
            Attribute(Phase1Attribute.AUTHENTICATION_METHOD, method),
            Attribute(Phase1Attribute.LIFE_TYPE, 1),
            Attribute.of_number(Phase1Attribute.LIFE_DURATION, lifetime),
        ),
    )


def phase2(transform: int, integrity: int = 0, group: int = 0, lifetime: int = 3600) -> Transform:
    """A transform of phase 2."""
    attributes = [
        Attribute(Phase2Attribute.SA_LIFE_TYPE, 1),
        Attribute.of_number(Phase2Attribute.SA_LIFE_DURATION, lifetime),
    ]
    if integrity:
        attributes.append(Attribute(Phase2Attribute.AUTHENTICATION_ALGORITHM, integrity))
    if group:
        attributes.append(Attribute(Phase2Attribute.GROUP_DESCRIPTION, group))
    return Transform(1, transform, tuple(attributes))


def sa(*transforms: Transform, protocol: int = ProtocolId.ISAKMP) -> SecurityAssociation:
    """An SA payload of one proposal."""
    spi = b"" if protocol == ProtocolId.ISAKMP else b"\x01\x02\x03\x04"
    return SecurityAssociation(DOI.IPSEC, Situation.IDENTITY_ONLY, (Proposal(1, protocol, spi, transforms),))


def share(seed: int = 1) -> tuple[Payload, ...]:
    """A public value and a nonce that no other seed gives."""
    return KeyExchange(seed.to_bytes(1) * 32), Nonce((seed + 100).to_bytes(1) * 16)


def message(label: str, *payloads: Payload, frame: int = 1, caller: str = CALLER, **options: Any) -> Message:
    """One message as a report has it; those of even numbers come from the responder, except in Quick Mode, too."""
    exchange = label[:2]
    octets = build_message(
        Header(CKY_I, CKY_R if label not in ("MM1", "AM1") else bytes(8), 0, _EXCHANGES[exchange], 0, 0, 0), payloads
    ).hex()
    from_initiator = not label.endswith("2") and label not in ("MM4", "MM6")
    ends = (f"{caller}[500]", f"{GATEWAY}[500]")
    sealed = exchange in ("QM", "CF") or label in ("MM5", "MM6")
    described: dict[str, Any] = {
        "label": label,
        "exchange": _NAMES[exchange],
        "message_id": "00000000",
        "sender": "initiator" if from_initiator else "responder",
        "frames": (frame,),
        "time": 1_700_000_000.0,
        "source": ends[0 if from_initiator else 1],
        "destination": ends[1 if from_initiator else 0],
        "encrypted": sealed,
        "decrypted": sealed,
        "line": "",
        "security": "",
        "octets": octets,
        "plaintext": octets,
    }
    return Message(**(described | options))


def conversation(*messages: Message, number: int = 1, caller: str = CALLER, **options: Any) -> Conversation:
    """One conversation."""
    described: dict[str, Any] = {
        "number": number,
        "initiator": Party(address=caller, ports=(500,)),
        "responder": Party(address=GATEWAY, ports=(500,)),
        "initiator_cookie": f"{number:016x}",
        "responder_cookie": CKY_R.hex(),
        "mode": "Main Mode",
        "authentication": "PRE_SHARED_KEY",
        "suite": "",
        "outcome": "established",
        "summary": "",
        "first_time": 1_700_000_000.0,
        "last_time": 1_700_000_001.0,
        "messages": messages,
        "answers": (),
    }
    return Conversation(**(described | options))


def report(*conversations: Conversation, frames: int = 1, notes: Sequence[str] = ()) -> Report:
    """A whole capture."""
    return Report(source="test.pcap", frames=frames, conversations=conversations, notes=tuple(notes))
