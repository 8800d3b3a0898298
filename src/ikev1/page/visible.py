"""Text from a peer, so that no character of it does anything but stand there."""

from __future__ import annotations


def visible(text: str) -> str:
    """``text`` in one line, with all that is not printable written out: control characters, which a terminal obeys;
    marks of direction, which make text read as what it is not; lone surrogates, which cannot be encoded.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
