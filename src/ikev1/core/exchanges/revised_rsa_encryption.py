"""Phase 1 authenticated with a revised mode of public key encryption (RFC 2409 §5.3).

Half the RSA operations of `ikev1.core.exchanges.rsa_encryption`: only the nonce is encrypted with the peer's key, the
following payloads with Ke_i or Ke_r, which are derived from the nonce.
"""

from __future__ import annotations

from functools import partial

from ikev1.core.exchanges.aggressive_mode import offer_policies
from ikev1.core.exchanges.interpreter import Row, Script
from ikev1.core.exchanges.phase1_steps import (
    SaReply,
    accept_sa,
    establish,
    look_for_nat,
    nat_d,
    offer_sa,
    send_share,
)
from ikev1.core.exchanges.rsa_encryption import (
    AM3_ROW,
    HASH_ROWS,
    SA_ROWS,
    check_peer,
    choose_by_address,
    take_decrypted_share,
)
from ikev1.core.peer import diagnosis
from ikev1.core.peer.authentication import identify_self
from ikev1.core.peer.phase1_auth import prove
from ikev1.core.peer.rsa_encrypted_payloads import (
    certificate_hash,
    decrypt_bodies,
    encrypt_body,
    encrypts_for_peer,
    own_key,
    select_by_certificate,
    suite_of,
)
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Role
from ikev1.core.records.refusal import Refusal
from ikev1.crypto import public_key_encryption
from ikev1.crypto.public_key_encryption import BodyCipher, body_cipher
from ikev1.wire.message import Message
from ikev1.wire.payloads import Encrypted, Nonce, Payload
from ikev1.wire.registry import AuthenticationMethod, ExchangeType, NotifyType, PayloadType

# --- nonce, and what follows it -------------------------------------------------------------------------------------


def _cipher(context: ExchangeContext, N_b: bytes, sender: Role) -> BodyCipher:
    """The cipher with Ke_i or Ke_r, depending on the role of the ``sender`` of the message."""
    suite = suite_of(context)
    CKY = context.sa.CKY_I if sender is Role.INITIATOR else context.sa.CKY_R
    return body_cipher(suite.hash, suite.encryption, suite.key_length, N_b, CKY)


def _share(context: ExchangeContext) -> list[Payload]:
    """``[HASH(1),] <N_b>PubKey, <KE_b>Ke, <ID_b>Ke [, <NAT-D_b>Ke]``; HASH(1) only from an initiator.

    "the first payload [...] MUST be the encrypted nonce [...] All payloads-- in whatever order-- following the
    encrypted nonce MUST be encrypted with Ke_i or Ke_r" (RFC 2409 §5.3), also those of RFC 3947.
    """
    encrypt = encrypts_for_peer(context)
    try:
        ke, nonce = send_share(context, suite_of(context).group)
    except Refusal as refusal:
        raise _wrong_keys(context, refusal) from refusal
    cipher = _cipher(context, nonce.data, context.sa.role)
    following: list[Payload] = [ke, identify_self(context), *nat_d(context)]
    return [
        *certificate_hash(context),
        encrypt_body(nonce, encrypt),
        *(encrypt_body(payload, cipher.encrypt) for payload in following),
    ]


def _open(context: ExchangeContext, message: Message) -> Message:
    select_by_certificate(context, message)
    key = own_key(context)
    if message.all(Encrypted)[0].number != PayloadType.NONCE:
        raise Refusal(
            Code.MALFORMED,
            "the first encrypted payload must be the nonce",
            notify=NotifyType.PAYLOAD_MALFORMED,
        )
    sender = Role.RESPONDER if context.sa.role is Role.INITIATOR else Role.INITIATOR
    with_nonce = decrypt_bodies(message, key, partial(public_key_encryption.decrypt, key), (PayloadType.NONCE,))
    cipher = _cipher(context, with_nonce.one(Nonce).data, sender)
    return decrypt_bodies(with_nonce, key, cipher.decrypt)


def _take_share(context: ExchangeContext, message: Message) -> Message:
    clear = _open(context, message)
    try:
        take_decrypted_share(context, clear)
    except Refusal as refusal:
        raise _wrong_keys(context, refusal) from refusal
    return clear


def _wrong_keys(context: ExchangeContext, refusal: Refusal) -> Refusal:
    """The refusal of an invalid key exchange value that was encrypted with a key derived from the nonce."""
    if refusal.code is Code.REFLECTION:
        return refusal
    return Refusal(*diagnosis.of_wrong_keys(context.sa, "an invalid key exchange value"), notify=refusal.notify)


# --- Main Mode ------------------------------------------------------------------------------------------------------


def _send_ke(context: ExchangeContext, _: None) -> list[Payload]:
    return _share(context)


def _take_ke(context: ExchangeContext, message: Message) -> None:
    look_for_nat(context, _take_share(context, message))


MAIN_MODE_REVISED_RSA_ENCRYPTION = Script(
    "MM",
    ExchangeType.IDENTITY_PROTECTION,
    (
        #   from  RFC 2409 §5.3
        *SA_ROWS,
        Row(
            "i",
            "HDR, [HASH(1),] <Ni_b>Pubkey_r, <KE_b>Ke_i, <IDii_b>Ke_i [, <Cert-I_b>Ke_i] [, <NAT-D_b>Ke_i]",
            _send_ke,
            _take_ke,
        ),
        Row("r", "HDR, <Nr_b>PubKey_i, <KE_b>Ke_r, <IDir_b>Ke_r [, <NAT-D_b>Ke_r]", _send_ke, _take_ke),
        *HASH_ROWS,
    ),
    finish=establish,
    method=AuthenticationMethod.REVISED_RSA_ENCRYPTION,
)


# --- Aggressive Mode ------------------------------------------------------------------------------------------------


def _offer(context: ExchangeContext, _: None) -> list[Payload]:
    offer_policies(context)
    offer = offer_sa(context)
    return [*offer, *_share(context)]


def _choose(context: ExchangeContext, message: Message) -> SaReply:
    reply = choose_by_address(context, message)
    _take_share(context, message)
    return reply


def _answer(context: ExchangeContext, reply: SaReply) -> list[Payload]:
    return [reply.choice, *reply.vendors, *_share(context), *prove(context)]


def _accept(context: ExchangeContext, message: Message) -> None:
    accept_sa(context, message)
    clear = _take_share(context, message)
    check_peer(context, message, context.sa.IDir_b)
    look_for_nat(context, clear)


AGGRESSIVE_MODE_REVISED_RSA_ENCRYPTION = Script(
    "AM",
    ExchangeType.AGGRESSIVE,
    (
        #   from  RFC 2409 §5.3
        Row(
            "i",
            "HDR, SA, [HASH(1),] <Ni_b>Pubkey_r, <KE_b>Ke_i, <IDii_b>Ke_i [, <Cert-I_b>Ke_i]",
            _offer,
            _choose,
        ),
        Row(
            "r",
            "HDR, SA, <Nr_b>PubKey_i, <KE_b>Ke_r, <IDir_b>Ke_r [, <NAT-D_b>Ke_r], HASH_R",
            _answer,
            _accept,
        ),
        AM3_ROW,
    ),
    finish=establish,
    method=AuthenticationMethod.REVISED_RSA_ENCRYPTION,
)
