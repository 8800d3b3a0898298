"""Secrets that Cisco's VPN client and vpnc store obfuscated: anybody who reads the file can decode them.

The format, in hexadecimal: 20 octets that the key derives from, SHA-1 over the rest, and the rest: the secret,
encrypted by 3DES-CBC.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

_DIGEST = 20  # octets of SHA-1
_BLOCK = 8  # octets of 3DES
_LONGEST = 4096  # hexadecimal digits


def decode_obfuscated(written: str) -> bytes:
    """The secret in ``written``, hexadecimal digits.

    Raises:
        ValueError: it is not an obfuscated secret; the message does not show it.
    """
    if len(written) > _LONGEST:
        raise ValueError(f"has {len(written)} characters: expected at most {_LONGEST}")
    try:
        octets = bytes.fromhex(written)
    except ValueError:
        raise ValueError("is not hexadecimal") from None
    seed, digest, encrypted = octets[:_DIGEST], octets[_DIGEST : 2 * _DIGEST], octets[2 * _DIGEST :]
    if not encrypted or len(encrypted) % _BLOCK:
        raise ValueError("is shorter or longer than an obfuscated secret can be")
    if not hmac.compare_digest(hashlib.sha1(encrypted).digest(), digest):  # noqa: S324  the format has SHA-1
        raise ValueError("does not have the checksum of an obfuscated secret")
    decryptor = Cipher(TripleDES(_key(seed)), modes.CBC(seed[:_BLOCK])).decryptor()
    padded = decryptor.update(encrypted) + decryptor.finalize()
    length = len(padded) - padded[-1]
    if not 0 < padded[-1] <= _BLOCK or length == 0:
        raise ValueError("has a wrong padding, or no secret")
    return padded[:length]


def _key(seed: bytes) -> bytes:
    """The key of 24 octets: SHA-1 over the seed with its last octet incremented by 1, then by 3 instead."""

    def derived(step: int) -> bytes:
        return hashlib.sha1(seed[:-1] + bytes([(seed[-1] + step) & 0xFF])).digest()  # noqa: S324

    return derived(1) + derived(3)[:4]
