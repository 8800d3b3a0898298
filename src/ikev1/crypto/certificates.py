"""Certificates as octets: out of files, and what the protocol needs to know of its own ones.

A certificate travels as DER. Nothing here says that one may be believed: that is what `ikev1.pki` is for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from cryptography import exceptions, x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ikev1.crypto import public_keys

__all__ = ["Names", "names", "parse", "parse_revocation_lists", "public_key"]


class Names(NamedTuple):
    """Whom a certificate is for, and who signed it: two DER names."""

    subject: bytes
    issuer: bytes

    @property
    def is_self_issued(self) -> bool:
        return self.subject == self.issuer


def parse(octets: bytes) -> tuple[bytes, ...]:
    """The certificates in a file: PEM, one or more of them, DER, or PKCS#7 (``.p7b``).

    Raises:
        ValueError: there is none, or one is no certificate.
    """
    try:
        if b"-----BEGIN PKCS7" in octets:
            found = pkcs7.load_pem_pkcs7_certificates(octets)
        elif b"-----BEGIN" in octets:
            found = x509.load_pem_x509_certificates(octets)
        else:
            found = _parse_der(octets)
    except exceptions.UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in found)


def parse_revocation_lists(octets: bytes) -> tuple[bytes, ...]:
    """The CRLs in a file: PEM, one or more of them, or DER.

    Raises:
        ValueError: there is none, or one is no CRL.
    """
    end = b"-----END X509 CRL-----"
    if end not in octets:
        return (x509.load_der_x509_crl(octets).public_bytes(Encoding.DER),)
    pieces = octets.split(end)[:-1]
    return tuple(x509.load_pem_x509_crl(piece + end).public_bytes(Encoding.DER) for piece in pieces)


@lru_cache(maxsize=256)
def names(certificate: bytes) -> Names:
    """Subject and issuer of a DER certificate.

    Raises:
        ValueError: the octets are no certificate.
    """
    parsed = x509.load_der_x509_certificate(certificate)
    return Names(parsed.subject.public_bytes(), parsed.issuer.public_bytes())


@lru_cache(maxsize=256)
def public_key(certificate: bytes) -> bytes:
    """The DER SubjectPublicKeyInfo of a DER certificate.

    Raises:
        ValueError: the octets are no certificate, or its key is neither RSA nor EC.
    """
    try:
        return public_keys.encode(x509.load_der_x509_certificate(certificate).public_key())
    except exceptions.UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None


def _parse_der(octets: bytes) -> list[x509.Certificate]:
    try:
        return [x509.load_der_x509_certificate(octets)]
    except ValueError:
        return pkcs7.load_der_pkcs7_certificates(octets)
