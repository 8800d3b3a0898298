"""Main Mode: six messages that agree on protection, exchange keys, and only then tell who is who (RFC 2409 §5)."""

from __future__ import annotations

from ikev1.core.exchanges.interpreter import Row, Script
from ikev1.core.exchanges.phase1_steps import accept_sa, answer_sa, choose_sa, establish, offer_sa, send_ke, take_ke
from ikev1.core.negotiation.responder_lifetime import lifetime_notify, notified_life
from ikev1.core.peer.authentication import identify_peer, identify_self, settle_connection
from ikev1.core.peer.phase1_auth import check_proof, prove
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.model import Life
from ikev1.core.records.record import present, replace
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification, Payload
from ikev1.wire.registry import DOI, ExchangeType, NotifyType, ProtocolId


def _send_auth(context: ExchangeContext, _: None) -> list[Payload]:
    """Our identity and its proof."""
    return [identify_self(context), *prove(context), *last_words(context)]


def last_words(context: ExchangeContext) -> list[Payload]:
    """What goes with our proof: a first call says that whatever the peer has of us is stale, and whoever answers with a
    shorter life than was offered says how long.
    """
    payloads: list[Payload] = []
    sa, chosen = context.sa, present(context.sa.chosen)
    if context.initiates and context.engine.first_contact(sa):
        payloads.append(Notification(DOI.IPSEC, ProtocolId.ISAKMP, sa.cookies, NotifyType.INITIAL_CONTACT, b""))
    if chosen.shortened:
        life = Life(chosen.lifetime, chosen.lifetime_kilobytes)
        payloads.append(lifetime_notify(ProtocolId.ISAKMP, sa.cookies, life))
    return payloads


def _verify_auth(context: ExchangeContext, message: Message) -> None:
    """The proof comes first: an identity that nobody proved tells nothing."""
    theirs = identify_peer(context, message)
    check_proof(context, message, theirs)
    settle_connection(context, theirs)
    take_last_words(context, message)


def take_last_words(context: ExchangeContext, message: Message) -> None:
    """An initiator obeys the responder, which may shorten the life of the SA."""
    if context.initiates:
        chosen = present(context.sa.chosen)
        life = Life(chosen.lifetime, chosen.lifetime_kilobytes)
        seconds, kilobytes = notified_life(message, ProtocolId.ISAKMP, life)
        context.sa = replace(context.sa, chosen=replace(chosen, lifetime=seconds, lifetime_kilobytes=kilobytes))


MAIN_MODE = Script(
    "MM",
    ExchangeType.IDENTITY_PROTECTION,
    (
        #   from  RFC 2409 §5.1, §5.4          build       check
        Row("i", "HDR, SA", offer_sa, choose_sa),
        Row("r", "HDR, SA", answer_sa, accept_sa),
        Row("i", "HDR, KE, Ni [, NAT-D]", send_ke, take_ke),
        Row("r", "HDR, KE, Nr [, NAT-D]", send_ke, take_ke),
        Row("i", "HDR*, IDii [, CERT], AUTH_I", _send_auth, _verify_auth),
        Row("r", "HDR*, IDir [, CERT], AUTH_R", _send_auth, _verify_auth),
    ),
    finish=establish,
)
