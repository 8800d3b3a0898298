"""The tokens of strongSwan's settings files, strongswan.conf(5) and swanctl.conf(5)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from ikev1.config.findings import Invalid, Rule

LONGEST_LINE = 1 << 16  # characters
MOST_LINES = 200_000


class Kind(Enum):
    """The kinds of tokens."""

    NAME = auto()  # of a section or a key, or a reference
    VALUE = auto()  # all behind "=", an empty text if there is nothing
    INCLUDE = auto()  # the file name or pattern
    MARK = auto()  # one of { } : ,
    NEWLINE = auto()
    END = auto()


class Token(NamedTuple):
    """A token; ``at`` is its offset in the text."""

    kind: Kind
    text: str
    at: int

    def __repr__(self) -> str:
        return f"Token({self.kind}, <{len(self.text)} characters>, {self.at})"


class SyntaxFault(Invalid):
    """A file that does not have the syntax; ``at`` is the offset of the fault."""

    def __init__(self, at: int, text: str) -> None:
        super().__init__(Rule.SYNTAX, text)
        self.at = at


_BLANK = re.compile(r"[ \t\r]*(#[^\n]*)?")
_NAME = re.compile(r'[^#{}="\r\n\t ,:]+')
_INCLUDE = re.compile(r"include[ \t]+(?=[^=\s])")
_PATTERN = re.compile(r'(?:\\["#} ]|[^"#}\s])+')
_PART = re.compile(r'[^#}"\r\n\t ]+')
_STRING = re.compile(r'"((?:[^\\"]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(\r?\n|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\n": "", "\r\n": ""}


class Lexer:
    """The tokens of ``text``.

    Raises:
        SyntaxFault: the text has too many or too long lines, or a control character.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        if len(self._starts) > MOST_LINES + 1:
            raise SyntaxFault(self._starts[MOST_LINES], f"has more than {MOST_LINES} lines")
        for start, end in zip(self._starts, [*self._starts[1:], len(text)], strict=True):
            if end - start > LONGEST_LINE:
                raise SyntaxFault(start, f"the line has {end - start} characters: expected at most {LONGEST_LINE}")
        if found := re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text):
            raise SyntaxFault(found.start(), f"contains the control character 0x{ord(found[0]):02x}")
        self._comments: list[str] = []

    def comments(self) -> tuple[str, ...]:
        """The comments since the last call, up to the last token that was read."""
        found = tuple(self._comments)
        self._comments.clear()
        return found

    def place(self, at: int) -> tuple[int, int]:
        """The line and column of an offset, both counted from 1."""
        line = bisect_right(self._starts, at)
        return line, at - self._starts[line - 1] + 1

    def tokens(self) -> Iterator[Token]:
        """All tokens, the last of kind ``END``.

        Raises:
            SyntaxFault: there is text that is no token.
        """
        text, at = self._text, 0
        while True:
            at = self._blank(at)
            if at == len(text):
                yield Token(Kind.END, "", at)
                return
            if text[at] == "\n":
                yield Token(Kind.NEWLINE, "\n", at)
                at += 1
            elif text[at] == "=":
                token, at = self._value(at + 1)
                yield token
            elif text[at] in "{}:,":
                yield Token(Kind.MARK, text[at], at)
                at += 1
            elif found := _INCLUDE.match(text, at):
                token, at = self._include(found.end())
                yield token
            elif found := _NAME.match(text, at):
                yield Token(Kind.NAME, found[0], at)
                at = found.end()
            else:
                raise SyntaxFault(at, f"{text[at]!r} is not expected here: expected the name of a section or a key")

    def _blank(self, at: int) -> int:
        """The end of blanks and a comment at ``at``."""
        found = _BLANK.match(self._text, at)
        if found is None:
            return at
        if found[1] is not None and (comment := found[1].strip("# \t\r")):
            self._comments.append(comment)
        return found.end()

    def _value(self, at: int) -> tuple[Token, int]:
        """The value from ``at`` on: words and quoted strings, joined by single spaces, up to the end of the line."""
        text, parts = self._text, []
        at = _skip(text, at)
        start = at
        while at < len(text) and text[at] not in "#}\n":
            if text[at] == '"':
                part, at = self._string(at)
                parts.append(part)
            elif found := _PART.match(text, at):
                parts.append(found[0])
                at = found.end()
            at = _skip(text, at)
        return Token(Kind.VALUE, " ".join(parts), start), at

    def _include(self, at: int) -> tuple[Token, int]:
        if self._text[at] == '"':
            part, end = self._string(at)
            return Token(Kind.INCLUDE, part, at), end
        found = _PATTERN.match(self._text, at)
        if found is None:
            raise SyntaxFault(at, "include requires a file name")
        return Token(Kind.INCLUDE, re.sub(r'\\(["#} ])', r"\1", found[0]), at), found.end()

    def _string(self, at: int) -> tuple[str, int]:
        found = _STRING.match(self._text, at)
        if found is None:
            raise SyntaxFault(at, "the quoted string does not end: expected a closing '\"'")
        return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), found[1]), found.end()


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r":
        at += 1
    return at
