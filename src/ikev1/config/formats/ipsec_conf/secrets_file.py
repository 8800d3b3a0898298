"""ipsec.secrets(5): pre-shared keys, the files of private keys and their passphrases, passwords of users."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ikev1.config.findings import Findings, Rule
from ikev1.config.formats.settings_lexer import Lexer, SyntaxFault
from ikev1.config.formats.text_files import TextFiles
from ikev1.config.formats.written import Place

_TOKEN = re.compile(r'"([^"\n]*)"|\'([^\'\n]*)\'|([^ \t\r]+)')
_MARKED = ("0x", "0s", "0t")


class Word(NamedTuple):
    """A word of an entry; a quoted one stands for its text."""

    text: str
    quoted: bool = False

    def __repr__(self) -> str:
        return f"Word(<{len(self.text)} characters>, quoted={self.quoted})"

    def secret(self) -> str:
        """The secret in the notation of `ikev1.config.secrets.decode`."""
        if self.quoted and self.text.startswith(_MARKED):
            return f"0x{self.text.encode().hex()}"
        return f"0x{self.text[2:].encode().hex()}" if self.text.startswith("0t") else self.text


class Entry(NamedTuple):
    """An entry: to whom it belongs, its ``kind`` in capital letters, and what follows the kind."""

    owners: tuple[str, ...]
    kind: str
    words: tuple[Word, ...]
    place: Place


def read_entries(main: Path, findings: Findings) -> tuple[list[Entry], dict[Path, os.stat_result]]:
    """The entries of ``main`` and all that it includes, and the files that were read; none if it does not exist.

    Raises:
        ConfigError: a file cannot be read, or does not have the syntax; the message does not show a secret.
    """
    files = TextFiles(findings)
    if not main.exists():
        return [], {}
    return list(_entries(files, main, None, findings)), files.read


def _entries(files: TextFiles, file: Path, included: Place | None, findings: Findings) -> Iterator[Entry]:
    with files.opened(file, included) as text:
        lexer = Lexer(text)
        for at, words in _logical_lines(text):
            place = Place(file, *lexer.place(at), "secrets")
            if words[0] == Word("include"):
                for each in files.matching(words[1].text if len(words) > 1 else "", place):
                    yield from _entries(files, each, place, findings)
            else:
                yield _entry(at, words, place, findings)


def _logical_lines(text: str) -> Iterator[tuple[int, list[Word]]]:
    """The words of each entry, which begins in the first column and ends before the next, and where it begins."""
    at, words = 0, list[Word]()
    offset = 0
    for line in text.split("\n"):
        found = list(_words(line, offset))
        if found and line[0] not in " \t" and words:
            yield at, words
            words = []
        at = at if words else offset
        words += found
        offset += len(line) + 1
    if words:
        yield at, words


def _words(line: str, offset: int) -> Iterator[Word]:
    at = 0
    while at < len(line):
        if line[at] in " \t\r":
            at += 1
        elif line[at] == "#":
            return
        else:
            found = _TOKEN.match(line, at)
            assert found is not None
            if found[3] is not None and found[3][0] in "\"'":
                raise SyntaxFault(offset + at, "the quoted text does not end in this line")
            quoted = found[3] is None
            yield Word(found[1] or found[2] or "" if quoted else found[3], quoted)
            at = found.end()


def _entry(at: int, words: list[Word], place: Place, findings: Findings) -> Entry:
    owners: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == Word(":"):
            break
        before, colon, behind = word.text.rpartition(":")
        glued = not word.quoted and colon and (behind.upper() in _KINDS or (not behind and _is_kind(rest)))
        if not glued:
            owners.append(word.text)
            continue
        text = "the colon is not surrounded by blanks, which strongSwan and libreswan require"
        findings.warnings.append(place.finding(Rule.SYNTAX, text))
        owners += [before] if before else []
        rest[:0] = [Word(behind)] if behind else []
        break
    else:
        raise SyntaxFault(at, "expected the owners of a secret, ':', and the kind of the secret")
    if not rest:
        raise SyntaxFault(at, f"a kind of secret is missing behind ':': expected one of {', '.join(_KINDS)}")
    return Entry(tuple(owners), rest[0].text.upper(), tuple(rest[1:]), place)


_KINDS = ("PSK", "RSA", "ECDSA", "PKCS8", "P12", "EAP", "XAUTH", "NTLM", "PIN")


def _is_kind(rest: list[Word]) -> bool:
    return bool(rest) and rest[0].text.upper() in _KINDS
