"""The status line, on a terminal and elsewhere."""

from __future__ import annotations

import io

import pytest

from ikev1.cli.connect.view import TerminalView, amount, duration
from ikev1.daemon.observe.event_log import Level, Line


@pytest.mark.parametrize(
    ("octets", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (10**18, "1000000.0 TB")],
)
def test_amounts(octets: int, text: str) -> None:
    assert amount(octets) == text


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0m 00s"), (61.9, "1m 01s"), (3600, "1h 00m"), (86_399, "23h 59m")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_lines_of_the_log_about_this_host() -> None:
    stream = io.StringIO()
    view = TerminalView(stream, "192.0.2.1", "carol")
    view.warn(Line(Level.WARNING, "NET", "no name servers"))
    view.warn(Line(Level.WARNING, "IKE", "shown as an event"))
    assert stream.getvalue() == "warning: no name servers\n"


def test_what_is_hidden_once_nobody_looks() -> None:
    stream = io.StringIO()
    called: list[str] = []
    view = TerminalView(stream, "192.0.2.1", "carol", lambda: called.append("up"))
    view.up()
    assert called == ["up"]
    shown = stream.getvalue()
    assert "\x1b" not in shown
    view.silence()
    view.end("lost")
    assert stream.getvalue() == shown
