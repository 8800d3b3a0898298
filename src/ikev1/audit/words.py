"""Whether a word list, and what people usually do to words, contains a secret that is known already.

Nothing is found out here that was not known before: words are compared with the secret, and a HASH plays no part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import BinaryIO, NamedTuple

MOST_WORDS = 1_000_000_000  # lists that people use have some ten million; a file without an end has an end here
_LONGEST = 4096  # octets of one line
_SHORTEST_ROOT = 4  # octets: what is shorter is a root of everything
_AROUND = re.compile(rb"^[^a-z]+|[^a-z]+$")
_AFTER = re.compile(rb"[^a-z]+$")
_LOOKALIKES = (bytes.maketrans(b"@4301!5$7", b"aaeollsst"), bytes.maketrans(b"@4301!5$7", b"aaeoiisst"))
_STEP = 50_000  # words between two reports of progress


class Fate(StrEnum):
    """What a word list makes of a secret."""

    LISTED = "listed"  # it stands there
    DERIVED = "derived"  # a word is its root: other case, digits or signs around it, look-alikes, backwards, doubled
    ABSENT = "absent"


class Search(NamedTuple):
    """How a search ended, and how many words the list has."""

    fate: Fate
    words: int


def search(words: BinaryIO, secret: bytes, progress: Callable[[int], None]) -> Search:
    """Looks for ``secret`` among ``words``, one a line; ``progress`` is told the octets that were read, now and then.

    It reads to the end whatever it finds: where it stopped would tell where the secret stands.
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
    """The words in lower case of which the rules that every cracking program brings make ``secret``."""
    lower = secret.lower()
    plain = {lower, *(lower.translate(table) for table in _LOOKALIKES)}
    # The digits behind a word go before look-alikes are undone: Passw0rd1 is no Passwordl
    bare = {_AFTER.sub(b"", lower), _AROUND.sub(b"", lower)}
    bare |= {_AROUND.sub(b"", word.translate(table)) for word in bare for table in _LOOKALIKES}
    roots = plain | bare
    roots |= {word[::-1] for word in roots}
    roots |= {word[: len(word) // 2] for word in roots if word == 2 * word[: len(word) // 2]}
    return frozenset(word for word in roots if len(word) >= _SHORTEST_ROOT)
