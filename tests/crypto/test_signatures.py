from __future__ import annotations

import hashlib
import re

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from hypothesis import given
from hypothesis import strategies as st

from authority import ec_key, rsa_key
from ikev1.crypto.errors import UnsupportedAlgorithm
from ikev1.crypto.signatures import BadSignature, PrivateKey, UnsuitableKey, hash_of, method_of, sign, verify
from ikev1.wire.registry import AuthenticationMethod, HashAlgorithm, NotifyType
from shared import SHARED, needs_shared

RSA = AuthenticationMethod.RSA_SIGNATURES
KEYS: dict[AuthenticationMethod, PrivateKey] = {
    RSA: rsa_key(),
    AuthenticationMethod.ECDSA_SHA256_P256: ec_key(0, ec.SECP256R1),
    AuthenticationMethod.ECDSA_SHA384_P384: ec_key(0, ec.SECP384R1),
    AuthenticationMethod.ECDSA_SHA512_P521: ec_key(0, ec.SECP521R1),
}
HASHES = {RSA: 20, AuthenticationMethod.ECDSA_SHA256_P256: 32}
HASHES |= {AuthenticationMethod.ECDSA_SHA384_P384: 48, AuthenticationMethod.ECDSA_SHA512_P521: 64}
every_method = pytest.mark.parametrize("method", KEYS)


def a_hash(method: AuthenticationMethod) -> bytes:
    return bytes(range(HASHES[method]))


@every_method
def test_a_signature_is_verified(method: AuthenticationMethod) -> None:
    key = KEYS[method]
    verify(method, key.public_key(), a_hash(method), sign(method, key, a_hash(method)))


@every_method
def test_the_signature_of_another_hash_is_refused(method: AuthenticationMethod) -> None:
    key = KEYS[method]
    with pytest.raises(BadSignature) as caught:
        verify(method, key.public_key(), bytes(HASHES[method]), sign(method, key, a_hash(method)))
    assert caught.value.notify == NotifyType.INVALID_SIGNATURE


@every_method
def test_a_key_tells_its_method(method: AuthenticationMethod) -> None:
    assert method_of(KEYS[method]) == method_of(KEYS[method].public_key()) == method


@pytest.mark.parametrize("size", [16, 20, 32, 48, 64])
def test_rsa_signs_the_bare_hash(size: int) -> None:
    key, HASH = rsa_key(), bytes(range(size))
    numbers = key.public_key().public_numbers()
    opened = pow(int.from_bytes(sign(RSA, key, HASH)), numbers.e, numbers.n).to_bytes(256)
    # PKCS #1 block type 1 around HASH_I, and no DigestInfo (RFC 2409 §5.1)
    assert opened == b"\x00\x01" + b"\xff" * (253 - size) + b"\x00" + HASH


def test_an_rsa_signature_with_the_name_of_its_hash_is_refused() -> None:
    HASH = hashlib.sha1(b"abc").digest()
    with_digest_info = rsa_key().sign(b"abc", padding.PKCS1v15(), hashes.SHA1())
    with pytest.raises(BadSignature):
        verify(RSA, rsa_key().public_key(), HASH, with_digest_info)


@pytest.mark.parametrize("size", [0, 1, 255, 257, 1000])
def test_an_rsa_signature_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(BadSignature):
        verify(RSA, rsa_key().public_key(), bytes(20), bytes(size))


RFC_4754 = SHARED / "rfc" / "rfc4754.txt"
CURVES = [
    (AuthenticationMethod.ECDSA_SHA256_P256, ec.SECP256R1(), "8.1.", "sha256"),
    (AuthenticationMethod.ECDSA_SHA384_P384, ec.SECP384R1(), "8.2.", "sha384"),
    (AuthenticationMethod.ECDSA_SHA512_P521, ec.SECP521R1(), "8.3.", "sha512"),
]


def numbers_of(section: str) -> dict[str, int]:
    """The numbers of a section of RFC 4754 by their names: `gwx`, `r`, ..."""
    text = RFC_4754.read_text().split(f"\n{section}  ")[1].split("\n8.")[0]
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if label := re.fullmatch(r"\s*(\w+):", line):
            name = label[1]
        elif name and re.fullmatch(r"\s*[0-9A-F]{2,8}( [0-9A-F]{8})*\s*", line):
            found[name] = found.get(name, "") + line.replace(" ", "")
        elif line.strip() and not line.startswith(("RFC 4754", "Fu & ", "```", "---")):
            name = ""
    return {name: int(digits, 16) for name, digits in found.items()}


@needs_shared(RFC_4754)
@pytest.mark.parametrize(("method", "curve", "section", "digest"), CURVES)
def test_the_signature_in_the_rfc(
    method: AuthenticationMethod, curve: ec.EllipticCurve, section: str, digest: str
) -> None:
    """Of the message "abc", whose hash stands for HASH_I here."""
    numbers = numbers_of(section)
    key = ec.EllipticCurvePublicNumbers(numbers["gwx"], numbers["gwy"], curve).public_key()
    size = (curve.key_size + 7) // 8
    signature = numbers["r"].to_bytes(size) + numbers["s"].to_bytes(size)
    verify(method, key, hashlib.new(digest, b"abc").digest(), signature)


@pytest.mark.parametrize(("method", "size"), list(zip(list(KEYS)[1:], (64, 96, 132), strict=True)))
def test_ecdsa_signatures_are_r_and_s_of_the_length_in_the_rfc(method: AuthenticationMethod, size: int) -> None:
    key, HASH = KEYS[method], a_hash(method)
    assert all(len(sign(method, key, HASH)) == size for _ in range(20))


def test_short_r_and_s_are_padded_in_front(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utils, "decode_dss_signature", lambda _: (1, 2))
    method = AuthenticationMethod.ECDSA_SHA256_P256
    assert sign(method, KEYS[method], a_hash(method)) == bytes(31) + b"\x01" + bytes(31) + b"\x02"


@every_method
@given(data=st.data())
def test_no_octets_but_the_signature_are_taken(method: AuthenticationMethod, data: st.DataObject) -> None:
    key, HASH = KEYS[method], a_hash(method)
    signature = data.draw(
        st.binary(max_size=300)
        | st.tuples(st.integers(0, 7), st.integers(0, len(sign(method, key, HASH)) - 1)).map(
            lambda bit: _flip(sign(method, key, HASH), *bit)
        )
    )
    with pytest.raises(BadSignature):
        verify(method, key.public_key(), HASH, signature)


def _flip(octets: bytes, bit: int, at: int) -> bytes:
    return octets[:at] + bytes([octets[at] ^ (1 << bit)]) + octets[at + 1 :]


def test_the_hash_that_a_method_is_tied_to() -> None:
    assert [hash_of(method) for method in KEYS] == [
        None,
        HashAlgorithm.SHA2_256,
        HashAlgorithm.SHA2_384,
        HashAlgorithm.SHA2_512,
    ]
    assert hash_of(AuthenticationMethod.XAUTH_INIT_RSA) is None


def test_methods_in_which_somebody_logs_in_later_are_signed_with_rsa() -> None:
    for method in (AuthenticationMethod.XAUTH_INIT_RSA, AuthenticationMethod.HYBRID_INIT_RSA):
        verify(method, rsa_key().public_key(), bytes(20), sign(method, rsa_key(), bytes(20)))


@pytest.mark.parametrize("method", [AuthenticationMethod.PRE_SHARED_KEY, AuthenticationMethod.DSS_SIGNATURES, 8, 40000])
def test_a_method_that_is_no_signature(method: int) -> None:
    with pytest.raises(UnsupportedAlgorithm):
        sign(method, rsa_key(), bytes(20))
    with pytest.raises(UnsupportedAlgorithm):
        verify(method, rsa_key().public_key(), bytes(20), bytes(256))


def test_a_key_of_another_kind_than_agreed() -> None:
    for method, key in KEYS.items():
        for other in (KEYS.keys() if method == RSA else {RSA}) - {method}:
            with pytest.raises(UnsuitableKey) as caught:
                verify(other, key.public_key(), a_hash(other), b"")
            assert caught.value.notify == NotifyType.AUTHENTICATION_FAILED


@pytest.mark.parametrize("key", [key for key in KEYS.values() if isinstance(key, ec.EllipticCurvePrivateKey)])
@pytest.mark.parametrize("method", KEYS.keys() - {RSA})
def test_an_ecdsa_key_signs_on_its_own_curve_whatever_the_method(
    method: AuthenticationMethod, key: ec.EllipticCurvePrivateKey
) -> None:
    signature = sign(method, key, a_hash(method))
    assert len(signature) == 2 * ((key.key_size + 7) // 8)
    verify(method, key.public_key(), a_hash(method), signature)
    with pytest.raises(BadSignature):
        verify(method, key.public_key(), bytes(HASHES[method]), signature)


def test_a_curve_without_a_method() -> None:
    with pytest.raises(UnsuitableKey, match="secp256k1"):
        method_of(ec_key(0, ec.SECP256K1))
