"""Phase 1 authenticated with public key encryption (RFC 2409 §5.2).

Identity and nonce are encrypted with the peer's RSA key. A peer that can decrypt the nonce has the private key, and
proves this with a HASH that depends on both nonces. Nothing is signed, so nobody can prove to others that the exchange
took place.
"""

from __future__ import annotations

from functools import partial

from ikev1.core.exchanges.aggressive_mode import accepting_connections, build_am3, offer_policies, verify_am3
from ikev1.core.exchanges.interpreter import Row, Script
from ikev1.core.exchanges.main_mode import MAIN_MODE, final_notifications, take_responder_lifetime
from ikev1.core.exchanges.phase1_steps import (
    SaReply,
    accept_sa,
    choose_among,
    establish,
    look_for_nat,
    nat_d,
    no_connection,
    offer_sa,
    send_share,
    take_share,
)
from ikev1.core.peer import identity
from ikev1.core.peer.authentication import identify_peer, identify_self, settle_connection
from ikev1.core.peer.phase1_auth import check_proof, prove
from ikev1.core.peer.rsa_encrypted_payloads import (
    certificate_hash,
    check_key_is_for,
    decrypt_bodies,
    encrypt_body,
    encrypts_for_peer,
    own_key,
    select_by_certificate,
    select_by_identity,
    suite_of,
)
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.exchange import Role
from ikev1.crypto import public_key_encryption
from ikev1.wire.message import Message
from ikev1.wire.payloads import Payload
from ikev1.wire.registry import AuthenticationMethod, ExchangeType

# --- KE, identity and nonce -----------------------------------------------------------------------------------------


def _share(context: ExchangeContext) -> list[Payload]:
    """``[HASH(1),] KE, <ID_b>PubKey, <N_b>PubKey``; HASH(1) only from an initiator."""
    encrypt = encrypts_for_peer(context)
    ke, nonce = send_share(context, suite_of(context).group)
    return [*certificate_hash(context), ke, encrypt_body(identify_self(context), encrypt), encrypt_body(nonce, encrypt)]


def _open(context: ExchangeContext, message: Message) -> Message:
    select_by_certificate(context, message)
    key = own_key(context)
    return decrypt_bodies(message, key, partial(public_key_encryption.decrypt, key))


def _take_share(context: ExchangeContext, message: Message) -> Message:
    clear = _open(context, message)
    take_decrypted_share(context, clear)
    return clear


def take_decrypted_share(context: ExchangeContext, clear: Message) -> None:
    """Record public value, identity and nonce of a message whose bodies were decrypted."""
    theirs = identify_peer(context, clear)
    if context.sa.role is Role.RESPONDER:
        select_by_identity(context, theirs)
    take_share(context, clear)


# --- Main Mode ------------------------------------------------------------------------------------------------------


def _send_ke(context: ExchangeContext, _: None) -> list[Payload]:
    return [*_share(context), *nat_d(context)]


def _take_ke(context: ExchangeContext, message: Message) -> None:
    look_for_nat(context, _take_share(context, message))


def _send_hash(context: ExchangeContext, _: None) -> list[Payload]:
    return [*prove(context), *final_notifications(context)]


def _take_hash(context: ExchangeContext, message: Message) -> None:
    check_peer(context, message, context.sa.peer_id_body)
    take_responder_lifetime(context, message)


def check_peer(context: ExchangeContext, message: Message, claimed: bytes) -> None:
    """Verify the HASH in ``message``, then that the peer's identity is expected and the key is for this identity;
    ``claimed`` is the body of the peer's identification payload.
    """
    theirs = identity.parse(claimed)
    check_proof(context, message, theirs)
    settle_connection(context, theirs)
    check_key_is_for(context, theirs)


SA_ROWS = MAIN_MODE.rows[:2]
HASH_ROWS = (Row("i", "HDR*, HASH_I", _send_hash, _take_hash), Row("r", "HDR*, HASH_R", _send_hash, _take_hash))
"""The first two and the last two rows of Main Mode with either method of public key encryption."""

MAIN_MODE_RSA_ENCRYPTION = Script(
    "MM",
    ExchangeType.IDENTITY_PROTECTION,
    (
        #   from  RFC 2409 §5.2                                                    build      check
        *SA_ROWS,
        Row("i", "HDR, KE, [HASH(1),] <IDii_b>PubKey_r, <Ni_b>PubKey_r [, NAT-D]", _send_ke, _take_ke),
        Row("r", "HDR, KE, <IDir_b>PubKey_i, <Nr_b>PubKey_i [, NAT-D]", _send_ke, _take_ke),
        *HASH_ROWS,
    ),
    finish=establish,
    method=AuthenticationMethod.RSA_ENCRYPTION,
)


# --- Aggressive Mode ------------------------------------------------------------------------------------------------


def _offer(context: ExchangeContext, _: None) -> list[Payload]:
    offer_policies(context)
    sa, *vendors = offer_sa(context)
    return [sa, *_share(context), *vendors]


def choose_by_address(context: ExchangeContext, message: Message) -> SaReply:
    """Select a proposal for the initiator's address: its identity cannot be decrypted before the suite is known."""
    host = context.sa.path.remote_host
    candidates = context.engine.candidates(context.sa)
    if not candidates:
        raise no_connection(context.sa.path)
    accepting = accepting_connections(candidates, f"the peer at {host}", context.exchange.method)
    return choose_among(accepting, context, message)


def _choose(context: ExchangeContext, message: Message) -> SaReply:
    reply = choose_by_address(context, message)
    _take_share(context, message)
    return reply


def _answer(context: ExchangeContext, reply: SaReply) -> list[Payload]:
    return [reply.choice, *_share(context), *prove(context), *nat_d(context), *reply.vendors]


def _accept(context: ExchangeContext, message: Message) -> None:
    accept_sa(context, message)
    clear = _take_share(context, message)
    check_peer(context, message, context.sa.IDir_b)
    look_for_nat(context, clear)


def _verify_am3(context: ExchangeContext, message: Message) -> None:
    verify_am3(context, message)
    check_key_is_for(context, identity.parse(context.sa.IDii_b))


AM3_ROW = Row("i", "HDR(*), HASH_I [, NAT-D]", build_am3, _verify_am3)
"""The last row of Aggressive Mode with either method of public key encryption."""

AGGRESSIVE_MODE_RSA_ENCRYPTION = Script(
    "AM",
    ExchangeType.AGGRESSIVE,
    (
        #   from  RFC 2409 §5.2                                                               build     check
        Row("i", "HDR, SA, [HASH(1),] KE, <IDii_b>Pubkey_r, <Ni_b>Pubkey_r", _offer, _choose),
        Row("r", "HDR, SA, KE, <IDir_b>PubKey_i, <Nr_b>PubKey_i, HASH_R [, NAT-D]", _answer, _accept),
        AM3_ROW,
    ),
    finish=establish,
    method=AuthenticationMethod.RSA_ENCRYPTION,
)
