"""Ciphers that need a separate integrity algorithm: CBC, AES-CTR and NULL.

The arguments of an encryptor are the ESP header and the padded payload; it returns IV and ciphertext. A decryptor
returns the payload for these.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.decrepit.ciphers.algorithms import CAST5, Blowfish, Camellia, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR

from ikev1.wire.registry import EspTransform

# Octets of the IV, and the multiple to which the payload is padded: at least a word (RFC 4303 §2.4).
IV_SIZES: dict[int, int] = {
    EspTransform.DES: 8,
    EspTransform.TRIPLE_DES: 8,
    EspTransform.NULL: 0,  # RFC 2410 §2
    EspTransform.AES_CBC: 16,
    EspTransform.AES_CTR: 8,  # RFC 3686 §3.1
    EspTransform.CAMELLIA: 16,
    EspTransform.BLOWFISH: 8,
    EspTransform.CAST: 8,
}
ALIGNMENTS = IV_SIZES | {EspTransform.NULL: 4, EspTransform.AES_CTR: 4}

BLOCK_CIPHERS: dict[int, Callable[[bytes], BlockCipherAlgorithm]] = {
    EspTransform.DES: lambda key: TripleDES(key * 3),  # RFC 2405; three times the same key is DES
    EspTransform.TRIPLE_DES: TripleDES,  # RFC 2451
    EspTransform.AES_CBC: AES,  # RFC 3602
    EspTransform.CAMELLIA: Camellia,  # RFC 4312
    EspTransform.BLOWFISH: Blowfish,  # RFC 2451
    EspTransform.CAST: CAST5,
}
_CTR_NONCE_SIZE = 4  # the last of the keying material (RFC 3686 §5.1)
_FIRST_COUNTER = bytes((0, 0, 0, 1))  # RFC 3686 §4

Encryptor = Callable[[bytes, bytes], bytes]
Decryptor = Callable[[bytes | memoryview], bytes]


def cbc(transform: int, key: bytes) -> Cipher[CBC]:
    """A block cipher in CBC mode, from which streams begin that carry their IVs themselves.

    Raises:
        ValueError: the key has the wrong size.
    """
    return Cipher(BLOCK_CIPHERS[transform](key), CBC(bytes(IV_SIZES[transform])))


def encryptor(transform: int, key: bytes, random: Callable[[int], bytes]) -> Encryptor:
    """The function that encrypts; ``random(n)`` gives n unpredictable octets for IVs.

    Raises:
        ValueError: the key has the wrong size.
    """
    if transform == EspTransform.NULL:
        return lambda _, payload: payload
    if transform == EspTransform.AES_CTR:
        algorithm, nonce = AES(key[:-_CTR_NONCE_SIZE]), key[-_CTR_NONCE_SIZE:]
        start = random(4)  # as in `ikev1.esp.combined`: an SA that is by mistake installed again repeats no IV

        def encrypt_ctr(header: bytes, payload: bytes) -> bytes:
            iv = start + header[4:]
            return iv + Cipher(algorithm, CTR(nonce + iv + _FIRST_COUNTER)).encryptor().update(payload)

        return encrypt_ctr
    size = IV_SIZES[transform]
    update = cbc(transform, key).encryptor().update
    # One CBC stream for the life of the SA: a random block is encrypted before each packet, and its ciphertext, which
    # is unpredictable (RFC 3602 §3; NIST SP 800-38A Appendix C), is the IV of the packet. No context is set up again.
    return lambda _, payload: update(random(size) + payload)


def decryptor(transform: int, key: bytes) -> Decryptor:
    """The function that decrypts whole blocks.

    Raises:
        ValueError: the key has the wrong size.
    """
    if transform == EspTransform.NULL:
        return bytes
    if transform == EspTransform.AES_CTR:
        algorithm, nonce = AES(key[:-_CTR_NONCE_SIZE]), key[-_CTR_NONCE_SIZE:]

        def decrypt_ctr(body: bytes | memoryview) -> bytes:
            counter = nonce + body[: IV_SIZES[transform]] + _FIRST_COUNTER
            return Cipher(algorithm, CTR(counter)).decryptor().update(body[IV_SIZES[transform] :])

        return decrypt_ctr
    size = IV_SIZES[transform]
    update = cbc(transform, key).decryptor().update
    # The IV is decrypted as a block of the one stream; its plaintext is meaningless.
    return lambda body: update(body)[size:]
