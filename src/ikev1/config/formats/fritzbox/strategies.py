"""The strategies of a FRITZ!Box, phase1ss and phase2ss: names of what it offers, and of what it accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ikev1.config.findings import Invalid, Rule

LIFETIME = 3600  # seconds, of both phases
USUAL_GROUP = "2"
_AES = ("aes256", "aes192", "aes128")
_CIPHERS = {
    "all": (*_AES, "3des"),
    "all-no-aes": ("3des",),
    "aes": _AES,
    **{name: (name,) for name in (*_AES, "3des", "des", "null")},
}
_HASHES = {
    "all": ("sha512", "sha1", "md5"),
    "sha": ("sha1",),
    "sha1": ("sha1",),
    "sha2-256": ("sha256",),
    "sha256": ("sha256",),
    "sha2-512": ("sha512",),
    "sha512": ("sha512",),
    "md5": ("md5",),
}
_GROUPS = {
    "1": "modp768",
    "2": "modp1024",
    "5": "modp1536",
    "14": "modp2048",
    "15": "modp3072",
    "16": "modp4096",
}
_GROUP = re.compile(r"dh(\d{1,2})")
_LIFETIME = re.compile(r"LT(\d{1,4})([hms])")
_UNITS = {"h": 3600, "m": 60, "s": 1}
_NONE = ("none", "no")


class Phase1(NamedTuple):
    """What phase1ss names."""

    group: str
    suites: tuple[str, ...]
    lifetime: int

    @property
    def proposals(self) -> list[str]:
        """The proposals in our words."""
        return [f"{suite}-{self.group}" for suite in self.suites]


class Phase2(NamedTuple):
    """What phase2ss names. ``compress``: compression is required, not only offered."""

    suites: tuple[str, ...]
    pfs: bool
    compress: bool
    lifetime: int

    def proposals(self, group: str) -> list[str]:
        """The proposals in our words. With perfect forward secrecy, the group is that of phase 1 or group 2."""
        if not self.pfs:
            return list(self.suites)
        groups = dict.fromkeys((group, _GROUPS[USUAL_GROUP]))
        return [f"{suite}-{each}" for each in groups for suite in self.suites]


def phase1(written: str) -> Phase1:
    """The algorithms of a phase 1 strategy, such as ``dh14/aes/sha``.

    Raises:
        Invalid: it is none, or not known.
    """
    lifetime, rest = _lifetime(written)
    parts = rest.split("/")
    if len(parts) != 3:
        raise _unknown(written, 'a group, a cipher and a hash, such as "dh14/aes/sha"')
    group = _group(parts[0])
    if group is None or parts[1] not in _CIPHERS or parts[2] not in _HASHES:
        raise _unknown(written, 'a group, a cipher and a hash, such as "dh14/aes/sha"')
    return Phase1(group, tuple(_pairs(_CIPHERS[parts[1]], _HASHES[parts[2]])), lifetime)


def phase2(written: str) -> Phase2:
    """The algorithms of a phase 2 strategy, such as ``esp-all-all/ah-none/comp-all/pfs``.

    Raises:
        Invalid: it is none, or not known.
    """
    lifetime, rest = _lifetime(written)
    expected = 'ESP, AH, compression and PFS, such as "esp-all-all/ah-none/comp-all/pfs"'
    parts = rest.split("/")
    if len(parts) != 4 or parts[3] not in ("pfs", "no-pfs"):
        raise _unknown(written, expected)
    (esp, algorithms), (ah, _), (comp, methods) = (part.partition("-")[::2] for part in parts[:3])
    if (esp, ah, comp) != ("esp", "ah", "comp") or algorithms in _NONE:
        raise _unknown(written, expected)
    return Phase2(_esp(algorithms, written), parts[3] == "pfs", _requires_deflate(methods, written), lifetime)


def _esp(algorithms: str, written: str) -> tuple[str, ...]:
    """The pairs of ciphers and hashes in ``aes256-3des-sha``: the last word is the hash."""
    for hash_ in sorted(_HASHES, key=len, reverse=True):
        ciphers = algorithms.removesuffix(f"-{hash_}")
        names = [ciphers] if ciphers in _CIPHERS else ciphers.split("-")
        if ciphers != algorithms and all(name in _CIPHERS for name in names):
            return tuple(_pairs([each for name in names for each in _CIPHERS[name]], _HASHES[hash_]))
    raise _unknown(written, f"ciphers ({', '.join(_CIPHERS)}) and a hash ({', '.join(_HASHES)}) behind esp-")


def _requires_deflate(methods: str, written: str) -> bool:
    names = methods.split("-")
    if "all" in names or names[-1] in _NONE:
        return False
    if names == ["deflate"]:
        return True
    if names == ["lzs"]:
        raise Invalid(Rule.NOT_SUPPORTED, f"{written!r} is not supported: IPComp with LZS is required")
    raise _unknown(written, "all, deflate, lzs and no behind comp-")


def _pairs(ciphers: tuple[str, ...] | list[str], hashes: tuple[str, ...]) -> Iterator[str]:
    return (f"{cipher}-{hash_}" for cipher in dict.fromkeys(ciphers) for hash_ in hashes)


def _group(word: str) -> str | None:
    found = _GROUP.fullmatch(word)
    number = found[1] if found else USUAL_GROUP if word in ("all", "alt", "def") else ""
    return _GROUPS.get(number)


def _lifetime(written: str) -> tuple[int, str]:
    """The lifetime in front of a strategy, such as ``LT8h/``, and the rest."""
    first, _, rest = written.partition("/")
    found = _LIFETIME.fullmatch(first)
    if found is None:
        return LIFETIME, written
    seconds = int(found[1]) * _UNITS[found[2]]
    if not seconds:
        raise _unknown(written, "a lifetime behind LT")
    return seconds, rest


def _unknown(written: str, expected: str) -> Invalid:
    return Invalid(Rule.NOT_SUPPORTED, f"{written!r} is not known: expected {expected}")
