"""Suites: known answers worked out by other means, round trips, and tampering."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Any

import pytest
from Crypto.Cipher import AES, CAST, DES, DES3, Blowfish
from hypothesis import given
from hypothesis import strategies as st

from esp_packets import AES_KEY_SIZES, CIPHERS, MACS, all_suites
from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.esp.transforms import IntegrityError, MalformedPacket, UnsupportedError, opener, sealer, sizes
from ikev1.wire.registry import EspTransform, IntegrityAlgorithm

HEADER = bytes.fromhex("00004321 00000001")
SUITES = all_suites()


def counting(size: int) -> bytes:
    return bytes(n % 251 for n in range(size))


@pytest.mark.parametrize(("algorithm", "key_size", "icv_size", "name"), MACS)
def test_icv_is_the_truncated_hmac_of_all_before_it(algorithm: int, key_size: int, icv_size: int, name: str) -> None:
    keys = IpsecKeys(1, b"", counting(key_size))
    packet = sealer(IpsecSuite(EspTransform.NULL, 0, algorithm), keys, counting)(HEADER, b"payload.")
    assert packet[:16] == HEADER + b"payload."
    assert packet[16:] == hmac.digest(counting(key_size), packet[:16], name)[:icv_size]


@pytest.mark.parametrize("key_size", [16, 24, 32])
def test_aes_cbc_with_another_library(key_size: int) -> None:
    keys = IpsecKeys(1, counting(key_size), counting(20))
    seal = sealer(IpsecSuite(EspTransform.AES_CBC, key_size * 8, IntegrityAlgorithm.HMAC_SHA1), keys, os.urandom)
    ivs = set()
    for payload in (counting(16), counting(1376), bytes(64)):  # one stream, several packets
        packet = seal(HEADER, payload)
        iv, ciphertext, icv = packet[8:24], packet[24:-12], packet[-12:]
        assert AES.new(counting(key_size), AES.MODE_CBC, iv).decrypt(ciphertext) == payload
        assert icv == hmac.digest(counting(20), packet[:-12], "sha1")[:12]
        ivs.add(iv)
    assert len(ivs) == 3


def test_opens_aes_cbc_of_another_library() -> None:
    keys = IpsecKeys(1, counting(16), counting(32))
    open_packet = opener(IpsecSuite(EspTransform.AES_CBC, 128, IntegrityAlgorithm.HMAC_SHA2_256), keys)
    for iv in (b"i" * 16, b"v" * 16):
        body = HEADER + iv + AES.new(counting(16), AES.MODE_CBC, iv).encrypt(b"0123456789abcdef" * 3)
        assert open_packet(body + hmac.digest(counting(32), body, "sha256")[:16]) == b"0123456789abcdef" * 3


def test_triple_des_with_another_library() -> None:
    key = bytes.fromhex("0123456789abcdef23456789abcdef01456789abcdef0123")
    seal = sealer(
        IpsecSuite(EspTransform.TRIPLE_DES, 0, IntegrityAlgorithm.HMAC_MD5), IpsecKeys(1, key, counting(16)), os.urandom
    )
    packet = seal(HEADER, counting(40))
    assert DES3.new(key, DES3.MODE_CBC, packet[8:16]).decrypt(packet[16:-12]) == counting(40)


@pytest.mark.parametrize("key_size", AES_KEY_SIZES)
def test_aes_gcm_with_another_library(key_size: int) -> None:
    """RFC 4106 §4 to §5: nonce = salt | IV, AAD = SPI | sequence number, ICV of 16 octets."""
    key, salt = counting(key_size), b"SALT"
    packet = sealer(IpsecSuite(EspTransform.AES_GCM_16, key_size * 8), IpsecKeys(1, key + salt), os.urandom)(
        HEADER, counting(44)
    )
    cipher = AES.new(key, AES.MODE_GCM, nonce=salt + packet[8:16], mac_len=16)
    cipher.update(HEADER)
    assert cipher.decrypt_and_verify(packet[16:-16], packet[-16:]) == counting(44)


@pytest.mark.parametrize(("transform", "icv_size"), [(EspTransform.AES_GCM_8, 8), (EspTransform.AES_GCM_12, 12)])
def test_short_icvs_with_another_library(transform: int, icv_size: int) -> None:
    packet = sealer(IpsecSuite(transform, 128), IpsecKeys(1, counting(20)), os.urandom)(HEADER, counting(44))
    cipher = AES.new(counting(16), AES.MODE_GCM, nonce=counting(20)[16:] + packet[8:16], mac_len=icv_size)
    cipher.update(HEADER)
    assert cipher.decrypt_and_verify(packet[16:-icv_size], packet[-icv_size:]) == counting(44)


def test_aes_ctr_known_answer() -> None:
    """RFC 3686 §6, test vector 2, with an ICV worked out beside it."""
    key, nonce = bytes.fromhex("7E24067817FAE0D743D6CE1F32539163"), bytes.fromhex("006CB6DB")
    body = HEADER + bytes.fromhex("C0543B59DA48D90B 5104A106168A72D9790D41EE8EDAD388EB2E1EFC46DA57C8FCE630DF9141BE28")
    packet = body + hmac.digest(counting(20), body, "sha1")[:12]
    suite = IpsecSuite(EspTransform.AES_CTR, 128, IntegrityAlgorithm.HMAC_SHA1)
    assert opener(suite, IpsecKeys(1, key + nonce, counting(20)))(packet) == bytes(range(32))


def test_des_with_another_library() -> None:
    suite = IpsecSuite(EspTransform.DES, 0, IntegrityAlgorithm.HMAC_MD5)
    packet = sealer(suite, IpsecKeys(1, counting(8), counting(16)), os.urandom)(HEADER, counting(40))
    assert DES.new(counting(8), DES.MODE_CBC, packet[8:16]).decrypt(packet[16:-12]) == counting(40)


def test_aes_gcm_known_answer() -> None:
    """Test case 4 of the GCM specification's appendix, cut to ESP's shape: its AAD has 20 octets, ours 8, so GMAC is
    worked out anew by another library, while the ciphertext is the published one.
    """
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308")
    nonce = bytes.fromhex("cafebabefacedbaddecaf888")
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    ciphertext = bytes.fromhex(
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
        "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
    )
    cipher = AES.new(key, AES.MODE_GCM, nonce=nonce)
    cipher.update(HEADER)
    mine, icv = cipher.encrypt_and_digest(plain)
    assert mine == ciphertext
    suite = IpsecSuite(EspTransform.AES_GCM_16, 128)
    assert opener(suite, IpsecKeys(1, key + nonce[:4]))(HEADER + nonce[4:] + ciphertext + icv) == plain


@pytest.mark.parametrize("key_size", AES_KEY_SIZES)
@pytest.mark.parametrize(
    ("transform", "icv_size"),
    [(EspTransform.AES_CCM_8, 8), (EspTransform.AES_CCM_12, 12), (EspTransform.AES_CCM_16, 16)],
)
def test_aes_ccm_with_another_library(transform: int, icv_size: int, key_size: int) -> None:
    """RFC 4309 §4 to §5: nonce = salt of 3 octets | IV, AAD = SPI | sequence number."""
    key, salt = counting(key_size), b"SLT"
    packet = sealer(IpsecSuite(transform, key_size * 8), IpsecKeys(1, key + salt), os.urandom)(HEADER, counting(44))
    cipher = AES.new(key, AES.MODE_CCM, nonce=salt + packet[8:16], mac_len=icv_size)
    cipher.update(HEADER)
    assert cipher.decrypt_and_verify(packet[16:-icv_size], packet[-icv_size:]) == counting(44)


@pytest.mark.parametrize("key_size", AES_KEY_SIZES)
def test_aes_gmac_with_another_library(key_size: int) -> None:
    """RFC 4543 §3: nonce = salt | IV, all that precedes the ICV is authenticated and nothing encrypted."""
    key, salt = counting(key_size), b"SALT"
    suite = IpsecSuite(EspTransform.NULL_AUTH_AES_GMAC, key_size * 8)
    packet = sealer(suite, IpsecKeys(1, key + salt), os.urandom)(HEADER, counting(44))
    assert packet[16:-16] == counting(44)
    cipher = AES.new(key, AES.MODE_GCM, nonce=salt + packet[8:16])
    cipher.update(packet[:-16])
    cipher.verify(packet[-16:])


@pytest.mark.parametrize(
    ("transform", "bits", "library"),
    [
        (EspTransform.BLOWFISH, 128, Blowfish),
        (EspTransform.BLOWFISH, 256, Blowfish),
        (EspTransform.CAST, 128, CAST),
    ],
)
def test_older_ciphers_with_another_library(transform: int, bits: int, library: Any) -> None:
    key = counting(bits // 8)
    suite = IpsecSuite(transform, bits, IntegrityAlgorithm.HMAC_SHA1)
    packet = sealer(suite, IpsecKeys(1, key, counting(20)), os.urandom)(HEADER, counting(40))
    assert library.new(key, library.MODE_CBC, packet[8:16]).decrypt(packet[16:-12]) == counting(40)


def test_icv_of_aes_xcbc_is_cut() -> None:
    """The third test case of RFC 3566 §4: 16 octets, here header and payload."""
    suite = IpsecSuite(EspTransform.NULL, 0, IntegrityAlgorithm.AES_XCBC_MAC)
    packet = sealer(suite, IpsecKeys(1, b"", bytes(range(16))), os.urandom)(bytes(range(8)), bytes(range(8, 16)))
    assert packet[16:].hex() == "d2a246fa349b68a79998a439"


def test_sha256_may_be_truncated_as_in_a_draft() -> None:
    suite = IpsecSuite(EspTransform.NULL, 0, IntegrityAlgorithm.HMAC_SHA2_256, sha256_96=True)
    keys = IpsecKeys(1, b"", counting(32))
    packet = sealer(suite, keys, counting)(HEADER, b"payload.")
    assert packet[16:] == hmac.digest(counting(32), packet[:16], "sha256")[:12]
    assert opener(suite, keys)(packet) == b"payload."
    assert sizes(suite).icv == 12


def test_gcm_nonces_never_repeat_and_differ_between_lives() -> None:
    suite, keys = IpsecSuite(EspTransform.AES_GCM_16, 128), IpsecKeys(1, counting(20))
    lives = [sealer(suite, keys, os.urandom) for _ in range(2)]
    ivs = {seal(b"\0\0\0\1" + n.to_bytes(4), bytes(4))[8:16] for seal in lives for n in range(1, 50)}
    assert len(ivs) == 98


@pytest.mark.parametrize(("suite", "key_size", "mac_size"), SUITES, ids=str)
@given(blocks=st.lists(st.integers(1, 90), min_size=1, max_size=4))
def test_what_is_sealed_opens(suite: IpsecSuite, key_size: int, mac_size: int, blocks: list[int]) -> None:
    keys = IpsecKeys(1, counting(key_size), counting(mac_size))
    seal, open_packet, layout = sealer(suite, keys, os.urandom), opener(suite, keys), sizes(suite)
    for sequence, count in enumerate(blocks, 1):
        payload = os.urandom(count * layout.alignment)
        packet = seal(b"\0\0\0\1" + sequence.to_bytes(4), payload)
        assert len(packet) == 8 + layout.iv + len(payload) + layout.icv
        assert open_packet(memoryview(packet)) == payload


@pytest.mark.parametrize(("suite", "key_size", "mac_size"), SUITES, ids=str)
def test_every_octet_is_protected(suite: IpsecSuite, key_size: int, mac_size: int) -> None:
    keys = IpsecKeys(1, counting(key_size), counting(mac_size))
    open_packet = opener(suite, keys)
    packet = sealer(suite, keys, os.urandom)(HEADER, counting(48))
    for position in range(len(packet)):
        tampered = bytearray(packet)
        tampered[position] ^= 1 << position % 8
        with pytest.raises(IntegrityError):
            open_packet(bytes(tampered))
    for cut in range(len(packet)):
        with pytest.raises((IntegrityError, MalformedPacket)):
            open_packet(packet[:cut])
    assert open_packet(packet) == counting(48)  # what was refused has left no trace in the cipher


@pytest.mark.parametrize("cipher", CIPHERS, ids=str)
def test_a_wrong_key_size_is_refused(cipher: tuple[int, int, int]) -> None:
    suite = IpsecSuite(cipher[0], cipher[1], IntegrityAlgorithm.HMAC_SHA1)
    with pytest.raises(UnsupportedError):
        sealer(suite, IpsecKeys(1, counting(cipher[2]), counting(19)), os.urandom)
    if cipher[0] != EspTransform.NULL:
        with pytest.raises(UnsupportedError):
            opener(suite, IpsecKeys(1, counting(cipher[2] + 1), counting(20)))


@pytest.mark.parametrize(
    "suite",
    [
        IpsecSuite(EspTransform.AES_CBC, 128, 0),  # no integrity
        IpsecSuite(EspTransform.NULL, 0, 0),
        IpsecSuite(EspTransform.AES_CBC, 128, 99),
        IpsecSuite(EspTransform.DES_IV64, 0, IntegrityAlgorithm.HMAC_SHA1),
        IpsecSuite(200, 0, IntegrityAlgorithm.HMAC_SHA1),
        IpsecSuite(EspTransform.SERPENT, 128, IntegrityAlgorithm.HMAC_SHA1),  # only the kernel has it
    ],
    ids=str,
)
def test_unknown_suites_are_refused(suite: IpsecSuite) -> None:
    with pytest.raises(UnsupportedError):
        sizes(suite)


def test_digest_sizes_are_those_of_the_hashes() -> None:
    for _, key_size, icv_size, name in MACS:
        assert hashlib.new(name).digest_size == key_size
        assert icv_size == 12 or icv_size * 2 == key_size  # RFC 2403 §2, RFC 2404 §2; RFC 4868 §2.3
