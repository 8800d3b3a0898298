"""What a proposal with an unknown word probably means: other programs write ``aes128-sha1;modp1024``, ``3des-md5-96``
or ``aes256-hmac_sha1``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches

from ikev1.crypto.algorithms import ALIASES

_SEPARATORS = re.compile(r"[-;,+! ]+")
_TRUNCATED = frozenset({"96", "128", "192", "256"})  # the bits of the ICV, which follow from the hash
_LONGEST = 200  # characters of a proposal that is corrected
_MOST = 8  # words of it


def meant(text: str, known: Collection[str]) -> tuple[str, str]:
    """The proposal of ``known`` words that ``text`` probably means, and the word that the first unknown one probably
    means; empty if nothing is similar.
    """
    words = [word for word in _SEPARATORS.split(text[:_LONGEST].lower().strip()) if word][:_MOST]
    corrected: list[str] = []
    near = ""
    for word in words:
        if corrected and word in _TRUNCATED:
            continue
        found = _similar(word, known)
        if word not in known and not near:
            near = found
        if not found:
            return "", near
        corrected.append(found)
    return "-".join(dict.fromkeys(corrected)), near


def _similar(word: str, known: Collection[str]) -> str:
    plain = word.replace("_", "")
    candidates = (word, word.replace("hmac_", ""), plain, plain.replace("hmac", ""), plain.replace("sha2", "sha", 1))
    for candidate in candidates:
        named = ALIASES.get(candidate, candidate)
        if named in known:
            return named
    return next(iter(get_close_matches(plain, known, n=1, cutoff=0.75)), "")
