"""Who the other end is, beyond the arithmetic of a HASH or a signature: three rules that RFC 2409 leaves out.

A HASH or a signature of phase 1 proves that somebody had a secret. It does not prove that this somebody is another than
ourselves, nor that it is the one whom we meant, nor that it believes in the same conversation. Published analyses of
IKEv1 (Meadows 1999, Cremers 2011) rest on these three gaps; three rules close them.

*Not me.* What is ours is no proof of somebody else: our own cookie, public value, nonce, HASH, signature, certificate,
key, and our identity proved by a secret or key that we have, too. Without this rule a man in the middle who sends our
own messages back is taken for the peer. The functions below are this rule; each refusal has `Code.REFLECTION`.

*Destination.* A connection that calls accepts nobody but whom it names, by default the address that it calls
(`ikev1.core.peer.connection_lookup.expected`), in both roles. And a key proves only the identities that it was
configured with (`keys_for`).

*Last speaker.* Whoever sends the last message of phase 1 has not seen that the other end agrees, so the SA gives
nothing up, adopts, moves and deletes nothing before the peer used its keys: that is in
`ikev1.core.machine.established`.
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


# --- not me ---------------------------------------------------------------------------------------------------------


def reflection(context: ExchangeContext, what: str, *, notify: NotifyType | None = None, ends: bool = False) -> Refusal:
    """The refusal of ``what`` is ours and came as the peer's."""
    return Refusal(
        Code.REFLECTION,
        f"{context.sa.path.remote_host} sent {what}: an attacker on the path sends our own messages back, unless this "
        "address leads back to this host",
        notify=notify,
        ends=ends,
    )


def refuse_own_cookie(context: ExchangeContext, CKY_R: bytes) -> None:
    """Refuses a responder's cookie that is a cookie of ours. With CKY-R = CKY-I both ends' HASH could be one.

    Raises:
        Refusal: it is ours; the call goes on, for this answer need not be the peer's.
    """
    if CKY_R == context.sa.CKY_I or context.engine.is_own_cookie(CKY_R):
        raise reflection(context, "our own cookie as its own")


def refuse_own_share(context: ExchangeContext, public: bytes, nonce: bytes) -> None:
    """Refuses our own public value or nonce as a responder's, whoever responds draws its own (RFC 2409 §5).

    Raises:
        Refusal: one of them is ours; the call goes on, for this answer need not be the peer's.
    """
    ours = context.sa.share
    if ours is not None and (public == ours.g_xi or nonce == ours.Ni_b):
        raise reflection(context, "our own key exchange value or nonce as its own")


def refuse_own_hash(context: ExchangeContext, received: bytes, own: bytes) -> None:
    """Refuses our own HASH as the peer's, by name; it proves nothing in any case.

    Raises:
        Refusal: it is ours.
    """
    if hmac.compare_digest(received, own):
        raise reflection(context, "our own HASH as its own", notify=NotifyType.AUTHENTICATION_FAILED)


def refuse_own_certificate(context: ExchangeContext, found: tuple[Certificate, ...], *, ends: bool) -> None:
    """Refuses our own certificate among those of the peer, before anybody is asked about them.

    Raises:
        Refusal: it is there.
    """
    credential = context.connection.credential
    own = credential.certificates[:1] if credential is not None else ()
    if any(certificate.data in own for certificate in found):
        raise reflection(context, "our own certificate", notify=NotifyType.INVALID_CERTIFICATE, ends=ends)


def refuse_own_key(context: ExchangeContext, key: bytes, *, ends: bool) -> None:
    """Refuses ``key`` (SubjectPublicKeyInfo) as the peer's if we have the private key to it.

    Raises:
        Refusal: it is ours.
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
    """Whether ``key`` (SubjectPublicKeyInfo) is that of our own private key."""
    return credential is not None and _public_half(credential.private_key) == key


@lru_cache(maxsize=64)
def _public_half(private_key: bytes) -> bytes:
    return public_keys.encode(private_keys.load(private_key).public_key())


def refuse_own_identity(context: ExchangeContext, theirs: Identification, own: Identification) -> None:
    """Refuses a peer that proved to be who we are, unless the connection says that both ends are.

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
    """Whether a ``remote_id`` names exactly one identity: no wildcard, no network, not anybody."""
    if pattern is None or pattern == "%any":
        return False
    if pattern.startswith(("@#", "keyid:")) or is_address(pattern):
        return True
    return "*" not in pattern and not identity.names_several_addresses(pattern)


def keys_for(trust: Trust, theirs: Identification) -> tuple[bytes, ...]:
    """The configured public keys (SubjectPublicKeyInfo) that may prove ``theirs``."""
    return tuple(known.spki for known in trust.public_keys if identity.matches(known.identity, theirs))


def certificate_is_for(certificate: bytes, theirs: Identification) -> bool:
    """Whether ``theirs`` stands in ``certificate`` (DER): its subject or an alternative name."""
    return any((kind, data) == (theirs.id_type, theirs.data) for kind, data in certificates.identities(certificate))
