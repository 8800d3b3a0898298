"""Phase 1 authenticated with public key encryption (RFC 2409 §5.2).

Identity and nonce are encrypted with the other side's RSA key. Whoever reads the nonce has the private key, and shows
it by a HASH that only both nonces give: nothing is signed, and nobody can prove to others that the exchange took place.
"""

from __future__ import annotations

from functools import partial

from ikev1.core.exchanges.aggressive_mode import conclude, concluded, offer_policies, those_that_accept
from ikev1.core.exchanges.interpreter import Row, Script
from ikev1.core.exchanges.main_mode import last_words, take_last_words
from ikev1.core.exchanges.phase1_steps import (
    accept_sa,
    answer_sa,
    choose_among,
    choose_sa,
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
    announce_key,
    check_key_is_for,
    choose_key,
    encrypt_body,
    encrypts_for_peer,
    opened,
    own_key,
    settle_caller,
    suite_of,
)
from ikev1.core.records.context import Turn
from ikev1.core.records.model import Role
from ikev1.crypto import public_key_encryption
from ikev1.wire.message import Message
from ikev1.wire.payloads import Payload
from ikev1.wire.registry import AuthenticationMethod, ExchangeType

__all__ = [
    "AGGRESSIVE_MODE_RSA_ENCRYPTION",
    "MAIN_MODE_RSA_ENCRYPTION",
    "accept_caller",
    "conclude_with_caller",
    "send_hash",
    "take_hash",
]


# --- KE, identity and nonce -----------------------------------------------------------------------------------------


def _share(turn: Turn) -> list[Payload]:
    """``[HASH(1),] KE, <ID_b>PubKey, <N_b>PubKey``, the HASH(1) of an initiator."""
    encrypt = encrypts_for_peer(turn)
    ke, nonce = send_share(turn, suite_of(turn).group)
    return [*announce_key(turn), ke, encrypt_body(identify_self(turn), encrypt), encrypt_body(nonce, encrypt)]


def _open(turn: Turn, message: Message) -> Message:
    choose_key(turn, message)
    key = own_key(turn)
    return opened(message, key, partial(public_key_encryption.decrypt, key))


def _take_share(turn: Turn, message: Message) -> None:
    clear = _open(turn, message)
    theirs = identify_peer(turn, clear)
    if turn.sa.role is Role.RESPONDER:
        settle_caller(turn, theirs)
    take_share(turn, clear)


# --- Main Mode ------------------------------------------------------------------------------------------------------


def _send_ke(turn: Turn) -> list[Payload]:
    return [*_share(turn), *nat_d(turn)]


def _take_ke(turn: Turn, message: Message) -> None:
    _take_share(turn, message)
    look_for_nat(turn, message)


def send_hash(turn: Turn) -> list[Payload]:
    """HASH_I or HASH_R, and what is said with it."""
    return [*prove(turn), *last_words(turn)]


def take_hash(turn: Turn, message: Message) -> None:
    """Checks HASH_I or HASH_R, and only then whether the peer is whom we expect."""
    theirs = identity.parse(turn.sa.peer_id_body)
    check_proof(turn, message, theirs)
    settle_connection(turn, theirs)
    check_key_is_for(turn, theirs)
    take_last_words(turn, message)


MAIN_MODE_RSA_ENCRYPTION = Script(
    "MM",
    ExchangeType.IDENTITY_PROTECTION,
    (
        #   from  RFC 2409 §5.2                                                    build      check
        Row("i", "HDR, SA", offer_sa, choose_sa),
        Row("r", "HDR, SA", answer_sa, accept_sa),
        Row("i", "HDR, KE, [HASH(1),] <IDii_b>PubKey_r, <Ni_b>PubKey_r [, NAT-D]", _send_ke, _take_ke),
        Row("r", "HDR, KE, <IDir_b>PubKey_i, <Nr_b>PubKey_i [, NAT-D]", _send_ke, _take_ke),
        Row("i", "HDR*, HASH_I", send_hash, take_hash),
        Row("r", "HDR*, HASH_R", send_hash, take_hash),
    ),
    finish=establish,
    method=AuthenticationMethod.RSA_ENCRYPTION,
)


# --- Aggressive Mode ------------------------------------------------------------------------------------------------


def _offer(turn: Turn) -> list[Payload]:
    offer_policies(turn)
    sa, *vendors = offer_sa(turn)
    return [sa, *_share(turn), *vendors]


def accept_caller(turn: Turn, message: Message) -> None:
    """Chooses among what the caller's address allows: who it says it is cannot be read before that."""
    host = turn.sa.path.remote_host
    candidates = turn.context.candidates(turn.sa)
    if not candidates:
        raise no_connection(turn.sa.path)
    choose_among(those_that_accept(candidates, f"a peer at {host}", turn.exchange.method), turn, message)


def _choose(turn: Turn, message: Message) -> None:
    accept_caller(turn, message)
    _take_share(turn, message)


def _answer(turn: Turn) -> list[Payload]:
    answer, *vendors = turn.prepared
    return [answer, *_share(turn), *prove(turn), *nat_d(turn), *vendors]


def _accept(turn: Turn, message: Message) -> None:
    accept_sa(turn, message)
    _take_share(turn, message)
    theirs = identity.parse(turn.sa.IDir_b)
    check_proof(turn, message, theirs)
    settle_connection(turn, theirs)
    check_key_is_for(turn, theirs)
    look_for_nat(turn, message)


def conclude_with_caller(turn: Turn, message: Message) -> None:
    """Checks the initiator's proof, and only then whether it is whom we expect and has the key of that one."""
    concluded(turn, message)
    check_key_is_for(turn, identity.parse(turn.sa.IDii_b))


AGGRESSIVE_MODE_RSA_ENCRYPTION = Script(
    "AM",
    ExchangeType.AGGRESSIVE,
    (
        #   from  RFC 2409 §5.2                                                               build     check
        Row("i", "HDR, SA, [HASH(1),] KE, <IDii_b>Pubkey_r, <Ni_b>Pubkey_r", _offer, _choose),
        Row("r", "HDR, SA, KE, <IDir_b>PubKey_i, <Nr_b>PubKey_i, HASH_R [, NAT-D]", _answer, _accept),
        Row("i", "HDR(*), HASH_I [, NAT-D]", conclude, conclude_with_caller),
    ),
    finish=establish,
    method=AuthenticationMethod.RSA_ENCRYPTION,
)
