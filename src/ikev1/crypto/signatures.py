"""Digital signatures over HASH_I and HASH_R in phase 1 (RFC 2409 §5.1, RFC 4754)."""

from __future__ import annotations

from typing import NamedTuple

from cryptography import exceptions
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from ikev1.crypto.algorithms import registered_name
from ikev1.crypto.errors import CryptoError, UnsupportedAlgorithm
from ikev1.wire.registry import AuthenticationMethod, HashAlgorithm, NotifyType

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

_RSA_METHODS = frozenset(
    {
        AuthenticationMethod.RSA_SIGNATURES,
        AuthenticationMethod.HYBRID_INIT_RSA,
        AuthenticationMethod.HYBRID_RESP_RSA,
        AuthenticationMethod.XAUTH_INIT_RSA,
        AuthenticationMethod.XAUTH_RESP_RSA,
    }
)


class _Ecdsa(NamedTuple):
    """One row of the table in RFC 4754 §4; ``size`` is that of r and of s in octets (§7).

    HASH_I is by the hash of the method, and r and s have the size of the signer's curve.
    """

    curve: type[ec.EllipticCurve]
    hash: HashAlgorithm
    algorithm: hashes.HashAlgorithm
    size: int


_ECDSA: dict[int, _Ecdsa] = {
    AuthenticationMethod.ECDSA_SHA256_P256: _Ecdsa(ec.SECP256R1, HashAlgorithm.SHA2_256, hashes.SHA256(), 32),
    AuthenticationMethod.ECDSA_SHA384_P384: _Ecdsa(ec.SECP384R1, HashAlgorithm.SHA2_384, hashes.SHA384(), 48),
    AuthenticationMethod.ECDSA_SHA512_P521: _Ecdsa(ec.SECP521R1, HashAlgorithm.SHA2_512, hashes.SHA512(), 66),
}


class BadSignature(CryptoError):
    """The signature is not by this key over this hash, or is not of the method's form."""

    notify = NotifyType.INVALID_SIGNATURE


class UnsuitableKey(CryptoError):
    """A key of another kind than the method signs with, or of a kind that no method signs with."""

    notify = NotifyType.AUTHENTICATION_FAILED


def method_of(key: PrivateKey | PublicKey) -> AuthenticationMethod:
    """The authentication method that proves possession of this key.

    Raises:
        UnsuitableKey: no method does (a curve that RFC 4754 has no number for).
    """
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return AuthenticationMethod.RSA_SIGNATURES
    for method, ecdsa in _ECDSA.items():
        if isinstance(key.curve, ecdsa.curve):
            return AuthenticationMethod(method)
    raise UnsuitableKey(f"no authentication method uses a key on {key.curve.name}")


def hash_of(method: int) -> HashAlgorithm | None:
    """The hash whose HMAC is the prf of HASH_I and HASH_R when ``method`` signs them, None for the negotiated one.

    "if the signature algorithm is tied to a particular hash algorithm [...] the signature will be over HASH_I and
    HASH_R as above, except using the HMAC version of the hash algorithm associated with the signature method. The
    negotiated prf and hash function would continue to be used for all other" (RFC 2409 §5.1)
    """
    return _ECDSA[method].hash if method in _ECDSA else None


def sign(method: int, key: PrivateKey, HASH: bytes) -> bytes:
    """SIG_I or SIG_R: ``HASH`` (HASH_I or HASH_R, under the prf that `hash_of` says) signed as ``method`` asks.

    Raises:
        UnsuitableKey: the key is not of the method's kind.
        UnsupportedAlgorithm: the method is no signature that is implemented here.
    """
    _check_kind(method, key)
    if isinstance(key, rsa.RSAPrivateKey):
        # "RSA signatures MUST be encoded as a private key encryption in PKCS #1 format and not as a signature in
        # PKCS #1 format (which includes the OID of the hash algorithm)" (RFC 2409 §5.1)
        return key.sign(HASH, padding.PKCS1v15(), utils.NoDigestInfo())
    r, s = utils.decode_dss_signature(key.sign(HASH, _over_hash(method)))
    size = _ECDSA[method_of(key)].size
    return r.to_bytes(size) + s.to_bytes(size)  # "the concatenation of a pair of integers" (RFC 4754 §7)


def verify(method: int, key: PublicKey, HASH: bytes, signature: bytes) -> None:
    """Checks SIG_I or SIG_R, as `sign` makes it.

    Raises:
        BadSignature: it is not the signature of ``HASH`` by this key.
        UnsuitableKey: the key is not of the method's kind.
        UnsupportedAlgorithm: the method is no signature that is implemented here.
    """
    _check_kind(method, key)
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, HASH, padding.PKCS1v15(), utils.NoDigestInfo())  # type: ignore[arg-type]
        else:
            key.verify(_der_of(signature, _ECDSA[method_of(key)].size), HASH, _over_hash(method))
    except exceptions.InvalidSignature:
        raise BadSignature(
            f"the {registered_name(AuthenticationMethod, method)} signature was not made with this key"
        ) from None


def _over_hash(method: int) -> ec.ECDSA:
    """ECDSA over HASH_I itself: it is the output of the method's hash already, and is not hashed again."""
    return ec.ECDSA(utils.Prehashed(_ECDSA[method].algorithm))


def _der_of(signature: bytes, size: int) -> bytes:
    if len(signature) != 2 * size:
        raise BadSignature(f"the signature has {len(signature)} octets, expected {2 * size}: r | s (RFC 4754 §7)")
    return utils.encode_dss_signature(int.from_bytes(signature[:size]), int.from_bytes(signature[size:]))


def _check_kind(method: int, key: PrivateKey | PublicKey) -> None:
    if method not in _RSA_METHODS and method not in _ECDSA:
        raise UnsupportedAlgorithm(
            f"{registered_name(AuthenticationMethod, method)} is not a supported signature method"
        )
    signed_with = method_of(key)
    # The peers' ECDSA keys may be on different curves, although a method names one: strongSwan signs with any key
    if (signed_with in _RSA_METHODS) is not (method in _RSA_METHODS):
        raise UnsuitableKey(
            f"{registered_name(AuthenticationMethod, method)} was negotiated, but the key is for {signed_with.name}"
        )
