"""Reads strongSwan's settings files, strongswan.conf(5) and swanctl.conf(5), with the files that they include."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ikev1.config.findings import Findings
from ikev1.config.formats.settings_lexer import Kind, Lexer, SyntaxFault, Token
from ikev1.config.formats.text_files import TextFiles
from ikev1.config.formats.written import Place

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
        self._main = main
        self._files = TextFiles(findings)
        self.read = self._files.read

    def parse(self) -> Section:
        """The section that contains all others.

        Raises:
            ConfigError: a file cannot be read, is not text, or does not have the syntax.
        """
        top = Section(Place(self._main, 0, 0, ""))
        self._parse_file(self._main, top, None)
        return top

    def _parse_file(self, file: Path, into: Section, included: Place | None) -> None:
        with self._files.opened(file, included) as text:
            _Parser(self, file, Lexer(text)).statements(into)

    def include(self, pattern: str, place: Place, into: Section) -> None:
        """Add the content of all files that match ``pattern`` to the section ``into``."""
        for file in self._files.matching(pattern, place):
            self._parse_file(file, into, place)


def _about(place: Place, comments: tuple[str, ...]) -> Place:
    """``place`` with more comments, but not without end."""
    return place._replace(comments=(*place.comments, *comments)[:_MOST_COMMENTS]) if comments else place


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
