"""The place of a message in its exchange: MM1 to MM6, AM1 to AM3, QM1 to QM3 and the others.

What a message carries and who sent it says more than its number: captures begin late and lose messages.
"""

from __future__ import annotations

from ikev1.capture.seen import Seen
from ikev1.core.model import Role
from ikev1.wire.registry import ExchangeType, PayloadType

__all__ = ["UNKNOWN", "Courses", "exchange_name"]

UNKNOWN = "?"

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
    """The exchange as people call it; "Exchange 99" for one without a name."""
    return _NAMES.get(exchange, f"Exchange {exchange}")


class Courses:
    """How far each exchange of one conversation has come."""

    def __init__(self) -> None:
        self._began: dict[tuple[int, int], Role] = {}  # exchange and message ID: who sent its first message
        self._sent: dict[tuple[int, int, Role], int] = {}  # and how many different ones each side sent

    def label(self, seen: Seen) -> str:
        """The label of a message that was not seen before."""
        match seen.header.exchange:
            case ExchangeType.IDENTITY_PROTECTION:
                return _main_mode(seen)
            case ExchangeType.AGGRESSIVE:
                return _aggressive_mode(seen)
            case ExchangeType.INFORMATIONAL:
                return "INFO"
            case ExchangeType.TRANSACTION:
                return "CFG"
            case ExchangeType.QUICK_MODE:
                return self._turn(seen, "QM", 3)
            case ExchangeType.NEW_GROUP_MODE:
                return self._turn(seen, "NGM", 2)
            case _:
                return UNKNOWN

    def began(self, exchange: int, message_id: int) -> Role | None:
        """Who sent the first message of an exchange after phase 1: its initiator is not always that of the SA."""
        return self._began.get((exchange, message_id))

    def _turn(self, seen: Seen, name: str, most: int) -> str:
        """The messages of both sides alternate: the first side's are odd."""
        exchange = (seen.header.exchange, seen.header.message_id)
        began = self._began.setdefault(exchange, seen.sender)
        count = self._sent.get((*exchange, seen.sender), 0) + 1
        if name == "QM" and seen.message is not None and not seen.has(PayloadType.SECURITY_ASSOCIATION):
            count = 2  # nothing but a HASH: message 3, whatever was lost before it
        self._sent[*exchange, seen.sender] = count
        place = 2 * count - 1 if seen.sender is began else 2 * count
        return f"{name}{place}" if place <= most else UNKNOWN


def _main_mode(seen: Seen) -> str:
    """RFC 2409 §5.1, §5.4: SA, then KE, then what is encrypted."""
    second = seen.sender is Role.RESPONDER
    if seen.encrypted:
        return f"MM{5 + second}"
    if PayloadType.SECURITY_ASSOCIATION in (seen.header.next_payload, *_kinds(seen)):
        return f"MM{1 + second}"
    if not {PayloadType.KEY_EXCHANGE, PayloadType.NONCE}.isdisjoint((seen.header.next_payload, *_kinds(seen))):
        return f"MM{3 + second}"
    return UNKNOWN


def _aggressive_mode(seen: Seen) -> str:
    second = seen.sender is Role.RESPONDER
    if not seen.encrypted and PayloadType.SECURITY_ASSOCIATION in (seen.header.next_payload, *_kinds(seen)):
        return f"AM{1 + second}"
    return UNKNOWN if second else "AM3"


def _kinds(seen: Seen) -> tuple[int, ...]:
    return tuple(kind for kind in (PayloadType.SECURITY_ASSOCIATION, PayloadType.KEY_EXCHANGE) if seen.has(kind))
