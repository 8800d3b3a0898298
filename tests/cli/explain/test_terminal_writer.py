"""What a terminal gets: nothing that a peer says does anything to it."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from ikev1.capture.records.report import Report
from ikev1.cli.explain.terminal_writer import TerminalWriter
from ikev1.cli.explain.text import write_report
from reports import MAIN, REPORT, conversation, message, report

HOSTILE = "[red]loud[/red] [link=http://evil] \x1b]0;title\x07\x1b[2J \u202eevil \r\n│ forged ▶│"


def _written(what: Report, encoding: str = "utf-8", width: int = 80, **terminal: Any) -> str:
    octets = io.BytesIO()
    file = io.TextIOWrapper(octets, encoding=encoding)
    console = Console(file=file, width=width, highlight=False, **terminal)
    write_report(TerminalWriter(console), what, lambda _: True)
    file.flush()
    return octets.getvalue().decode(encoding)


def test_markup_and_control_characters_of_a_peer_stand_there_as_text() -> None:
    said = message(HOSTILE, "initiator", (), frame=1, line=HOSTILE, security=HOSTILE, problems=(HOSTILE,))
    hostile = report(conversation((said,), identity=HOSTILE, maker=HOSTILE, mode=HOSTILE), notes=(HOSTILE,))
    for coloured in (False, True):
        written = _written(hostile, force_terminal=coloured)
        assert "[red]loud" in written
        assert "\\x1b[2J" in written
        assert not [c for c in written.replace("\x1b[", "") if c != "\n" and not c.isprintable()]
        assert "\x1b[2J" not in written
        assert "\x1b]" not in written
    forged = [line for line in _written(hostile).splitlines() if line.startswith("│ forged")]
    assert forged == []


def test_an_ascii_terminal_gets_ascii() -> None:
    said = message("MM1", "initiator", (), frame=1, line="a → b, §5, Müller")
    written = _written(report(conversation((said,), identity="Jörg")), "ascii")
    assert "a -> b, section 5, M\\xfcller" in written
    assert "|-- MM1 ---" in written
    assert "J\\xf6rg" in written


def test_right_and_wrong_are_told_without_colours() -> None:
    written = _written(REPORT)
    assert "✓ HASH_I: the initiator knows the pre-shared key" in written
    assert "✗ HASH_R: not with this pre-shared key" in written
    assert "? HASH(1): SKEYID_a is not known" in written
    assert "WRONG: HASH_R: not with" in _written(REPORT, "ascii")


def test_a_repetition_is_one_dim_line() -> None:
    again = [line for line in _written(report(MAIN), width=80).splitlines() if "MM1 again" in line]
    assert len(again) == 1
    assert "┄┄┄" in again[0]
    coloured = _written(report(MAIN), force_terminal=True, color_system="standard")
    (line,) = [line for line in coloured.splitlines() if "MM1 again" in line]
    assert "\x1b[2" in line


@pytest.mark.parametrize("width", [40, 80, 132])
def test_the_lifelines_stand_upright(width: int) -> None:
    lines = _written(report(MAIN), width=width).splitlines()
    ladder = [line for line in lines if line.startswith("│")]
    assert len(ladder) > 30
    assert {len(line) for line in ladder} == {min(width, 110)}
    assert {line[-1] for line in ladder} == {"│"}


def test_wide_characters_do_not_push_the_lifeline_away() -> None:
    said = message("MM1", "initiator", (), frame=1, line="日本語" * 30)
    lines = _written(report(conversation((said,)))).splitlines()
    assert {cell_len(line) for line in lines if line.startswith("│")} == {80}


def test_a_message_in_many_fragments_has_an_arrow_of_one_line() -> None:
    whole = message("MM5", "initiator", (), frame=1)
    scattered = msgspec.structs.replace(whole, frames=tuple(range(1_000_000, 1_000_100, 7)))
    (arrow,) = [line for line in _written(report(conversation((scattered,)))).splitlines() if "MM5" in line]
    assert "frames 1000000 to 1000098" in arrow
    assert len(arrow) == 80
