"""Main Mode: six messages that negotiate a suite, exchange keys, and then authenticate the identities (RFC 2409 §5)."""

from __future__ import annotations

from ikev1.core.exchanges.interpreter import Row, Script
from ikev1.core.exchanges.phase1_steps import accept_sa, answer_sa, choose_sa, establish, offer_sa, send_ke, take_ke
from ikev1.core.negotiation.responder_lifetime import notified_life, shortened_lifetime
from ikev1.core.peer.authentication import identify_peer, identify_self, settle_connection
from ikev1.core.peer.phase1_auth import check_proof, prove
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.exchange import Life
from ikev1.core.records.record import present, replace
from ikev1.wire.message import Message
from ikev1.wire.payloads import Notification, Payload
from ikev1.wire.registry import DOI, ExchangeType, NotifyType, ProtocolId


def _send_auth(context: ExchangeContext, _: None) -> list[Payload]:
    """Our identity and its authentication."""
    return [identify_self(context), *prove(context), *final_notifications(context)]


def final_notifications(context: ExchangeContext) -> list[Payload]:
    """Notifications with our authentication: INITIAL-CONTACT from an initiator without other SAs with the peer, and
    RESPONDER-LIFETIME from a responder that shortens the lifetime.
    """
    payloads: list[Payload] = []
    sa, chosen = context.sa, present(context.sa.chosen)
    if context.initiates and context.engine.first_contact(sa):
        payloads.append(Notification(DOI.IPSEC, ProtocolId.ISAKMP, sa.cookies, NotifyType.INITIAL_CONTACT, b""))
    if chosen.shortened:
        payloads.append(shortened_lifetime(sa))
        context.sa = replace(sa, chosen=replace(chosen, shortened=False))
    return payloads


def _verify_auth(context: ExchangeContext, message: Message) -> None:
    """Verify the authentication before the identity is used to select a connection."""
    theirs = identify_peer(context, message)
    check_proof(context, message, theirs)
    settle_connection(context, theirs)
    take_responder_lifetime(context, message)


def take_responder_lifetime(context: ExchangeContext, message: Message) -> None:
    """Apply the responder's RESPONDER-LIFETIME if we are the initiator; it can only shorten the lifetime."""
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
