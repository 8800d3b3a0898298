"""What the reader of a format makes of a configuration: the tables of `ikev1.toml`, and where values were written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ikev1.config.findings import Finding, Rule

_PATH = re.compile(r"\b(?:gateway|policy|connection|pools|shunt|authority|users)\.[\w-]+(?:\.[\w-]+)*")


class Place(NamedTuple):
    """Where a value or a section was written: line and column count from 1, ``key`` is its path in that format, and
    ``comments`` are what the user wrote about it.
    """

    file: Path
    line: int
    column: int
    key: str
    comments: tuple[str, ...] = ()

    def finding(self, rule: Rule, text: str) -> Finding:
        """A finding about what was written here."""
        return Finding(self.file, self.key, rule, text, self.line, column=self.column)


class Places:
    """The places of values by their paths in `ikev1.toml`, such as ``connection.branch.remote_address``.

    ``words`` are expressions for findings in `ikev1.toml`, and what they are called in the format of the user; without
    them, its keys and words are those of the findings.
    """

    def __init__(self, words: Mapping[str, str] | None = None) -> None:
        self._places: dict[str, Place] = {}
        self._words = dict(words or {})
        longest_first = sorted(self._words, key=len, reverse=True)
        self._word = re.compile("|".join(rf"(?<![\w.]){re.escape(word)}(?![\w=])" for word in longest_first) or r"(?!)")

    def put(self, path: str, place: Place) -> None:
        """``path`` was written at ``place``."""
        self._places[path] = place

    def add(self, others: Places) -> None:
        """Add the places of another file in the same format."""
        self._places |= others._places

    def of(self, path: str) -> Place | None:
        """Where ``path``, or else the nearest table around it, was written."""
        return self._nearest(path)[1]

    def exactly(self, path: str) -> Place | None:
        """Where ``path`` itself was written, None if it was not."""
        return self._places.get(path)

    def written(self, path: str) -> Place | None:
        """Where the user wrote ``path``; if only in part in another format, the nearest section."""
        return self.of(path) if self._words else self.exactly(path)

    def shown(self, finding: Finding) -> Finding:
        """``finding`` with the file, line, key and words of the format in which the user wrote."""
        if not self._places:
            return finding
        path, place = self._nearest(finding.key)
        if place is not None:
            finding = finding._replace(file=place.file, line=place.line, column=place.column)
        if not self._words:  # the keys and words of the finding are those of the user
            return finding
        text = self.said(_PATH.sub(self._written_path, finding.text))
        if place is None:
            return finding._replace(text=text)
        if path != finding.key:  # a default of the format, or a part of a value
            text = f"{self.said(finding.key[len(path) + 1 :])}: {text}"
        return finding._replace(key=place.key, text=text)

    def said(self, text: str) -> str:
        """``text`` in the words of the user."""
        return self._word.sub(lambda found: self._words[found[0]], text)

    def _nearest(self, path: str) -> tuple[str, Place | None]:
        while path and path not in self._places:
            path = path.rpartition(".")[0]
        return path, self._places.get(path)

    def _written_path(self, found: re.Match[str]) -> str:
        place = self._places.get(found[0])
        return found[0] if place is None else place.key


class Side(NamedTuple):
    """Which end is meant of a configuration that may describe several devices: the device ``name`` (None: the only
    one), or with ``is_peer`` the other end of its tunnels.
    """

    name: str | None = None
    is_peer: bool = False


class Written(NamedTuple):
    """A configuration as a user wrote it.

    ``values`` are its tables in the form in which `tomllib` returns those of `ikev1.toml`. ``exposed`` says who else
    can read the file, if it contains secrets; ``files`` are all files that it consists of. ``errors`` and ``warnings``
    are about what cannot be said in `ikev1.toml`. ``given`` are the contents of files that it names, but which do not
    exist.
    """

    values: dict[str, Any]
    places: Places
    exposed: str | None = None
    files: tuple[Path, ...] = ()
    errors: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    given: Mapping[Path, bytes] = MappingProxyType({})

    def __repr__(self) -> str:
        return f"Written(values=<{len(self.values)} tables>, files={self.files!r}, errors={self.errors!r})"

    def without(self, ignored: Iterable[str], file: Path) -> Written:
        """This configuration with errors about the keys ``ignored`` as warnings. A key is a whole path or its last
        part; those that no error is about are a warning.
        """
        names = dict.fromkeys(ignored)
        dropped = [error for error in self.errors if error.can_be_ignored and _names(error.key) & names.keys()]
        kept = tuple(error for error in self.errors if error not in dropped)
        used = set[str]().union(*(_names(error.key) for error in dropped))
        text = "no error that can be ignored is about this key"
        unused = [Finding(file, f"--ignore {name}", Rule.UNUSED_KEY, text) for name in names if name not in used]
        return self._replace(errors=kept, warnings=(*self.warnings, *dropped, *unused))


def _names(key: str) -> set[str]:
    return {key, key.rpartition(".")[2]}


class Part:
    """A table of `ikev1.toml` that is being written, at ``path``."""

    def __init__(self, places: Places, path: str = "", values: dict[str, Any] | None = None) -> None:
        self.places = places
        self.path = path
        self.values: dict[str, Any] = {} if values is None else values

    def part(self, name: str, place: Place | None = None) -> Part:
        """The table ``name`` in this one, which was written at ``place``."""
        path = f"{self.path}.{name}" if self.path else name
        if place is not None:
            self.places.put(path, place)
        return Part(self.places, path, self.values.setdefault(name, {}))

    def put(self, key: str, value: object, place: Place | None) -> None:
        """Set ``key``, which was written at ``place`` (None: it is a default of the format)."""
        self.values[key] = value
        if place is not None:
            self.places.put(f"{self.path}.{key}" if self.path else key, place)

    def copied(self, into: Part, name: str) -> Part:
        """A copy of this table, with the places of its keys, as ``name`` in ``into``."""
        made = into.part(name, self.places.exactly(self.path))
        for key, value in self.values.items():
            if isinstance(value, dict):
                Part(self.places, f"{self.path}.{key}", value).copied(made, key)
            else:
                made.put(key, value, self.places.exactly(f"{self.path}.{key}"))
        return made
