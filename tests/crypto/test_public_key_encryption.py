"""Bodies encrypted on their own, against an implementation that is not ours and against what RFC 2409 §5.3 writes."""

from __future__ import annotations

import hmac
from typing import cast

import pytest
from Crypto.Cipher import AES, PKCS1_v1_5
from Crypto.PublicKey import RSA
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

import authority
from ikev1.crypto import public_key_encryption
from ikev1.crypto.errors import InvalidCiphertext
from ikev1.crypto.public_key_encryption import BodyTooLong, body_cipher
from ikev1.crypto.signatures import UnsuitableKey
from ikev1.wire.registry import Encryption, HashAlgorithm

KEY = authority.rsa_key(1)
THEIRS = RSA.import_key(authority.pkcs8(KEY))
CKY = b"a cookie"
NONCE = b"a nonce of thirty-two octets ...".ljust(32)


def ours(nonce: bytes = NONCE) -> public_key_encryption.BodyCipher:
    return body_cipher(HashAlgorithm.SHA2_256, Encryption.AES_CBC, 256, nonce, CKY)


# --- RSA ------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=245))
def test_what_we_encrypt_another_implementation_decrypts(body: bytes) -> None:
    ciphertext = public_key_encryption.encrypt(KEY.public_key(), body)
    assert len(ciphertext) == 256
    assert PKCS1_v1_5.new(THEIRS).decrypt(ciphertext, None) == body


@given(st.binary(max_size=245))
def test_what_another_implementation_encrypts_we_decrypt(body: bytes) -> None:
    public = RSA.import_key(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    assert public_key_encryption.decrypt(KEY, PKCS1_v1_5.new(public).encrypt(body)) == body


def test_a_body_that_is_too_long() -> None:
    with pytest.raises(BodyTooLong, match=r"246 octets.* 2048 bits .* 245"):
        public_key_encryption.encrypt(KEY.public_key(), bytes(246))


def test_only_rsa_encrypts() -> None:
    with pytest.raises(UnsuitableKey):
        public_key_encryption.encrypt(authority.ec_key(1).public_key(), b"body")
    with pytest.raises(UnsuitableKey):
        public_key_encryption.decrypt(authority.ec_key(1), bytes(256))


@pytest.mark.parametrize("size", [0, 255, 257])
def test_a_ciphertext_of_another_length_than_the_modulus(size: int) -> None:
    with pytest.raises(InvalidCiphertext, match=f"{size} octets"):
        public_key_encryption.decrypt(KEY, bytes(size))


@pytest.mark.parametrize("number", range(20))
def test_a_wrong_padding_is_no_error_and_always_the_same_octets(number: int) -> None:
    ciphertext = bytes((number + 1,)) * 256
    if number % 2:  # one that is encrypted for us, with a padding for signatures
        public = KEY.public_key().public_numbers()
        block = b"\x00\x01" + b"\xff" * 200 + bytes(1) + bytes(53)
        ciphertext = pow(int.from_bytes(block) + number, public.e, public.n).to_bytes(256)
    body = public_key_encryption.decrypt(KEY, ciphertext)
    assert public_key_encryption.decrypt(KEY, ciphertext) == body
    assert public_key_encryption.decrypt(authority.rsa_key(2), ciphertext) != body or body == b""


def test_a_stand_in_follows_from_key_and_ciphertext() -> None:
    found = public_key_encryption.stand_in(KEY, b"one")
    assert len(found) == 32
    assert public_key_encryption.stand_in(KEY, b"one") == found
    assert public_key_encryption.stand_in(KEY, b"two") != found
    assert public_key_encryption.stand_in(authority.rsa_key(2), b"one") != found


def test_a_library_that_tells_a_wrong_padding_is_not_passed_on() -> None:
    class Talkative:
        """A key of a library without implicit rejection."""

        key_size = 2048
        private_bytes = KEY.private_bytes

        def decrypt(self, ciphertext: bytes, scheme: padding.PKCS1v15) -> bytes:
            raise ValueError("Decryption failed")

    rsa.RSAPrivateKey.register(Talkative)
    key = cast(rsa.RSAPrivateKey, Talkative())
    assert public_key_encryption.decrypt(key, bytes(256)) == public_key_encryption.stand_in(KEY, bytes(256))


# --- a cipher keyed by a nonce --------------------------------------------------------------------------------------


def expected(*bodies: bytes) -> list[bytes]:
    """RFC 2409 §5.3 by another library: one CBC over all bodies, each padded."""
    Ne_i = hmac.digest(NONCE, CKY, "sha256")
    context = AES.new(Ne_i, AES.MODE_CBC, iv=bytes(16))
    padded = [body + bytes(15 - len(body) % 16) + bytes((15 - len(body) % 16,)) for body in bodies]
    return [context.encrypt(each) for each in padded]


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=4))
def test_bodies_are_chained(bodies: list[bytes]) -> None:
    encrypting, decrypting = ours(), ours()
    ciphertexts = [encrypting.encrypt(body) for body in bodies]
    assert ciphertexts == expected(*bodies)
    assert [decrypting.decrypt(ciphertext) for ciphertext in ciphertexts] == bodies


def test_there_is_always_padding() -> None:
    assert [len(ours().encrypt(bytes(size))) for size in (0, 15, 16)] == [16, 16, 32]


def test_a_key_longer_than_the_prf_is_fed_back() -> None:
    Ne_i = hmac.digest(NONCE, CKY, "md5")
    K1 = hmac.digest(Ne_i, b"\x00", "md5")  # "The length of the value 0 in the computation of K1 is a single octet"
    K2 = hmac.digest(Ne_i, K1, "md5")
    context = AES.new(K1 + K2, AES.MODE_CBC, iv=bytes(16))
    made = body_cipher(HashAlgorithm.MD5, Encryption.AES_CBC, 256, NONCE, CKY).encrypt(b"body")
    assert context.decrypt(made) == b"body" + bytes(11) + b"\x0b"


@pytest.mark.parametrize("damaged", [0, 16, 31])
def test_a_wrong_padding_is_left_in_place(damaged: int) -> None:
    ciphertext = bytearray(ours().encrypt(bytes(20)))
    ciphertext[damaged] ^= 1
    assert len(ours().decrypt(bytes(ciphertext))) in (20, 32)
    assert len(ours(b"another nonce").decrypt(bytes(ciphertext))) >= 16


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_ciphertext_that_is_not_whole_blocks(size: int) -> None:
    with pytest.raises(InvalidCiphertext):
        ours().decrypt(bytes(size))
