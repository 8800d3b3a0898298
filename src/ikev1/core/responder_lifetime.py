"""RESPONDER-LIFETIME: a responder that accepts less than was offered says so (RFC 2407 §4.5.4, §4.6.3.1)."""

from __future__ import annotations

from ikev1.core.proposal import life, lifetimes
from ikev1.wire.attributes import build_attributes, parse_attributes
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import DOI, NotifyType, Phase1Attribute, Phase2Attribute, ProtocolId

__all__ = ["lifetime_notify", "notified_lifetime"]

_ATTRIBUTES = {
    ProtocolId.ISAKMP: (Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION),
    ProtocolId.ESP: (Phase2Attribute.SA_LIFE_TYPE, Phase2Attribute.SA_LIFE_DURATION),
}


def lifetime_notify(protocol: ProtocolId, spi: bytes, seconds: int) -> Notification:
    """The notify for an SA that lives ``seconds``; ``spi`` is the pair of cookies or our inbound SPI."""
    attributes = build_attributes(life(*_ATTRIBUTES[protocol], seconds, 0))
    return Notification(DOI.IPSEC, protocol, spi, NotifyType.RESPONDER_LIFETIME, attributes)


def notified_lifetime(message: Message, protocol: ProtocolId, seconds: int) -> int:
    """Seconds that an SA offered with ``seconds`` lives after what the responder's ``message`` says, which may only
    shorten it.

    Raises:
        Refusal: a duration comes without its type.
        PayloadMalformed: the attributes are malformed.
    """
    for notify in message.all(Notification):
        if notify.type == NotifyType.RESPONDER_LIFETIME and notify.protocol == protocol:
            told, _ = lifetimes(parse_attributes(notify.data), *_ATTRIBUTES[protocol])
            seconds = min(seconds, told)
    return seconds
