"""AES-XCBC-MAC (RFC 3566): a CBC-MAC whose last block is masked, so that messages may have any length."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.crypto.cipher import Cipher
from ikev1.wire.registry import Encryption

BLOCK = 16
_ZERO = bytes(BLOCK)


def aes_xcbc(key: bytes) -> Callable[[bytes | memoryview], bytes]:
    """The function that returns the MAC of 16 octets under a key of 16 octets (RFC 3566 §4), for use by one thread."""
    derive = Cipher(Encryption.AES_CBC, key).encrypt
    chained, whole, padded = (derive(_ZERO, bytes((number,)) * BLOCK) for number in (1, 2, 3))
    encrypt = Cipher(Encryption.AES_CBC, chained).encrypt
    masks = int.from_bytes(whole), int.from_bytes(padded)

    def mac(data: bytes | memoryview) -> bytes:
        incomplete = len(data) % BLOCK or not data
        blocks = bytes(data) + (b"\x80".ljust(BLOCK - len(data) % BLOCK, b"\0") if incomplete else b"")
        last = int.from_bytes(blocks[-BLOCK:]) ^ masks[bool(incomplete)]
        return encrypt(_ZERO, blocks[:-BLOCK] + last.to_bytes(BLOCK))[-BLOCK:]

    return mac
