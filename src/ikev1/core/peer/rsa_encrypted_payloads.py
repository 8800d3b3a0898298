"""What both methods of public key encryption share: whose keys, and who the caller is (RFC 2409 §5.2, §5.3).

A responder reads the caller's identity before anything proves it, from a ciphertext that anybody can have made. Nothing
that is wrong inside a body may show before the HASH is checked (`ikev1.crypto.public_key_encryption`): in place of a
body that is of no use stands one that nobody can predict, and the exchange goes on.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Container, Iterator

from ikev1.core.negotiation.phase1_proposal import allows_suite
from ikev1.core.peer import identity
from ikev1.core.peer.accepted_modes import accepts_mode
from ikev1.core.peer.authentication import check_port
from ikev1.core.peer.connection_lookup import expected
from ikev1.core.peer.reflection import certificate_is_for, keys_for, names_one, refuse_own_key
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.model import Phase1Suite, Role
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Connection
from ikev1.crypto import certificates, hashes, private_keys, public_key_encryption, public_keys
from ikev1.crypto.errors import CryptoError
from ikev1.crypto.signatures import PrivateKey
from ikev1.wire.errors import WireError
from ikev1.wire.message import Message
from ikev1.wire.payloads import (
    Certificate,
    Encrypted,
    Hash,
    Identification,
    Nonce,
    Payload,
    build_body,
    parse_body,
    payload_type,
)
from ikev1.wire.registry import IdType, NotifyType, PayloadType

_ALL = range(256)  # types of payload


def suite_of(context: ExchangeContext) -> Phase1Suite:
    """What was agreed upon, or what message 1 of Aggressive Mode takes for granted."""
    chosen = context.sa.chosen
    return context.connection.policies[0].suite if chosen is None else chosen.suite


# --- keys -----------------------------------------------------------------------------------------------------------


def encrypts_for_peer(context: ExchangeContext) -> Callable[[bytes], bytes]:
    """What encrypts a body with the peer's key.

    Raises:
        Refusal: we know none; and when it is called, the key is too small, or the body does not fit under it.
    """
    known = _peer_key(context)
    refuse_own_key(context, known, ends=True)
    key = public_keys.load(known)

    def encrypt(body: bytes) -> bytes:
        try:
            public_keys.check_strength(key, context.connection.trust.smallest_rsa_bits)
            return public_key_encryption.encrypt(key, body)
        except (CryptoError, public_key_encryption.BodyTooLong) as error:
            text = f"cannot encrypt for the peer of connection {context.connection.name!r}: {error}"
            raise Refusal(
                Code.CERTIFICATE_UNUSABLE, text, notify=NotifyType.AUTHENTICATION_FAILED, ends=True
            ) from error

    return encrypt


def _peer_key(context: ExchangeContext) -> bytes:
    """The key (SubjectPublicKeyInfo) that we encrypt with for this peer.

    A responder has been told who the caller is, and takes the key of that identity. It takes the first key for an
    identity that it does not know as well: that this one cannot prove it is said after the HASH (`check_key_is_for`).
    """
    # "the initiator must already have the responder's public key" (RFC 2409 §5.2), and the responder the initiator's
    trust = context.connection.trust
    known = tuple(each.spki for each in trust.public_keys) or tuple(map(certificates.public_key, trust.peers[:1]))
    if context.sa.role is Role.RESPONDER and context.sa.IDii_b:
        known = keys_for(trust, identity.parse(context.sa.IDii_b)) or known
    if not known:
        raise Refusal(
            Code.NO_CONNECTION,
            f"connection {context.sa.connection!r} has no public key of the peer to encrypt with: configure "
            "peer_public_key or peer_certificate",
            notify=NotifyType.AUTHENTICATION_FAILED,
            ends=True,
        )
    return known[0]


def check_key_is_for(context: ExchangeContext, theirs: Identification) -> None:
    """Checks that the key which the peer has shown to have is one for ``theirs``: what it says of itself was encrypted
    by itself, so that the HASH proves nothing of it.

    Raises:
        Refusal: it is the key of another.
    """
    trust, connection = context.connection.trust, context.connection
    if trust.public_keys:
        if _peer_key(context) in keys_for(trust, theirs):
            return
        key = "peer_public_key"
    else:
        if names_one(expected(connection)) or any(certificate_is_for(each, theirs) for each in trust.peers[:1]):
            return
        key = "peer_certificate"
    raise Refusal(
        Code.ID_MISMATCH,
        f"the peer's identity is {identity.text_of(theirs)}, but the key in {key} of connection {connection.name!r} is "
        "for another identity",
        notify=NotifyType.INVALID_ID_INFORMATION,
        ends=True,
    )


def own_key(context: ExchangeContext) -> PrivateKey:
    """Our private key.

    Raises:
        Refusal: the connection has none any more.
    """
    credential = context.connection.credential
    if credential is None:
        raise Refusal(
            Code.NO_CONNECTION, f"connection {context.sa.connection!r} no longer has a private key", ends=True
        )
    return private_keys.load(credential.private_key)


def announce_key(context: ExchangeContext) -> list[Payload]:
    """HASH(1) where we know several certificates of the responder: "a hash (using the negotiated hash function) of the
    certificate which the initiator is using to encrypt the nonce and identity" (RFC 2409 §5.2).
    """
    trust = context.connection.trust
    if context.sa.role is Role.RESPONDER or trust.public_keys or len(trust.peers) < 2:
        return []
    return [Hash(hashes.digest(suite_of(context).hash, trust.peers[0]))]


def choose_key(context: ExchangeContext, message: Message) -> None:
    """Takes the connection whose certificate the initiator's HASH(1) names, if it sent one.

    Raises:
        Refusal: no connection that could be meant has this certificate.
    """
    named = message.first(Hash)
    if named is None or context.sa.role is Role.INITIATOR:
        return
    for connection in (context.connection, *_candidates(context)):
        if connection.credential is not None:
            for certificate in connection.credential.certificates[:1]:
                if hmac.compare_digest(hashes.digest(suite_of(context).hash, certificate), named.data):
                    _take_connection(context, connection)
                    return
    raise Refusal(
        Code.CERTIFICATE_UNUSABLE,
        f"{context.sa.path.remote_host} encrypts for a certificate that none of its connections has",
        notify=NotifyType.CERTIFICATE_UNAVAILABLE,
    )


def settle_caller(context: ExchangeContext, theirs: Identification) -> None:
    """Takes the connection that expects this caller, for the answer is encrypted for it; that it is nobody whom we
    expect is said once it has proved who it is.
    """
    if identity.matches(expected(context.connection), theirs):
        return
    for connection in _candidates(context):
        if identity.matches(expected(connection), theirs) and connection.credential == context.connection.credential:
            _take_connection(context, connection)
            return


def _candidates(context: ExchangeContext) -> Iterator[Connection]:
    """The connections that could have answered message 1 as we did."""
    for connection in context.engine.candidates(context.sa):
        if accepts_mode(connection, context.exchange, context.sa) and any(
            allows_suite(policy, suite_of(context)) for policy in connection.policies
        ):
            yield connection


def _take_connection(context: ExchangeContext, connection: Connection) -> None:
    context.connection = connection
    context.sa = replace(context.sa, connection=connection.name)


# --- bodies ---------------------------------------------------------------------------------------------------------


def encrypt_body(payload: Payload, encrypt: Callable[[bytes], bytes]) -> Encrypted:
    """``payload`` with its body encrypted: "Only the body of the payloads are encrypted" (RFC 2409 §5.2)."""
    return Encrypted(payload_type(payload), encrypt(build_body(payload)))


def opened(
    message: Message, key: PrivateKey, decrypt: Callable[[bytes], bytes], types: Container[int] = _ALL
) -> Message:
    """``message`` with the encrypted bodies of ``types`` decrypted, in their order; in place of each that is of no use
    stands one that nobody can predict. ``key`` is ours.

    Raises:
        CryptoError: the length of one shows that it is no ciphertext.
    """
    read = [
        _read(payload, key, decrypt(payload.data))
        if isinstance(payload, Encrypted) and payload.number in types
        else (payload, body)
        for payload, body in zip(message.payloads, message.bodies, strict=True)
    ]
    return message._replace(payloads=tuple(payload for payload, _ in read), bodies=tuple(body for _, body in read))


def _read(encrypted: Encrypted, key: PrivateKey, body: bytes) -> tuple[Payload, bytes]:
    # Before it is known whether it will be needed: the time that it takes must not tell
    unknown = public_key_encryption.stand_in(key, encrypted.data)
    try:
        payload = parse_body(encrypted.number, body)
        if isinstance(payload, Identification):
            check_port(payload)
    except (WireError, Refusal):
        payload = _STAND_INS[encrypted.number](unknown)
        body = build_body(payload)
    return payload, body


_STAND_INS: dict[int, Callable[[bytes], Payload]] = {  # for bodies that not any octets can be
    PayloadType.NONCE: Nonce,
    PayloadType.IDENTIFICATION: lambda unknown: Identification(IdType.KEY_ID, 0, 0, unknown),
    PayloadType.CERTIFICATE: lambda unknown: Certificate(0, unknown),
}
