"""The path from a peer's certificate to a CA that is trusted (RFC 5280 §6), as OpenSSL finds and validates it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator

from cryptography import exceptions
from OpenSSL import crypto

from ikev1.core.records.settings import Trust
from ikev1.errors import RemoteError
from ikev1.pki.certificate import X509Certificate, read
from ikev1.pki.errors import CertificateError, Expired, Malformed, Untrusted, Unusable

# Numbers of X509_V_ERR_..., which OpenSSL never changes (openssl/x509_vfy.h)
_NOT_VALID_NOW = frozenset({9, 10})  # CERT_NOT_YET_VALID, CERT_HAS_EXPIRED
_NO_ISSUER = frozenset({2, 18, 19, 20, 21})  # UNABLE_TO_GET_ISSUER_CERT, ..._SELF_SIGNED_..., UNABLE_TO_VERIFY_LEAF
_BAD_SIGNATURE = frozenset({4, 6, 7})  # UNABLE_TO_DECRYPT_CERT_SIGNATURE, ..._DECODE_ISSUER_PUBLIC_KEY, CERT_SIGNATURE
_WITHOUT_CERTIFICATE = frozenset({1, 17, 65, 70})  # UNSPECIFIED, OUT_OF_MEM, INVALID_CALL, STORE_LOOKUP


class NotVerified(RemoteError):
    """OpenSSL rejected a path: its error number and text, and the certificate concerned, if any."""

    code = "cert-untrusted"

    def __init__(self, number: int, words: str, certificate: X509Certificate | None) -> None:
        super().__init__(number, words)
        self.number = number
        self.words = words
        self.certificate = certificate


def find_path(
    leaf: X509Certificate, others: Iterable[X509Certificate], trust: Trust, now: float
) -> tuple[X509Certificate, ...]:
    """The certificates from ``leaf`` to one of the trusted CAs, both included. ``others``, those that the peer sent,
    may be in any order and need not belong to the path. ``now`` is in seconds since 1970.

    A certificate that is configured as the peer's needs no CA: its path is itself.

    Raises:
        Untrusted: no path of valid signatures leads to a trusted CA.
        Expired: a certificate on the path is not yet valid, or has expired.
        Unusable: the path breaks a rule of RFC 5280: its length, its names, an unknown critical extension ...
    """
    if leaf.der in trust.peers:  # OpenSSL prefers an issuer to the end of the path, even one that only has its name
        anchors, between = [leaf], list[X509Certificate]()
    else:
        anchors = [read(der) for der in trust.authorities]
        between = [*others, *(read(der) for der in trust.intermediates)]
    refusals = []
    for some in _attempts(anchors):
        try:
            return validate(leaf, between, openssl_store(some, now))
        except NotVerified as refusal:
            refusals.append(refusal)
    raise _explain(refusals[0], leaf, trust, now)


def with_issuers(path: tuple[X509Certificate, ...], trust: Trust) -> tuple[X509Certificate, ...]:
    """``path``, or that to a known CA if it consists of a certificate that is configured as the peer's: the CA may have
    revoked it. It does not matter whether the CA is still valid, nor whether another one has the same name.
    """
    if len(path) > 1:
        return path
    authorities = [read(der) for der in trust.authorities]
    issuers = [*authorities, *(read(der) for der in trust.intermediates)]
    while path[-1] not in authorities:
        found = (one for one in issuers if one not in path and _has_issued(one, path[-1]))
        issuer = next(found, None)
        if issuer is None:
            break
        path = (*path, issuer)
    return path


def _has_issued(issuer: X509Certificate, certificate: X509Certificate) -> bool:
    try:
        certificate.parsed.verify_directly_issued_by(issuer.parsed)
    except (ValueError, TypeError, exceptions.InvalidSignature, exceptions.UnsupportedAlgorithm):
        return False
    return True


def _attempts(anchors: list[X509Certificate]) -> Iterator[list[X509Certificate]]:
    """All anchors together; then one by one where some share a name, as the old and the new certificate of a CA do.
    OpenSSL follows only one of them if no key identifier tells which is meant.
    """
    yield anchors
    if len({anchor.subject for anchor in anchors}) < len(anchors):
        yield from ([anchor] for anchor in anchors)


def openssl_store(anchors: Iterable[X509Certificate], now: float, flags: int = 0) -> crypto.X509Store:
    """OpenSSL's store of trusted CAs at the time ``now``. A path can end at any of them, self-signed or not."""
    store = crypto.X509Store()
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN | flags)
    store.set_time(_moment(now))
    for anchor in anchors:
        store.add_cert(_openssl(anchor))
    return store


def validate(
    leaf: X509Certificate, between: Iterable[X509Certificate], store: crypto.X509Store
) -> tuple[X509Certificate, ...]:
    """The path that OpenSSL finds from ``leaf`` to a certificate in ``store``.

    Raises:
        NotVerified: there is none.
    """
    context = crypto.X509StoreContext(store, _openssl(leaf), [_openssl(one) for one in between])
    try:
        path = context.get_verified_chain()
    except crypto.X509StoreContextError as error:
        number, words = int(error.errors[0]), str(error.errors[2])
        # Without a certificate pyOpenSSL hands out an object around a null pointer
        certificate = None if number in _WITHOUT_CERTIFICATE else _read_back(error.certificate)
        raise NotVerified(number, words, certificate) from None
    return tuple(_read_back(certificate) for certificate in path)


def _openssl(certificate: X509Certificate) -> crypto.X509:
    try:
        return crypto.load_certificate(crypto.FILETYPE_ASN1, certificate.der)
    except crypto.Error:
        raise Malformed(f"OpenSSL cannot read the certificate of {certificate.text}") from None


def _read_back(certificate: crypto.X509) -> X509Certificate:
    return read(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate))


def _explain(refusal: NotVerified, leaf: X509Certificate, trust: Trust, now: float) -> CertificateError:
    about = refusal.certificate or leaf
    if refusal.number in _NOT_VALID_NOW:
        starts, ends = about.parsed.not_valid_before_utc, about.parsed.not_valid_after_utc
        return Expired(
            f"the certificate of {about.text} is valid from {starts} to {ends}, but the time is {_moment(now)}"
        )
    if refusal.number in _NO_ISSUER:
        trusted = "; ".join(read(der).text for der in trust.authorities) or "none"
        return Untrusted(f"no path from {about.text} to a trusted CA; trusted CAs: {trusted}")
    if refusal.number in _BAD_SIGNATURE:
        return Untrusted(f"the signature on the certificate of {about.text} is invalid ({refusal.words})")
    return Unusable(f"the certificate of {about.text} cannot be used: {refusal.words}")


def _moment(now: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(now), datetime.UTC)
