"""Public keys: parsed from files and DNS notation, and converted to DER SubjectPublicKeyInfo (RFC 5280 §4.1)."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache

from cryptography import exceptions, x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from ikev1.crypto.errors import CryptoError
from ikev1.crypto.signatures import PublicKey
from ikev1.wire.registry import NotifyType

LARGEST_RSA_BITS = 16_384  # OpenSSL refuses to verify with more


class WeakPublicKey(CryptoError):
    """An RSA key of fewer bits than are allowed here, or of so many that verifying with it is an attack."""

    notify = NotifyType.INVALID_CERTIFICATE


def parse(octets: bytes) -> bytes:
    """The key in a PEM or DER file, a certificate included, or in an RSA key as DNS has it (RFC 3110 §2): base64
    after ``0s`` or alone, as libreswan's and strongSwan's ``rightrsasigkey``, or hexadecimal after ``0x``.

    Raises:
        ValueError: no RSA or EC public key is found.
    """
    text = octets.strip()
    try:
        if b"-----BEGIN CERTIFICATE" in text:
            return encode(x509.load_pem_x509_certificate(text).public_key())
        if b"-----BEGIN" in text:
            return encode(load_pem_public_key(text))
        return encode(_from_dns(_decode(text)) if text.isascii() else _from_der(octets))
    except (x509.InvalidVersion, exceptions.UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from None


@lru_cache(maxsize=1024)
def load(spki: bytes) -> PublicKey:
    """The key to verify with, from the DER that `parse` or `encode` made.

    Raises:
        ValueError: the octets are no SubjectPublicKeyInfo of an RSA or EC key.
    """
    try:
        return _verifier(load_der_public_key(spki))
    except exceptions.UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None


def encode(key: object) -> bytes:
    """The DER SubjectPublicKeyInfo of a key.

    Raises:
        ValueError: the key is neither RSA nor EC.
    """
    return _verifier(key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def check_strength(key: PublicKey, smallest_rsa_bits: int) -> None:
    """Raises WeakPublicKey for an RSA key of fewer bits than ``smallest_rsa_bits``, or of more than anybody needs."""
    if isinstance(key, rsa.RSAPublicKey) and not smallest_rsa_bits <= key.key_size <= LARGEST_RSA_BITS:
        raise WeakPublicKey(f"an RSA key of {key.key_size} bits, expected {smallest_rsa_bits} to {LARGEST_RSA_BITS}")


def _from_der(octets: bytes) -> object:
    try:
        return load_der_public_key(octets)
    except ValueError:
        return x509.load_der_x509_certificate(octets).public_key()


def _decode(text: bytes) -> bytes:
    try:
        if text[:2] == b"0x":
            return bytes.fromhex(text[2:].decode("ascii"))
        return base64.b64decode(b"".join(text.removeprefix(b"0s").split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not a public key: expected PEM, DER or base64 (RFC 3110)") from None


def _from_dns(octets: bytes) -> rsa.RSAPublicKey:
    """ "exponent length 1 or 3 octets, exponent, modulus" (RFC 3110 §2); three octets where the first is zero."""
    size, at = (octets[0], 1) if octets[:1] > b"\x00" else (int.from_bytes(octets[1:3]), 3)
    exponent, modulus = int.from_bytes(octets[at : at + size]), int.from_bytes(octets[at + size :])
    if modulus.bit_length() > LARGEST_RSA_BITS:
        raise ValueError(f"an RSA key of {modulus.bit_length()} bits, expected at most {LARGEST_RSA_BITS}")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _verifier(key: object) -> PublicKey:
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return key
    raise ValueError(f"unsupported public key type {type(key).__name__}, expected RSA or elliptic curve")
