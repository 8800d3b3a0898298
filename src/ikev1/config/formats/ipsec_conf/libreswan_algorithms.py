"""Algorithms in libreswan's notation, `aes256-sha2;modp2048`, as lists of strongSwan's proposals.

What is left out of a proposal, and the order of what stands for it, are those of libreswan 4 for IKEv1.
"""

from __future__ import annotations

import re
from itertools import product

from ikev1.config.formats.swanctl.proposals import MOST

IKE, ESP, AH = "aes,3des", "aes128-sha1,3des-sha1", "sha1"  # the defaults
_HASHES, _GROUPS = ["sha256", "sha512", "sha1"], ["modp2048", "modp1536"]
_CIPHER = re.compile(
    r"(?:null_auth_)?(aes|camellia|serpent|twofish)(?:_(cbc|ctr|gcm|ccm|gmac))?(?:_([abc]|8|12|16))?(?:_?(128|192|256))?"
)
_TAG = {"a": "8", "b": "12", "c": "16", None: "16"}
_WORDS = {
    "3des_cbc": "3des",
    "sha": "sha1",
    "sha2": "sha256",
    "sha2_256": "sha256",
    "sha2_384": "sha384",
    "sha2_512": "sha512",
    "aes_xcbc": "aesxcbc",
    "dh2": "modp1024",
    "dh5": "modp1536",
    "dh14": "modp2048",
    "dh15": "modp3072",
    "dh16": "modp4096",
    "dh17": "modp6144",
    "dh18": "modp8192",
    "dh19": "ecp256",
    "dh20": "ecp384",
    "dh21": "ecp521",
    "dh22": "modp1024s160",
    "dh23": "modp2048s224",
    "dh24": "modp2048s256",
    "dh31": "curve25519",
    "ecp_256": "ecp256",
    "ecp_384": "ecp384",
    "ecp_521": "ecp521",
}


def ike_proposals(written: object) -> list[str]:
    """The proposals for phase 1."""
    made: list[str] = []
    for text in _split(written):
        cipher, hashes, groups = _parts(text)
        # the order in which libreswan offers them
        for group, hash_, each in product(groups or _GROUPS, hashes or _HASHES, _ciphers(cipher, ["256", "128"])):
            made.append(f"{each}-{hash_}-{group}")
    return made


def esp_proposals(written: object, group: str) -> list[str]:
    """The proposals for ESP, with the ``group`` of phase 1 unless they name one; none if ``group`` is empty."""
    made: list[str] = []
    for text in _split(written):
        cipher, hashes, groups = _parts(text)
        for each in _ciphers(cipher, ["128", "256"]):
            aead = re.search(r"(gcm|ccm)\d+$|gmac$", each) is not None
            made += _joined([each], [] if aead else hashes or ["sha1"], group and (groups or [group]))
    return made


def ah_proposals(written: object, group: str) -> list[str]:
    """The proposals for AH, as `esp_proposals`."""
    made: list[str] = []
    for text in _split(written):
        first, *others = _words(text)
        made += _joined([first], [], group and (others or [group]))
    return made


def first_group(proposals: list[str]) -> str:
    """The group of the first proposal for phase 1."""
    return proposals[0].rpartition("-")[2] if proposals else ""


def _split(written: object) -> list[str]:
    found = list(dict.fromkeys(text.strip() for text in str(written).lower().split(",") if text.strip()))
    if len(found) > MOST:
        raise ValueError(f"has {len(found)} proposals: expected at most {MOST}")
    return found


def _words(text: str) -> list[str]:
    return [_WORDS.get(word, word) for word in re.split(r"[-;]", text)]


def _parts(text: str) -> tuple[str, list[str], list[str]]:
    """The cipher, the hashes and the groups of a proposal."""
    cipher, *others = _words(text)
    groups = [word for word in others if word.startswith(("modp", "ecp", "curve", "dh"))]
    return cipher, [word for word in others if word not in groups and word not in ("null", "none", "")], groups


def _ciphers(word: str, sizes: list[str]) -> list[str]:
    """A cipher in strongSwan's words, one for each size of its key if none is named."""
    found = _CIPHER.fullmatch(word)
    if found is None:
        return [word]
    name, mode, tag, size = found.groups()
    suffix = "" if mode in (None, "cbc") else mode
    suffix += _TAG.get(tag, tag) if mode in ("gcm", "ccm") else ""
    return [f"{name}{each}{suffix}" for each in ([size] if size else sizes)]


def _joined(ciphers: list[str], hashes: list[str], groups: list[str] | str) -> list[str]:
    return ["-".join(filter(None, each)) for each in product(ciphers, hashes or [""], groups or [""])]
