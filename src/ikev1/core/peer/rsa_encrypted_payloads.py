"""Common parts of both methods of public key encryption: keys, identities and bodies (RFC 2409 §5.2, §5.3).

A responder reads the initiator's identity before it is authenticated, from a ciphertext that anyone could have made. No
error in an encrypted body may be observable before the HASH is verified (`ikev1.crypto.public_key_encryption`): an
invalid body is replaced by an unpredictable one, and the exchange continues.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Container, Iterator

from ikev1.core.negotiation.phase1_proposal import allows_suite
from ikev1.core.peer import identity
from ikev1.core.peer.authentication import check_port
from ikev1.core.peer.connection_lookup import accepts_mode, expected
from ikev1.core.peer.reflection import certificate_is_for, keys_for, names_one, refuse_own_key
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import Phase1Suite
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

_ALL = range(256)  # payload types


def suite_of(context: ExchangeContext) -> Phase1Suite:
    """The negotiated suite, or the only suite that message 1 of Aggressive Mode can use."""
    chosen = context.sa.chosen
    return context.connection.policies[0].suite if chosen is None else chosen.suite


# --- keys -----------------------------------------------------------------------------------------------------------


def encrypts_for_peer(context: ExchangeContext) -> Callable[[bytes], bytes]:
    """Return a function that encrypts a body with the peer's key.

    Raises:
        Refusal: no key of the peer is configured. The function raises it if the key is too small for the policy or for
            the body.
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
    """The public key (SubjectPublicKeyInfo) to encrypt with for this peer.

    A responder has received the initiator's identity and uses the key of this identity. For an unknown identity it uses
    the first key; `check_key_is_for` refuses the peer after the HASH.
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
    """Check that the key that the peer used is configured for its identity ``theirs``, which the HASH does not prove:
    the peer encrypted the identity itself.

    Raises:
        Refusal: the key is for another identity.
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
        Refusal: the connection no longer has a private key.
    """
    credential = context.connection.credential
    if credential is None:
        raise Refusal(
            Code.NO_CONNECTION, f"connection {context.sa.connection!r} no longer has a private key", ends=True
        )
    return private_keys.load(credential.private_key)


def certificate_hash(context: ExchangeContext) -> list[Payload]:
    """HASH(1) if several responder certificates are configured: "a hash (using the negotiated hash function) of the
    certificate which the initiator is using to encrypt the nonce and identity" (RFC 2409 §5.2).
    """
    trust = context.connection.trust
    if context.sa.role is Role.RESPONDER or trust.public_keys or len(trust.peers) < 2:
        return []
    return [Hash(hashes.digest(suite_of(context).hash, trust.peers[0]))]


def select_by_certificate(context: ExchangeContext, message: Message) -> None:
    """Select the connection with the certificate that the initiator's HASH(1) identifies, if it sent one.

    Raises:
        Refusal: no candidate connection has this certificate.
    """
    named = message.first(Hash)
    if named is None or context.sa.role is Role.INITIATOR:
        return
    for connection in (context.connection, *_candidates(context)):
        if connection.credential is not None:
            for certificate in connection.credential.certificates[:1]:
                if hmac.compare_digest(hashes.digest(suite_of(context).hash, certificate), named.data):
                    _use_connection(context, connection)
                    return
    raise Refusal(
        Code.CERTIFICATE_UNUSABLE,
        f"{context.sa.path.remote_host} encrypts for a certificate that none of its connections has",
        notify=NotifyType.CERTIFICATE_UNAVAILABLE,
    )


def select_by_identity(context: ExchangeContext, theirs: Identification) -> None:
    """Select the connection that expects the initiator's identity ``theirs``, since the response is encrypted for it.
    If no connection expects it, the peer is refused later, after its authentication.
    """
    if identity.matches(expected(context.connection), theirs):
        return
    for connection in _candidates(context):
        if identity.matches(expected(connection), theirs) and connection.credential == context.connection.credential:
            _use_connection(context, connection)
            return


def _candidates(context: ExchangeContext) -> Iterator[Connection]:
    """The connections with which we could have sent the same response to message 1."""
    for connection in context.engine.candidates(context.sa):
        if accepts_mode(connection, context.exchange, context.sa) and any(
            allows_suite(policy, suite_of(context)) for policy in connection.policies
        ):
            yield connection


def _use_connection(context: ExchangeContext, connection: Connection) -> None:
    context.connection = connection
    context.sa = replace(context.sa, connection=connection.name)


# --- bodies ---------------------------------------------------------------------------------------------------------


def encrypt_body(payload: Payload, encrypt: Callable[[bytes], bytes]) -> Encrypted:
    """``payload`` with its body encrypted: "Only the body of the payloads are encrypted" (RFC 2409 §5.2)."""
    return Encrypted(payload_type(payload), encrypt(build_body(payload)))


def decrypt_bodies(
    message: Message, key: PrivateKey, decrypt: Callable[[bytes], bytes], types: Container[int] = _ALL
) -> Message:
    """``message`` with the encrypted bodies of ``types`` decrypted in order; each invalid body is replaced by an
    unpredictable one. ``key`` is our private key.

    Raises:
        CryptoError: a body has a length that no ciphertext has.
    """
    read = [
        _read(payload, key, decrypt(payload.data))
        if isinstance(payload, Encrypted) and payload.number in types
        else (payload, body)
        for payload, body in zip(message.payloads, message.bodies, strict=True)
    ]
    return message._replace(payloads=tuple(payload for payload, _ in read), bodies=tuple(body for _, body in read))


def _read(encrypted: Encrypted, key: PrivateKey, body: bytes) -> tuple[Payload, bytes]:
    # Computed even if it is not needed, so that the time does not depend on the body
    unknown = public_key_encryption.stand_in(key, encrypted.data)
    try:
        payload = parse_body(encrypted.number, body)
        if isinstance(payload, Identification):
            check_port(payload)
    except (WireError, Refusal):
        payload = _STAND_INS[encrypted.number](unknown)
        body = build_body(payload)
    return payload, body


_STAND_INS: dict[int, Callable[[bytes], Payload]] = {  # for payload types whose body cannot be arbitrary octets
    PayloadType.NONCE: Nonce,
    PayloadType.IDENTIFICATION: lambda unknown: Identification(IdType.KEY_ID, 0, 0, unknown),
    PayloadType.CERTIFICATE: lambda unknown: Certificate(0, unknown),
}
