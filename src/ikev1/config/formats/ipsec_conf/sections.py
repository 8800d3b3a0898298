"""The sections of ipsec.conf(5), which strongSwan and libreswan have in common, with the files that are included."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ikev1.config.findings import Findings, Rule
from ikev1.config.formats.settings_file import Setting
from ikev1.config.formats.settings_lexer import Lexer, SyntaxFault
from ikev1.config.formats.text_files import TextFiles, refused
from ikev1.config.formats.written import Place

DEFAULT = "%default"
KINDS = ("config", "ca", "conn")
DEEPEST_ALSO = 64
MOST_SETTINGS = 200_000  # of all sections, with those that are inherited
_HEADER = re.compile(r'(config|conn|ca)[ \t]+("[^"\n]*"|[^ \t\r\n#"]+)[ \t\r]*(?:#.*)?')
_INCLUDE = re.compile(r'[ \t]*include[ \t]+("[^"\n]*"|[^ \t\r\n"=]+)[ \t\r]*(?:#.*)?')
_VERSION = re.compile(r"version[ \t]+[^ \t\r\n]+[ \t\r]*(?:#.*)?")
_KEY = re.compile(r"[ \t]+([^ \t\r\n=#\"]+)[ \t]*=[ \t]*")
_BLANK = re.compile(r"[ \t\r]*(?:#[ \t#]*(.*))?")
_WORD = re.compile(r"[^ \t\r\n\"]+")
_WORD_OF_STRONGSWAN = re.compile(r'(?:@#|[^ \t\r\n"#])+')  # any other "#" begins a comment
_QUOTED = re.compile(r'"((?:[^\\"\n]|\\[^\n]|\\\r?\n)*)"')
_ESCAPE = re.compile(r"\\(\r?\n|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "\n": "", "\r\n": ""}


class Section:
    """A section: ``also`` are the names of those from which it inherits, and whether left and right change places."""

    def __init__(self, kind: str, name: str, place: Place) -> None:
        self.kind = kind
        self.name = name
        self.place = place
        self.settings: dict[str, Setting] = {}
        self.also: list[tuple[Setting, bool]] = []


class IpsecConf:
    """The file ``main`` and all that it includes, in strongSwan's or libreswan's dialect; ``files`` opens them."""

    def __init__(self, main: Path, findings: Findings, *, as_strongswan: bool) -> None:
        self._as_strongswan = as_strongswan
        self.files = TextFiles(findings)
        self.referenced: set[str] = set()  # the names of sections that others inherit from
        self._findings = findings
        self._sections: dict[tuple[str, str], Section] = {}
        self._left = MOST_SETTINGS
        self._current: Section | None = None
        self._read(main, None)
        for section in self._sections.values():
            self.referenced.update(setting.value for setting, _ in section.also)

    def of_kind(self, kind: str) -> Iterator[Section]:
        """The sections of a kind, ``config``, ``conn`` or ``ca``, apart from the defaults."""
        return (section for section in self._sections.values() if section.kind == kind and section.name != DEFAULT)

    def settings(self, section: Section) -> dict[str, Setting]:
        """The settings of a section, with those that it inherits. What is written in the section itself takes
        precedence, then what follows from ``also``, then the defaults. For strongSwan, the last ``also`` counts, and an
        empty value takes the place of an inherited one; for libreswan, the first counts, and an empty value does not.

        Raises:
            ConfigError: a section does not exist, or inherits from itself, or there are too many settings.
        """
        merged: dict[str, Setting] = {}
        default = self._sections.get((section.kind, DEFAULT))
        for each in filter(None, (default if default is not section else None, section)):
            self._merge(each, merged, ())
        return {key: setting for key, setting in merged.items() if setting.value}

    def _merge(self, section: Section, into: dict[str, Setting], below: tuple[int, ...]) -> None:
        if len(below) > DEEPEST_ALSO:
            raise refused(
                section.place, Rule.SYNTAX, f"sections inherit from one another more than {DEEPEST_ALSO} times"
            )
        if id(section) in below:
            raise refused(section.place, Rule.SYNTAX, f"{section.place.key} inherits from itself")
        for (name, place), flipped in section.also if self._as_strongswan else reversed(section.also):
            inherited = self._sections.get((section.kind, name))
            if inherited is None:
                raise refused(place, Rule.SYNTAX, f"there is no section '{section.kind} {name}' to inherit from")
            settings: dict[str, Setting] = {}
            self._merge(inherited, settings, (*below, id(section)))
            into |= {_other_side(key): setting for key, setting in settings.items()} if flipped else settings
        self._left -= 1 + len(section.settings)
        if self._left < 0:
            text = f"there are more than {MOST_SETTINGS} settings, with those that are inherited"
            raise refused(section.place, Rule.SYNTAX, text)
        into |= {key: setting for key, setting in section.settings.items() if setting.value or self._as_strongswan}

    def _read(self, file: Path, included: Place | None) -> None:
        with self.files.opened(file, included) as text:
            lexer = Lexer(text)
            at, comments = 0, list[str]()
            while at < len(text):
                end = text.find("\n", at)
                line = text[at : len(text) if end < 0 else end]
                if (blank := _BLANK.fullmatch(line)) is not None:
                    comments += filter(None, [(blank[1] or "").strip()])
                    at += len(line) + 1
                    continue
                at = self._statement(file, lexer, text, at, line, tuple(comments))
                comments.clear()

    def _statement(self, file: Path, lexer: Lexer, text: str, at: int, line: str, comments: tuple[str, ...]) -> int:
        """Read the statement in the ``line`` at ``at``; returns where the next line begins."""
        end = at + len(line) + 1
        if (include := _INCLUDE.fullmatch(line)) is not None:
            place = Place(file, *lexer.place(at), "include")
            for each in self.files.matching(include[1].strip('"'), place):
                self._read(each, place)
        elif (header := _HEADER.fullmatch(line)) is not None:
            kind, name = header[1], header[2].strip('"')
            place = Place(file, *lexer.place(at), f"{kind}.{name}", comments)
            self._current = self._sections.setdefault((kind, name), Section(kind, name, place))
        elif (key := _KEY.match(line)) is not None and self._current is not None:
            return self._setting(file, lexer, text, at, key, comments)
        elif key is not None:
            raise SyntaxFault(at, f"the key {key[1]!r} is in no section: expected 'conn NAME' before it")
        elif _VERSION.fullmatch(line) is None:
            word = line.strip(" \t\r").partition(" ")[0].partition("=")[0]
            hint = "keys are indented" if "=" in line else "expected 'conn NAME', or an indented key and '='"
            raise SyntaxFault(at, f"{word!r} is not expected here: {hint}")
        return end

    def _setting(
        self, file: Path, lexer: Lexer, text: str, at: int, key: re.Match[str], comments: tuple[str, ...]
    ) -> int:
        section = self._current
        assert section is not None
        value, comment, end = _value(text, at + key.end(), as_strongswan=self._as_strongswan)
        name = key[1] if self._as_strongswan else key[1].lower()
        line, column = lexer.place(at + key.start(1))
        kept = (*comments, comment) if comment else comments
        setting = Setting(value, Place(file, line, column, f"{section.kind}.{section.name}.{name}", kept))
        if name in ("also", "alsoflip"):
            section.also.append((setting, name == "alsoflip"))
            return end
        if (earlier := section.settings.get(name)) is not None and earlier.value != value:
            place = setting.place
            said = f"replaces the value in line {earlier.place.line} of {earlier.place.file.name}"
            self._findings.warnings.append(place.finding(Rule.UNUSED_KEY, said))
        section.settings[name] = setting
        return end


def _value(text: str, at: int, *, as_strongswan: bool) -> tuple[str, str, int]:
    """The value at ``at``: words and quoted strings, joined by single spaces, up to the end of the line; the comment
    behind it, and where the next line begins.
    """
    parts: list[str] = []
    glued = False
    while at < len(text) and text[at] != "\n":
        if text[at] in " \t\r":
            at, glued = at + 1, False
        elif text[at] == "#" and (as_strongswan or not glued):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            return " ".join(parts), text[at:end].strip("# \t\r"), end + 1
        elif text[at] == '"':
            found = _QUOTED.match(text, at)
            if found is None:
                raise SyntaxFault(at, "the quoted string does not end: expected a closing '\"'")
            part = _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), found[1])
            _add(parts, part, glued)
            glued, at = True, found.end()
        else:
            found = (_WORD_OF_STRONGSWAN if as_strongswan else _WORD).match(text, at)
            assert found is not None
            _add(parts, found[0], glued)
            glued, at = True, found.end()
    return " ".join(parts), "", at + 1


def _other_side(key: str) -> str:
    for side, other in (("left", "right"), ("right", "left")):
        if key.startswith(side):
            return other + key.removeprefix(side)
    return key


def _add(parts: list[str], part: str, glued: bool) -> None:
    if glued:
        parts[-1] += part
    else:
        parts.append(part)
