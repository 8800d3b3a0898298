"""The negotiated hash, and the prf that is its HMAC.

No pseudo-random functions are defined for IKEv1 (RFC 2409 Appendix A, PRF), so the prf is always "the HMAC version of
the negotiated hash algorithm" (§4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

from ikev1.crypto.algorithms import Supported
from ikev1.wire.registry import HashAlgorithm

_NAMES = Supported(
    HashAlgorithm,
    {
        HashAlgorithm.MD5: "md5",
        HashAlgorithm.SHA1: "sha1",
        HashAlgorithm.SHA2_256: "sha256",
        HashAlgorithm.SHA2_384: "sha384",
        HashAlgorithm.SHA2_512: "sha512",
    },
)
_SIZES = Supported(
    HashAlgorithm, {number: hashlib.new(name, usedforsecurity=False).digest_size for number, name in _NAMES.items()}
)


class _Digest(Protocol):
    def digest(self) -> bytes: ...


_MAKERS: Supported[Callable[[bytes], _Digest]] = Supported(
    HashAlgorithm, {number: getattr(hashlib, name) for number, name in _NAMES.items()}
)
_PRFS: Supported[tuple[Callable[[bytes], _Digest], int]] = Supported(  # and the block of the hash in octets
    HashAlgorithm,
    {number: (make, hashlib.new(_NAMES[number], usedforsecurity=False).block_size) for number, make in _MAKERS.items()},
)
_IPAD, _OPAD = (bytes(octet ^ pad for octet in range(256)) for pad in (0x36, 0x5C))  # RFC 2104 §2


def digest(hash_algorithm: int, data: bytes) -> bytes:
    """``hash(data)`` with the phase 1 Hash Algorithm of this number (RFC 2409 Appendix A).

    Raises:
        UnsupportedAlgorithm: the number names no hash known here.
    """
    return _MAKERS[hash_algorithm](data).digest()


def digest_size(hash_algorithm: int) -> int:
    """The length of this hash, and so of its prf, in octets.

    Raises:
        UnsupportedAlgorithm: the number names no hash known here.
    """
    return _SIZES[hash_algorithm]


def prf(hash_algorithm: int, key: bytes, data: bytes) -> bytes:
    """``prf(key, data)``: HMAC (RFC 2104) of the negotiated hash.

    Raises:
        UnsupportedAlgorithm: the number names no hash known here.
    """
    # The functions of `hmac` let OpenSSL 3 look its implementation up in each call, which costs more than the hashes
    make, block = _PRFS[hash_algorithm]
    if len(key) > block:
        key = make(key).digest()
    key = key.ljust(block, b"\0")
    return make(key.translate(_OPAD) + make(key.translate(_IPAD) + data).digest()).digest()
