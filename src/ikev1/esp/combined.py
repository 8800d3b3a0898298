"""Ciphers that protect the integrity themselves: AES-GCM (RFC 4106), AES-CCM (RFC 4309) and AES-GMAC (RFC 4543), which
does not encrypt.

Each takes a nonce of a salt, which ends the keying material, and an IV of 8 octets, which the packet carries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag as InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from ikev1.wire.registry import EspTransform

IV_SIZE = 8  # RFC 4106 §3.1, RFC 4309 §3.1, RFC 4543 §3.1
ALIGNMENT = 4
ICV_SIZES: dict[int, int] = {
    EspTransform.AES_GCM_8: 8,  # RFC 4106 §6
    EspTransform.AES_GCM_12: 12,
    EspTransform.AES_GCM_16: 16,
    EspTransform.AES_CCM_8: 8,  # RFC 4309 §6
    EspTransform.AES_CCM_12: 12,
    EspTransform.AES_CCM_16: 16,
    EspTransform.NULL_AUTH_AES_GMAC: 16,  # RFC 4543 §3.4
}
_CCM = frozenset({EspTransform.AES_CCM_8, EspTransform.AES_CCM_12, EspTransform.AES_CCM_16})
_GCM_SALT_SIZE = 4  # RFC 4106 §8.1, RFC 4543 §5.4
_CCM_SALT_SIZE = 3  # RFC 4309 §7.1
_HEADER_SIZE = 8
_START = _HEADER_SIZE + IV_SIZE
_WHOLE_ICV = 16

Packet = bytes | memoryview


class _Mode(NamedTuple):
    """A cipher under one key. ``seal`` returns what follows the IV, from a nonce, header and payload; ``open`` returns
    the payload of a packet, from its nonce and the packet, or raises InvalidTag.
    """

    seal: Callable[[bytes, bytes, bytes], bytes]
    open: Callable[[bytes, Packet], bytes]


def sealer(transform: int, keymat: bytes, random: Callable[[int], bytes]) -> Callable[[bytes, bytes], bytes]:
    """As `ikev1.esp.transforms.sealer`; ValueError if the key has the wrong size."""
    key, salt = _parts(transform, keymat)
    protect = _mode(transform, key).seal
    # RFC 4106 §3.1: an IV must not be used twice with a key. The sequence number ensures that; the random half does so
    # for an SA that is installed twice by mistake.
    nonce_start, iv = salt + random(IV_SIZE - 4), len(salt)

    def seal(header: bytes, payload: bytes) -> bytes:
        nonce = nonce_start + header[4:]
        return header + nonce[iv:] + protect(nonce, header, payload)

    return seal


def opener(transform: int, keymat: bytes) -> Callable[[Packet], bytes]:
    """A function that opens packets long enough to hold header, IV and ICV, or raises InvalidTag.

    Raises:
        ValueError: the key has the wrong size.
    """
    key, salt = _parts(transform, keymat)
    reveal = _mode(transform, key).open
    return lambda packet: reveal(salt + packet[_HEADER_SIZE:_START], packet)


def _parts(transform: int, keymat: bytes) -> tuple[bytes, bytes]:
    """The key and the salt."""
    salt = _CCM_SALT_SIZE if transform in _CCM else _GCM_SALT_SIZE
    return keymat[:-salt], keymat[-salt:]


def _mode(transform: int, key: bytes) -> _Mode:
    size = ICV_SIZES[transform]
    if transform in _CCM:
        return _whole(AESCCM(key, size))
    if transform == EspTransform.NULL_AUTH_AES_GMAC:
        return _gmac(key)
    return _whole(AESGCM(key)) if size == _WHOLE_ICV else _short_gcm(key, size)


def _whole(cipher: AESGCM | AESCCM) -> _Mode:
    """A cipher whose library has ICVs of this size. The AAD is the header (RFC 4106 §5, RFC 4309 §5)."""
    encrypt, decrypt = cipher.encrypt, cipher.decrypt
    return _Mode(
        lambda nonce, header, payload: encrypt(nonce, payload, header),
        lambda nonce, packet: decrypt(nonce, packet[_START:], packet[:_HEADER_SIZE]),
    )


def _short_gcm(key: bytes, size: int) -> _Mode:
    encrypt, cut = AESGCM(key).encrypt, size - _WHOLE_ICV

    def reveal(nonce: bytes, packet: Packet) -> bytes:
        context = Cipher(AES(key), GCM(nonce, bytes(packet[-size:]), min_tag_length=size)).decryptor()
        context.authenticate_additional_data(packet[:_HEADER_SIZE])
        payload = context.update(packet[_START:-size])
        return payload + context.finalize()

    return _Mode(lambda nonce, header, payload: encrypt(nonce, payload, header)[:cut], reveal)


def _gmac(key: bytes) -> _Mode:
    """AES-GCM that encrypts nothing: header, IV and payload are the AAD (RFC 4543 §3.3)."""
    gcm = AESGCM(key)

    def seal(nonce: bytes, header: bytes, payload: bytes) -> bytes:
        return payload + gcm.encrypt(nonce, b"", header + nonce[_GCM_SALT_SIZE:] + payload)

    def reveal(nonce: bytes, packet: Packet) -> bytes:
        gcm.decrypt(nonce, packet[-_WHOLE_ICV:], packet[:-_WHOLE_ICV])
        return bytes(packet[_START:-_WHOLE_ICV])

    return _Mode(seal, reveal)
