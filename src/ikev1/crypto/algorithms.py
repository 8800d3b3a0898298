"""The algorithms by name: strongSwan's words for proposals, the words that swanctl shows, and key sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, NoReturn, TypeVar

from ikev1.crypto.errors import UnsupportedAlgorithm
from ikev1.wire.registry import Encryption, EspTransform, Group, HashAlgorithm, IntegrityAlgorithm, OpenEnum

Value = TypeVar("Value")

_SIZES = (128, 192, 256)  # bits
_TAGGED = ("gcm", "ccm")  # modes that come with ICVs of several sizes


class CipherWord(NamedTuple):
    """One cipher with one key size; ``key_length`` is what is negotiated, 0 where the cipher has one size only."""

    word: str
    number: int
    key_length: int  # bits
    display: str
    octets: int | None  # of keying material, with the nonce or salt that some take behind the key; None: unknown
    aead: bool = False  # protects the integrity itself


class HashWord(NamedTuple):
    """One hash: as phase 1 Hash Algorithm, as HMAC that protects ESP, and how swanctl shows both.

    AES-XCBC-MAC protects ESP only, and has no number in phase 1.
    """

    word: str
    number: int
    integrity: int
    octets: int | None  # of the key in ESP: for an HMAC the length of the hash (RFC 4868 §2.1.1); None: unknown
    display: str
    prf_display: str


class GroupWord(NamedTuple):
    """One Diffie-Hellman group."""

    word: str
    number: int
    display: str


def _three_sizes(form: str, number: int, display: str, salt: int = 0, aead: bool = False) -> list[CipherWord]:
    return [CipherWord(form.format(bits), number, bits, display, bits // 8 + salt, aead=aead) for bits in _SIZES]


_IKE_CIPHERS = (
    CipherWord("des", Encryption.DES_CBC, 0, "DES_CBC", 8),
    CipherWord("3des", Encryption.TRIPLE_DES_CBC, 0, "3DES_CBC", 24),
    *_three_sizes("aes{}", Encryption.AES_CBC, "AES_CBC"),
    *_three_sizes("camellia{}", Encryption.CAMELLIA_CBC, "CAMELLIA_CBC"),
    *_three_sizes("blowfish{}", Encryption.BLOWFISH_CBC, "BLOWFISH_CBC"),
    CipherWord("cast128", Encryption.CAST_CBC, 128, "CAST_CBC", 16),
    *_three_sizes("serpent{}", Encryption.SERPENT_CBC, "SERPENT_CBC"),
    *_three_sizes("twofish{}", Encryption.TWOFISH_CBC, "TWOFISH_CBC"),
)

# Salts and nonces have 4 octets (RFC 3686 §5.1, RFC 4106 §8.1, RFC 4543 §5.4), but those of CCM 3 (RFC 4309 §7.1).
_ESP_CIPHERS = (
    CipherWord("des", EspTransform.DES, 0, "DES_CBC", 8),
    CipherWord("3des", EspTransform.TRIPLE_DES, 0, "3DES_CBC", 24),
    CipherWord("null", EspTransform.NULL, 0, "NULL", 0),
    *_three_sizes("aes{}", EspTransform.AES_CBC, "AES_CBC"),
    *_three_sizes("aes{}ctr", EspTransform.AES_CTR, "AES_CTR", salt=4),
    *_three_sizes("aes{}gcm8", EspTransform.AES_GCM_8, "AES_GCM_8", salt=4, aead=True),
    *_three_sizes("aes{}gcm12", EspTransform.AES_GCM_12, "AES_GCM_12", salt=4, aead=True),
    *_three_sizes("aes{}gcm16", EspTransform.AES_GCM_16, "AES_GCM_16", salt=4, aead=True),
    *_three_sizes("aes{}ccm8", EspTransform.AES_CCM_8, "AES_CCM_8", salt=3, aead=True),
    *_three_sizes("aes{}ccm12", EspTransform.AES_CCM_12, "AES_CCM_12", salt=3, aead=True),
    *_three_sizes("aes{}ccm16", EspTransform.AES_CCM_16, "AES_CCM_16", salt=3, aead=True),
    *_three_sizes("aes{}gmac", EspTransform.NULL_AUTH_AES_GMAC, "NULL_AES_GMAC", salt=4, aead=True),
    *_three_sizes("camellia{}", EspTransform.CAMELLIA, "CAMELLIA_CBC"),
    *_three_sizes("blowfish{}", EspTransform.BLOWFISH, "BLOWFISH_CBC"),
    CipherWord("cast128", EspTransform.CAST, 128, "CAST_CBC", 16),
    *_three_sizes("serpent{}", EspTransform.SERPENT, "SERPENT_CBC"),
    *_three_sizes("twofish{}", EspTransform.TWOFISH, "TWOFISH_CBC"),
)

_HASHES = (
    HashWord("md5", HashAlgorithm.MD5, IntegrityAlgorithm.HMAC_MD5, 16, "HMAC_MD5_96", "PRF_HMAC_MD5"),
    HashWord("sha1", HashAlgorithm.SHA1, IntegrityAlgorithm.HMAC_SHA1, 20, "HMAC_SHA1_96", "PRF_HMAC_SHA1"),
    HashWord(
        "sha256", HashAlgorithm.SHA2_256, IntegrityAlgorithm.HMAC_SHA2_256, 32, "HMAC_SHA2_256_128", "PRF_HMAC_SHA2_256"
    ),
    HashWord(
        "sha384", HashAlgorithm.SHA2_384, IntegrityAlgorithm.HMAC_SHA2_384, 48, "HMAC_SHA2_384_192", "PRF_HMAC_SHA2_384"
    ),
    HashWord(
        "sha512", HashAlgorithm.SHA2_512, IntegrityAlgorithm.HMAC_SHA2_512, 64, "HMAC_SHA2_512_256", "PRF_HMAC_SHA2_512"
    ),
)
_XCBC = HashWord("aesxcbc", 0, IntegrityAlgorithm.AES_XCBC_MAC, 16, "AES_XCBC_96", "")

_GROUPS = (
    GroupWord("modp768", Group.MODP_768, "MODP_768"),
    GroupWord("modp1024", Group.MODP_1024, "MODP_1024"),
    GroupWord("modp1536", Group.MODP_1536, "MODP_1536"),
    GroupWord("modp2048", Group.MODP_2048, "MODP_2048"),
    GroupWord("modp3072", Group.MODP_3072, "MODP_3072"),
    GroupWord("modp4096", Group.MODP_4096, "MODP_4096"),
    GroupWord("modp6144", Group.MODP_6144, "MODP_6144"),
    GroupWord("modp8192", Group.MODP_8192, "MODP_8192"),
    GroupWord("modp1024s160", Group.MODP_1024_160, "MODP_1024_160"),
    GroupWord("modp2048s224", Group.MODP_2048_224, "MODP_2048_224"),
    GroupWord("modp2048s256", Group.MODP_2048_256, "MODP_2048_256"),
    GroupWord("ecp192", Group.ECP_192, "ECP_192"),
    GroupWord("ecp224", Group.ECP_224, "ECP_224"),
    GroupWord("ecp256", Group.ECP_256, "ECP_256"),
    GroupWord("ecp384", Group.ECP_384, "ECP_384"),
    GroupWord("ecp521", Group.ECP_521, "ECP_521"),
    GroupWord("ecp256bp", Group.BRAINPOOL_256, "ECP_256_BP"),
    GroupWord("ecp384bp", Group.BRAINPOOL_384, "ECP_384_BP"),
    GroupWord("ecp512bp", Group.BRAINPOOL_512, "ECP_512_BP"),
    GroupWord("curve25519", Group.CURVE_25519, "CURVE_25519"),
    GroupWord("curve448", Group.CURVE_448, "CURVE_448"),
)

IKE_CIPHERS = {cipher.word: cipher for cipher in _IKE_CIPHERS}
ESP_CIPHERS = {cipher.word: cipher for cipher in _ESP_CIPHERS}
HASHES = {hash.word: hash for hash in _HASHES}
INTEGRITIES = HASHES | {_XCBC.word: _XCBC}
"""What protects the integrity of ESP and AH."""

GROUPS = {group.word: group for group in _GROUPS}

ALIASES = {
    "aes": "aes128",
    **{cipher: f"{cipher}128" for cipher in ("camellia", "blowfish", "serpent", "twofish")},
    "sha": "sha1",
    "sha2_256": "sha256",
    "sha2_384": "sha384",
    "sha2_512": "sha512",
    "x25519": "curve25519",
    "x448": "curve448",
    **{f"aes{bits}{mode}": f"aes{bits}{mode}16" for bits in _SIZES for mode in _TAGGED},
    **{
        f"aes{bits}{mode}{8 * octets}": f"aes{bits}{mode}{octets}"
        for bits in _SIZES
        for mode in _TAGGED
        for octets in (8, 12, 16)
    },
}
"""Other words that strongSwan takes for the same."""


def _by_number(ciphers: tuple[CipherWord, ...]) -> dict[tuple[int, int], CipherWord]:
    by_number = {(cipher.number, cipher.key_length): cipher for cipher in ciphers}
    # A peer that leaves out the key length means "the default key size", 128 bits (RFC 3602 §2.3, RFC 2451 §2.2).
    return by_number | {(cipher.number, 0): cipher for cipher in ciphers if cipher.key_length == 128}


_IKE_CIPHER_BY_NUMBER = _by_number(_IKE_CIPHERS)
del _IKE_CIPHER_BY_NUMBER[Encryption.BLOWFISH_CBC, 0]  # there it means 448 bits (RFC 2409 Appendix B)
_ESP_CIPHER_BY_NUMBER = _by_number(_ESP_CIPHERS)
_HASH_BY_NUMBER = {int(hash.number): hash for hash in _HASHES}
_HASH_BY_INTEGRITY = {int(hash.integrity): hash for hash in INTEGRITIES.values()}
_GROUP_BY_NUMBER = {int(group.number): group for group in _GROUPS}

IKE_SIZED = frozenset(cipher.number for cipher in _IKE_CIPHERS if cipher.key_length)
ESP_SIZED = frozenset(cipher.number for cipher in _ESP_CIPHERS if cipher.key_length)
"""The ciphers whose key length is negotiated."""


class Supported(dict[int, Value]):
    """What this package has for the numbers of a registry. Another number raises `UnsupportedAlgorithm`."""

    def __init__(self, registry: type[OpenEnum], entries: Mapping[int, Value]) -> None:
        super().__init__(entries)
        self._registry = registry

    def __missing__(self, number: int) -> NoReturn:
        known = ", ".join(self._registry(number).name for number in sorted(self))
        raise UnsupportedAlgorithm(f"{registered_name(self._registry, number)} is not supported; supported: {known}")


def registered_name(registry: type[OpenEnum], number: int) -> str:
    """The name of a number, for people: a peer may have sent one that is too large for any registry."""
    try:
        return registry(number).name
    except ValueError:
        return str(number)


def _nameless_cipher(registry: type[OpenEnum], number: int, key_length: int) -> CipherWord:
    name = registered_name(registry, number)
    return CipherWord(f"{name}_{key_length}" if key_length else name, number, key_length, name, None)


def _nameless_hash(name: str, hash: int = 0, integrity: int = 0) -> HashWord:
    return HashWord(name, hash, integrity, None, name, name)


def _nameless_group(name: str, number: int) -> GroupWord:
    return GroupWord(name, number, name)


def ike_cipher(encryption: int, key_length: int) -> CipherWord:
    """The cipher of a phase 1 Encryption Algorithm; one without a word goes by its registered name and key length."""
    known = _IKE_CIPHER_BY_NUMBER.get((encryption, key_length))
    return known or _nameless_cipher(Encryption, encryption, key_length)


def esp_cipher(encryption: int, key_length: int) -> CipherWord:
    """The cipher of an ESP transform; one without a word goes by its registered name and key length."""
    known = _ESP_CIPHER_BY_NUMBER.get((encryption, key_length))
    return known or _nameless_cipher(EspTransform, encryption, key_length)


def ike_hash(hash: int) -> HashWord:
    """The hash of a phase 1 Hash Algorithm; one without a word goes by its registered name."""
    return _HASH_BY_NUMBER.get(hash) or _nameless_hash(registered_name(HashAlgorithm, hash), hash=hash)


def esp_integrity(integrity: int) -> HashWord:
    """The hash of a phase 2 Authentication Algorithm; one without a word goes by its registered name."""
    known = _HASH_BY_INTEGRITY.get(integrity)
    return known or _nameless_hash(registered_name(IntegrityAlgorithm, integrity), integrity=integrity)


def dh_group(number: int) -> GroupWord:
    """The group of a Group Description; one without a word goes by its registered name."""
    return _GROUP_BY_NUMBER.get(number) or _nameless_group(registered_name(Group, number), number)
