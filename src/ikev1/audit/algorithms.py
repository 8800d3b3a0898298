"""Which algorithms should not be used any more, how bad each of them is, and why: of phase 1 and of ESP and AH.

What is not listed is sound, or so rare that nobody knows.
"""

from __future__ import annotations

from typing import NamedTuple

from ikev1.audit.finding import Severity
from ikev1.audit.topics import Topic, topic
from ikev1.wire.registry import Encryption, EspTransform, Group, HashAlgorithm, IntegrityAlgorithm


class Judgement(NamedTuple):
    """What is to be said of one algorithm."""

    topic: Topic
    severity: Severity
    reason: str  # continues a sentence: "DES_CBC: ..."


_HIGH, _MEDIUM, _LOW, _INFO = Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO


def _cipher(severity: Severity, reason: str) -> Judgement:
    return Judgement(topic("weak-cipher"), severity, reason)


def _hash(severity: Severity, reason: str) -> Judgement:
    return Judgement(topic("weak-hash"), severity, reason)


def _group(severity: Severity, reason: str) -> Judgement:
    return Judgement(topic("weak-group"), severity, reason)


_DES = _cipher(_HIGH, "its 56-bit keys are found by trying them all, for little money, within days")
_TRIPLE_DES = _cipher(
    _MEDIUM, "its 64-bit blocks begin to repeat after some gigabytes under one key, which gives away plaintext"
)
_SMALL_BLOCK = _cipher(
    _MEDIUM, "its 64-bit blocks begin to repeat after some gigabytes, and nobody examines it any more"
)

IKE_CIPHERS: dict[int, Judgement] = {
    Encryption.DES_CBC: _DES,
    Encryption.TRIPLE_DES_CBC: _TRIPLE_DES,
    Encryption.IDEA_CBC: _SMALL_BLOCK,
    Encryption.BLOWFISH_CBC: _SMALL_BLOCK,
    Encryption.RC5_R16_B64_CBC: _SMALL_BLOCK,
    Encryption.CAST_CBC: _SMALL_BLOCK,
}

ESP_CIPHERS: dict[int, Judgement] = {
    EspTransform.DES_IV64: _DES,
    EspTransform.DES: _DES,
    EspTransform.DES_IV32: _DES,
    EspTransform.TRIPLE_DES: _TRIPLE_DES,
    EspTransform.RC5: _SMALL_BLOCK,
    EspTransform.IDEA: _SMALL_BLOCK,
    EspTransform.CAST: _SMALL_BLOCK,
    EspTransform.BLOWFISH: _SMALL_BLOCK,
    EspTransform.TRIPLE_IDEA: _SMALL_BLOCK,
    EspTransform.RC4: _cipher(_HIGH, "its output is biased, and it was never specified for ESP"),
    EspTransform.NULL: Judgement(topic("null-encryption"), _HIGH, "nothing is encrypted"),
}

_MD5 = "collisions of MD5 take seconds; as an HMAC it still stands, but nobody should rely on that"
_SHA1 = "as an HMAC SHA-1 is not broken, though everybody is leaving it (MUST- in RFC 8221 and RFC 8247)"

IKE_HASHES: dict[int, Judgement] = {
    HashAlgorithm.MD5: _hash(_MEDIUM, _MD5),
    HashAlgorithm.TIGER: _hash(_LOW, "hardly anybody has it, and nobody examines it any more"),
    HashAlgorithm.SHA1: _hash(_INFO, _SHA1),
}

INTEGRITY: dict[int, Judgement] = {
    IntegrityAlgorithm.HMAC_MD5: _hash(_MEDIUM, _MD5),
    IntegrityAlgorithm.DES_MAC: _hash(_HIGH, "DES is broken, and with it its MAC"),
    IntegrityAlgorithm.KPDK: _hash(_HIGH, "a hash over key and data, without the construction that makes it a MAC"),
    IntegrityAlgorithm.HMAC_SHA1: _hash(_INFO, _SHA1),
}

_1024_BITS = "logarithms modulo this one prime are within reach of a state, after which each exchange takes little"
_EC2N = "a binary curve of composite degree or of few bits, which RFC 8247 does not even name"

GROUPS: dict[int, Judgement] = {
    Group.MODP_768: _group(_HIGH, "logarithms modulo a prime of 768 bits were computed in public in 2016"),
    Group.MODP_1024: _group(_HIGH, _1024_BITS),
    Group.EC2N_155: _group(_HIGH, _EC2N),
    Group.EC2N_185: _group(_HIGH, _EC2N),
    Group.MODP_1536: _group(_MEDIUM, "1536 bits are below what anybody still recommends (SHOULD NOT)"),
    Group.MODP_1024_160: _group(
        _HIGH, f"{_1024_BITS}; nobody can tell how the prime was made, and it may hide a trapdoor (MUST NOT)"
    ),
    Group.MODP_2048_224: _group(
        _MEDIUM, "nobody can tell how the prime was made, and small subgroups invite attack (SHOULD NOT)"
    ),
    Group.MODP_2048_256: _group(
        _MEDIUM, "nobody can tell how the prime was made, and small subgroups invite attack (SHOULD NOT)"
    ),
    Group.ECP_192: _group(_MEDIUM, "a curve of 192 bits gives 96 bits of strength"),
    Group.ECP_224: _group(_LOW, "a curve of 224 bits gives 112 bits of strength"),
}


def group_in_quick_mode(judgement: Judgement) -> Judgement:
    """The judgement on a group that stands behind the group of phase 1: one step milder, for both must be broken."""
    milder = {_HIGH: _MEDIUM, _MEDIUM: _LOW}.get(judgement.severity, judgement.severity)
    return judgement._replace(severity=milder)
