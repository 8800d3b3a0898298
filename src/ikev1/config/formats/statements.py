"""A syntax of statements: words that end with a semicolon or have a block in braces, as in racoon.conf."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ikev1.config.findings import Findings, Rule
from ikev1.config.formats.settings_lexer import Lexer, SyntaxFault
from ikev1.config.formats.written import Place

_DEEPEST = 8  # blocks


class Word(NamedTuple):
    """A word of a statement; ``quoted`` if it was written in quotation marks."""

    text: str
    quoted: bool = False


class Statement(NamedTuple):
    """A statement: its words without separating commas, and its block, which is None if it ends with a semicolon.

    ``place`` has the path of keywords, such as ``remote anonymous.proposal.dh_group``.
    """

    words: tuple[Word, ...]
    block: tuple[Statement, ...] | None
    place: Place

    @property
    def keyword(self) -> str:
        """The first word."""
        return self.words[0].text

    @property
    def values(self) -> tuple[str, ...]:
        """The other words."""
        return tuple(word.text for word in self.words[1:])


class Reports:
    """Findings about statements, at their places."""

    def __init__(self, findings: Findings) -> None:
        self.all = findings

    def error(self, place: Place, rule: Rule, text: str) -> None:
        """Report that the configuration cannot be used because of what was written at ``place``."""
        self.all.errors.append(place.finding(rule, text))

    def warn(self, place: Place, rule: Rule, text: str) -> None:
        """Report what can be used, but differs from racoon or is probably a mistake."""
        self.all.warnings.append(place.finding(rule, text))


class Parser:
    """Parses ``text``, which stands in ``file``. ``token`` matches blanks and comments, a quoted text without the
    quotation marks (group 1), a mark (2) or a word (3), the next of them at each place. With ``repeats``, a block
    right after another one has the words of that one: ``connections { ... } { ... }``.
    """

    def __init__(self, file: Path, text: str, token: re.Pattern[str], *, repeats: bool = False) -> None:
        self._file = file
        self._lexer = Lexer(text)  # its limits hold
        self._tokens = _tokens(text, token)
        self._end = len(text)
        self._repeats = repeats

    def statements(self, path: str, depth: int) -> Iterator[Statement]:
        """The statements of a block, up to its closing brace, or of the file."""
        words: list[Word] = []
        before: list[Word] = []  # the words of the block that ended last
        at = 0
        for offset, text, quoted in self._tokens:
            at = at if words else offset
            if quoted or text not in "{};,":
                words.append(Word(text, quoted))
            elif text == "}":
                if words:
                    raise SyntaxFault(at, f"a semicolon is missing behind {words[0].text!r}")
                if not depth:
                    raise SyntaxFault(offset, "'}' does not close a block")
                return
            elif text == ",":
                continue
            elif not words and text == ";":
                before = []
            elif not (words := words or before):
                raise SyntaxFault(offset, "a keyword is missing before '{'")
            else:
                yield self._statement(words, text == "{", at, path, depth)
                words, before = [], words if self._repeats and text == "{" else []
        if words:
            raise SyntaxFault(at, f"a semicolon is missing behind {words[0].text!r}")
        if depth:
            raise SyntaxFault(self._end, "a block is not closed: '}' is missing")

    def _statement(self, words: list[Word], with_block: bool, at: int, path: str, depth: int) -> Statement:
        if depth >= _DEEPEST:
            raise SyntaxFault(at, f"blocks are nested more than {_DEEPEST} deep")
        name = words[0].text if not with_block or path else " ".join(word.text for word in words)[:80]
        key = f"{path}.{name}" if path else name
        block = tuple(self.statements(key, depth + 1)) if with_block else None
        return Statement(tuple(words), block, Place(self._file, *self._lexer.place(at), key))


def _tokens(text: str, token: re.Pattern[str]) -> Iterator[tuple[int, str, bool]]:
    """Words and marks with their offsets, and whether they were quoted."""
    at = 0
    while at < len(text):
        found = token.match(text, at)
        if found is None:
            raise SyntaxFault(at, "the quoted text or the comment that begins here does not end")
        quoted, mark, word = found.groups()
        if quoted is not None:
            yield at, quoted, True
        elif mark or word:
            yield at, mark or word, False
        at = found.end()
