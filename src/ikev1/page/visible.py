"""Escaping of control characters in text from peers."""

from __future__ import annotations


def visible(text: str) -> str:
    """Escape the unprintable characters of ``text``: control characters, which a terminal interprets; directional
    marks, which can make text misleading; lone surrogates, which cannot be encoded.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
