"""racoon.conf(5) and the files that it includes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ikev1.config.findings import Findings
from ikev1.config.formats.statements import Parser, Statement
from ikev1.config.formats.text_files import TextFiles
from ikev1.config.formats.written import Place

# racoon skips "=", which pfSense writes between a keyword and its value
_TOKEN = re.compile(r'[ \t\r\n=]+|#[^\n]*|"([^"\n]*)"|([{};,()\[\]])|([^ \t\r\n={};,()\[\]"#]+)')


class RacoonFiles:
    """racoon.conf and the files that it includes; ``read`` are those that were read."""

    def __init__(self, file: Path, findings: Findings) -> None:
        self._file = file
        self._files = TextFiles(findings)
        self._include_from: Path | None = None

    @property
    def read(self) -> dict[Path, os.stat_result]:
        """The files that were read."""
        return self._files.read

    def statements(self) -> tuple[Statement, ...]:
        """All statements of the file, those of an included file in the place of the include.

        Raises:
            ConfigError: a file cannot be read, or does not have the syntax.
        """
        return tuple(self._parsed(self._file, None))

    def _parsed(self, file: Path, included: Place | None) -> Iterator[Statement]:
        with self._files.opened(file, included) as text:
            for statement in Parser(file, text, _TOKEN).statements("", 0):
                if statement.keyword == "include" and len(statement.words) == 2:
                    pattern = statement.words[1].text
                    if self._include_from is not None:
                        pattern = str(self._include_from / pattern)
                    for each in self._files.matching(pattern, statement.place):
                        yield from self._parsed(each, statement.place)
                    continue
                if statement.keyword == "path" and statement.values[:1] == ("include",) and len(statement.words) == 3:
                    self._include_from = file.parent / statement.words[2].text
                yield statement
