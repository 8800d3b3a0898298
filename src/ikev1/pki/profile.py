"""The requirements of RFC 4945 §5.1.3 on certificates for IKE, and on the strength of keys and hashes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ikev1.core.records.settings import Trust
from ikev1.crypto.public_keys import WeakPublicKey, check_strength
from ikev1.crypto.signatures import PublicKey, UnsuitableKey, method_of
from ikev1.pki.certificate import X509Certificate
from ikev1.pki.errors import Unusable

_CLIENT_ONLY = ExtendedKeyUsageOID.CLIENT_AUTH
_IKE_PURPOSES = {
    ExtendedKeyUsageOID.IPSEC_IKE,
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    # RFC 4945 §5.1.3.12 names the two above. VPN certificates have these in practice, because other peers require them:
    ExtendedKeyUsageOID.SERVER_AUTH,
    ExtendedKeyUsageOID.CLIENT_AUTH,
    x509.ObjectIdentifier("1.3.6.1.5.5.8.2.2"),  # iKEIntermediate
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.5"),  # id-kp-ipsecEndSystem, and two more that RFC 4945 withdrew
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
}
_BROKEN_HASHES = frozenset({"md5"})


def check_path(path: Sequence[X509Certificate], trust: Trust) -> None:
    """Raises Unusable if a certificate of the path, which begins with the peer's, does not allow this use."""
    _check_usage(path[0])
    for certificate in path:
        _check_key(certificate, trust.smallest_rsa_bits)
    for authority in path[1:-1]:
        if not authority.is_authority:  # "IKE implementations SHOULD reject" (RFC 4945 §5.1.3.9)
            raise Unusable(f"the certificate of {authority.text} issued another one, but is not a CA certificate")
    for certificate, issuer in pairwise(path):
        _check_digest(certificate, issuer, allow_sha1=trust.allow_sha1)


def public_key_of(certificate: X509Certificate) -> PublicKey:
    """The key in the peer's own certificate.

    Raises:
        Unusable: the key is of a type that cannot sign in phase 1.
    """
    if certificate.public_key is None:
        raise Unusable(f"the certificate of {certificate.text} has a key that is neither RSA nor ECDSA")
    try:
        method_of(certificate.public_key)
    except UnsuitableKey as error:
        raise Unusable(f"the certificate of {certificate.text}: {error}") from None
    return certificate.public_key


def _check_usage(leaf: X509Certificate) -> None:
    # "at least one of the digitalSignature or the nonRepudiation bits [...] MUST be set" (RFC 4945 §5.1.3.2);
    # nonRepudiation is called contentCommitment today
    usage = leaf.extension(x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise Unusable(
            f"the certificate of {leaf.text} has a keyUsage with neither digitalSignature nor nonRepudiation"
        )
    purposes = leaf.extension(x509.ExtendedKeyUsage)
    if purposes is not None and _IKE_PURPOSES.isdisjoint(purposes):
        found = ", ".join(purpose.dotted_string for purpose in purposes)
        raise Unusable(f"the certificate of {leaf.text} is not for IKE (extendedKeyUsage {found})")


def check_is_no_client(leaf: X509Certificate) -> None:
    """Raises Unusable if ``leaf`` is only for clients, although its owner is the responder: otherwise any client of the
    CA could respond in its place.
    """
    purposes = leaf.extension(x509.ExtendedKeyUsage)
    if purposes is not None and _IKE_PURPOSES.intersection(purposes) == {_CLIENT_ONLY}:
        raise Unusable(
            f"the certificate of {leaf.text} is only for clients (extendedKeyUsage clientAuth), but the peer is the "
            "responder, which needs one for ipsecIKE or serverAuth, or without extendedKeyUsage"
        )


def _check_key(certificate: X509Certificate, smallest_rsa_bits: int) -> None:
    if certificate.public_key is None:
        return
    try:
        check_strength(certificate.public_key, smallest_rsa_bits)
    except WeakPublicKey as error:
        raise Unusable(f"the certificate of {certificate.text} has {error}") from None


def _check_digest(certificate: X509Certificate, issuer: X509Certificate, *, allow_sha1: bool) -> None:
    digest = certificate.digest.name if certificate.digest else ""
    if digest in _BROKEN_HASHES or (digest == "sha1" and not allow_sha1):
        raise Unusable(f"the certificate of {certificate.text} was signed by {issuer.text} with {digest.upper()}")
