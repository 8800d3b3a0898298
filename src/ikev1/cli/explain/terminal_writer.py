"""Writes a report to the terminal: in ASCII where needed, and with text of peers made harmless."""

from __future__ import annotations

from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from ikev1.page.visible import visible
from ikev1.page.words import SIGNS

WIDEST = 110  # columns; longer lines are harder to read

_IN_ASCII = str.maketrans(
    {"→": "->", "←": "<-", "↔": "<->", "…": "...", "–": "-", "—": "-", "×": "x", "·": "*", "µ": "u", "§": "section "}
    | {"“": '"', "”": '"', "‘": "'", "’": "'", "≤": "<=", "≥": ">=", "≠": "!="}
)


class Signs(NamedTuple):
    """The characters of lifelines, arrows and marks."""

    life: str
    line: str
    again: str
    right_tip: str
    left_tip: str
    marks: dict[str, str]


_UNICODE = Signs("│", "─", "┄", "▶", "◀", SIGNS)
_ASCII = Signs("|", "-", ".", ">", "<", {"right": "ok:", "wrong": "WRONG:", "differs": "differs:", "unknown": "?"})


class TerminalWriter:
    """Writes to ``console``. All content goes through `text`, which interprets no markup and passes no control
    characters to the terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._ascii = console.options.ascii_only
        self.signs = _ASCII if self._ascii else _UNICODE
        self.width = min(console.width, WIDEST)

    def text(self, content: str, style: str = "") -> Text:
        """One line of text, not wrapped yet."""
        shown = visible(content)
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
        """Lines that are not too long."""
        for line in lines:
            if self._console.is_terminal:
                self._console.print(line, soft_wrap=True)
            else:  # faster than the console, which has nothing to add without colours
                self._console.file.write(f"{line.plain}\n")

    def paragraph(self, content: str, style: str = "", indent: str = "", further: str | None = None) -> None:
        """Text of any length; its own line ends are kept."""
        for line in content.splitlines():
            self.write(*self.wrapped(self.text(line, style), self.width, indent, further))

    def heading(self, content: str) -> None:
        """A heading with an empty line before it."""
        self.write(Text(""), self.text(content, "bold"))
