"""CBC ciphers as IKE uses them: whole blocks, and an initialization vector that the caller carries on.

"There is a single bidirectional cipher/IV context" (RFC 2409 Appendix B): after each message the next IV is the last
ciphertext block, which the caller keeps. No state is kept between messages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, Protocol

from cryptography import exceptions
from cryptography.hazmat.decrepit.ciphers.algorithms import CAST5, Blowfish, Camellia, TripleDES
from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from ikev1 import af_alg
from ikev1.crypto.algorithms import IKE_SIZED, Supported, registered_name
from ikev1.crypto.des_keys import check_single, check_triple
from ikev1.crypto.errors import InvalidCiphertext, UnsupportedAlgorithm
from ikev1.wire.registry import Encryption


class _Context(Protocol):
    """One direction of a cipher in CBC mode, which goes on from the last ciphertext block."""

    def update(self, data: bytes, /) -> bytes: ...


class _Contexts(NamedTuple):
    encryptor: _Context
    decryptor: _Context


class _Algorithm(NamedTuple):
    make: Callable[[bytes], ciphers.CipherAlgorithm] | str  # or the name that the kernel has for it
    block_size: int  # octets
    key_lengths: tuple[int, ...]  # bits; the first is that of a key whose length is not negotiated


def _single_des(key: bytes) -> TripleDES:
    check_single(key)
    return TripleDES(key + key + key)  # E(D(E(x))) under one key is E(x): FIPS 46-3's own compatibility rule


def _triple_des(key: bytes) -> TripleDES:
    check_triple(key)
    return TripleDES(key)


_ALGORITHMS = Supported(
    Encryption,
    {
        Encryption.DES_CBC: _Algorithm(_single_des, 8, (64,)),
        Encryption.TRIPLE_DES_CBC: _Algorithm(_triple_des, 8, (192,)),
        Encryption.AES_CBC: _Algorithm(AES, 16, (128, 192, 256)),
        Encryption.CAMELLIA_CBC: _Algorithm(Camellia, 16, (128, 192, 256)),
        Encryption.BLOWFISH_CBC: _Algorithm(Blowfish, 8, (448, 128, 192, 256)),  # RFC 2409 Appendix B
        Encryption.CAST_CBC: _Algorithm(CAST5, 8, (128,)),
        Encryption.SERPENT_CBC: _Algorithm("cbc(serpent)", 16, (128, 192, 256)),
        Encryption.TWOFISH_CBC: _Algorithm("cbc(twofish)", 16, (128, 192, 256)),
    },
)

OF_THE_KERNEL = frozenset(number for number, algorithm in _ALGORITHMS.items() if isinstance(algorithm.make, str))
"""The phase 1 Encryption Algorithms that no library has, but the kernel (`ikev1.af_alg`)."""


def block_size(encryption: int) -> int:
    """The block, and so the initialization vector, of a phase 1 Encryption Algorithm, in octets.

    Raises:
        UnsupportedAlgorithm: the number names no cipher known here.
    """
    return _ALGORITHMS[encryption].block_size


def key_size(encryption: int, key_length: int) -> int:
    """The key of a phase 1 Encryption Algorithm in octets; ``key_length`` is the negotiated Key Length in bits, 0 if
    the attribute was absent.

    "This attribute MUST NOT be used when the specified Encryption Algorithm uses a fixed length key" (RFC 2409
    Appendix A); where it may be used, an absent one means the default (RFC 3602 §2.3: AES has 128).

    Raises:
        UnsupportedAlgorithm: the number names no cipher known here, or it has no key of this length.
    """
    lengths = _ALGORITHMS[encryption].key_lengths
    if not key_length:
        return lengths[0] // 8
    if encryption not in IKE_SIZED or key_length not in lengths:
        allowed = ", ".join(map(str, lengths)) if encryption in IKE_SIZED else "none"
        raise UnsupportedAlgorithm(
            f"key length {key_length} is not supported for {registered_name(Encryption, encryption)}; allowed: "
            f"{allowed}"
        )
    return key_length // 8


def missing(encryption: int) -> str:
    """Why this host cannot use a phase 1 Encryption Algorithm of this package, as text; empty if it can."""
    algorithm = _ALGORITHMS[encryption]
    if isinstance(algorithm.make, str):
        return af_alg.missing(algorithm.make)
    try:
        # OpenSSL has old ciphers in a provider that is not everywhere; the key is none of the weak ones
        _contexts(algorithm, bytes(range(1, algorithm.key_lengths[0] // 8 + 1)))
    except exceptions.UnsupportedAlgorithm:
        return f"the OpenSSL of `cryptography` has no {registered_name(Encryption, encryption)}"
    return ""


def _contexts(algorithm: _Algorithm, key: bytes) -> _Contexts:
    if isinstance(algorithm.make, str):
        name, size = algorithm.make, algorithm.block_size
        return _Contexts(af_alg.Cbc(name, key, size, encrypts=True), af_alg.Cbc(name, key, size, encrypts=False))
    contexts = ciphers.Cipher(algorithm.make(key), CBC(bytes(algorithm.block_size)))
    return _Contexts(contexts.encryptor(), contexts.decryptor())


class Cipher:
    """One cipher under one key, for use by one thread.

    Setting up a context costs several times as much as encrypting a message, so each direction keeps one. CBC still
    allows any IV: a context chains from the last ciphertext block that it has processed.
    """

    __slots__ = ("_decryptor", "_encryptor", "_last", "block_size")

    def __init__(self, encryption: int, key: bytes) -> None:
        algorithm = _ALGORITHMS[encryption]
        if 8 * len(key) not in algorithm.key_lengths:
            raise UnsupportedAlgorithm(
                f"{registered_name(Encryption, encryption)} key has {len(key)} octets, "
                f"expected one of {', '.join(str(bits // 8) for bits in algorithm.key_lengths)}"
            )
        self.block_size = algorithm.block_size
        self._last = bytes(self.block_size)
        self._encryptor, self._decryptor = _contexts(algorithm, key)

    def encrypt(self, iv: bytes, plaintext: bytes) -> bytes:
        """The ciphertext of whole blocks; its last block is the next IV.

        Raises:
            ValueError: the plaintext is empty or not padded, or the IV is not one block.
        """
        size = self.block_size
        if not plaintext or len(plaintext) % size or len(iv) != size:
            raise ValueError(f"plaintext of {len(plaintext)} and IV of {len(iv)} octets are not whole blocks of {size}")
        # The context is about to add its last block to the first of ours, where the IV belongs (x ^ last ^ last = x).
        chained = int.from_bytes(plaintext[:size]) ^ int.from_bytes(iv) ^ int.from_bytes(self._last)
        ciphertext = self._encryptor.update(chained.to_bytes(size) + plaintext[size:])
        self._last = ciphertext[-size:]
        return ciphertext

    def decrypt(self, iv: bytes, ciphertext: bytes) -> bytes:
        """The plaintext of whole blocks, padding included.

        Raises:
            InvalidCiphertext: the ciphertext is empty or not a multiple of the block.
            ValueError: the IV is not one block.
        """
        size = self.block_size
        if not ciphertext or len(ciphertext) % size:
            raise InvalidCiphertext(f"ciphertext has {len(ciphertext)} octets, expected a positive multiple of {size}")
        if len(iv) != size:
            raise ValueError(f"IV has {len(iv)} octets, expected {size}")
        # The IV stands where the block before the first would: decrypt it as one and drop what comes of it.
        return self._decryptor.update(iv + ciphertext)[size:]


@lru_cache(maxsize=128)
def cbc(encryption: int, key: bytes) -> Cipher:
    """The cipher of this number in CBC mode under this key, the same object while it is among those used last.

    Raises:
        UnsupportedAlgorithm: the number names no cipher known here, or the key does not fit it.
        WeakKey: the cipher is DES or 3DES and the key must not be used (RFC 2405 §4.1, RFC 2451 §2.3).
    """
    return Cipher(encryption, key)


def encrypt(encryption: int, key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """`Cipher.encrypt` under ``key``."""
    return cbc(encryption, key).encrypt(iv, plaintext)


def decrypt(encryption: int, key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """`Cipher.decrypt` under ``key``."""
    return cbc(encryption, key).decrypt(iv, ciphertext)


def pad(plaintext: bytes, block_size: int) -> bytes:
    """``plaintext`` brought to whole blocks: "each message should be padded up to the nearest block size using bytes
    containing 0x00" (RFC 2409 Appendix B), so nothing is added to what is whole already.
    """
    return plaintext + bytes(-len(plaintext) % block_size)
