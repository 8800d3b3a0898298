"""The protection of packets: each suite as a pair of functions, one that seals and one that opens.

A sealer has the ESP header (SPI and sequence number, 8 octets) and the padded payload as arguments, and returns the
whole packet; an opener has the whole packet as argument and returns the padded payload, or raises. They keep their
cipher contexts.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.crypto.errors import UnsupportedAlgorithm
from ikev1.crypto.suites import esp_key_sizes
from ikev1.crypto.xcbc import aes_xcbc
from ikev1.errors import LocalError, RemoteError
from ikev1.esp import ciphers, combined
from ikev1.wire.registry import EspTransform, IntegrityAlgorithm

HEADER_SIZE = 8  # SPI and sequence number (RFC 4303 §2)
PADDING = bytes(range(1, 256))  # RFC 4303 §2.4: "the first padding byte is 1, with subsequent bytes ... 2, 3 ..."

Packet = bytes | memoryview
Sealer = Callable[[bytes, bytes], bytes]
Opener = Callable[[Packet], bytes]


class UnsupportedError(LocalError, ValueError):
    """The suite, or the size of a key, is not supported."""

    code = "unsupported-suite"


class IntegrityError(RemoteError):
    """The integrity check value is wrong (RFC 4303 §3.4.4)."""

    code = "esp-integrity"


class MalformedPacket(RemoteError):
    """The packet cannot have been made with its suite: it is too short, or not a whole number of blocks."""

    code = "malformed"


class Sizes(NamedTuple):
    """The overhead of a suite in octets: the IV, the multiple to which the payload is padded, and the ICV."""

    iv: int
    alignment: int
    icv: int


class _Mac(NamedTuple):
    keyed: Callable[[bytes], Callable[[Packet], bytes]]  # the function that computes the whole MAC under a key
    icv_size: int


def _hmac(algorithm: hashes.HashAlgorithm) -> Callable[[bytes], Callable[[Packet], bytes]]:
    def under(key: bytes) -> Callable[[Packet], bytes]:
        keyed = HMAC(key, algorithm)

        def mac(data: Packet) -> bytes:
            context = keyed.copy()
            context.update(data)
            return context.finalize()

        return mac

    return under


_MACS: dict[int, _Mac] = {
    IntegrityAlgorithm.HMAC_MD5: _Mac(_hmac(hashes.MD5()), 12),  # RFC 2403 §2  # noqa: S303
    IntegrityAlgorithm.HMAC_SHA1: _Mac(_hmac(hashes.SHA1()), 12),  # RFC 2404 §2  # noqa: S303
    IntegrityAlgorithm.HMAC_SHA2_256: _Mac(_hmac(hashes.SHA256()), 16),  # RFC 4868 §2.3: half of the output
    IntegrityAlgorithm.HMAC_SHA2_384: _Mac(_hmac(hashes.SHA384()), 24),
    IntegrityAlgorithm.HMAC_SHA2_512: _Mac(_hmac(hashes.SHA512()), 32),
    IntegrityAlgorithm.AES_XCBC_MAC: _Mac(aes_xcbc, 12),  # RFC 3566 §4.2
}


def sizes(suite: IpsecSuite) -> Sizes:
    """The overhead of ``suite``.

    Raises:
        UnsupportedError: the suite is not supported.
    """
    transform = suite.encryption
    if transform in combined.ICV_SIZES:
        return Sizes(combined.IV_SIZE, combined.ALIGNMENT, combined.ICV_SIZES[transform])
    if transform not in ciphers.IV_SIZES:
        raise UnsupportedError(f"ESP transform {EspTransform(transform).name} is not supported")
    return Sizes(ciphers.IV_SIZES[transform], ciphers.ALIGNMENTS[transform], _mac_of(suite).icv_size)


def check(suite: IpsecSuite, keys: IpsecKeys) -> None:
    """Check that `sealer` and `opener` accept ``suite`` and ``keys``, at a fraction of their cost.

    Raises:
        UnsupportedError: the suite is not supported, or a key has the wrong size.
    """
    sizes(suite)
    try:
        wanted = esp_key_sizes(suite.encryption, suite.key_length, suite.integrity)
    except UnsupportedAlgorithm as error:
        raise UnsupportedError(str(error)) from None
    found = len(keys.encryption_key), len(keys.integrity_key)
    if found != wanted:
        raise UnsupportedError(f"keys of {found[0]} and {found[1]} octets found, expected {wanted[0]} and {wanted[1]}")


def sealer(suite: IpsecSuite, keys: IpsecKeys, random: Callable[[int], bytes]) -> Sealer:
    """The function that seals with ``keys``; ``random(n)`` gives n unpredictable octets for IVs.

    Raises:
        UnsupportedError: the suite is not supported, or a key has the wrong size.
    """
    check(suite, keys)
    if suite.encryption in combined.ICV_SIZES:
        return combined.sealer(suite.encryption, keys.encryption_key, random)
    encrypt = ciphers.encryptor(suite.encryption, keys.encryption_key, random)
    mac = integrity(suite, keys)

    def seal(header: bytes, payload: bytes) -> bytes:
        authenticated = header + encrypt(header, payload)
        return authenticated + mac(authenticated)

    return seal


def opener(suite: IpsecSuite, keys: IpsecKeys) -> Opener:
    """The function that opens with ``keys``, or raises `IntegrityError` or `MalformedPacket` and changes nothing.

    Raises:
        UnsupportedError: the suite is not supported, or a key has the wrong size.
    """
    check(suite, keys)
    iv, alignment, icv = sizes(suite)
    shortest = HEADER_SIZE + iv + alignment + icv
    overhead = HEADER_SIZE + iv + icv
    if suite.encryption in combined.ICV_SIZES:
        open_whole = combined.opener(suite.encryption, keys.encryption_key)
    else:
        decrypt = ciphers.decryptor(suite.encryption, keys.encryption_key)

    def open_combined(packet: Packet) -> bytes:
        if len(packet) < shortest or (len(packet) - overhead) % alignment:
            raise MalformedPacket
        try:
            return open_whole(packet)
        except combined.InvalidTag:
            raise IntegrityError from None

    if suite.encryption in combined.ICV_SIZES:
        return open_combined
    mac = integrity(suite, keys)

    def open_after_mac(packet: Packet) -> bytes:
        if len(packet) < shortest or (len(packet) - overhead) % alignment:
            raise MalformedPacket
        # "The receiver ... computes the ICV over the ESP packet minus the ICV" and decrypts afterwards (§3.4.4.1)
        if not hmac.compare_digest(mac(packet[:-icv]), packet[-icv:]):
            raise IntegrityError
        return decrypt(packet[HEADER_SIZE:-icv])

    return open_after_mac


def _mac_of(suite: IpsecSuite) -> _Mac:
    """The suite's integrity algorithm; only combined mode ciphers may do without (RFC 4303 §3.2.2)."""
    mac = _MACS.get(suite.integrity)
    if mac is None:
        raise UnsupportedError(f"ESP integrity {IntegrityAlgorithm(suite.integrity).name} is not supported")
    return mac._replace(icv_size=12) if suite.sha256_96 else mac


def integrity(suite: IpsecSuite, keys: IpsecKeys) -> Callable[[Packet], bytes]:
    """The function that computes the ICV of header, IV and ciphertext, for a suite that is not a combined mode."""
    keyed, icv_size = _mac_of(suite)
    whole = keyed(keys.integrity_key)
    return lambda data: whole(data)[:icv_size]
