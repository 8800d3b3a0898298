"""Private keys: parsed from files, and converted to PKCS#8 DER."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates

from ikev1.crypto.signatures import PrivateKey
from ikev1.errors import LocalError


class Bundle(NamedTuple):
    """What a PKCS#12 file holds: the key (PKCS#8 DER), its certificate, and those that lead to a CA (all DER)."""

    key: bytes
    certificate: bytes
    others: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Bundle(key=<secret>, certificate={self.certificate!r}, others={self.others!r})"


class NotEncryptedError(LocalError, ValueError):
    """A passphrase was given for a key that is not encrypted."""

    code = "not-encrypted"


def parse(octets: bytes, passphrase: bytes | None = None) -> bytes:
    """The key in a PEM or DER file (PKCS#8, plain or encrypted; PKCS#1; SEC 1), as unencrypted PKCS#8 DER.

    Raises:
        NotEncryptedError: the passphrase is superfluous.
        ValueError: no key is found, its passphrase is wrong or missing, or it is of a kind that signs no phase 1.
    """
    load_any: Callable[[bytes, bytes | None], object] = (
        load_pem_private_key if b"-----BEGIN" in octets else load_der_private_key
    )
    try:
        key = load_any(octets, passphrase)
    except TypeError:  # raised by `cryptography` for a missing or superfluous passphrase
        if passphrase is None:
            raise ValueError("the private key is encrypted and requires a passphrase") from None
        raise NotEncryptedError("a passphrase was given, but the private key is not encrypted") from None
    except (ValueError, exceptions.UnsupportedAlgorithm):
        # the error may quote the key
        raise ValueError("not a private key, or its passphrase is wrong") from None
    return _pkcs8(key)


def parse_pkcs12(octets: bytes, passphrase: bytes | None = None) -> Bundle:
    """The key and the certificates in a PKCS#12 file (``.p12``, ``.pfx``).

    Raises:
        ValueError: the octets or the passphrase are wrong, or there is no key with its certificate.
    """
    try:
        found: PKCS12KeyAndCertificates = pkcs12.load_pkcs12(octets, passphrase)
    except (ValueError, exceptions.UnsupportedAlgorithm):
        raise ValueError("not a PKCS#12 file, or its passphrase is wrong") from None
    if found.key is None or found.cert is None:
        raise ValueError("the PKCS#12 file does not contain a private key with its certificate")
    others = tuple(other.certificate.public_bytes(Encoding.DER) for other in found.additional_certs)
    return Bundle(_pkcs8(found.key), found.cert.certificate.public_bytes(Encoding.DER), others)


@lru_cache(maxsize=64)
def load(pkcs8: bytes) -> PrivateKey:
    """The key to sign with, from the PKCS#8 DER that `parse` made. Kept, since OpenSSL checks an RSA key for
    milliseconds before its first use.

    Raises:
        ValueError: the octets are no PKCS#8 DER of an RSA or EC key.
    """
    return _signer(load_der_private_key(pkcs8, None))


def _signer(key: object) -> PrivateKey:
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return key
    raise ValueError(f"unsupported private key type {type(key).__name__}, expected RSA or elliptic curve")


def _pkcs8(key: object) -> bytes:
    return _signer(key).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
