"""A section of swanctl.conf while it is converted to a table of `ikev1.toml`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, Self, TypeVar

from ikev1.config.findings import Findings, Rule
from ikev1.config.formats.written import Part, Place, Places
from ikev1.config.table import Table, as_table

Value = TypeVar("Value")
Default = TypeVar("Default")
_TRUE, _FALSE = ("yes", "true", "enabled", "1"), ("no", "false", "disabled", "0")
_INTEGER = re.compile(r"[0-9]{1,20}|0[xX][0-9A-Fa-f]{1,16}")
_CANONICAL = dict.fromkeys(_TRUE, "yes") | dict.fromkeys(_FALSE, "no")
_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Lost(NamedTuple):
    """A key without a counterpart. ``usual`` are the values that change nothing; ``meaning`` says what it means to do
    without the key. ``matters``: which traffic is protected, or who is accepted, depends on it.
    """

    key: str
    meaning: str
    usual: tuple[str, ...] = ()
    matters: bool = False


class Options(Table):
    """A section of the user's file, whose values are strings and sections."""

    def __init__(self, findings: Findings, path: str, values: dict[str, object], places: Places | None = None) -> None:
        super().__init__(findings, path, values)
        self.places = places or Places()

    def take(self, key: str, convert: Callable[[object], Value], default: Default) -> Value | Default:
        """As `Table.take`; a section is no value."""
        if isinstance(self._values.get(key), dict) and convert is not as_table:
            self._asked.append(key)
            self.findings.error(self.key(key), Rule.INVALID_VALUE, "is a section: expected a value")
            return default
        return super().take(key, convert, default)

    def table(self, key: str) -> Self:
        """The section ``key``, an empty one if it is absent."""
        found = super().table(key)
        found.places = self.places
        return found

    def sections(self, prefix: str = "") -> Iterator[tuple[str, Self]]:
        """The sections whose names begin with ``prefix``, by their names."""
        for name in self.names():
            if name.startswith(prefix) and isinstance(self._values[name], dict):
                yield name, self.table(name)

    def place(self, key: str = "") -> Place | None:
        """Where ``key`` was written, or the section, if ``key`` is empty or absent."""
        return self.places.of(self.key(key) if key else self.path)

    def copy(
        self,
        key: str,
        into: Part,
        name: str,
        convert: Callable[[object], object] = str,
        default: object = None,
    ) -> None:
        """Set ``name`` of ``into`` to the converted value of ``key``, or to the ``default`` of strongSwan; None is
        left out.
        """
        value = self.take(key, convert, None)
        if value is not None:
            into.put(name, value, self.place(key))
        elif default is not None:
            into.put(name, default, self.place())

    def lose(self, *lost: Lost) -> None:
        """Report keys without a counterpart, unless their values change nothing."""
        for key, meaning, usual, matters in lost:
            value = self.take(key, str, None)
            if value is None or value in usual or _CANONICAL.get(value.lower()) in usual:
                continue
            if matters:
                self.findings.error(self.key(key), Rule.NOT_SUPPORTED, f"is not supported: {meaning}")
            else:
                self.findings.warn(self.key(key), Rule.NO_COUNTERPART, f"is ignored: {meaning}")


def yes(value: object) -> bool:
    """A boolean in strongSwan's words."""
    word = str(value).lower()
    if word not in _TRUE + _FALSE:
        raise ValueError(f"{value!r} is not allowed: expected yes or no")
    return word in _TRUE


def seconds(value: object) -> int:
    """A time: a number, optionally followed by ``s``, ``m``, ``h`` or ``d``; 0 is allowed."""
    written = str(value)
    number, unit = (written[:-1].strip(), written[-1:]) if written[-1:] in _UNITS else (written, "s")
    if not (number.isascii() and number.isdigit()) or len(number) > 10:
        raise ValueError(
            f'{value!r} is not allowed: expected seconds, or a number with a unit such as "60m", "4h", "1d"'
        )
    return int(number) * _UNITS[unit]


def count(value: object) -> int:
    """A number."""
    if not _INTEGER.fullmatch(str(value)):
        raise ValueError(f"{value!r} is not allowed: expected an integer")
    return int(str(value), 0 if str(value)[1:2] in ("x", "X") else 10)


def decimal(value: object) -> float:
    """A number, which may have a fraction."""
    if not _DECIMAL.fullmatch(str(value)):
        raise ValueError(f"{value!r} is not allowed: expected a number")
    return float(str(value))


def items(value: object) -> list[str]:
    """A list, separated by commas."""
    return [item.strip() for item in str(value).split(",") if item.strip()]


def word(**words: str) -> Callable[[object], str]:
    """A converter of strongSwan's words to ours."""

    def convert(value: object) -> str:
        if value not in words:
            raise ValueError(f"{value!r} is not allowed: expected one of {', '.join(words)}")
        return words[str(value)]

    return convert
