"""RESPONDER-LIFETIME: a responder that accepts less than was offered says so (RFC 2407 §4.5.4, §4.6.3.1)."""

from __future__ import annotations

from ikev1.core.life import PHASE_1, PHASE_2, Life, life_attributes, shorter, stated_life
from ikev1.wire.attributes import build_attributes, parse_attributes
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import DOI, NotifyType, ProtocolId

__all__ = ["lifetime_notify", "notified_life"]

_NAMES = {ProtocolId.ISAKMP: PHASE_1, ProtocolId.ESP: PHASE_2}


def lifetime_notify(protocol: ProtocolId, spi: bytes, life: Life) -> Notification:
    """The notify for an SA that lives so long; ``spi`` is the pair of cookies or our inbound SPI."""
    attributes = build_attributes(life_attributes(_NAMES[protocol], life))
    return Notification(DOI.IPSEC, protocol, spi, NotifyType.RESPONDER_LIFETIME, attributes)


def notified_life(message: Message, protocol: ProtocolId, life: Life) -> Life:
    """How long an SA offered with ``life`` lives by the responder's ``message``, which may only shorten it.

    Raises:
        Refusal: a duration comes without its type.
        PayloadMalformed: the attributes are malformed.
    """
    for notify in message.all(Notification):
        if notify.type == NotifyType.RESPONDER_LIFETIME and notify.protocol == protocol:
            life = shorter(life, stated_life(parse_attributes(notify.data), _NAMES[protocol]))
    return life
