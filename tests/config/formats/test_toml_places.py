"""Where the keys of ikev1.toml were written."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.config.export import exported
from ikev1.config.formats.toml_places import toml_places

FILE = Path("ikev1.toml")
TEXT = '''# comment = 1
[gateway]
port = 500   # = [ not a table ]
  listen = [
     "192.0.2.1",  # ]
     "[x]", 'y = "',
  ]

[ connection . "a.b" ]
secret = """
[no.table]
no = key \\"""
"""
remote_address = '198.51.100.7'
tunnel.net.local = "10.1.0.0/16"
"quoted key" = { inline = 1, other = "}" }
[connection.c.tunnel.net]
remote = "10.2.0.0/16"
literal = \'\'\'
[no.table]
it\'\'s\'\'\'\'
last = true'''


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ("gateway", 2, 1),
        ("gateway.port", 3, 1),
        ("gateway.listen", 4, 3),
        ("connection.a.b", 9, 1),
        ("connection.a.b.secret", 10, 1),
        ("connection.a.b.remote_address", 14, 1),
        ("connection.a.b.tunnel.net.local", 15, 1),
        ("connection.a.b.quoted key", 16, 1),
        ("connection.c.tunnel.net", 17, 1),
        ("connection.c.tunnel.net.literal", 19, 1),
        ("connection.c.tunnel.net.last", 22, 1),
    ],
)
def test_places(path: str, line: int, column: int) -> None:
    tomllib.loads(TEXT)
    place = toml_places(FILE, TEXT).of(path)
    assert place is not None
    assert (place.key, place.line, place.column) == (path, line, column)


def test_what_is_within_a_value_is_no_key() -> None:
    places = toml_places(FILE, TEXT)
    assert places.of("no") is None
    assert places.of("comment") is None


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
VALUES = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(st.text("[]{}\"'#=\n", max_size=5), max_size=3)
TABLES: st.SearchStrategy[Any] = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=3), max_size=4)


@given(TABLES)
def test_every_key_of_a_file_has_a_place(table: dict[str, Any]) -> None:
    text = exported({"x": table}).text
    places = toml_places(FILE, text)
    lines = text.split("\n")
    for key, value in table.items():
        names = [f"x.{key}", *(f"x.{key}.{inner}" for inner in value)] if isinstance(value, dict) else [f"x.{key}"]
        for name in names:
            place = places.of(name)
            assert place is not None
            assert lines[place.line - 1][place.column - 1] not in " \t"
