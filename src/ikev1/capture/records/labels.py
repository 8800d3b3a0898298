"""The place of a message in its exchange: MM1 to MM6, AM1 to AM3, QM1 to QM3 and the others.

What a message carries and who sent it says more than its number: captures begin late and lose messages.
"""

from __future__ import annotations

from ikev1.capture.records.endpoints import other
from ikev1.capture.records.message_record import MessageRecord
from ikev1.core.records.exchange import Role
from ikev1.wire.registry import ExchangeType, PayloadType

UNKNOWN = "?"
_MOST_LABELLED = 16  # messages labelled per exchange

_NAMES: dict[int, str] = {
    ExchangeType.BASE: "Base",
    ExchangeType.IDENTITY_PROTECTION: "Main Mode",
    ExchangeType.AUTHENTICATION_ONLY: "Authentication Only",
    ExchangeType.AGGRESSIVE: "Aggressive Mode",
    ExchangeType.INFORMATIONAL: "Informational",
    ExchangeType.TRANSACTION: "Transaction",
    ExchangeType.QUICK_MODE: "Quick Mode",
    ExchangeType.NEW_GROUP_MODE: "New Group Mode",
}


def exchange_name(exchange: int) -> str:
    """The name of an exchange type; "Exchange 99" for an unregistered one."""
    return _NAMES.get(exchange, f"Exchange {exchange}")


def label_of(record: MessageRecord) -> str:
    """The label of a message whose position in its exchange follows from the message alone."""
    match record.header.exchange:
        case ExchangeType.IDENTITY_PROTECTION:
            return _main_mode(record)
        case ExchangeType.AGGRESSIVE:
            return _aggressive_mode(record)
        case ExchangeType.INFORMATIONAL:
            return "INFO"
        case ExchangeType.TRANSACTION:
            return "CFG"
        case _:
            return UNKNOWN


def _main_mode(record: MessageRecord) -> str:
    """RFC 2409 §5.1, §5.4: the SA messages, then the KE messages, then the encrypted ones."""
    second = record.sender is Role.RESPONDER
    if record.encrypted:
        return f"MM{5 + second}"
    if PayloadType.SECURITY_ASSOCIATION in (record.header.next_payload, *_kinds(record)):
        return f"MM{1 + second}"
    if not {PayloadType.KEY_EXCHANGE, PayloadType.NONCE}.isdisjoint((record.header.next_payload, *_kinds(record))):
        return f"MM{3 + second}"
    return UNKNOWN


def _aggressive_mode(record: MessageRecord) -> str:
    second = record.sender is Role.RESPONDER
    if not record.encrypted and PayloadType.SECURITY_ASSOCIATION in (record.header.next_payload, *_kinds(record)):
        return f"AM{1 + second}"
    return UNKNOWN if second else "AM3"


def _kinds(record: MessageRecord) -> tuple[int, ...]:
    return tuple(kind for kind in (PayloadType.SECURITY_ASSOCIATION, PayloadType.KEY_EXCHANGE) if record.has(kind))


# --- exchanges after phase 1


class Phase2Exchange:
    """The messages of one Quick Mode or New Group Mode, and the role that initiated it."""

    def __init__(self, exchange: int) -> None:
        self._name, self._last = ("QM", 3) if exchange == ExchangeType.QUICK_MODE else ("NGM", 2)
        self.messages: list[MessageRecord] = []
        self.initiator = Role.INITIATOR

    def add(self, record: MessageRecord) -> None:
        """Add a message that is not a retransmission, and relabel all: it may reveal the position of earlier ones."""
        if len(self.messages) < _MOST_LABELLED:
            self.messages.append(record)
            self.label()

    def label(self) -> None:
        """Label each message by its payloads, by its IV or, if both are unknown, by its position."""
        places = [self._shown(record) for record in self.messages]
        sides = [
            record.sender if place % 2 else other(record.sender)
            for record, place in zip(self.messages, places, strict=True)
            if place
        ]
        self.initiator = sides[0] if sides else self.messages[0].sender
        counts = {Role.INITIATOR: 0, Role.RESPONDER: 0}
        for record, shown in zip(self.messages, places, strict=True):
            counts[record.sender] += 1
            place = shown or 2 * counts[record.sender] - (record.sender is self.initiator)
            record.label = f"{self._name}{place}" if place <= self._last else UNKNOWN

    def _shown(self, record: MessageRecord) -> int:
        """The position of a decrypted message that follows from its payloads or IV; 0 if unknown."""
        if record.message is None:
            return 0
        if self._name == "QM" and not record.has(PayloadType.SECURITY_ASSOCIATION):
            return 3  # only a HASH
        if record.after is None:
            return 0
        return 2 if record.after else 1
