"""Three rules about the identity of the peer that RFC 2409 omits.

A HASH or a signature of phase 1 proves that the sender has a secret. It does not prove that the sender is not
ourselves, that it is the intended peer, or that it has the same view of the exchange. Published attacks on IKEv1
(Meadows 1999, Cremers 2011) use these three gaps; three rules close them.

*Reflection.* Our own values do not authenticate a peer: our own cookie, public value, nonce, HASH, signature,
certificate, key, and our identity authenticated by a secret or key that we have, too. Without this rule, an attacker on
the path who sends our own messages back is accepted as the peer. The functions below implement this rule; each refusal
has `Code.REFLECTION`.

*Destination.* A connection that initiates accepts only the configured identity, by default the address that it
initiates to (`ikev1.core.peer.connection_lookup.expected`), in both roles. A key authenticates only the identities that
are configured for it (`keys_for`).

*Last message.* The sender of the last message of phase 1 does not know whether the peer accepted it. Until the peer has
used the keys, the new SA does not replace, adopt, move or delete anything (`ikev1.core.machine.established`).
"""

from __future__ import annotations

import hmac
from functools import lru_cache

from ikev1.core.peer import identity
from ikev1.core.peer.connection_lookup import is_address
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Credential, Trust
from ikev1.crypto import certificates, distinguished_name, private_keys, public_keys
from ikev1.wire.payloads import Certificate, Identification
from ikev1.wire.registry import IdType, NotifyType

OWN_CALL = (
    "received a first message with a cookie that this host uses as initiator: an attacker on the path sent our own "
    "message back or reused its cookie, or a connection initiates to an address of this host"
)


# --- reflection -----------------------------------------------------------------------------------------------------


def reflection(context: ExchangeContext, what: str, *, notify: NotifyType | None = None, ends: bool = False) -> Refusal:
    """Return the refusal of ``what``, a value of ours that was received as the peer's."""
    return Refusal(
        Code.REFLECTION,
        f"{context.sa.path.remote_host} sent {what}: an attacker on the path sends our own messages back, unless this "
        "address leads back to this host",
        notify=notify,
        ends=ends,
    )


def refuse_own_cookie(context: ExchangeContext, CKY_R: bytes) -> None:
    """Refuse a responder's cookie that is one of ours. With CKY-R = CKY-I, HASH_I and HASH_R could be equal.

    Raises:
        Refusal: the cookie is ours; the exchange continues, since the message may not be from the peer.
    """
    if CKY_R == context.sa.CKY_I or context.engine.is_own_cookie(CKY_R):
        raise reflection(context, "our own cookie as its own")


def refuse_own_share(context: ExchangeContext, public: bytes, nonce: bytes) -> None:
    """Refuse our own public value or nonce as a responder's, which must generate its own (RFC 2409 §5).

    Raises:
        Refusal: one of them is ours; the exchange continues, since the message may not be from the peer.
    """
    ours = context.sa.share
    if ours is not None and (public == ours.g_xi or nonce == ours.Ni_b):
        raise reflection(context, "our own key exchange value or nonce as its own")


def refuse_own_hash(context: ExchangeContext, received: bytes, own: bytes) -> None:
    """Refuse our own HASH as the peer's. It is wrong in any case; this gives the reason.

    Raises:
        Refusal: the HASH is ours.
    """
    if hmac.compare_digest(received, own):
        raise reflection(context, "our own HASH as its own", notify=NotifyType.AUTHENTICATION_FAILED)


def refuse_own_certificate(context: ExchangeContext, found: tuple[Certificate, ...], *, ends: bool) -> None:
    """Refuse our own certificate among those of the peer, before they are verified.

    Raises:
        Refusal: our own certificate is among them.
    """
    credential = context.connection.credential
    own = credential.certificates[:1] if credential is not None else ()
    if any(certificate.data in own for certificate in found):
        raise reflection(context, "our own certificate", notify=NotifyType.INVALID_CERTIFICATE, ends=ends)


def refuse_own_key(context: ExchangeContext, key: bytes, *, ends: bool) -> None:
    """Refuse ``key`` (SubjectPublicKeyInfo) as the peer's if it belongs to our own private key.

    Raises:
        Refusal: the key is ours.
    """
    if is_own_key(context.connection.credential, key):
        raise Refusal(
            Code.REFLECTION,
            f"the key to authenticate {context.sa.path.remote_host} is the private key of connection "
            f"{context.connection.name!r} itself: anyone with a copy of the key, or who sends our own messages back, "
            "could impersonate the peer. Use different keys for the two peers",
            notify=NotifyType.AUTHENTICATION_FAILED,
            ends=ends,
        )


def is_own_key(credential: Credential | None, key: bytes) -> bool:
    """Whether ``key`` (SubjectPublicKeyInfo) belongs to the private key of ``credential``."""
    return credential is not None and _public_half(credential.private_key) == key


@lru_cache(maxsize=64)
def _public_half(private_key: bytes) -> bytes:
    return public_keys.encode(private_keys.load(private_key).public_key())


def refuse_own_identity(context: ExchangeContext, theirs: Identification, own: Identification) -> None:
    """Refuse an authenticated peer whose identity is our own, unless the connection allows it (``same_identity``).

    Raises:
        Refusal: ``theirs`` is ``own``.
    """
    if context.connection.same_identity or not _same(theirs, own):
        return
    raise Refusal(
        Code.REFLECTION,
        f"the identity of {context.sa.path.remote_host} is {identity.text_of(theirs)}, which is also the local "
        f"identity of connection {context.connection.name!r}: another host with the same identity and secret could "
        "impersonate any peer. Set a different local_id on each peer, or allow this with same_identity = true",
        notify=NotifyType.INVALID_ID_INFORMATION,
        ends=True,
    )


def _same(one: Identification, other: Identification) -> bool:
    if one.id_type != other.id_type:
        return False
    if one.id_type == IdType.DER_ASN1_DN:
        return distinguished_name.equal(one.data, other.data)
    if one.id_type in (IdType.FQDN, IdType.USER_FQDN):
        return one.data.lower() == other.data.lower()
    return one.data == other.data


# --- destination ----------------------------------------------------------------------------------------------------


def names_one(pattern: str | None) -> bool:
    """Whether a ``remote_id`` matches exactly one identity: no wildcard, no network, not ``%any``."""
    if pattern is None or pattern == "%any":
        return False
    if pattern.startswith(("@#", "keyid:")) or is_address(pattern):
        return True
    return "*" not in pattern and not identity.names_several_addresses(pattern)


def keys_for(trust: Trust, theirs: Identification) -> tuple[bytes, ...]:
    """The configured public keys (SubjectPublicKeyInfo) that can authenticate the identity ``theirs``."""
    return tuple(known.spki for known in trust.public_keys if identity.matches(known.identity, theirs))


def certificate_is_for(certificate: bytes, theirs: Identification) -> bool:
    """Whether ``theirs`` is the subject or a subjectAltName of ``certificate`` (DER)."""
    return any((kind, data) == (theirs.id_type, theirs.data) for kind, data in certificates.identities(certificate))
