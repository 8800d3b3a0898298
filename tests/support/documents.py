"""The blocks of code in README.md and docs/, and what a comment before a block says about running it.

A block is a fence with a language::

    python    a program: the blocks of a document run in their order, in one namespace
    text      what the python block before it prints
    console   commands after ``$``, and what they print; a line ``...`` stands for any number of lines
    toml      a configuration of ours
    swanctl, ipsec, ipsec-secrets, vpnc
              a configuration of a real peer

The line before a fence may be a comment::

    <!-- example: not run: REASON -->     no test runs the block, for that reason
    <!-- example: peer -->                the program calls 198.51.100.7: a responder on loopback answers it
    <!-- example: gateway -->             a gateway runs, with a peer and the tunnel ``office``
    <!-- example: gateway with another secret -->
                                          the same, and the peer has another secret
    <!-- example: interop -->             a test with a real peer runs the block (tests/interop/test_recipes.py)
    <!-- example: 100 columns, status 1, random -->
                                          the width of the terminal (80), the exit status (0), and whether octets and
                                          numbers are those of one run

A comment ``<!-- file: NAME MODE``, then the content, then ``-->`` on a line of its own, is a file that the commands
after it can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
_FENCE = re.compile(r"(?: *)```(\S*)")
_MARKER = re.compile(r"<!-- example: (not run: (?P<reason>.+)|(?P<options>.+)) -->")
_FILE = re.compile(r"<!-- file: (?P<name>\S+) (?P<mode>[0-7]+)")


class File(NamedTuple):
    """A file that commands read."""

    name: str
    mode: int
    content: str


class Block(NamedTuple):
    """A block of code. ``not_run`` is the reason why no test runs it, empty if one does."""

    document: Path
    line: int
    language: str
    text: str
    not_run: str = ""
    options: frozenset[str] = frozenset()
    files: tuple[File, ...] = ()

    @property
    def place(self) -> str:
        """Document and line, such as ``docs/library.md:13``."""
        return f"{self.document.relative_to(ROOT) if self.document.is_relative_to(ROOT) else self.document}:{self.line}"

    def option(self, word: str, default: int) -> int:
        """The number beside a word: that of ``100 columns`` or ``status 1``."""
        for option in self.options:
            if word in option.split():
                return int(option.replace(word, ""))
        return default


def blocks(document: Path) -> list[Block]:
    """The fenced blocks of a document, in order."""
    return list(_blocks(document, document.read_text().splitlines()))


def _blocks(document: Path, lines: list[str]) -> Iterator[Block]:
    files: list[File] = []
    number = 0
    while number < len(lines):
        if file := _FILE.fullmatch(lines[number]):
            end = lines.index("-->", number)
            files.append(File(file["name"], int(file["mode"], 8), "\n".join([*lines[number + 1 : end], ""])))
            number = end
        elif fence := _FENCE.fullmatch(lines[number]):
            end = next(i for i in range(number + 1, len(lines)) if lines[i].strip() == "```")
            text = "\n".join([*lines[number + 1 : end], ""])
            marker = _MARKER.fullmatch(lines[number - 1]) if number else None
            reason = (marker and marker["reason"]) or ""
            options = frozenset(((marker and marker["options"]) or "").split(", ")) - {""}
            yield Block(document, number + 1, fence[1], text, reason, options, tuple(files))
            number = end
        number += 1


def markers(document: Path) -> int:
    """How many lines of a document speak about examples, well-formed or not."""
    return len(re.findall(r"<!-- *example", document.read_text()))


def indented_commands(document: Path) -> list[str]:
    """The `ikev1` commands that stand in indented blocks, where no output is shown."""
    outside = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^    (ikev1 .*)$", outside, re.MULTILINE)
