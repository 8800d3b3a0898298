"""Key derivation and the algorithms under it, in the RFC's own names (RFC 2409 §5, §5.5 and Appendix B).

Algorithms are the numbers of the wire, such as `ikev1.HashAlgorithm.SHA2_256`; keys, public values and messages are
octets. The functions raise `UnsupportedAlgorithm`, a `CryptoError`, for numbers of what is not implemented.
"""

from __future__ import annotations

from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.core.records.ike_sa import Keys, Phase1Suite
from ikev1.crypto.cipher import Cipher, block_size, decrypt, encrypt, key_size, pad
from ikev1.crypto.errors import CryptoError, InvalidCiphertext, InvalidPublicValue, UnsupportedAlgorithm, WeakKey
from ikev1.crypto.groups import DhGroup, group
from ikev1.crypto.hashes import digest, digest_size, prf
from ikev1.crypto.keymat import (
    HASH_1,
    HASH_2,
    HASH_3,
    HASH_I,
    HASH_R,
    KEYMAT,
    SKEYID_psk,
    SKEYID_public_key,
    SKEYID_signatures,
    derive,
    encryption_key,
    phase1_iv,
    phase2_iv,
)
from ikev1.crypto.suites import ah_key_size, esp_key_sizes
from ikev1.library.keys import Phase1, suite, suite_name

__all__ = [
    "HASH_1",
    "HASH_2",
    "HASH_3",
    "HASH_I",
    "HASH_R",
    "KEYMAT",
    "Cipher",
    "CryptoError",
    "DhGroup",
    "InvalidCiphertext",
    "InvalidPublicValue",
    "IpsecKeys",
    "IpsecSuite",
    "Keys",
    "Phase1",
    "Phase1Suite",
    "SKEYID_psk",
    "SKEYID_public_key",
    "SKEYID_signatures",
    "UnsupportedAlgorithm",
    "WeakKey",
    "ah_key_size",
    "block_size",
    "decrypt",
    "derive",
    "digest",
    "digest_size",
    "encrypt",
    "encryption_key",
    "esp_key_sizes",
    "group",
    "key_size",
    "pad",
    "phase1_iv",
    "phase2_iv",
    "prf",
    "suite",
    "suite_name",
]
