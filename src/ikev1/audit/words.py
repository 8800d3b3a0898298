"""Whether a word list contains a known secret, or a word from which common rules derive it.

The words are compared with the secret itself, not with a HASH, so no unknown secret can be found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import BinaryIO, NamedTuple

MOST_WORDS = 1_000_000_000  # real lists have some ten million; bounds an endless file
_LONGEST = 4096  # octets of one line
_SHORTEST_ROOT = 4  # octets: a shorter root would match too many secrets
_AROUND = re.compile(rb"^[^a-z]+|[^a-z]+$")
_AFTER = re.compile(rb"[^a-z]+$")
_LOOKALIKES = (bytes.maketrans(b"@4301!5$7", b"aaeollsst"), bytes.maketrans(b"@4301!5$7", b"aaeoiisst"))
_STEP = 50_000  # words between two progress reports


class Fate(StrEnum):
    """Whether a word list contains a secret."""

    LISTED = "listed"  # the list contains the secret
    DERIVED = (
        "derived"  # a word becomes the secret by case, digits or symbols around it, look-alikes, reversal or doubling
    )
    ABSENT = "absent"


class Search(NamedTuple):
    """The result of a search, and the number of words in the list."""

    fate: Fate
    words: int


def search(words: BinaryIO, secret: bytes, progress: Callable[[int], None]) -> Search:
    """Search for ``secret`` in ``words``, one per line. ``progress`` is called with the octets read so far.

    The whole list is always read, because the stopping point would reveal the position of the secret.
    """
    roots = _roots(secret)
    fate, count, octets = Fate.ABSENT, 0, 0
    while count < MOST_WORDS and (line := words.readline(_LONGEST)):
        count += 1
        octets += len(line)
        word = line.rstrip(b"\r\n")
        if word == secret:
            fate = Fate.LISTED
        elif fate is Fate.ABSENT and word.lower() in roots:
            fate = Fate.DERIVED
        if count % _STEP == 0:
            progress(octets)
    progress(octets)
    return Search(fate, count)


def _roots(secret: bytes) -> frozenset[bytes]:
    """The lower-case words from which the rules of common cracking programs derive ``secret``."""
    lower = secret.lower()
    plain = {lower, *(lower.translate(table) for table in _LOOKALIKES)}
    # Remove trailing digits before undoing look-alikes: Passw0rd1 is not Passwordl
    bare = {_AFTER.sub(b"", lower), _AROUND.sub(b"", lower)}
    bare |= {_AROUND.sub(b"", word.translate(table)) for word in bare for table in _LOOKALIKES}
    roots = plain | bare
    roots |= {word[::-1] for word in roots}
    roots |= {word[: len(word) // 2] for word in roots if word == 2 * word[: len(word) // 2]}
    return frozenset(word for word in roots if len(word) >= _SHORTEST_ROOT)
