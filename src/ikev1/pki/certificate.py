"""A certificate, parsed completely, so that malformed octets are detected here and not later."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, TypeVar

from cryptography import exceptions, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ikev1.crypto import distinguished_name
from ikev1.crypto.distinguished_name import InvalidName
from ikev1.crypto.signatures import PublicKey
from ikev1.pki.errors import Malformed

LARGEST = 32_768  # octets of one certificate; real ones have one or two thousand

Kind = TypeVar("Kind", bound=x509.ExtensionType)


class X509Certificate(NamedTuple):
    """A parsed certificate."""

    der: bytes
    parsed: x509.Certificate
    subject: bytes  # DER
    text: str  # the subject for people; of an empty one, the serial number
    public_key: PublicKey | None  # None: a type that cannot sign in phase 1, though it may sign certificates
    digest: hashes.HashAlgorithm | None  # of the signature; None: the algorithm has no separate one, such as Ed25519
    extensions: x509.Extensions

    def extension(self, kind: type[Kind]) -> Kind | None:
        """The extension of this kind, None if there is none."""
        try:
            return self.extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None

    @property
    def is_authority(self) -> bool:
        """Whether it may issue certificates (RFC 5280 §4.2.1.9)."""
        constraints = self.extension(x509.BasicConstraints)
        return constraints is not None and constraints.ca


@lru_cache(maxsize=256)
def read(der: bytes) -> X509Certificate:
    """A certificate from its DER.

    Raises:
        Malformed: the octets are not a certificate, or larger than `LARGEST`.
    """
    if len(der) > LARGEST:
        raise Malformed(f"a certificate has {len(der)} octets, expected at most {LARGEST}")
    try:
        parsed = x509.load_der_x509_certificate(der)
        subject = parsed.subject.public_bytes()
        return X509Certificate(
            der=der,
            parsed=parsed,
            subject=subject,
            text=distinguished_name.to_text(subject) or f"serial number {parsed.serial_number:x}",
            public_key=_public_key(parsed),
            digest=parsed.signature_hash_algorithm,
            extensions=parsed.extensions,
        )
    except (
        ValueError,
        TypeError,  # a name with a BIT STRING, say
        InvalidName,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
        exceptions.UnsupportedAlgorithm,
    ) as error:
        raise Malformed(f"not an X.509 certificate ({len(der)} octets): {error}") from None


def _public_key(parsed: x509.Certificate) -> PublicKey | None:
    key = parsed.public_key()
    return key if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else None
