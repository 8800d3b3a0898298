"""Our own vectors: every line of RFC 2409 §5, §5.5 and Appendix B, written out a second time.

A clone without the borrowed vectors proves the same code paths with them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from ikev1.crypto import keymat
from ikev1.wire.registry import HashAlgorithm

VECTORS = Path(__file__).with_name("keymat_vectors.json")
HASHES = {
    "md5": HashAlgorithm.MD5,
    "sha1": HashAlgorithm.SHA1,
    "sha256": HashAlgorithm.SHA2_256,
    "sha384": HashAlgorithm.SHA2_384,
    "sha512": HashAlgorithm.SHA2_512,
}


def derive_again(hash: str, given: dict[str, bytes]) -> dict[str, bytes]:
    """Every quantity of RFC 2409 §5 and Appendix B from Python's own hmac and hashlib, without the code under test."""

    def prf(key: bytes, *parts: bytes) -> bytes:
        return hmac.new(key, b"".join(parts), hash).digest()

    def H(*parts: bytes) -> bytes:
        return hashlib.new(hash, b"".join(parts)).digest()

    psk, Ni, Nr, g_xy = (given[name] for name in ("pre_shared_key", "Ni_b", "Nr_b", "g_xy"))
    g_xi, g_xr, CKY_I, CKY_R = given["g_xi"], given["g_xr"], given["CKY_I"], given["CKY_R"]
    SAi_b, IDii_b, IDir_b = given["SAi_b"], given["IDii_b"], given["IDir_b"]
    M_ID, rest, spi, g_qm_xy = given["M_ID"], given["rest"], given["spi"], given["g_qm_xy"]
    out = {
        "SKEYID_psk": prf(psk, Ni, Nr),
        "SKEYID_signatures": prf(Ni + Nr, g_xy),
        "SKEYID_public_key": prf(H(Ni, Nr), CKY_I, CKY_R),
    }
    SKEYID = out["SKEYID_psk"]
    d = out["SKEYID_d"] = prf(SKEYID, g_xy, CKY_I, CKY_R, bytes([0]))
    a = out["SKEYID_a"] = prf(SKEYID, d, g_xy, CKY_I, CKY_R, bytes([1]))
    e = out["SKEYID_e"] = prf(SKEYID, a, g_xy, CKY_I, CKY_R, bytes([2]))
    K1 = prf(e, bytes([0]))
    K2 = prf(e, K1)
    K3 = prf(e, K2)
    out["Ka_16"] = e[:16]
    out["Ka_24"] = e[:24] if len(e) >= 24 else (K1 + K2)[:24]
    out["Ka_32"] = e[:32] if len(e) >= 32 else (K1 + K2)[:32]
    out["Ka_56"] = e[:56] if len(e) >= 56 else (K1 + K2 + K3 + prf(e, K3))[:56]
    out["IV_1"] = H(g_xi, g_xr)[:16]
    out["IV_2"] = H(out["IV_1"], M_ID)[:16]
    out["HASH_I"] = prf(SKEYID, g_xi, g_xr, CKY_I, CKY_R, SAi_b, IDii_b)
    out["HASH_R"] = prf(SKEYID, g_xr, g_xi, CKY_R, CKY_I, SAi_b, IDir_b)
    out["HASH_1"] = prf(a, M_ID, rest)
    out["HASH_2"] = prf(a, M_ID, Ni, rest)
    out["HASH_3"] = prf(a, bytes([0]), M_ID, Ni, Nr)
    for name, secret in (("KEYMAT", b""), ("KEYMAT_PFS", g_qm_xy)):
        K1 = prf(d, secret, bytes([3]), spi, Ni, Nr)
        K2 = prf(d, K1, secret, bytes([3]), spi, Ni, Nr)
        K3 = prf(d, K2, secret, bytes([3]), spi, Ni, Nr)
        K4 = prf(d, K3, secret, bytes([3]), spi, Ni, Nr)
        K5 = prf(d, K4, secret, bytes([3]), spi, Ni, Nr)
        out[name] = (K1 + K2 + K3 + K4 + K5)[:72]
    return out


def derive_by_keymat(hash: int, given: dict[str, bytes]) -> dict[str, bytes]:
    """The same quantities from the code that is tested."""
    Ni_b, Nr_b, CKY_I, CKY_R = (given[name] for name in ("Ni_b", "Nr_b", "CKY_I", "CKY_R"))
    g_xi, g_xr, g_xy, SAi_b = (given[name] for name in ("g_xi", "g_xr", "g_xy", "SAi_b"))
    M_ID = int.from_bytes(given["M_ID"])
    SKEYID = keymat.SKEYID_psk(hash, given["pre_shared_key"], Ni_b, Nr_b)
    SKEYID_d, SKEYID_a, SKEYID_e = keymat.derive(hash, SKEYID, g_xy, CKY_I, CKY_R)
    IV_1 = keymat.phase1_iv(hash, g_xi, g_xr, 16)
    return {
        "SKEYID_psk": SKEYID,
        "SKEYID_signatures": keymat.SKEYID_signatures(hash, Ni_b, Nr_b, g_xy),
        "SKEYID_public_key": keymat.SKEYID_public_key(hash, Ni_b, Nr_b, CKY_I, CKY_R),
        "SKEYID_d": SKEYID_d,
        "SKEYID_a": SKEYID_a,
        "SKEYID_e": SKEYID_e,
        **{f"Ka_{size}": keymat.encryption_key(hash, SKEYID_e, size) for size in (16, 24, 32, 56)},
        "IV_1": IV_1,
        "IV_2": keymat.phase2_iv(hash, IV_1, M_ID, 16),
        "HASH_I": keymat.HASH_I(hash, SKEYID, g_xi, g_xr, CKY_I, CKY_R, SAi_b, given["IDii_b"]),
        "HASH_R": keymat.HASH_R(hash, SKEYID, g_xi, g_xr, CKY_I, CKY_R, SAi_b, given["IDir_b"]),
        "HASH_1": keymat.HASH_1(hash, SKEYID_a, M_ID, given["rest"]),
        "HASH_2": keymat.HASH_2(hash, SKEYID_a, M_ID, Ni_b, given["rest"]),
        "HASH_3": keymat.HASH_3(hash, SKEYID_a, M_ID, Ni_b, Nr_b),
        "KEYMAT": keymat.KEYMAT(hash, SKEYID_d, 3, given["spi"], Ni_b, Nr_b, 72),
        "KEYMAT_PFS": keymat.KEYMAT(hash, SKEYID_d, 3, given["spi"], Ni_b, Nr_b, 72, given["g_qm_xy"]),
    }


@pytest.mark.parametrize("name", HASHES)
def test_our_own_vectors(name: str) -> None:
    """Their inputs are arbitrary, what is derived was derived by `derive_again`."""
    vectors = json.loads(VECTORS.read_text())
    given = {quantity: bytes.fromhex(value) for quantity, value in vectors["given"].items()}
    expected = {quantity: bytes.fromhex(value) for quantity, value in vectors["derived"][name].items()}
    assert derive_again(name, given) == expected
    assert derive_by_keymat(HASHES[name], given) == expected
