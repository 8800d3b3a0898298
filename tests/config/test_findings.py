"""How findings are shown: those that differ only in names once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.config import Finding, Rule
from ikev1.config.findings import lines

FILE = Path("ikev1.toml")


def finding(key: str, text: str = "is short", rule: Rule = Rule.SHORT_LIFETIME, line: int = 0) -> Finding:
    return Finding(FILE, key, rule, text, line, column=1)


def test_findings_that_differ_only_in_the_name_are_one_line() -> None:
    found = [finding(f"connection.{name}.lifetime", line=number) for number, name in enumerate("abc", 1)]
    (line,) = lines(found)
    assert line.startswith(str(found[0]))
    assert "connection.b.lifetime (line 2), connection.c.lifetime (line 3)" in line


def test_a_name_in_the_text_is_no_difference_either() -> None:
    found = [finding(f"connection.{name}", f"connection.{name} never comes up") for name in ("one", "two")]
    assert len(lines(found)) == 1


def test_other_differences_are_lines_of_their_own() -> None:
    found = [
        finding("connection.a.lifetime"),
        finding("connection.a.rekey_time"),
        finding("connection.b.lifetime", "is long"),
        finding("connection.c.lifetime", rule=Rule.INVALID_VALUE),
        finding("connection.a.tunnel.a.lifetime"),
    ]
    assert lines(found) == list(map(str, found))


def test_many_are_counted() -> None:
    (line,) = lines(finding(f"connection.c{number}.lifetime") for number in range(1000))
    assert "989 more" in line
    assert len(line) < 1000


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (['secret_file = "none"'], {Rule.UNREADABLE_FILE}),
        (['secrt = "of both"'], {Rule.UNKNOWN_KEY}),
        (["xyz = 1"], {Rule.UNKNOWN_KEY, Rule.NO_CREDENTIAL}),
        (['lifetime = "soon"'], {Rule.INVALID_VALUE, Rule.NO_CREDENTIAL}),
    ],
)
def test_what_is_missing_because_of_another_error_is_no_error(
    refused: Callable[..., dict[str, Rule]], written: list[str], expected: set[Rule]
) -> None:
    found = refused("\n".join(["[connection.a]", 'remote_address = "192.0.2.1"', *written]))
    assert expected <= set(found.values())
    assert (Rule.NO_CREDENTIAL in found.values()) is (Rule.NO_CREDENTIAL in expected)
