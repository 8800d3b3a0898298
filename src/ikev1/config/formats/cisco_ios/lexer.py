"""The lines of a text for Cisco IOS or ASA: a saved configuration, or what was typed at a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ikev1.config.formats.settings_lexer import LONGEST_LINE, MOST_LINES, SyntaxFault

_MOST_COMMENTS = 200  # lines above a command
EXEC, GLOBAL, SUBMODE = "exec", "global", "submode"
_PROMPT = re.compile(r"[ \t]*([A-Za-z0-9][\w./-]{0,62})(?:\(([\w-]+)\))?[#>][ \t]*(?=\S|$)")
_QUOTED = re.compile(r"[ \t]*`[^`]+`[ \t]*")
_FENCE = re.compile(r"[ \t]*(?:```|~~~)")
_BANNER = re.compile(
    r"[ \t]*banner[ \t]+(?:(?:exec|incoming|login|motd|prompt-timeout|slip-ppp|config-save)[ \t]+)?(\^C|\x03|[^\w\s])"
)
_WORD = re.compile(r"\S+")
_CONTROL = re.compile(r"[\x00-\x02\x04-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Word(NamedTuple):
    """A word and its column, which counts from 1."""

    text: str
    column: int

    def __repr__(self) -> str:
        return f"Word(<{len(self.text)} characters>, {self.column})"


class Line(NamedTuple):
    """A command, or without ``words`` something that ends a block. ``device`` and ``mode`` are those of the prompt in
    front of it, empty without one; ``comments`` are the lines above it.
    """

    words: tuple[Word, ...]
    indent: int
    number: int
    device: str = ""
    mode: str = ""
    comments: tuple[str, ...] = ()


def lines(text: str) -> Iterator[Line]:
    """All lines of ``text``; a banner is one word.

    Raises:
        SyntaxFault: the text has too many or too long lines, a control character, or a banner that does not end.
    """
    _check(text)
    comments: list[str] = []
    at, number = 0, 0
    while at < len(text):
        number += 1
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        written, start = text[at:end].rstrip("\r"), at
        if _QUOTED.fullmatch(written):  # Markdown
            written = written.replace("`", " ")
        at = end + 1
        device, mode, column = _prompt(written)
        stripped = written[column:].strip()
        if not stripped:
            continue
        if stripped.startswith("%"):  # output
            yield Line((), 0, number)
            continue
        if stripped.startswith(("!", "#", ":")) or _FENCE.match(written):
            if not (comment := stripped.strip("!#:`~ \t")):
                comments.clear()
            elif len(comments) < _MOST_COMMENTS:
                comments.append(comment)
            yield Line((), len(written) - len(written.lstrip()), number, device, mode)
            continue
        words = _words(written, column)
        if (banner := _BANNER.match(written, column)) is not None:
            content, at = _banner(text, start + banner.start(1), banner[1])
            words = (*_words(written[: banner.start(1)], column), Word(content, banner.start(1) + 1))
            number += text.count("\n", start, at) - 1 if at <= len(text) else 0
        indent = 0 if device else len(written) - len(written.lstrip())
        yield Line(words, indent, number, device, mode, tuple(comments))
        comments.clear()


def _check(text: str) -> None:
    if text.count("\n") > MOST_LINES:
        raise SyntaxFault(0, f"has more than {MOST_LINES} lines")
    at = 0
    for line in text.split("\n"):
        if len(line) > LONGEST_LINE:
            raise SyntaxFault(at, f"the line has {len(line)} characters: expected at most {LONGEST_LINE}")
        at += len(line) + 1
    if found := _CONTROL.search(text):
        raise SyntaxFault(found.start(), f"contains the control character 0x{ord(found[0]):02x}")


def _prompt(written: str) -> tuple[str, str, int]:
    """The device and the mode in the prompt at the beginning of a line, and the column behind it."""
    found = _PROMPT.match(written)
    if found is None:
        return "", "", 0
    mode = EXEC if found[2] is None else GLOBAL if found[2] == "config" else SUBMODE
    return found[1], mode, found.end()


def _words(written: str, column: int) -> tuple[Word, ...]:
    """The words from ``column`` on, without a comment, which begins with a lone mark, or with several of ``#``."""
    found: list[Word] = []
    for word in _WORD.finditer(written, column):
        if word[0] in ("!", "#") or word[0].startswith("##"):
            break
        found.append(Word(word[0], word.start() + 1))
    return tuple(found)


def _banner(text: str, at: int, mark: str) -> tuple[str, int]:
    """The text between two marks, the first of them at ``at``, and where the next line begins."""
    begin = at + len(mark)
    end = text.find(mark, begin)
    if end < 0:
        raise SyntaxFault(at, f"the banner does not end: expected a second {mark!r}")
    line_end = text.find("\n", end)
    return text[begin:end].strip(), len(text) if line_end < 0 else line_end + 1
