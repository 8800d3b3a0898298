"""AES-GCM in ESP (RFC 4106): ICVs of 16 octets, and the shorter ones that some peers insist on."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidTag as InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from ikev1.wire.registry import EspTransform

IV_SIZE = 8  # RFC 4106 §3.1
ICV_SIZES: dict[int, int] = {  # RFC 4106 §6
    EspTransform.AES_GCM_8: 8,
    EspTransform.AES_GCM_12: 12,
    EspTransform.AES_GCM_16: 16,
}
_SALT_SIZE = 4  # the last of the keying material (RFC 4106 §8.1)
_HEADER_SIZE = 8
_START = _HEADER_SIZE + IV_SIZE
_WHOLE_ICV = 16


def sealer(transform: int, keymat: bytes, random: Callable[[int], bytes]) -> Callable[[bytes, bytes], bytes]:
    """As `ikev1.esp.transforms.sealer`; ValueError if the key has the wrong size."""
    encrypt, salt = AESGCM(keymat[:-_SALT_SIZE]).encrypt, keymat[-_SALT_SIZE:]
    # RFC 4106 §3.1: an IV must not be used twice with a key. The sequence number ensures that; the random half does so
    # for an SA that is installed twice by mistake.
    nonce_start = salt + random(IV_SIZE - 4)

    def seal(header: bytes, payload: bytes) -> bytes:
        nonce = nonce_start + header[4:]
        return header + nonce[_SALT_SIZE:] + encrypt(nonce, payload, header)  # AAD: RFC 4106 §5

    cut = ICV_SIZES[transform] - _WHOLE_ICV
    return seal if not cut else lambda header, payload: seal(header, payload)[:cut]


def opener(transform: int, keymat: bytes) -> Callable[[bytes | memoryview], bytes]:
    """A function that opens packets long enough to hold header, IV and ICV, or raises InvalidTag.

    Raises:
        ValueError: the key has the wrong size.
    """
    key, salt, icv_size = keymat[:-_SALT_SIZE], keymat[-_SALT_SIZE:], ICV_SIZES[transform]
    decrypt = AESGCM(key).decrypt

    def open_whole(packet: bytes | memoryview) -> bytes:
        return decrypt(salt + packet[_HEADER_SIZE:_START], packet[_START:], packet[:_HEADER_SIZE])

    def open_short(packet: bytes | memoryview) -> bytes:
        mode = GCM(salt + packet[_HEADER_SIZE:_START], bytes(packet[-icv_size:]), min_tag_length=icv_size)
        context = Cipher(AES(key), mode).decryptor()
        context.authenticate_additional_data(packet[:_HEADER_SIZE])
        payload = context.update(packet[_START:-icv_size])
        return payload + context.finalize()

    return open_whole if icv_size == _WHOLE_ICV else open_short
