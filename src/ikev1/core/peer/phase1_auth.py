"""How an identity is proved: by HASH_I and HASH_R themselves with a pre-shared key, or by signatures over them.

RFC 2409 §5.1 and §5.4; for elliptic curves RFC 4754. With hybrid authentication one side, the gateway, signs; the other
sends its HASH, which proves nothing but that it took part, and is to be authenticated by XAUTH before anything else
(draft-ietf-ipsec-isakmp-hybrid-auth-05 §4.2).
"""

from __future__ import annotations

import hmac

from ikev1.core.peer import diagnosis, identity, reflection
from ikev1.core.peer.authentication import one_of_each_trust, rivals, those_expecting
from ikev1.core.peer.connection_lookup import can_call
from ikev1.core.records.certificate_check import NeedsCertificateCheck, Untrusted
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.methods import ENCRYPTING, SHARED_OR_ENCRYPTING, SIGNER
from ikev1.core.records.record import present, replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Connection
from ikev1.crypto import certificate_requests, keymat, private_keys, public_keys, signatures
from ikev1.crypto.signatures import BadSignature, UnsuitableKey
from ikev1.wire.message import Message
from ikev1.wire.payloads import Certificate, CertificateRequest, Hash, Identification, Payload, Signature
from ikev1.wire.registry import CertificateEncoding, NotifyType

_INITIATOR, _RESPONDER = Role.INITIATOR, Role.RESPONDER  # looked up once, as in `ikev1.core.records.exchange`


def _other(role: Role) -> Role:
    return _RESPONDER if role is _INITIATOR else _INITIATOR


def _method(context: ExchangeContext) -> int:
    chosen = context.sa.chosen
    return context.connection.policies[0].suite.authentication if chosen is None else chosen.suite.authentication


# --- what we prove --------------------------------------------------------------------------------------------------


def prove(context: ExchangeContext) -> list[Payload]:
    """What proves our identity to the peer.

    Raises:
        Refusal: the connection no longer has a private key.
    """
    method = _method(context)
    if not _signs(method, context.sa.role):
        return [*(_no_certificate(context) if method in SIGNER else []), Hash(_own_hash(context.sa, method))]
    credential = context.connection.credential
    if credential is None:
        raise Refusal(
            Code.NO_CONNECTION, f"connection {context.sa.connection!r} no longer has a private key", ends=True
        )
    key = private_keys.load(credential.private_key)
    signature = Signature(signatures.sign(method, key, _own_hash(context.sa, method)))
    if not credential.certificates:
        return [signature]
    asked = tuple(CertificateRequest(encoding, authority) for encoding, authority in context.sa.requested)
    if not asked and method in SIGNER:
        # the client has only a CA, and vpnc does not ask
        asked = (CertificateRequest(CertificateEncoding.X509_SIGNATURE, b""),)
    leaf, *intermediates = credential.certificates
    return [*certificate_requests.answer(asked, leaf, intermediates), signature]


def _signs(method: int, role: Role) -> bool:
    """Whether the side in ``role`` signs its HASH."""
    return method not in SHARED_OR_ENCRYPTING and SIGNER.get(method, role) is role


def _no_certificate(context: ExchangeContext) -> list[Payload]:
    """ "The Client MUST respond with an empty certificate payload" (hybrid-auth-05 §4.2)."""
    return [Certificate(CertificateEncoding.X509_SIGNATURE, b"")] if context.sa.requested else []


def note_requests(context: ExchangeContext, message: Message) -> None:
    """Remembers which certificates the peer asks for, in whatever message it does."""
    asked = tuple((request.encoding, request.authority) for request in message.all(CertificateRequest))
    if asked:
        context.sa = replace(context.sa, requested=tuple(dict.fromkeys((*context.sa.requested, *asked))))


def request_certificates(context: ExchangeContext) -> list[Payload]:
    """Asks for a certificate by one of our CAs, where signatures are what proves."""
    if not _signs(_method(context), _other(context.sa.role)):
        return []
    asking = (context.connection, *one_of_each_trust(rivals(context)))
    authorities = tuple(dict.fromkeys(authority for each in asking for authority in each.trust.authorities))
    return [*certificate_requests.requests(authorities)] if authorities else []


# --- what the peer proves -------------------------------------------------------------------------------------------


def check_proof(context: ExchangeContext, message: Message, theirs: Identification) -> None:
    """Checks what proves that the peer is ``theirs``.

    Raises:
        Refusal: it does not; that ends the exchange if the message was encrypted, for nobody but the other end of the
            Diffie-Hellman exchange can have sent that, and has nothing better.
        Undecided: it depends on a certificate on which the world has not given its verdict.
    """
    method = _method(context)
    if _signs(method, context.sa.role):
        note_requests(context, message)
    expected = _peer_hash(context.sa, method)
    if _signs(method, _other(context.sa.role)):
        _check_signature(context, message, theirs, method, expected)
    elif not hmac.compare_digest(expected, received := message.one(Hash).data):
        if _is_under_way(context.sa):
            reflection.refuse_own_hash(context, received, _own_hash(context.sa, method))
        raise Refusal(*_wrong_hash(context, identity.text_of(theirs)), notify=NotifyType.AUTHENTICATION_FAILED)


def _is_under_way(sa: IkeSa) -> bool:
    """Whether we said who we are, so that a HASH of ours can have come back."""
    return bool(sa.local_id_body)


def _wrong_hash(context: ExchangeContext, claimed: str) -> tuple[Code, str]:
    if _method(context) in ENCRYPTING:
        return diagnosis.of_wrong_keys(context.sa, f"a wrong HASH for {claimed}")
    if context.exchange.is_aggressive:
        return diagnosis.of_wrong_hash(context.sa, context.connection, claimed)
    # In Main Mode the message decrypted, so the secrets are the same
    return Code.AUTHENTICATION_FAILED, f"authentication of {claimed} failed: wrong HASH"


def _check_signature(
    context: ExchangeContext, message: Message, theirs: Identification, method: int, HASH: bytes
) -> None:
    signature = message.one(Signature).data
    for key in _keys(context, message, theirs):
        reflection.refuse_own_key(context, key, ends=message.header.encrypted)
        try:
            signatures.verify(method, public_keys.load(key), HASH, signature)
        except (BadSignature, UnsuitableKey) as error:
            reason = str(error)
        else:
            return
    _refuse_own_signature(context, method, signature, ends=message.header.encrypted)
    raise Refusal(
        Code.AUTHENTICATION_FAILED,
        f"authentication of {identity.text_of(theirs)} failed: {reason}",
        notify=NotifyType.INVALID_SIGNATURE,
    )


def _refuse_own_signature(context: ExchangeContext, method: int, signature: bytes, *, ends: bool) -> None:
    """Tells a signature of ours that came back from one that is merely wrong."""
    credential = context.connection.credential
    if credential is None or not _is_under_way(context.sa):
        return
    own = private_keys.load(credential.private_key).public_key()
    try:
        signatures.verify(method, own, _own_hash(context.sa, method), signature)
    except (BadSignature, UnsuitableKey):
        return
    raise reflection.reflection(context, "our own signature", notify=NotifyType.INVALID_SIGNATURE, ends=ends)


def _keys(context: ExchangeContext, message: Message, theirs: Identification) -> tuple[bytes, ...]:
    """The public keys that may prove this identity: those that are configured, else that of a trusted certificate."""
    trust = context.connection.trust
    if trust.public_keys:
        return _known_keys(context, theirs, ends=message.header.encrypted)
    certificates = message.all(Certificate)
    reflection.refuse_own_certificate(context, certificates, ends=message.header.encrypted)
    if not certificates and not trust.peers:
        raise Refusal(
            Code.CERTIFICATE_MISSING,
            f"{identity.text_of(theirs)} sent no certificate, and no public key is configured for it",
            notify=NotifyType.CERTIFICATE_UNAVAILABLE,
            ends=message.header.encrypted,
        )
    if context.verdict is None:
        answers_call = context.initiates and can_call(context.connection)
        others = tuple(one_of_each_trust(those_expecting(rivals(context), theirs, _method(context))))
        raise NeedsCertificateCheck(certificates, theirs, answers_call=answers_call, others=others)
    if isinstance(context.verdict, Untrusted):
        verdict = context.verdict
        raise Refusal(verdict.code, verdict.text, notify=verdict.notify, ends=message.header.encrypted)
    if context.verdict.connection is not None:
        _use(context, theirs, context.verdict.connection)
    return (context.verdict.public_key,)


def _use(context: ExchangeContext, theirs: Identification, asked: Connection) -> None:
    """Use the connection ``asked`` instead, whose CA has issued the certificate of ``theirs``, unless it has changed
    since the question.
    """
    others = those_expecting(rivals(context), theirs, _method(context))
    chosen = next((each for each in others if (each.name, each.trust) == (asked.name, asked.trust)), None)
    if chosen is None:
        raise Refusal(
            Code.NO_CONNECTION,
            f"connection {asked.name!r} was changed or removed during phase 1",
            notify=NotifyType.AUTHENTICATION_FAILED,
            ends=True,
        )
    context.connection = chosen
    context.sa = replace(context.sa, connection=chosen.name)


def _known_keys(context: ExchangeContext, theirs: Identification, *, ends: bool) -> tuple[bytes, ...]:
    known = reflection.keys_for(context.connection.trust, theirs)
    if not known:
        raise Refusal(
            Code.ID_MISMATCH,
            f"the peer's identity is {identity.text_of(theirs)}, for which connection {context.connection.name!r} "
            "has no key: configure the key for this identity in peer_public_key",
            notify=NotifyType.INVALID_ID_INFORMATION,
            ends=ends,
        )
    return known


# --- HASH_I and HASH_R ----------------------------------------------------------------------------------------------


def _own_hash(sa: IkeSa, method: int) -> bytes:
    return _hash_i(sa, method) if sa.role is _INITIATOR else _hash_r(sa, method)


def _peer_hash(sa: IkeSa, method: int) -> bytes:
    return _hash_r(sa, method) if sa.role is _INITIATOR else _hash_i(sa, method)


def _hash_i(sa: IkeSa, method: int) -> bytes:
    keys, share = present(sa.keys), present(sa.share)
    # "the signature will be over HASH_I and HASH_R as above, except using the HMAC version of the hash algorithm
    # associated with the signature method" (RFC 2409 §5.1)
    algorithm = signatures.hash_of(method) or sa.suite.hash
    return keymat.HASH_I(algorithm, keys.SKEYID, share.g_xi, share.g_xr, sa.CKY_I, sa.CKY_R, sa.SAi_b, sa.IDii_b)


def _hash_r(sa: IkeSa, method: int) -> bytes:
    keys, share = present(sa.keys), present(sa.share)
    algorithm = signatures.hash_of(method) or sa.suite.hash
    return keymat.HASH_R(algorithm, keys.SKEYID, share.g_xi, share.g_xr, sa.CKY_I, sa.CKY_R, sa.SAi_b, sa.IDir_b)
