"""Revocation by CRLs (RFC 5280 §6.3). OpenSSL verifies their signature, scope and time."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import exceptions, x509
from OpenSSL import crypto

from ikev1.pki import path
from ikev1.pki.answer import Answer, Status
from ikev1.pki.certificate import X509Certificate

_CERT_REVOKED = 23  # X509_V_ERR_... (openssl/x509_vfy.h)


def list_urls(certificate: X509Certificate) -> list[str]:
    """The URLs of the issuer's CRL (RFC 5280 §4.2.1.13)."""
    points = certificate.extension(x509.CRLDistributionPoints)
    return [
        name.value
        for point in points or ()
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier)
    ]


def ask_lists(certificate: X509Certificate, issuer: X509Certificate, lists: Iterable[bytes], now: float) -> Answer:
    """The status of ``certificate`` by CRLs (DER). CRLs of other issuers and malformed CRLs are ignored.

    An expired CRL still revokes the certificates in it, but does not make others good.
    """
    by_issuer = [one for one in map(_read, lists) if one is not None and one.issuer == issuer.parsed.subject]
    if not by_issuer:
        return Answer(Status.UNKNOWN, f"no CRL of {issuer.text}")
    store = path.openssl_store([issuer], now, crypto.X509StoreFlags.CRL_CHECK)
    try:
        for one in by_issuer:
            store.add_crl(one)
        path.validate(certificate, [], store)
    except path.NotVerified as refusal:
        if refusal.number == _CERT_REVOKED or any(_is_in(certificate, issuer, one) for one in by_issuer):
            return Answer(Status.REVOKED, f"the CRL of {issuer.text}")
        return Answer(Status.UNKNOWN, f"the CRL of {issuer.text}: {refusal.words}")
    except crypto.Error:
        return Answer(Status.UNKNOWN, f"OpenSSL cannot read the CRL of {issuer.text}")
    return Answer(Status.GOOD, f"the CRL of {issuer.text}")


def _read(octets: bytes) -> x509.CertificateRevocationList | None:
    try:
        parsed = x509.load_der_x509_crl(octets)
        _ = parsed.issuer, parsed.signature_hash_algorithm  # read on demand, so what is wrong with them shows here
    except (ValueError, TypeError, x509.InvalidVersion, exceptions.UnsupportedAlgorithm):
        return None
    return parsed


def _is_in(certificate: X509Certificate, issuer: X509Certificate, crl: x509.CertificateRevocationList) -> bool:
    try:
        is_signed = crl.is_signature_valid(issuer.parsed.public_key())  # type: ignore[arg-type]
        return is_signed and crl.get_revoked_certificate_by_serial_number(certificate.parsed.serial_number) is not None
    except (TypeError, ValueError, exceptions.UnsupportedAlgorithm):
        return False
