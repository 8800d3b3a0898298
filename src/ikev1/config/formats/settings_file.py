"""Reads strongSwan's settings files, strongswan.conf(5) and swanctl.conf(5), with the files that they include."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from glob import iglob
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ikev1.config.files import why_unreadable
from ikev1.config.findings import ConfigError, Finding, Findings, Rule
from ikev1.config.formats.settings_lexer import Kind, Lexer, SyntaxFault, Token
from ikev1.config.formats.written import Place

LARGEST = 8 << 20  # octets of all files together
MOST_FILES = 1000
DEEPEST_INCLUDE = 16
DEEPEST_SECTION = 32
_MOST_COMMENTS = 200  # lines about a setting or a section


class Setting(NamedTuple):
    """A value; an empty one cancels an inherited one."""

    value: str
    place: Place

    def __repr__(self) -> str:
        return f"Setting(value=<{len(self.value)} characters>, place={self.place!r})"


class Reference(NamedTuple):
    """The path of a section whose content is inherited."""

    path: str
    place: Place


class Section:
    """A section; ``references`` are the sections from which it inherits, the first takes precedence."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.settings: dict[str, Setting] = {}
        self.sections: dict[str, Section] = {}
        self.references: list[Reference] = []


class SettingsFiles:
    """Reads the file ``main`` and all that it includes; ``read`` are the files that were read. Includes that match
    nothing are reported to ``findings``.
    """

    def __init__(self, main: Path, findings: Findings) -> None:
        self.read: dict[Path, os.stat_result] = {}
        self._main = main
        self._findings = findings
        self._left = LARGEST
        self._included = 0  # files, one as often as it is included, and includes of nothing
        self._open: list[str] = []

    def parse(self) -> Section:
        """The section that contains all others.

        Raises:
            ConfigError: a file cannot be read, is not text, or does not have the syntax.
        """
        top = Section(Place(self._main, 0, 0, ""))
        self._parse_file(self._main, top, None)
        return top

    def _parse_file(self, file: Path, into: Section, included: Place | None) -> None:
        text = self._text(file, included)
        self._open.append(os.path.realpath(file))
        try:
            lexer = Lexer(text)
            _Parser(self, file, lexer).statements(into)
        except SyntaxFault as fault:
            line = 1 + text.count("\n", 0, fault.at)
            column = fault.at - text.rfind("\n", 0, fault.at)
            raise ConfigError((Finding(file, "", fault.rule, str(fault), line, column=column),)) from None
        self._open.pop()

    def include(self, pattern: str, place: Place, into: Section) -> None:
        """Add the content of all files that match ``pattern`` to the section ``into``."""
        whole = place.file.parent / pattern
        try:
            found = sorted(islice(iglob(str(whole)), MOST_FILES + 1))
        except re.error:
            found = []
        if not found:
            self._count(place)
        if not found and not any(mark in pattern for mark in "*?["):
            text = f"{whole} does not exist, so nothing is included"
            self._findings.warnings.append(_at(place, Rule.INCLUDE, text))
        for name in found:
            self._parse_file(Path(name), into, place)

    def _count(self, place: Place) -> None:
        self._included += 1
        if self._included > MOST_FILES:
            raise _refused(place, Rule.INCLUDE, f"more than {MOST_FILES} files are included")

    def _text(self, file: Path, included: Place | None) -> str:
        """The content of a file, for which there are limits."""
        place = included or Place(file, 0, 0, "")
        if os.path.realpath(file) in self._open:  # `Path.resolve` fails if links form a loop
            raise _refused(place, Rule.INCLUDE, f"{file} includes itself")
        if len(self._open) > DEEPEST_INCLUDE:
            raise _refused(place, Rule.INCLUDE, f"includes are nested more than {DEEPEST_INCLUDE} deep")
        self._count(place)
        try:
            with open(os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as opened:
                status = os.fstat(opened.fileno())
                content = opened.read(self._left + 1) if stat.S_ISREG(status.st_mode) else b""
        except OSError as error:
            raise _refused(place, Rule.UNREADABLE_FILE, f"{file} {why_unreadable(error)}") from error
        if not stat.S_ISREG(status.st_mode):
            raise _refused(place, Rule.UNREADABLE_FILE, f"{file} is not a regular file")
        if len(content) > self._left:
            raise _refused(place, Rule.INCLUDE, f"the files have more than {LARGEST} octets")
        self._left -= len(content)
        self.read[file] = status
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            line = 1 + content.count(b"\n", 0, error.start)
            column = error.start - content.rfind(b"\n", 0, error.start)
            text = f"not UTF-8 text: {error.reason}"
            raise ConfigError((Finding(file, "", Rule.SYNTAX, text, line, column=column),)) from None


def _about(place: Place, comments: tuple[str, ...]) -> Place:
    """``place`` with more comments, but not without end."""
    return place._replace(comments=(*place.comments, *comments)[:_MOST_COMMENTS]) if comments else place


def _at(place: Place, rule: Rule, text: str) -> Finding:
    return Finding(place.file, place.key, rule, text, place.line, column=place.column)


def _refused(place: Place, rule: Rule, text: str) -> ConfigError:
    return ConfigError((_at(place, rule, text),))


class _Parser:
    """Parses the tokens of one file."""

    def __init__(self, files: SettingsFiles, file: Path, lexer: Lexer) -> None:
        self._files = files
        self._file = file
        self._lexer = lexer
        self._tokens = lexer.tokens()
        self._next = next(self._tokens)

    def statements(self, into: Section) -> None:
        """Add all statements of the file to ``into``."""
        within = [into]
        while (token := self._take()).kind is not Kind.END:
            section = within[-1]
            if token.kind is Kind.INCLUDE:
                self._files.include(token.text, self._place(token, f"{section.place.key}.include".lstrip(".")), section)
            elif token == (Kind.MARK, "}", token.at) and len(within) > 1:
                ended = within.pop()
                ended.place = _about(ended.place, self._lexer.comments())
            elif token.kind is Kind.NAME:
                inner = self._named(token, section)
                if inner is not None:
                    within.append(inner)
                if len(within) > DEEPEST_SECTION:
                    raise SyntaxFault(token.at, f"sections are nested more than {DEEPEST_SECTION} deep")
            elif token.kind is not Kind.NEWLINE:
                unexpected = "=" if token.kind is Kind.VALUE else token.text  # a value may be a secret
                raise SyntaxFault(token.at, f"{unexpected!r} is not expected here")
        if len(within) > 1:
            raise SyntaxFault(token.at, f"the section {within[-1].place.key} does not end: expected '}}'")

    def _named(self, name: Token, section: Section) -> Section | None:
        """Add a setting, for which None is returned, or the beginning of a section."""
        if "." in name.text:
            raise SyntaxFault(name.at, f"{name.text!r} is not allowed as a name: it contains a dot")
        place = self._place(name, f"{section.place.key}.{name.text}".lstrip("."))
        place = _about(place, self._lexer.comments())
        if self._next.kind is Kind.VALUE:
            value = self._take().text
            section.settings[name.text] = Setting(value, _about(place, self._lexer.comments()))
            return None
        references = list(self._references())
        while self._next.kind is Kind.NEWLINE:
            self._take()
        if self._next[:2] != (Kind.MARK, "{"):
            raise SyntaxFault(name.at, f"{name.text!r} is neither a section nor a key: expected '{{' or '=' behind it")
        self._take()
        place = _about(place, self._lexer.comments())
        inner = section.sections.setdefault(name.text, Section(place))
        inner.references += references
        return inner

    def _references(self) -> Iterator[Reference]:
        if self._next[:2] != (Kind.MARK, ":"):
            return
        while self._next[:2] in ((Kind.MARK, ":"), (Kind.MARK, ",")):
            self._take()
            while self._next.kind is Kind.NEWLINE:
                self._take()
            named = self._take()
            if named.kind is not Kind.NAME:
                raise SyntaxFault(named.at, "the path of a section is expected here")
            yield Reference(named.text, self._place(named, named.text))

    def _take(self) -> Token:
        token, self._next = self._next, next(self._tokens, self._next)
        return token

    def _place(self, token: Token, key: str) -> Place:
        return Place(self._file, *self._lexer.place(token.at), key)
