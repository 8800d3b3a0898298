"""Which algorithms should no longer be used, how severe that is, and why: the only such table.

The judgements follow RFC 8221 for ESP and AH, and RFC 8247 for groups and hashes, whose advice for IKEv2 applies too.
Algorithms that are not listed are sound, or so rare that no judgement is possible. `ikev1.crypto.suites.weaknesses`,
the checks of configurations and audits use these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from ikev1.wire.registry import Encryption, EspTransform, Group, HashAlgorithm, IntegrityAlgorithm


class Severity(StrEnum):
    """The severity of a weakness, or of a finding of an audit, the most severe first."""

    HIGH = "high"  # can be attacked with commonly available means
    MEDIUM = "medium"  # one step short of that, or only with large means
    LOW = "low"  # a weakness only together with others
    INFO = "info"  # good to know

    @property
    def rank(self) -> int:
        """0 for the most severe."""
        return list(Severity).index(self)


class Weakness(NamedTuple):
    """A judgement on one algorithm."""

    severity: Severity
    reason: str  # continues a sentence: "DES_CBC: ..."


_HIGH, _MEDIUM, _LOW, _INFO = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO

_DES = Weakness(_HIGH, "56-bit keys can be found by exhaustive search within days, at low cost")
_TRIPLE_DES = Weakness(
    _MEDIUM, "64-bit blocks begin to repeat after some gigabytes under one key, which reveals plaintext"
)
_SMALL_BLOCK = Weakness(
    _MEDIUM, "64-bit blocks begin to repeat after some gigabytes, and the cipher is no longer studied"
)
_NO_ENCRYPTION = Weakness(_HIGH, "nothing is encrypted")

IKE_CIPHERS: Mapping[int, Weakness] = {
    Encryption.DES_CBC: _DES,
    Encryption.TRIPLE_DES_CBC: _TRIPLE_DES,
    Encryption.IDEA_CBC: _SMALL_BLOCK,
    Encryption.BLOWFISH_CBC: _SMALL_BLOCK,
    Encryption.RC5_R16_B64_CBC: _SMALL_BLOCK,
    Encryption.CAST_CBC: _SMALL_BLOCK,
}

ESP_CIPHERS: Mapping[int, Weakness] = {
    EspTransform.DES_IV64: _DES,
    EspTransform.DES: _DES,
    EspTransform.DES_IV32: _DES,
    EspTransform.TRIPLE_DES: _TRIPLE_DES,
    EspTransform.RC5: _SMALL_BLOCK,
    EspTransform.IDEA: _SMALL_BLOCK,
    EspTransform.CAST: _SMALL_BLOCK,
    EspTransform.BLOWFISH: _SMALL_BLOCK,
    EspTransform.TRIPLE_IDEA: _SMALL_BLOCK,
    EspTransform.RC4: Weakness(_HIGH, "the key stream is biased, and its use in ESP was never specified"),
    EspTransform.NULL: _NO_ENCRYPTION,
    EspTransform.NULL_AUTH_AES_GMAC: _NO_ENCRYPTION,
}

_MD5 = Weakness(_MEDIUM, "MD5 collisions take seconds; HMAC-MD5 is not broken, but should not be relied on")
_SHA1 = Weakness(_INFO, "HMAC-SHA1 is not broken, but is being phased out (MUST- in RFC 8221 and RFC 8247)")

IKE_HASHES: Mapping[int, Weakness] = {
    HashAlgorithm.MD5: _MD5,
    HashAlgorithm.TIGER: Weakness(_LOW, "Tiger is rarely implemented and no longer studied"),
    HashAlgorithm.SHA1: _SHA1,
}

INTEGRITY: Mapping[int, Weakness] = {
    IntegrityAlgorithm.HMAC_MD5: _MD5,
    IntegrityAlgorithm.DES_MAC: Weakness(_HIGH, "DES is broken, and therefore its MAC"),
    IntegrityAlgorithm.KPDK: Weakness(_HIGH, "it hashes key and data without the HMAC construction"),
    IntegrityAlgorithm.HMAC_SHA1: _SHA1,
}

_1024_BITS = "a state can compute discrete logarithms modulo this prime, after which each exchange costs little"
_EC2N = Weakness(_HIGH, "a binary curve of composite degree or of few bits, which RFC 8247 does not mention")
_SUBGROUP = Weakness(
    _MEDIUM, "the origin of the prime is unknown, and small subgroups allow attacks (SHOULD NOT in RFC 8247)"
)

GROUPS: Mapping[int, Weakness] = {
    Group.MODP_768: Weakness(_HIGH, "discrete logarithms modulo a 768-bit prime were computed publicly in 2016"),
    Group.MODP_1024: Weakness(_HIGH, _1024_BITS),
    Group.EC2N_155: _EC2N,
    Group.EC2N_185: _EC2N,
    Group.MODP_1536: Weakness(_MEDIUM, "a 1536-bit prime is too small (SHOULD NOT in RFC 8247)"),
    Group.MODP_1024_160: Weakness(
        _HIGH, f"{_1024_BITS}; the origin of the prime is unknown, and may hide a trapdoor (MUST NOT in RFC 8247)"
    ),
    Group.MODP_2048_224: _SUBGROUP,
    Group.MODP_2048_256: _SUBGROUP,
    Group.ECP_192: Weakness(_MEDIUM, "a 192-bit curve has a strength of only 96 bits"),
    Group.ECP_224: Weakness(_LOW, "a 224-bit curve has a strength of only 112 bits"),
}

BROKEN_GROUPS = frozenset(number for number, weakness in GROUPS.items() if weakness.severity is _HIGH)
"""Groups in which discrete logarithms have been computed, or can be with the means of a state ("Imperfect Forward
Secrecy", CCS 2015: 768 bits, and 1024 bits once for each prime).
"""
