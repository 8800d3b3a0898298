"""Who is who, and how it is proved: identities, HASH_I and HASH_R, and the keys they rest on (RFC 2409 §5, §5.4)."""

from __future__ import annotations

import hmac

from ikev1.core import diagnosis, identity
from ikev1.core.events import Code
from ikev1.core.model import IkeSa, Keys, Role
from ikev1.core.record import replace
from ikev1.core.refusal import Refusal
from ikev1.core.settings import Connection
from ikev1.core.turn import Turn
from ikev1.crypto import cipher, keymat
from ikev1.crypto.errors import InvalidPublicValue
from ikev1.crypto.groups import group
from ikev1.wire.message import Message
from ikev1.wire.payloads import Hash, Identification, Payload, build_body
from ikev1.wire.registry import NotifyType

__all__ = ["check_proof", "derive", "identify_peer", "identify_self", "prove", "settle_connection", "shared_secret"]


# --- keys -----------------------------------------------------------------------------------------------------------


def shared_secret(number: int, private: bytes, public: bytes) -> bytes:
    """g^xy of group ``number``.

    Raises:
        Refusal: the peer's public value is not one of this group.
    """
    try:
        return group(number).shared(private, public)
    except InvalidPublicValue as error:
        raise Refusal(
            Code.MALFORMED, f"the peer's key exchange value is bad: {error}", notify=NotifyType.INVALID_KEY_INFORMATION
        ) from error


def derive(turn: Turn) -> None:
    """Derives SKEYID and its three keys, and the IV of the first encrypted message, from both halves.

    Raises:
        Refusal: the peer's public value is not one of the group, or the secret is not configured any more.
    """
    sa = turn.sa
    share, chosen = sa.share, sa.chosen
    assert share is not None
    assert chosen is not None
    if not turn.connection.secret:
        raise Refusal(
            Code.NO_CONNECTION,
            f"connection {sa.connection!r} was removed, or its secret, while phase 1 was under way",
            notify=NotifyType.AUTHENTICATION_FAILED,
            ends=True,
        )
    algorithm, encryption = chosen.suite.hash, chosen.suite.encryption
    peer_public = share.g_xr if sa.role is Role.INITIATOR else share.g_xi
    g_xy = shared_secret(chosen.suite.group, share.private, peer_public)
    # The key is chosen by address, for the identity arrives encrypted under a key that the secret makes (RFC 2409 §5.4)
    SKEYID = keymat.SKEYID_psk(algorithm, turn.connection.secret, share.Ni_b, share.Nr_b)
    SKEYID_d, SKEYID_a, SKEYID_e = keymat.derive(algorithm, SKEYID, g_xy, sa.CKY_I, sa.CKY_R)
    key = keymat.encryption_key(algorithm, SKEYID_e, cipher.key_size(encryption, chosen.suite.key_length))
    iv = keymat.phase1_iv(algorithm, share.g_xi, share.g_xr, cipher.block_size(encryption))
    turn.sa = replace(sa, keys=Keys(SKEYID, SKEYID_d, SKEYID_a, key, b""), share=replace(share, private=b""))
    turn.exchange = replace(turn.exchange, iv=iv)


# --- identities -----------------------------------------------------------------------------------------------------


def identify_self(turn: Turn) -> Identification:
    """Our own identity: as configured, else our address."""
    own = identity.identification(turn.connection.local_id or turn.sa.path.local_host)
    body = build_body(own)
    ours = {"IDii_b": body} if turn.sa.role is Role.INITIATOR else {"IDir_b": body}
    turn.sa = replace(turn.sa, **ours)
    return own


def identify_peer(turn: Turn, message: Message) -> Identification:
    """The identity that the peer claims.

    Raises:
        Refusal: it is bound to a protocol or a port that phase 1 does not have.
    """
    theirs = message.one(Identification)
    _check_port(theirs)
    body = message.body_of(theirs)
    claimed = {"IDir_b": body} if turn.sa.role is Role.INITIATOR else {"IDii_b": body}
    turn.sa = replace(turn.sa, **claimed)
    return theirs


def _check_port(theirs: Identification) -> None:
    # RFC 2407 §4.6.2: "the ID port and protocol fields MUST be set to zero or to UDP port 500. If an implementation
    # receives any other values, this MUST be treated as an error"; some peers write the port they floated to
    if theirs.protocol not in (0, 17) or theirs.port not in (0, 500, 4500):
        raise Refusal(
            Code.ID_MISMATCH,
            f"the identity {identity.text_of(theirs)} is bound to protocol {theirs.protocol} port {theirs.port}",
            notify=NotifyType.INVALID_ID_INFORMATION,
            ends=True,
        )


def settle_connection(turn: Turn, theirs: Identification) -> None:
    """Settles on the connection whose peer this is, now that the peer has proved it.

    Raises:
        Refusal: no connection with the same secret and policy expects this identity.
    """
    if identity.matches(turn.connection.remote_id, theirs):
        return
    if turn.sa.role is Role.RESPONDER:
        for connection in turn.context.candidates(turn.sa):
            if identity.matches(connection.remote_id, theirs) and _agrees(turn, connection):
                turn.connection = connection
                turn.sa = replace(turn.sa, connection=connection.name)
                return
    raise Refusal(
        Code.ID_MISMATCH,
        f"the peer is {identity.text_of(theirs)}, but connection {turn.connection.name!r} expects "
        f"{turn.connection.remote_id}",
        notify=NotifyType.INVALID_ID_INFORMATION,
        ends=True,
    )


def _agrees(turn: Turn, connection: Connection) -> bool:
    """Whether what was negotiated so far is also what ``connection`` would have: its secret, one of its policies."""
    assert turn.sa.chosen is not None
    suite = turn.sa.chosen.suite
    return connection.secret == turn.connection.secret and any(policy.suite == suite for policy in connection.policies)


# --- proofs ---------------------------------------------------------------------------------------------------------


def prove(turn: Turn) -> list[Payload]:
    """What proves our identity to the peer."""
    sa = turn.sa
    return [Hash(_hash_i(sa) if sa.role is Role.INITIATOR else _hash_r(sa))]


def check_proof(turn: Turn, message: Message, theirs: Identification) -> None:
    """Checks what proves that the peer is ``theirs``.

    Raises:
        Refusal: it does not.
    """
    sa = turn.sa
    expected = _hash_r(sa) if sa.role is Role.INITIATOR else _hash_i(sa)
    if not hmac.compare_digest(expected, message.one(Hash).data):
        raise Refusal(*_wrong_hash(turn, identity.text_of(theirs)), notify=NotifyType.AUTHENTICATION_FAILED)


def _wrong_hash(turn: Turn, claimed: str) -> tuple[Code, str]:
    if turn.exchange.script == "AM":
        return diagnosis.of_wrong_hash(turn.sa, turn.connection, claimed)
    # In Main Mode the message decrypted, so the secrets are the same
    return Code.AUTHENTICATION_FAILED, f"{claimed} did not prove its identity: its HASH is wrong"


def _hash_i(sa: IkeSa) -> bytes:
    keys, share, chosen = sa.keys, sa.share, sa.chosen
    assert keys is not None
    assert share is not None
    assert chosen is not None
    return keymat.HASH_I(
        chosen.suite.hash, keys.SKEYID, share.g_xi, share.g_xr, sa.CKY_I, sa.CKY_R, sa.SAi_b, sa.IDii_b
    )


def _hash_r(sa: IkeSa) -> bytes:
    keys, share, chosen = sa.keys, sa.share, sa.chosen
    assert keys is not None
    assert share is not None
    assert chosen is not None
    return keymat.HASH_R(
        chosen.suite.hash, keys.SKEYID, share.g_xi, share.g_xr, sa.CKY_I, sa.CKY_R, sa.SAi_b, sa.IDir_b
    )
