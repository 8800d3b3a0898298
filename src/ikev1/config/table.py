"""One TOML table being read: each key is asked for once, and what nobody asked for is a misspelling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, TypeVar

from ikev1.config.findings import Findings

Raw = TypeVar("Raw")
Value = TypeVar("Value")
Default = TypeVar("Default")


class Table:
    """A table at ``path`` in its file; errors go to ``findings``, and reading goes on."""

    def __init__(self, findings: Findings, path: str, values: dict[str, Any]) -> None:
        self.findings = findings
        self.path = path
        self._values = values
        self._asked: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def key(self, key: str) -> str:
        """The full path of a key, for a finding."""
        return f"{self.path}.{key}" if self.path else key

    def take(self, key: str, convert: Callable[[object], Value], default: Default) -> Value | Default:
        """The value of ``key`` as ``convert`` makes it; ``default`` where the key is absent, or wrong and reported.

        ``convert`` raises ValueError for a value that is not allowed, and says what is.
        """
        self._asked.append(key)
        if key not in self._values:
            return default
        converted = self._converted(self.key(key), convert, self._values[key])
        return default if converted is None else converted

    def require(self, key: str, convert: Callable[[object], Value], expected: str) -> Value | None:
        """The value of a key that must be there, described by ``expected``; None where it is absent, or wrong."""
        if key not in self._values:
            self._asked.append(key)
            self.findings.error(self.key(key), f"is missing: {expected}")
            return None
        return self.take(key, convert, None)

    def whole(self, convert: Callable[[Raw], Value], raw: Raw) -> Value | None:
        """What ``convert`` makes of something that the table as a whole says; None where it is wrong and reported."""
        return self._converted(self.path, convert, raw)

    def _converted(self, path: str, convert: Callable[[Raw], Value], raw: Raw) -> Value | None:
        try:
            return convert(raw)
        except ValueError as error:
            self.findings.error(path, str(error))
            return None

    def table(self, key: str) -> Table:
        """The table under ``key``, an empty one where it is absent."""
        return Table(self.findings, self.key(key), self.take(key, _as_table, {}))

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """The tables under ``key`` by their names: ``[connection.branch]`` is ``branch`` under ``connection``."""
        named = self.table(key)
        for name in named._values:
            yield name, named.table(name)

    def finish(self) -> None:
        """Report every key that nobody asked for, each with the nearest that exists."""
        for key in self._values:
            if key in self._asked:
                continue
            near = get_close_matches(key, self._asked, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"allowed: {', '.join(self._asked)}"
            self.findings.error(self.key(key), f"unknown key; {hint}")


def _as_table(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} stands where a table is expected")
    return value
