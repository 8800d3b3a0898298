"""RESPONDER-LIFETIME: how a responder announces a shorter lifetime than offered (RFC 2407 §4.5.4, §4.6.3.1)."""

from __future__ import annotations

from ikev1.core.negotiation.lifetime_attributes import PHASE_1, PHASE_2, life_attributes, shorter, stated_life
from ikev1.core.negotiation.rekey_times import SHORTEST, deadlines
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.exchange import Life, Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.record import present, replace
from ikev1.core.records.settings import Rekeying
from ikev1.wire.attributes import build_attributes, parse_attributes
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import DOI, NotifyType, ProtocolId

_NAMES: dict[int, tuple[int, int]] = {
    ProtocolId.ISAKMP: PHASE_1,
    ProtocolId.ESP: PHASE_2,
    ProtocolId.AH: PHASE_2,
}


def lifetime_notify(protocol: int, spi: bytes, life: Life) -> Notification:
    """The notification of lifetime ``life``; ``spi`` is the pair of cookies, or our inbound SPI for an IPsec SA."""
    attributes = build_attributes(life_attributes(_NAMES[protocol], life))
    return Notification(DOI.IPSEC, protocol, spi, NotifyType.RESPONDER_LIFETIME, attributes)


def shortened_lifetime(sa: IkeSa) -> Notification:
    """The notification of the lifetime of ``sa``, which this gateway has shortened (`Chosen.shortened`)."""
    chosen = present(sa.chosen)
    return lifetime_notify(ProtocolId.ISAKMP, sa.cookies, Life(chosen.lifetime, chosen.lifetime_kilobytes))


def notified_life(message: Message, protocol: int, life: Life) -> Life:
    """The lifetime of an SA offered with ``life`` after the notifications in the responder's ``message``, which can
    only shorten it.

    Raises:
        Refusal: a life duration has no life type.
        WireError: the attributes are malformed.
    """
    for notify in message.all(Notification):
        if notify.type == NotifyType.RESPONDER_LIFETIME and notify.protocol == protocol:
            life = shorter(life, stated_life(parse_attributes(notify.data), _NAMES[protocol]))
    return life


def shorten_established(context: ExchangeContext, notify: Notification) -> None:
    """Shorten an established SA that we initiated to the responder's RESPONDER-LIFETIME. Some peers send it "in a
    separate Informational Exchange after Main Mode or Aggressive Mode processing is complete" (RFC 2407 §4.6.3).

    Raises:
        Refusal: a life duration has no life type.
        WireError: the attributes are malformed.
    """
    sa = context.sa
    names = _NAMES.get(notify.protocol)
    seconds = stated_life(parse_attributes(notify.data), names).seconds if names else 0
    if not seconds:
        return
    if names is PHASE_2:
        about = notify.protocol, int.from_bytes(notify.spi)
        children = tuple(
            _shortened(context, child, seconds) if about == (child.suite.protocol, child.outbound.spi) else child
            for child in sa.children
        )
        context.sa = replace(sa, children=children)
    elif sa.role is Role.INITIATOR and sa.state is IkeState.ESTABLISHED:
        rekey_at, expires_at = _deadlines(context, sa.established_at, seconds, context.connection.rekeying)
        if expires_at < sa.expires_at:
            context.sa = replace(sa, rekey_at=rekey_at, expires_at=expires_at)


def _shortened(context: ExchangeContext, child: ChildSa, seconds: int) -> ChildSa:
    tunnel = context.connection.tunnel(child.name)
    rekeying = Rekeying() if tunnel is None else tunnel.rekeying
    rekey_at, expires_at = _deadlines(context, child.created_at, seconds, rekeying)
    if not child.initiator or child.state is not ChildState.INSTALLED or expires_at >= child.expires_at:
        return child
    return replace(child, rekey_at=rekey_at, expires_at=expires_at)


def _deadlines(context: ExchangeContext, since: float, seconds: int, rekeying: Rekeying) -> tuple[float, float]:
    seconds = max(seconds, SHORTEST)
    since = max(since, context.now + SHORTEST - seconds)  # a late notification still leaves time to rekey
    configured = rekeying if context.connection.rekey else None
    return deadlines(since, seconds, Role.INITIATOR, configured, context.engine.random)
