"""Where the keys of a TOML file were written, which `tomllib` does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from ikev1.config.formats.written import Place, Places

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*([A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*(\.?)""")
# A part of a value: a string, a comment, a bracket, the end of the line, or something else
_PART = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|'
    r"'''(?:[^']|'(?!''))*'{3,5}|"
    r'"(?:[^"\\\n]|\\.)*"|'
    r"'[^'\n]*'|#[^\n]*|[\[\]{}]|\n|[^\"'#\[\]{}\n]+",
    re.DOTALL,
)


def toml_places(file: Path, text: str) -> Places:
    """The places of all tables and keys in ``text``, the content of ``file``, which `tomllib` has read without error.
    Keys of inline tables are left out.
    """
    places = Places()
    line, counted = 1, 0
    for at, path in _keys(text):
        line, counted = line + text.count("\n", counted, at), at
        places.put(path, Place(file, line, at - text.rfind("\n", 0, at), path))
    return places


def _keys(text: str) -> Iterator[tuple[int, str]]:
    """The offset and the path of each key and of each header of a table."""
    table: tuple[str, ...] = ()
    at = _end(_BLANK, text, 0)
    while at < len(text):
        start = at
        if text[at] == "[":
            array = text.startswith("[[", at)
            table, at = _path(text, at + 1 + array)
            at += 1 + array
            yield start, ".".join(table)
        else:
            names, at = _path(text, at)
            yield start, ".".join((*table, *names))
            at = _end_of_value(text, at + 1)
        at = _end(_BLANK, text, at)


def _path(text: str, at: int) -> tuple[tuple[str, ...], int]:
    names: list[str] = []
    while found := _KEY.match(text, at):
        names.append(str(tomllib.loads(f"key = {found[1]}")["key"]) if found[1][0] in "\"'" else found[1])
        at = found.end()
        if not found[2]:
            break
    return tuple(names), at


def _end_of_value(text: str, at: int) -> int:
    depth = 0
    while found := _PART.match(text, at):
        if found[0] == "\n" and not depth:
            break
        depth += (found[0] in "[{") - (found[0] in "]}")
        at = found.end()
    return at


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()
