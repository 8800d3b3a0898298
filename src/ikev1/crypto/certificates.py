"""Certificates as octets: out of files, and what the protocol needs to know of its own ones.

A certificate travels as DER. Nothing here says that one may be believed: that is what `ikev1.pki` is for.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from cryptography import exceptions, x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID

from ikev1.crypto import public_keys
from ikev1.wire.registry import IdType

# TypeError: a name with a BIT STRING, say
_NOT_VALUE_ERRORS = (TypeError, x509.InvalidVersion, exceptions.UnsupportedAlgorithm)


class Names(NamedTuple):
    """Whom a certificate is for, and who signed it: two DER names."""

    subject: bytes
    issuer: bytes

    @property
    def is_self_issued(self) -> bool:
        return self.subject == self.issuer


class Validity(NamedTuple):
    """From when until when a certificate is valid, in seconds since 1970."""

    starts: float
    ends: float


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
    except _NOT_VALUE_ERRORS as error:
        raise ValueError(str(error)) from None
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in found)


def parse_revocation_lists(octets: bytes) -> tuple[bytes, ...]:
    """The CRLs in a file: PEM, one or more of them, or DER.

    Raises:
        ValueError: there is none, or one is no CRL.
    """
    end = b"-----END X509 CRL-----"
    try:
        if end in octets:
            found = [x509.load_pem_x509_crl(piece + end) for piece in octets.split(end)[:-1]]
        else:
            found = [x509.load_der_x509_crl(octets)]
    except _NOT_VALUE_ERRORS as error:
        raise ValueError(str(error)) from None
    return tuple(one.public_bytes(Encoding.DER) for one in found)


@lru_cache(maxsize=256)
def names(certificate: bytes) -> Names:
    """Subject and issuer of a DER certificate.

    Raises:
        ValueError: the octets are no certificate.
    """
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        return Names(parsed.subject.public_bytes(), parsed.issuer.public_bytes())
    except _NOT_VALUE_ERRORS as error:
        raise ValueError(str(error)) from None


@lru_cache(maxsize=256)
def public_key(certificate: bytes) -> bytes:
    """The DER SubjectPublicKeyInfo of a DER certificate.

    Raises:
        ValueError: the octets are no certificate, or its key is neither RSA nor EC.
    """
    try:
        return public_keys.encode(x509.load_der_x509_certificate(certificate).public_key())
    except _NOT_VALUE_ERRORS as error:
        raise ValueError(str(error)) from None


def validity(certificate: bytes) -> Validity:
    """The dates of a DER certificate.

    Raises:
        ValueError: the octets are no certificate.
    """
    parsed = x509.load_der_x509_certificate(certificate)
    return Validity(parsed.not_valid_before_utc.timestamp(), parsed.not_valid_after_utc.timestamp())


def identities(certificate: bytes) -> tuple[tuple[IdType, bytes], ...]:
    """Whom a DER certificate is for, as the types and data of identification payloads: its subject, then its
    alternative names (RFC 4945 §3.1).

    Raises:
        ValueError: the octets are no certificate, or its alternative names cannot be read.
    """
    parsed = x509.load_der_x509_certificate(certificate)
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    hosts = [(IdType.FQDN, name.encode()) for name in names.get_values_for_type(x509.DNSName)]
    mailboxes = [(IdType.USER_FQDN, name.encode()) for name in names.get_values_for_type(x509.RFC822Name)]
    addresses = [
        (IdType.IPV4_ADDR if address.version == 4 else IdType.IPV6_ADDR, address.packed)
        for address in names.get_values_for_type(x509.IPAddress)
        if isinstance(address, IPv4Address | IPv6Address)
    ]
    subject = [(IdType.DER_ASN1_DN, parsed.subject.public_bytes())] if parsed.subject.rdns else []
    return (*subject, *hosts, *mailboxes, *addresses)


def is_for_tls(certificate: bytes) -> bool:
    """Whether the extendedKeyUsage of a DER certificate names servers or clients of TLS (RFC 5280 §4.2.1.12).

    Raises:
        ValueError: the octets are no certificate.
    """
    parsed = x509.load_der_x509_certificate(certificate)
    try:
        purposes = parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.SERVER_AUTH in purposes or ExtendedKeyUsageOID.CLIENT_AUTH in purposes


def _parse_der(octets: bytes) -> list[x509.Certificate]:
    try:
        return [x509.load_der_x509_certificate(octets)]
    except ValueError:
        return pkcs7.load_der_pkcs7_certificates(octets)
