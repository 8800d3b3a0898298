"""Output on the terminal: ASCII or Unicode symbols, and escaped text from peers."""

from __future__ import annotations

from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from ikev1.page.visible import visible
from ikev1.page.words import SIGNS

WIDEST = 110  # columns

_IN_ASCII = str.maketrans(
    {"→": "->", "←": "<-", "↔": "<->", "…": "...", "–": "-", "—": "-", "×": "x", "·": "*", "µ": "u", "§": "section "}
    | {"“": '"', "”": '"', "‘": "'", "’": "'", "≤": "<=", "≥": ">=", "≠": "!="}
)


class Signs(NamedTuple):
    """The symbols for lifelines, arrows and check results."""

    life: str
    line: str
    again: str
    right_tip: str
    left_tip: str
    marks: dict[str, str]


_UNICODE = Signs("│", "─", "┄", "▶", "◀", SIGNS)
_ASCII = Signs("|", "-", ".", ">", "<", {"right": "ok:", "wrong": "WRONG:", "differs": "differs:", "unknown": "?"})


class TerminalWriter:
    """Writes to ``console``. All text goes through `text`, which ignores markup and escapes control characters."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._ascii = console.options.ascii_only
        self.signs = _ASCII if self._ascii else _UNICODE
        self.width = min(console.width, WIDEST)

    def text(self, said: str, style: str = "") -> Text:
        """One line of styled text, not wrapped."""
        shown = visible(said)
        if self._ascii:
            shown = shown.translate(_IN_ASCII).encode("ascii", "backslashreplace").decode()
        return Text(shown, style=style)

    def wrapped(self, text: Text, width: int, indent: str = "", further: str | None = None) -> list[Text]:
        """``text`` in lines of at most ``width`` columns; ``further`` indents all lines but the first."""
        further = indent if further is None else further
        lines = text.wrap(self._console, max(width - max(len(indent), len(further)), 8))
        for line in lines:
            line.rstrip()
        return [Text(further if number else indent) + line for number, line in enumerate(lines)]

    def write(self, *lines: Text) -> None:
        """Write lines that fit the width."""
        for line in lines:
            if self._console.is_terminal:
                self._console.print(line, soft_wrap=True)
            else:  # bypass the slow console, which has no styles to apply
                self._console.file.write(f"{line.plain}\n")

    def paragraph(self, said: str, style: str = "", indent: str = "", further: str | None = None) -> None:
        """Write text of any length, wrapped; its line breaks are kept."""
        for line in said.splitlines():
            self.write(*self.wrapped(self.text(line, style), self.width, indent, further))

    def heading(self, said: str) -> None:
        """Write a heading after an empty line."""
        self.write(Text(""), self.text(said, "bold"))
