"""Patterns with asterisks, matched in time that grows with the text alone and not with what is in it."""

from __future__ import annotations

from collections.abc import Sequence


def fits(pieces: Sequence[str], text: str) -> bool:
    """Whether ``text`` is ``pieces`` in their order, with anything between one and the next: ``a*b*c`` is the pieces
    ``a``, ``b`` and ``c``; a single piece is the whole text.

    Each piece is looked for once, behind the one before it: where the earliest place does not lead to a match, no
    later one does. A regular expression tries them all, and a peer chooses the text.
    """
    first, *others = pieces
    if not others:
        return text == first
    last = others.pop()
    end = len(text) - len(last)
    if not text.startswith(first) or not text.endswith(last):
        return False
    reached = len(first)
    for piece in others:
        found = text.find(piece, reached, end)
        if found < 0:
            return False
        reached = found + len(piece)
    return reached <= end
