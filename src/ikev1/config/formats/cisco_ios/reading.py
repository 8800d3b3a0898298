"""A command while it is read: its arguments one by one, and where errors about it are reported."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from ikev1.config.findings import Finding, Invalid, Rule
from ikev1.config.formats.cisco_ios.lexer import Word
from ikev1.config.formats.cisco_ios.statements import Grammar, Statement, fits
from ikev1.config.formats.written import Place

Value = TypeVar("Value")


class Set(NamedTuple, Generic[Value]):
    """What a command configures, and where."""

    value: Value
    place: Place | None  # None: a default

    def __repr__(self) -> str:
        return f"Set(place={self.place!r})"


class Fault(Invalid):
    """A command that cannot be read, because of what is in ``column``."""

    def __init__(self, column: int, text: str, rule: Rule = Rule.INVALID_VALUE) -> None:
        super().__init__(rule, text)
        self.column = column


class Report:
    """The errors and warnings about a text, each once."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.errors: dict[Finding, None] = {}
        self.warnings: dict[Finding, None] = {}

    def error(self, place: Place | None, rule: Rule, text: str) -> None:
        """Report that the command at ``place`` prevents the configuration from being used."""
        self.errors[_finding(place, rule, text)] = None

    def unsupported(self, place: Place | None, text: str) -> None:
        """Report that the gateway cannot do what decides about protection; `--ignore` does without it."""
        self.error(place, Rule.NOT_SUPPORTED, f"is not supported: {text}")

    def warn(self, place: Place | None, rule: Rule, text: str) -> None:
        """Report what the user should know about the command at ``place``."""
        self.warnings[_finding(place, rule, text)] = None

    def lost(self, place: Place | None, text: str) -> None:
        """Report that the command has no counterpart, and what happens without it."""
        self.warn(place, Rule.NO_COUNTERPART, f"is ignored: {text}")


def _finding(place: Place | None, rule: Rule, text: str) -> Finding:
    assert place is not None
    return place.finding(rule, text)


class Arguments:
    """The words of a command behind its keywords. ``key`` is what the command is called in findings."""

    def __init__(self, statement: Statement, keywords: int, key: str, report: Report) -> None:
        self.statement = statement
        self.key = key
        self.report = report
        self._at = keywords

    @property
    def place(self) -> Place:
        """Where the command was written."""
        first = self.statement.words[0]
        comments = self.statement.comments
        return Place(self.report.file, self.statement.number, first.column, self.key, comments)

    @property
    def left(self) -> int:
        """The number of words that have not been taken."""
        return len(self.statement.words) - self._at

    @property
    def column(self) -> int:
        """The column of the next word, or of the last one."""
        return self.statement.words[min(self._at, len(self.statement.words) - 1)].column

    def peek(self) -> str:
        """The next word in lower case, empty at the end."""
        return self.statement.words[self._at].text.lower() if self.left else ""

    def word(self, expected: str) -> str:
        """The next word."""
        if not self.left:
            raise Fault(self.column, f"expected {expected} at the end of the line", Rule.SYNTAX)
        self._at += 1
        return self.statement.words[self._at - 1].text

    def keyword(self, *keywords: str) -> str:
        """The next word if it is one of the keywords, or the beginning of one; else it is left, and the result is
        empty.
        """
        written = self.peek()
        found = written if written in keywords else next((each for each in keywords if fits(written, each)), "")
        self._at += bool(found)
        return found

    def one_of(self, *keywords: str) -> str:
        """The next word, which must be one of the keywords, or the beginning of one."""
        found = self.keyword(*keywords)
        if not found:
            column, written = self.column, self.word(" or ".join(keywords))
            raise Fault(column, f"{written!r} is not allowed: expected one of {', '.join(keywords)}")
        return found

    def number(self, least: int, most: int) -> int:
        """The next word, a number."""
        column, written = self.column, self.word(f"a number from {least} to {most}")
        if not (written.isascii() and written.isdigit()) or len(written) > 12 or not least <= int(written) <= most:
            raise Fault(column, f"{written!r} is not allowed: expected a number from {least} to {most}")
        return int(written)

    def address(self) -> IPv4Address | IPv6Address:
        """The next word, an address."""
        column, written = self.column, self.word("an address")
        try:
            return ip_address(written)
        except (AddressValueError, ValueError):
            raise Fault(column, f"{written!r} is not an address") from None

    def ipv4(self) -> IPv4Address:
        """The next word, an IPv4 address or mask."""
        column, found = self.column, self.address()
        if not isinstance(found, IPv4Address):
            raise Fault(column, f"{str(found)!r} is not an IPv4 address")
        return found

    def restart(self) -> None:
        """Read the command again from its first word on, which then is no keyword."""
        self._at = 0

    def rest(self) -> tuple[Word, ...]:
        """All words that are left."""
        words = self.statement.words[self._at :]
        self._at = len(self.statement.words)
        return words

    def end(self) -> None:
        """Nothing may be left."""
        if self.left:
            raise Fault(self.column, f"{self.peek()!r} is not expected here", Rule.UNKNOWN_KEY)

    def delegate(self, grammar: Grammar, target: object) -> None:
        """Read what is left as a command of ``grammar``."""
        rest = Statement(self.rest(), self.statement.number, self.statement.comments)
        found = grammar.find(rest.words)
        if found is None:
            raise Fault(self.column, f"unknown; allowed: {', '.join(grammar.commands)}", Rule.UNKNOWN_KEY)
        keywords, command = found
        command.handle(Arguments(rest, len(keywords), f"{self.key}.{' '.join(keywords)}", self.report), target)

    def unsupported(self, text: str) -> None:
        """Report that the gateway lacks the command, and it matters."""
        self.rest()
        self.report.unsupported(self.place, text)

    def lost(self, text: str) -> None:
        """Report that the command has no counterpart."""
        self.rest()
        self.report.lost(self.place, text)


def texts(words: Iterable[Word]) -> list[str]:
    """The texts of words."""
    return [word.text for word in words]
