"""The text of a file and of the files that it includes, within limits."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from glob import iglob
from itertools import islice
from pathlib import Path

from ikev1.config.files import why_unreadable
from ikev1.config.findings import ConfigError, Finding, Findings, Rule
from ikev1.config.formats.settings_lexer import SyntaxFault
from ikev1.config.formats.written import Place

LARGEST = 8 << 20  # octets of all files together
MOST_FILES = 1000
DEEPEST_INCLUDE = 16


class TextFiles:
    """Opens files that include one another; ``read`` are those that were read. Includes that match nothing are reported
    to ``findings``.
    """

    def __init__(self, findings: Findings) -> None:
        self.read: dict[Path, os.stat_result] = {}
        self._findings = findings
        self._left = LARGEST
        self._included = 0  # files, one as often as it is included, and includes of nothing
        self._open: list[str] = []

    @contextmanager
    def opened(self, file: Path, included: Place | None = None) -> Iterator[str]:
        """The text of ``file``, which was ``included`` there; what is included meanwhile is nested in it.

        Raises:
            ConfigError: the file cannot be read, or is not text, or a `SyntaxFault` was raised meanwhile.
        """
        text = self._text(file, included or Place(file, 0, 0, ""))
        self._open.append(os.path.realpath(file))
        try:
            yield text
        except SyntaxFault as fault:
            line = 1 + text.count("\n", 0, fault.at)
            column = fault.at - text.rfind("\n", 0, fault.at)
            raise ConfigError((Finding(file, "", fault.rule, str(fault), line, column=column),)) from None
        self._open.pop()

    def matching(self, pattern: str, place: Place) -> list[Path]:
        """The files that match the ``pattern`` of an include at ``place``, relative to the file with the include."""
        whole = place.file.parent / pattern
        try:
            found = sorted(islice(iglob(str(whole)), MOST_FILES + 1))
        except re.error:
            found = []
        if not found:
            self._count(place)
        if not found and not any(mark in pattern for mark in "*?["):
            text = f"{whole} does not exist, so nothing is included"
            self._findings.warnings.append(place.finding(Rule.INCLUDE, text))
        return list(map(Path, found))

    def _count(self, place: Place) -> None:
        self._included += 1
        if self._included > MOST_FILES:
            raise refused(place, Rule.INCLUDE, f"more than {MOST_FILES} files are included")

    def _text(self, file: Path, place: Place) -> str:
        """The content of a file, for which there are limits."""
        if os.path.realpath(file) in self._open:  # `Path.resolve` fails if links form a loop
            raise refused(place, Rule.INCLUDE, f"{file} includes itself")
        if len(self._open) > DEEPEST_INCLUDE:
            raise refused(place, Rule.INCLUDE, f"includes are nested more than {DEEPEST_INCLUDE} deep")
        self._count(place)
        try:
            with open(os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as opened:
                status = os.fstat(opened.fileno())
                content = opened.read(self._left + 1) if stat.S_ISREG(status.st_mode) else b""
        except OSError as error:
            raise refused(place, Rule.UNREADABLE_FILE, f"{file} {why_unreadable(error)}") from error
        if not stat.S_ISREG(status.st_mode):
            raise refused(place, Rule.UNREADABLE_FILE, f"{file} is not a regular file")
        if len(content) > self._left:
            raise refused(place, Rule.INCLUDE, f"the files have more than {LARGEST} octets")
        self._left -= len(content)
        self.read[file] = status
        if content.startswith(codecs.BOM_UTF8):
            text = "begins with a byte order mark: remove it"
            raise ConfigError((Finding(file, "", Rule.SYNTAX, text, 1, column=1),))
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            line = 1 + content.count(b"\n", 0, error.start)
            column = error.start - content.rfind(b"\n", 0, error.start)
            text = f"not UTF-8 text: {error.reason}"
            raise ConfigError((Finding(file, "", Rule.SYNTAX, text, line, column=column),)) from None


def refused(place: Place, rule: Rule, text: str) -> ConfigError:
    """An error at ``place`` that ends the reading."""
    return ConfigError((place.finding(rule, text),))
