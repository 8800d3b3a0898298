"""A TOML table being read: keys that are never read are reported as misspelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, Self, TypeVar

from ikev1.config.findings import Findings, Invalid, Rule

Raw = TypeVar("Raw")
Value = TypeVar("Value")
Default = TypeVar("Default")
_MOST_EXPLAINED = 20  # unknown keys of a table
_MOST_LISTED = 80  # known keys, of which ipsec.conf has hundreds


class Table:
    """The table at ``path`` in its file; errors are added to ``findings``, and reading continues."""

    def __init__(self, findings: Findings, path: str, values: dict[str, Any]) -> None:
        self.findings = findings
        self.path = path
        self._values = values
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def names(self) -> tuple[str, ...]:
        """The keys of a table that may have any."""
        return tuple(self._values)

    def key(self, key: str) -> str:
        """The full path of a key, for a finding."""
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str, convert: Callable[[object], Value], default: Default) -> Value | Default:
        """The value of ``key``, converted; ``default`` if the key is absent, or wrong, which is reported.

        ``convert`` raises ValueError for a value that is not allowed; the text says what is allowed.
        """
        self._asked.append(key)
        if key not in self._values:
            return default
        converted = self._converted(self.key(key), convert, self._values[key])
        return default if converted is None else converted

    def require(self, key: str, convert: Callable[[object], Value], expected: str) -> Value | None:
        """The value of a required key, described by ``expected``; None if it is absent or wrong, which is reported."""
        if key not in self._values:
            self._asked.append(key)
            self.findings.error(self.key(key), Rule.MISSING_KEY, f"missing: {expected}")
            return None
        return self.take(key, convert, None)

    def whole(self, convert: Callable[[Raw], Value], raw: Raw) -> Value | None:
        """``raw``, a value of the table as a whole, converted; None if it is wrong, which is reported."""
        return self._converted(self.path, convert, raw)

    def _converted(self, path: str, convert: Callable[[Raw], Value], raw: Raw) -> Value | None:
        try:
            return convert(raw)
        except ValueError as error:
            self.findings.error(path, error.rule if isinstance(error, Invalid) else Rule.INVALID_VALUE, str(error))
            return None

    def table(self, key: str) -> Self:
        """The table under ``key``, an empty one if it is absent."""
        return type(self)(self.findings, self.key(key), self.take(key, as_table, {}))

    def tables(self, key: str) -> Iterator[tuple[str, Self]]:
        """The tables under ``key`` by their names: ``[connection.branch]`` is ``branch`` under ``connection``."""
        named = self.table(key)
        for name in named._values:
            yield name, named.table(name)

    def finish(self) -> None:
        """Report every key that was never read, with the most similar known key."""
        unknown = [key for key in self._values if key not in self._asked]
        for number, key in enumerate(unknown):
            if number >= _MOST_EXPLAINED:
                self.findings.error(self.key(key), Rule.UNKNOWN_KEY, "unknown key")
                continue
            near = tuple(get_close_matches(key, self._asked, n=1))
            known = tuple(dict.fromkeys(self._asked))
            listed = f"; allowed: {', '.join(known)}" if len(known) <= _MOST_LISTED else ""
            hint = f"; did you mean {near[0]!r}?" if near else listed
            self.findings.error(self.key(key), Rule.UNKNOWN_KEY, f"unknown key{hint}", near or known)


def as_table(value: object) -> dict[str, Any]:
    """A converter for tables."""
    if not isinstance(value, dict):
        raise ValueError(f"expected a table, found {value!r}")
    return value
