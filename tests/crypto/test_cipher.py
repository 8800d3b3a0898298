from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from Crypto.Cipher import AES, CAST, DES, DES3, Blowfish
from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia
from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st

from ikev1.crypto import cipher
from ikev1.crypto.errors import InvalidCiphertext, UnsupportedAlgorithm, WeakKey
from ikev1.wire.registry import Encryption, NotifyType

KEYS = {
    Encryption.DES_CBC: (8,),
    Encryption.TRIPLE_DES_CBC: (24,),
    Encryption.AES_CBC: (16, 24, 32),
    Encryption.CAMELLIA_CBC: (16, 24, 32),
    Encryption.BLOWFISH_CBC: (16, 24, 32, 56),
    Encryption.CAST_CBC: (16,),
}
CASES = [(number, size) for number, sizes in KEYS.items() for size in sizes]
KEY = bytes(range(40, 96))


class _PlainCamellia:
    """What pycryptodome does not have, by contexts that are used once."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._cipher = ciphers.Cipher(Camellia(key), CBC(iv))

    def encrypt(self, plaintext: bytes) -> bytes:
        return self._cipher.encryptor().update(plaintext)

    def decrypt(self, ciphertext: bytes) -> bytes:
        return self._cipher.decryptor().update(ciphertext)


PLAIN: dict[int, Callable[[bytes, bytes], Any]] = {
    Encryption.DES_CBC: lambda key, iv: DES.new(key, DES.MODE_CBC, iv),
    Encryption.TRIPLE_DES_CBC: lambda key, iv: DES3.new(key, DES3.MODE_CBC, iv),
    Encryption.AES_CBC: lambda key, iv: AES.new(key, AES.MODE_CBC, iv),
    Encryption.CAMELLIA_CBC: _PlainCamellia,
    Encryption.BLOWFISH_CBC: lambda key, iv: Blowfish.new(key, Blowfish.MODE_CBC, iv),
    Encryption.CAST_CBC: lambda key, iv: CAST.new(key, CAST.MODE_CBC, iv),
}


@pytest.mark.parametrize(("number", "size"), CASES)
@given(data=st.data())
def test_any_order_of_messages_gives_what_another_library_gives(number: Encryption, size: int, data: Any) -> None:
    key, block = KEY[:size], cipher.block_size(number)
    one = cipher.cbc(number, key)
    messages = st.tuples(st.booleans(), st.binary(min_size=block, max_size=block), st.integers(1, 5))
    for encrypting, iv, blocks in data.draw(st.lists(messages, min_size=1, max_size=6)):
        text = data.draw(st.binary(min_size=blocks * block, max_size=blocks * block))
        plain = PLAIN[number](key, iv)
        if encrypting:
            assert one.encrypt(iv, text) == plain.encrypt(text)
        else:
            assert one.decrypt(iv, text) == plain.decrypt(text)


@pytest.mark.parametrize(("number", "size"), CASES)
def test_the_functions_do_what_the_cipher_does(number: Encryption, size: int) -> None:
    key, block = KEY[:size], cipher.block_size(number)
    iv, text = bytes(range(block)), bytes(range(3 * block))
    ciphertext = cipher.encrypt(number, key, iv, text)
    assert ciphertext == PLAIN[number](key, iv).encrypt(text)
    assert cipher.decrypt(number, key, iv, ciphertext) == text


def test_camellia_answers_as_its_authors_say() -> None:
    """RFC 3713 Appendix A, whose single block needs no chaining."""
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    assert cipher.encrypt(Encryption.CAMELLIA_CBC, key, bytes(16), key).hex() == "67673138549669730857065648eabe43"


@pytest.mark.parametrize(("number", "size"), CASES)
def test_the_last_block_carries_a_conversation_on(number: Encryption, size: int) -> None:
    """Two messages with the IV carried over are one long CBC encryption (RFC 2409 Appendix B)."""
    key, block = KEY[:size], cipher.block_size(number)
    iv, text = bytes(block), bytes(range(4 * block))
    first = cipher.encrypt(number, key, iv, text[: 2 * block])
    second = cipher.encrypt(number, key, first[-block:], text[2 * block :])
    assert first + second == PLAIN[number](key, iv).encrypt(text)


@pytest.mark.parametrize("number", KEYS)
def test_a_refused_message_leaves_no_trace(number: Encryption) -> None:
    key, block = KEY[: KEYS[number][0]], cipher.block_size(number)
    one, iv, text = cipher.Cipher(number, key), bytes(block), bytes(range(2 * block))
    expected = PLAIN[number](key, iv).encrypt(text)
    for length in (0, 1, block - 1, block + 1):
        with pytest.raises(InvalidCiphertext, match=f"{length} octets") as refused:
            one.decrypt(iv, bytes(length))
        assert refused.value.notify is NotifyType.PAYLOAD_MALFORMED
        with pytest.raises(ValueError, match=r"."):
            one.encrypt(iv, bytes(length))
    for wrong_iv in (b"", iv[1:], iv + b"\x00"):
        with pytest.raises(ValueError, match="IV"):
            one.decrypt(wrong_iv, text)
        with pytest.raises(ValueError, match="IV"):
            one.encrypt(wrong_iv, text)
    assert one.encrypt(iv, text) == expected
    assert one.decrypt(iv, expected) == text


def test_sizes() -> None:
    assert [cipher.block_size(number) for number in KEYS] == [8, 8, 16, 16, 8, 8]
    assert cipher.key_size(Encryption.DES_CBC, 0) == 8
    assert cipher.key_size(Encryption.TRIPLE_DES_CBC, 0) == 24
    for number in (Encryption.AES_CBC, Encryption.CAMELLIA_CBC):
        assert [cipher.key_size(number, bits) for bits in (0, 128, 192, 256)] == [16, 16, 24, 32]
    # "the first fifty-six (56) bytes of a key (if no key size is negotiated)" (RFC 2409 Appendix B)
    assert [cipher.key_size(Encryption.BLOWFISH_CBC, bits) for bits in (0, 128, 192, 256)] == [56, 16, 24, 32]
    assert [cipher.key_size(Encryption.CAST_CBC, bits) for bits in (0, 128)] == [16, 16]


@pytest.mark.parametrize(
    ("number", "bits"),
    [
        (Encryption.AES_CBC, 64),
        (Encryption.AES_CBC, 129),
        (Encryption.AES_CBC, 1 << 31),
        (Encryption.DES_CBC, 64),  # "MUST NOT be used" for a key of fixed length
        (Encryption.TRIPLE_DES_CBC, 192),
        (Encryption.IDEA_CBC, 0),
        (Encryption.BLOWFISH_CBC, 40),
        (Encryption.CAST_CBC, 64),
        (99, 128),
        (1 << 40, 128),
    ],
)
def test_a_key_length_that_does_not_belong_is_refused(number: int, bits: int) -> None:
    with pytest.raises(UnsupportedAlgorithm):
        cipher.key_size(number, bits)


def test_keys_that_do_not_fit_are_refused() -> None:
    for number, sizes in KEYS.items():
        for size in set(range(40)) - set(sizes):
            with pytest.raises(UnsupportedAlgorithm, match=f"{size} octets"):
                cipher.cbc(number, bytes(range(size)))
    for unknown in (0, Encryption.IDEA_CBC, 99):
        with pytest.raises(UnsupportedAlgorithm, match="AES_CBC"):
            cipher.cbc(unknown, KEY[:16])
        with pytest.raises(UnsupportedAlgorithm, match="AES_CBC"):
            cipher.block_size(unknown)


def test_weak_keys_are_refused() -> None:
    with pytest.raises(WeakKey):
        cipher.cbc(Encryption.DES_CBC, bytes(8))
    with pytest.raises(WeakKey):
        cipher.cbc(Encryption.TRIPLE_DES_CBC, KEY[:8] + KEY[:8] + KEY[8:16])


@given(plaintext=st.binary(max_size=100), block=st.sampled_from([8, 16]))
def test_padding_is_zeros_to_the_block_and_nothing_where_it_is_full(plaintext: bytes, block: int) -> None:
    padded = cipher.pad(plaintext, block)
    assert len(padded) % block == 0
    assert 0 <= len(padded) - len(plaintext) < block
    assert padded == plaintext + bytes(len(padded) - len(plaintext))


def test_nobody_is_warned_about_old_ciphers() -> None:
    """They are old, we know: a deprecation warning would reach operators who cannot do anything about it."""
    program = f"""
from ikev1.crypto import cipher, groups
for number, size in {[(int(number), size) for number, size in CASES]}:
    cipher.encrypt(number, {KEY!r}[:size], bytes(cipher.block_size(number)), bytes(16))
for number in groups.NUMBERS:
    groups.group(number).generate(bytes)
"""
    finished = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert not finished.stderr
