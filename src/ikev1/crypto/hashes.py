"""The negotiated hash, and the prf that is its HMAC.

No pseudo-random functions are defined for IKEv1 (RFC 2409 Appendix A, PRF), so the prf is always "the HMAC version of
the negotiated hash algorithm" (§4).
"""

from __future__ import annotations

import hashlib
import hmac

from ikev1.crypto.algorithms import registered_name
from ikev1.crypto.errors import UnsupportedAlgorithm
from ikev1.wire.registry import HashAlgorithm

__all__ = ["digest", "digest_size", "prf"]

_NAMES: dict[int, str] = {
    HashAlgorithm.MD5: "md5",
    HashAlgorithm.SHA1: "sha1",
    HashAlgorithm.SHA2_256: "sha256",
    HashAlgorithm.SHA2_384: "sha384",
    HashAlgorithm.SHA2_512: "sha512",
}
_SIZES = {number: hashlib.new(name, usedforsecurity=False).digest_size for number, name in _NAMES.items()}


def _name(hash_algorithm: int) -> str:
    try:
        return _NAMES[hash_algorithm]
    except KeyError:
        known = ", ".join(HashAlgorithm(number).name for number in _NAMES)
        raise UnsupportedAlgorithm(f"{registered_name(HashAlgorithm, hash_algorithm)} is not among {known}") from None


def digest(hash_algorithm: int, data: bytes) -> bytes:
    """``hash(data)`` with the phase 1 Hash Algorithm of this number (RFC 2409 Appendix A).

    Raises:
        UnsupportedAlgorithm: the number names no hash known here.
    """
    return hashlib.new(_name(hash_algorithm), data).digest()


def digest_size(hash_algorithm: int) -> int:
    """The length of this hash, and so of its prf, in octets.

    Raises:
        UnsupportedAlgorithm: the number names no hash known here.
    """
    _name(hash_algorithm)
    return _SIZES[hash_algorithm]


def prf(hash_algorithm: int, key: bytes, data: bytes) -> bytes:
    """``prf(key, data)``: HMAC (RFC 2104) of the negotiated hash.

    Raises:
        UnsupportedAlgorithm: the number names no hash known here.
    """
    return hmac.digest(key, data, _name(hash_algorithm))
