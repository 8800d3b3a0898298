"""Key derivation: a line of code per line of RFC 2409 §5, §5.5 and Appendix B, in the RFC's own names.

``hash`` is the number of the negotiated Hash Algorithm, everything else is octets as they stand in the messages; a
name with ``_b`` is the body of a payload without its generic header (§3.2). Each function raises
`UnsupportedAlgorithm` if ``hash`` names no hash known here.
"""

from __future__ import annotations

from ikev1.crypto.des_keys import DES_KEY_SIZE, first_sound_key
from ikev1.crypto.hashes import digest, prf


def SKEYID_signatures(hash: int, Ni_b: bytes, Nr_b: bytes, g_xy: bytes) -> bytes:
    """§5, "For signatures"."""
    return prf(hash, Ni_b + Nr_b, g_xy)  # SKEYID = prf(Ni_b | Nr_b, g^xy)


def SKEYID_public_key(hash: int, Ni_b: bytes, Nr_b: bytes, CKY_I: bytes, CKY_R: bytes) -> bytes:
    """§5, "For public key encryption", the revised mode of §5.3 included."""
    return prf(hash, digest(hash, Ni_b + Nr_b), CKY_I + CKY_R)  # SKEYID = prf(hash(Ni_b | Nr_b), CKY-I | CKY-R)


def SKEYID_psk(hash: int, pre_shared_key: bytes, Ni_b: bytes, Nr_b: bytes) -> bytes:
    """§5, "For pre-shared keys"."""
    return prf(hash, pre_shared_key, Ni_b + Nr_b)  # SKEYID = prf(pre-shared-key, Ni_b | Nr_b)


def derive(hash: int, SKEYID: bytes, g_xy: bytes, CKY_I: bytes, CKY_R: bytes) -> tuple[bytes, bytes, bytes]:
    """SKEYID_d, SKEYID_a and SKEYID_e (§5): "the values of 0, 1, and 2 above are represented by a single octet"."""
    SKEYID_d = prf(hash, SKEYID, g_xy + CKY_I + CKY_R + b"\x00")  # prf(SKEYID, g^xy | CKY-I | CKY-R | 0)
    SKEYID_a = prf(hash, SKEYID, SKEYID_d + g_xy + CKY_I + CKY_R + b"\x01")  # prf(SKEYID, SKEYID_d | g^xy | ... | 1)
    SKEYID_e = prf(hash, SKEYID, SKEYID_a + g_xy + CKY_I + CKY_R + b"\x02")  # prf(SKEYID, SKEYID_a | g^xy | ... | 2)
    return SKEYID_d, SKEYID_a, SKEYID_e


def encryption_key(hash: int, SKEYID_e: bytes, size: int) -> bytes:
    """The key that encrypts ISAKMP messages, ``size`` octets (Appendix B).

    Raises:
        WeakKey: the key would be one for DES, which no other cipher shares its size with, and SKEYID_e holds weak and
            semi-weak ones only.
    """
    if size == DES_KEY_SIZE:
        return first_sound_key(SKEYID_e)  # "the first eight (8) non-weak and non-semi-weak bytes of SKEYID_e"
    if size <= len(SKEYID_e):
        return SKEYID_e[:size]
    K = prf(hash, SKEYID_e, b"\x00")  # K1 = prf(SKEYID_e, 0)
    Ka = K
    while len(Ka) < size:
        K = prf(hash, SKEYID_e, K)  # K2 = prf(SKEYID_e, K1), K3 = prf(SKEYID_e, K2)
        Ka += K  # Ka = K1 | K2 | K3
    return Ka[:size]


def phase1_iv(hash: int, g_xi: bytes, g_xr: bytes, block_size: int) -> bytes:
    """The IV of the first encrypted message of phase 1 (Appendix B): "a hash of a concatenation of the initiator's
    public Diffie-Hellman value and the responder's".
    """
    return digest(hash, g_xi + g_xr)[:block_size]


def phase2_iv(hash: int, last_block: bytes, message_id: int, block_size: int) -> bytes:
    """The IV of the first message of an exchange after phase 1 (Appendix B): "a hash of a concatenation of the last
    phase 1 CBC output block and the phase 2 message id".
    """
    return digest(hash, last_block + message_id.to_bytes(4))[:block_size]


def HASH_I(
    hash: int, SKEYID: bytes, g_xi: bytes, g_xr: bytes, CKY_I: bytes, CKY_R: bytes, SAi_b: bytes, IDii_b: bytes
) -> bytes:
    """What authenticates the initiator (§5)."""
    # HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b )
    return prf(hash, SKEYID, g_xi + g_xr + CKY_I + CKY_R + SAi_b + IDii_b)


def HASH_R(
    hash: int, SKEYID: bytes, g_xi: bytes, g_xr: bytes, CKY_I: bytes, CKY_R: bytes, SAi_b: bytes, IDir_b: bytes
) -> bytes:
    """What authenticates the responder (§5); the arguments stand in the order of `HASH_I`."""
    # HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b )
    return prf(hash, SKEYID, g_xr + g_xi + CKY_R + CKY_I + SAi_b + IDir_b)


def HASH_1(hash: int, SKEYID_a: bytes, message_id: int, rest: bytes) -> bytes:
    """HASH(1) of Quick Mode (§5.5), New Group Mode (§5.6) and the Informational Exchange (§5.7).

    ``rest`` is "the entire message that follows the hash including all payload headers, but excluding any padding".
    """
    return prf(hash, SKEYID_a, message_id.to_bytes(4) + rest)  # HASH(1) = prf(SKEYID_a, M-ID | SA | Ni ...)


def HASH_2(hash: int, SKEYID_a: bytes, message_id: int, Ni_b: bytes, rest: bytes) -> bytes:
    """HASH(2) of Quick Mode (§5.5); ``rest`` as in `HASH_1`."""
    # HASH(2) = prf(SKEYID_a, M-ID | Ni_b | SA | Nr ...)
    return prf(hash, SKEYID_a, message_id.to_bytes(4) + Ni_b + rest)


def HASH_3(hash: int, SKEYID_a: bytes, message_id: int, Ni_b: bytes, Nr_b: bytes) -> bytes:
    """HASH(3) of Quick Mode (§5.5)."""
    # HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b)
    return prf(hash, SKEYID_a, b"\x00" + message_id.to_bytes(4) + Ni_b + Nr_b)


def KEYMAT(
    hash: int, SKEYID_d: bytes, protocol: int, spi: bytes, Ni_b: bytes, Nr_b: bytes, length: int, g_xy: bytes = b""
) -> bytes:
    """``length`` octets for one SA (§5.5): ``protocol`` and ``spi`` are those of the negotiated proposal, the SPI the
    one "chosen by the destination of the SA"; ``g_xy`` is g(qm)^xy, empty without perfect forward secrecy.
    """
    seed = g_xy + bytes((protocol,)) + spi + Ni_b + Nr_b
    K = prf(hash, SKEYID_d, seed)  # K1 = prf(SKEYID_d, [ g(qm)^xy | ] protocol | SPI | Ni_b | Nr_b)
    KEYMAT = K
    while len(KEYMAT) < length:
        K = prf(hash, SKEYID_d, K + seed)  # K2 = prf(SKEYID_d, K1 | [ g(qm)^xy | ] protocol | SPI | Ni_b | Nr_b)
        KEYMAT += K  # KEYMAT = K1 | K2 | K3 | ...
    return KEYMAT[:length]
