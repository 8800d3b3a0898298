"""What protects a packet: each suite as a pair of functions, one that seals and one that opens.

A sealer takes the ESP header (SPI and sequence number, 8 octets) and the padded payload, and returns the whole packet;
an opener takes the whole packet and returns the padded payload, or raises. Their cipher contexts live as long as they.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia, TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, CipherAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hmac import HMAC

from ikev1.core.model import EspKeys, EspSuite
from ikev1.wire.registry import EspTransform, IntegrityAlgorithm

__all__ = [
    "HEADER_SIZE",
    "IntegrityError",
    "Opener",
    "Sealer",
    "ShapeError",
    "Sizes",
    "UnsupportedError",
    "opener",
    "sealer",
    "sizes",
]

HEADER_SIZE = 8  # SPI and sequence number (RFC 4303 §2)
_GCM_IV_SIZE, _GCM_SALT_SIZE, _GCM_ICV_SIZE = 8, 4, 16  # RFC 4106 §3.1, §4, §6
_SMALLEST_ALIGNMENT = (
    4  # "Pad Length and Next Header fields must be right aligned within a 4-byte word" (RFC 4303 §2.4)
)

Packet = bytes | memoryview
Sealer = Callable[[bytes, bytes], bytes]
Opener = Callable[[Packet], bytes]


class UnsupportedError(ValueError):
    """A suite, or a size of key, that this module does not know."""


class IntegrityError(Exception):
    """The integrity check value is wrong (RFC 4303 §3.4.4)."""


class ShapeError(Exception):
    """The packet is no possible outcome of its suite: too short, or no whole number of blocks."""


class Sizes(NamedTuple):
    """What a suite adds to a packet, in octets: the IV, the multiple that the payload is padded to, and the ICV."""

    iv: int
    alignment: int
    icv: int


class _Mac(NamedTuple):
    hash: hashes.HashAlgorithm
    icv_size: int


_BLOCK_CIPHERS: dict[int, Callable[[bytes], BlockCipherAlgorithm]] = {
    EspTransform.TRIPLE_DES: TripleDES,  # RFC 2451
    EspTransform.AES_CBC: AES,  # RFC 3602
    EspTransform.CAMELLIA: Camellia,  # RFC 4312
}
_BLOCK_SIZES: dict[int, int] = {EspTransform.TRIPLE_DES: 8, EspTransform.AES_CBC: 16, EspTransform.CAMELLIA: 16}
_MACS: dict[int, _Mac] = {
    IntegrityAlgorithm.HMAC_MD5: _Mac(hashes.MD5(), 12),  # RFC 2403 §2  # noqa: S303
    IntegrityAlgorithm.HMAC_SHA1: _Mac(hashes.SHA1(), 12),  # RFC 2404 §2  # noqa: S303
    IntegrityAlgorithm.HMAC_SHA2_256: _Mac(hashes.SHA256(), 16),  # RFC 4868 §2.3: half of the output
    IntegrityAlgorithm.HMAC_SHA2_384: _Mac(hashes.SHA384(), 24),
    IntegrityAlgorithm.HMAC_SHA2_512: _Mac(hashes.SHA512(), 32),
}


def sizes(suite: EspSuite) -> Sizes:
    """What ``suite`` adds to a packet.

    Raises:
        UnsupportedError: the suite is not one of ours.
    """
    if suite.encryption == EspTransform.AES_GCM_16:
        return Sizes(_GCM_IV_SIZE, _SMALLEST_ALIGNMENT, _GCM_ICV_SIZE)
    icv = _mac_of(suite).icv_size
    if suite.encryption == EspTransform.NULL:
        return Sizes(0, _SMALLEST_ALIGNMENT, icv)  # RFC 2410 §2: no IV
    block = _BLOCK_SIZES.get(suite.encryption)
    if block is None:
        raise UnsupportedError(f"ESP transform {EspTransform(suite.encryption).name} is not supported")
    return Sizes(block, block, icv)


def sealer(suite: EspSuite, keys: EspKeys, random: Callable[[int], bytes]) -> Sealer:
    """The function that seals with ``keys``; ``random(n)`` gives n unpredictable octets for IVs.

    Raises:
        UnsupportedError: the suite is not one of ours, or a key has the wrong size.
    """
    layout = sizes(suite)
    if suite.encryption == EspTransform.AES_GCM_16:
        return _gcm_sealer(keys.encryption_key, random)
    mac = _mac(suite, keys)
    if suite.encryption == EspTransform.NULL:

        def seal_null(header: bytes, payload: bytes) -> bytes:
            authenticated = header + payload
            return authenticated + mac(authenticated)

        return seal_null
    encrypt = _cipher(suite, keys).encryptor().update

    def seal_cbc(header: bytes, payload: bytes) -> bytes:
        # One CBC stream for the life of the SA: a random block goes first, and its ciphertext, which nobody can
        # predict (RFC 3602 §3; NIST SP 800-38A Appendix C), is the IV of what follows. No context is set up again.
        authenticated = header + encrypt(random(layout.iv) + payload)
        return authenticated + mac(authenticated)

    return seal_cbc


def opener(suite: EspSuite, keys: EspKeys) -> Opener:
    """The function that opens with ``keys``, or raises `IntegrityError` or `ShapeError` and changes nothing.

    Raises:
        UnsupportedError: the suite is not one of ours, or a key has the wrong size.
    """
    layout = sizes(suite)
    if suite.encryption == EspTransform.AES_GCM_16:
        return _gcm_opener(keys.encryption_key)
    mac = _mac(suite, keys)
    shortest = HEADER_SIZE + layout.iv + layout.alignment + layout.icv
    decrypt = None if suite.encryption == EspTransform.NULL else _cipher(suite, keys).decryptor().update

    def open_after_mac(packet: Packet) -> bytes:
        end = len(packet) - layout.icv
        if len(packet) < shortest or (end - HEADER_SIZE) % layout.alignment:
            raise ShapeError
        # "The receiver ... computes the ICV over the ESP packet minus the ICV" and decrypts afterwards (§3.4.4.1)
        if not hmac.compare_digest(mac(packet[:end]), packet[end:]):
            raise IntegrityError
        if decrypt is None:
            return bytes(packet[HEADER_SIZE:end])
        # The IV goes through the cipher as a block of the one stream; what comes of it means nothing.
        return decrypt(packet[HEADER_SIZE:end])[layout.iv :]

    return open_after_mac


def _mac_of(suite: EspSuite) -> _Mac:
    """The suite's integrity algorithm; only combined mode ciphers may do without (RFC 4303 §3.2.2)."""
    mac = _MACS.get(suite.integrity)
    if mac is None:
        raise UnsupportedError(f"ESP integrity {IntegrityAlgorithm(suite.integrity).name} is not supported")
    return mac


def _mac(suite: EspSuite, keys: EspKeys) -> Callable[[Packet], bytes]:
    algorithm, icv_size = _mac_of(suite)
    if len(keys.integrity_key) != algorithm.digest_size:
        raise UnsupportedError(
            f"an integrity key of {len(keys.integrity_key)} octets where {algorithm.digest_size} belong"
        )
    keyed = HMAC(keys.integrity_key, algorithm)

    def mac(data: Packet) -> bytes:
        context = keyed.copy()
        context.update(data)
        return context.finalize()[:icv_size]

    return mac


def _cipher(suite: EspSuite, keys: EspKeys) -> Cipher[CBC]:
    key = keys.encryption_key
    try:
        algorithm: CipherAlgorithm = _BLOCK_CIPHERS[suite.encryption](key)
    except ValueError as error:
        raise UnsupportedError(str(error)) from None
    return Cipher(algorithm, CBC(bytes(_BLOCK_SIZES[suite.encryption])))


def _gcm_sealer(keymat: bytes, random: Callable[[int], bytes]) -> Sealer:
    encrypt, salt = _gcm(keymat)
    encrypt_function = encrypt.encrypt
    # RFC 4106 §3.1: an IV must never come twice under a key. The sequence number sees to that; the random half keeps
    # an SA that is by mistake installed a second time from repeating its first life's nonces.
    nonce_start = salt + random(_GCM_IV_SIZE - 4)

    def seal(header: bytes, payload: bytes) -> bytes:
        nonce = nonce_start + header[4:]
        return header + nonce[_GCM_SALT_SIZE:] + encrypt_function(nonce, payload, header)  # AAD: RFC 4106 §5

    return seal


def _gcm_opener(keymat: bytes) -> Opener:
    cipher, salt = _gcm(keymat)
    decrypt = cipher.decrypt
    start = HEADER_SIZE + _GCM_IV_SIZE
    shortest = start + _SMALLEST_ALIGNMENT + _GCM_ICV_SIZE

    def open_packet(packet: Packet) -> bytes:
        if len(packet) < shortest or len(packet) % _SMALLEST_ALIGNMENT:
            raise ShapeError
        try:
            return decrypt(salt + packet[HEADER_SIZE:start], packet[start:], packet[:HEADER_SIZE])
        except InvalidTag:
            raise IntegrityError from None

    return open_packet


def _gcm(keymat: bytes) -> tuple[AESGCM, bytes]:
    """The cipher and the salt, which is the last of the keying material (RFC 4106 §8.1)."""
    try:
        return AESGCM(keymat[:-_GCM_SALT_SIZE]), keymat[-_GCM_SALT_SIZE:]
    except ValueError as error:
        raise UnsupportedError(str(error)) from None
