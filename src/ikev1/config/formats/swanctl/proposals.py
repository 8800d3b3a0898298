"""Proposals in strongSwan's notation, which may have several algorithms of a kind: one for each combination."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import product
from typing import NamedTuple

from ikev1.crypto.algorithms import ALIASES, ESP_CIPHERS, GROUPS, HASHES, IKE_CIPHERS, INTEGRITIES

MOST = 200  # proposals
# What charon accepts for ``default`` with its most preferred first, and what peers commonly have; all in one packet
_DEFAULT_IKE = (
    "aes128-aes256-sha256-sha384-sha1-x25519-ecp256-modp3072-modp2048",
    "aes256-sha384-sha512-ecp384-modp4096",
)
_DEFAULT_ESP = (
    "aes128-aes192-aes256-sha256-sha384-sha512-sha1",
    "aes128gcm16-aes192gcm16-aes256gcm16",
)
ABSENT_ESP = _DEFAULT_ESP[::-1]  # charon prefers AES-GCM only if esp_proposals is absent
# Words of strongSwan for algorithms that have no number in IKEv1, or that are not implemented
_OTHER_INTEGRITY = r"aesxcbc|aescmac|sha256_96|sha2_256_96|sha1_160|md5_128|camelliaxcbc"
_OTHER_GROUPS = r"ntru\d+|newhope\d*|modpnull|ecp224bp|ke\d_\w+|mlkem\d+|kyber\d"
_NO_GROUP = frozenset({"none", "modpnone"})
_ELSEWHERE = re.compile(
    r"prf\w+|aes\d{3}(gcm|ccm|ctr|gmac)\d*|camellia\d{3}(ccm|ctr)\d*|chacha20poly1305(compat)?|idea|null|"
    rf"modpnone|none|{_OTHER_INTEGRITY}|{_OTHER_GROUPS}"
)
_SEQUENCE_NUMBERS = {"esn": True, "noesn": False}


class Apart(NamedTuple):
    """The proposals for IKEv1 in order of preference, and the words that were left out."""

    proposals: list[str]
    left_out: list[str]


def ike_proposals(written: Iterable[str]) -> Apart:
    """The phase 1 proposals: the algorithms of a proposal are combined, the first of each kind first."""
    made: dict[str, None] = {}
    left_out: dict[str, None] = {}
    for text in _defaults(written, _DEFAULT_IKE):
        words = _Kinds(text, IKE_CIPHERS, HASHES, GROUPS)
        prfs = [word.removeprefix("prf") for word in words.elsewhere if word.startswith("prf")]
        prfs = [ALIASES.get(word, word) for word in prfs]
        if words.unknown or (not all(words.kinds) and not words.elsewhere):
            made[text] = None  # the reader of `ikev1.toml` says what is wrong with it
            continue
        # The prf of IKEv1 is the HMAC of the hash
        combinations = [each for each in product(*words.kinds) if not prfs or each[1] in prfs]
        made |= dict.fromkeys("-".join(each) for each in _few(combinations))
        others = [word for word in words.elsewhere if not word.startswith("prf")]
        left_out |= dict.fromkeys(others if combinations else [text])
    return Apart(list(made), list(left_out))


def esp_proposals(written: Iterable[str]) -> Apart:
    """The phase 2 proposals for ESP."""
    made: dict[str, None] = {}
    left_out: dict[str, None] = {}
    for text in _defaults(written, _DEFAULT_ESP):
        words = _Kinds(text, ESP_CIPHERS, INTEGRITIES, GROUPS, _SEQUENCE_NUMBERS)
        left_out |= dict.fromkeys(words.left_out)
        ciphers, hashes, _, numbers = words.kinds
        hashes = words.or_without(hashes, _OTHER_INTEGRITY)
        combinations: list[tuple[str, ...]] = [
            each
            for cipher in ciphers
            for each in product([cipher], [""] if ESP_CIPHERS[cipher].aead else hashes, words.groups, numbers or [""])
        ]
        made |= _joined(text, words, combinations)
    return Apart(list(made), list(left_out))


def ah_proposals(written: Iterable[str]) -> Apart:
    """The phase 2 proposals for AH."""
    made: dict[str, None] = {}
    left_out: dict[str, None] = {}
    for text in _defaults(written, ["sha256-sha384-sha512-sha1"]):
        words = _Kinds(text, INTEGRITIES, GROUPS, _SEQUENCE_NUMBERS)
        left_out |= dict.fromkeys(words.left_out)
        hashes, _, numbers = words.kinds
        made |= _joined(text, words, list(product(hashes, words.groups, numbers or [""])))
    return Apart(list(made), list(left_out))


def _joined(text: str, words: _Kinds, combinations: list[tuple[str, ...]]) -> dict[str, None]:
    if words.unknown or (not combinations and not words.elsewhere):
        return {text: None}  # the reader of `ikev1.toml` says what is wrong with it
    return dict.fromkeys("-".join(filter(None, each)) for each in _few(combinations))


def _defaults(written: Iterable[str], defaults: Iterable[str]) -> list[str]:
    return [each for text in written for each in (defaults if text.strip().lower() == "default" else [text])]


def _few(combinations: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    if len(combinations) > MOST:
        raise ValueError(f"has {len(combinations)} combinations of algorithms: expected at most {MOST}")
    return combinations


class _Kinds:
    """The words of a proposal by their kind, each of which is the keys of a table."""

    def __init__(self, text: str, *tables: Mapping[str, object]) -> None:
        words = [ALIASES.get(word, word) for word in text.strip().lower().split("-")]
        if len(words) > MOST:
            raise ValueError(f"has a proposal of {len(words)} algorithms: expected at most {MOST}")
        self.kinds = [list(dict.fromkeys(word for word in words if word in table)) for table in tables]
        rest = [word for word in words if not any(word in table for table in tables)]
        self.elsewhere = [word for word in rest if _ELSEWHERE.fullmatch(word)]
        self.unknown = [word for word in rest if not _ELSEWHERE.fullmatch(word)]

    @property
    def left_out(self) -> list[str]:
        """The words of phase 2 that have no meaning in IKEv1."""
        return [word for word in self.elsewhere if word not in _NO_GROUP]

    def or_without(self, kind: list[str], others: str) -> list[str]:
        """The choices of integrity algorithms or groups, "" being none. Nothing is left if only ``others`` are named:
        what was to be protected by these is not to go without.
        """
        lacking = any(re.fullmatch(others, word) for word in self.elsewhere)
        return kind if kind or lacking else [""]

    @property
    def groups(self) -> list[str]:
        """The choices of groups for perfect forward secrecy, the last but one kind."""
        without = [""] if _NO_GROUP.intersection(self.elsewhere) else []
        return self.or_without(self.kinds[-2] + without, _OTHER_GROUPS)
