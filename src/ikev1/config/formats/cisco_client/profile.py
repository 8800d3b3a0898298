"""What a profile of a Cisco-style client says, whatever its syntax."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from ikev1.config.findings import Findings, Rule
from ikev1.config.formats.settings_lexer import Lexer, SyntaxFault
from ikev1.config.formats.text_files import TextFiles
from ikev1.config.formats.written import Place
from ikev1.config.secrets import exposure
from ikev1.errors import LocalError

MOST_LINES = 10_000

# Names of values in a `Profile` that are secrets
SECRETS = frozenset({"secret", "password"})
GROUPS = {"1": "modp768", "2": "modp1024", "5": "modp1536", "14": "modp2048"}
GROUPS |= {"15": "modp3072", "16": "modp4096", "17": "modp6144", "18": "modp8192"}
WEAK_GROUPS = frozenset({GROUPS["1"], GROUPS["2"]})


class Value(NamedTuple):
    """A value, and where it was written. Secrets are octets."""

    value: Any
    place: Place

    def __repr__(self) -> str:
        return f"Value(..., line={self.place.line})"


class Key(NamedTuple):
    """A key of a format. ``name`` is that of the value in a `Profile`, and ``convert`` makes it of the text. Without a
    name, the key has no counterpart: ``lost`` says what this means; with ``matters``, whoever is accepted or what is
    protected depends on it.
    """

    name: str = ""
    convert: Callable[[str], object] = str
    lost: str = ""
    usual: tuple[str, ...] = ()  # what changes nothing if it is lost
    matters: bool = False


class Profile:
    """What a file says, by the names in `Key`; the first value of a name counts. ``program`` reads such files."""

    def __init__(self, file: Path, findings: Findings, status: os.stat_result, program: str) -> None:
        self.file = file
        self.findings = findings
        self.program = program
        self.values: dict[str, Value] = {}
        self.exposed = exposure(status)
        self.others_can_change = bool(
            status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or status.st_uid not in (0, os.geteuid())
        )

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def get(self, name: str, default: Any = None) -> Any:
        """The value ``name``, or ``default``."""
        found = self.values.get(name)
        return default if found is None else found.value

    def place(self, name: str) -> Place | None:
        """Where the value ``name`` was written."""
        found = self.values.get(name)
        return None if found is None else found.place

    def put(self, key: Key, text: str, place: Place) -> None:
        """Add the value ``text`` of ``key``, or report what is wrong with it."""
        if not key.name and not key.lost:
            return
        if not key.name:
            if text.lower() not in key.usual:
                self.report(place, Rule.NOT_SUPPORTED if key.matters else Rule.NO_COUNTERPART, key.lost)
            return
        try:
            self.values.setdefault(key.name, Value(key.convert(text), place))
        except Unsupported as error:
            self.report(place, Rule.NOT_SUPPORTED, str(error))
        except ValueError as error:
            rule = Rule.INVALID_SECRET if key.name in SECRETS else Rule.INVALID_VALUE
            self.report(place, rule, str(error))

    def report(self, place: Place, rule: Rule, text: str) -> None:
        """Report an error at ``place``, or for what does no harm, a warning."""
        if rule is Rule.NO_COUNTERPART:
            into, text = self.findings.warnings, f"is ignored: {text}"
        else:
            into, text = self.findings.errors, f"is not supported: {text}" if rule is Rule.NOT_SUPPORTED else text
        into.append(place.finding(rule, text))


class Unsupported(LocalError, ValueError):
    """A value that the format has, and this program does not."""

    code = "not-supported"


def opened(file: Path, program: str) -> tuple[Profile, str]:
    """An empty profile for ``file``, and its text.

    Raises:
        ConfigError: it cannot be read, or is not UTF-8 text.
    """
    findings = Findings(file)
    files = TextFiles(findings)
    with files.opened(file) as text:
        if (at := text.find("\0")) >= 0:
            raise SyntaxFault(at, "contains a NUL character")
        Lexer(text)  # its limits hold
        if text.count("\n") > MOST_LINES:
            raise SyntaxFault(0, f"has more than {MOST_LINES} lines")
        return Profile(file, findings, files.read[file], program), text


def group(text: str) -> str:
    """A Diffie-Hellman group by its number, in our words."""
    if text not in GROUPS:
        raise ValueError(f"unknown Diffie-Hellman group {text!r}; expected one of {', '.join(GROUPS)}")
    return GROUPS[text]


def given(text: str) -> str:
    """A text that is not empty."""
    if not text:
        raise ValueError("has no value")
    return text


def octets(text: str) -> bytes:
    """A secret as it was written."""
    return given(text).encode()


def number(lowest: int, highest: int) -> Callable[[str], int]:
    """A converter of numbers."""

    def convert(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 10 and lowest <= int(text) <= highest):
            raise ValueError(f"expected a number from {lowest} to {highest}")
        return int(text)

    return convert


def word(**words: object) -> Callable[[str], object]:
    """A converter of words, whose case does not count; those of `Unsupported` are reported as such."""

    def convert(text: str) -> object:
        found = words.get(text.lower().replace("-", "_"))
        if found is None:
            expected = ", ".join(name.replace("_", "-") for name in words)
            raise ValueError(f"{text!r} is not allowed: expected one of {expected}")
        if isinstance(found, Unsupported):
            raise found
        return found

    return convert
