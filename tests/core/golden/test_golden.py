"""Golden transcripts: conversations of two engines are compared with recorded ones, octet by octet.

``pytest --update tests/core/golden`` records them again; the difference is then reviewed as text.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import golden_life
import golden_phase_1
import golden_phase_2
from golden import CONVERSATIONS, REPEATS_CODES, WITHOUT_RELOAD, play
from golden_text import difference

TRANSCRIPTS = Path(__file__).parent / "transcripts"
SOURCES = (golden_life, golden_phase_1, golden_phase_2)  # imported for what they add to CONVERSATIONS


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_a_conversation_is_what_was_recorded(name: str, request: pytest.FixtureRequest) -> None:
    played = play(name, reborn=False)
    file = TRANSCRIPTS / f"{name}.txt"
    if request.config.getoption("--update"):
        file.write_text(played)
    assert file.exists(), "nothing is recorded: run pytest --update"
    assert not (found := difference(file.read_text(), played)), found
    if name not in WITHOUT_RELOAD:
        found = difference(played, play(name, reborn=True), codes=name not in REPEATS_CODES)
        assert not found, f"with engines dumped and loaded: {found}"


def test_every_transcript_is_of_a_conversation() -> None:
    assert {file.stem for file in TRANSCRIPTS.iterdir()} == set(CONVERSATIONS)


# --- the comparison -------------------------------------------------------------------------------------------------


@pytest.fixture
def recorded() -> str:
    return (TRANSCRIPTS / "nat_rfc_3947.txt").read_text()


def test_a_transcript_is_like_itself(recorded: str) -> None:
    assert difference(recorded, recorded) == ""


@pytest.mark.parametrize("label", ["MM1", "MM4", "MM5", "QM2", "INFO D(ESP)"])
def test_one_octet_of_a_datagram_is_seen(recorded: str, label: str) -> None:
    start = recorded.index(f" {label}\n")
    end = re.compile(r"^[\[#]", re.MULTILINE).search(recorded, start)
    assert end is not None
    octet = end.start() - 3  # the last one before the end of the line
    changed = recorded[:octet] + f"{int(recorded[octet : octet + 2], 16) ^ 1:02x}" + recorded[octet + 2 :]
    found = difference(recorded, changed)
    assert label in found
    assert [line[0] for line in found.splitlines() if line.startswith(("- ", "+ "))] == ["-", "+"]


@pytest.mark.parametrize(
    ("what", "other"),
    [
        (r"\[( +\d+\.)\d{3}\]", r"[\g<1>999]"),  # a time
        (r"203\.0\.113\.1\[\d+\]", "203.0.113.1[666]"),  # a port
        (r"install-in ESP \w+", "install-in ESP 00001000"),  # an SPI
        (r"keys \w+", "keys 0000000000000000"),
        (r"codes .*nat-found", "codes"),
        (r"(.*install-out.*\n)", ""),  # something left out
        (r"(.*install-in.*\n)(.* QM2\n( .*\n)*)", r"\2\1"),  # another order
        (r" -> bob ", " -x bob "),  # a datagram that is lost
    ],
)
def test_anything_else_on_the_wire_is_seen(recorded: str, what: str, other: str) -> None:
    changed = re.sub(what, other, recorded, count=1)
    assert changed != recorded
    assert difference(recorded, changed)
    assert difference(changed, recorded)


def test_a_transcript_that_ends_early_is_seen(recorded: str) -> None:
    half = recorded[: recorded.rindex("\n[") + 1]
    assert difference(recorded, half)
    assert difference(half, recorded)


def test_remarks_are_not_compared(recorded: str) -> None:
    without = "".join(line for line in recorded.splitlines(keepends=True) if not line.startswith("#"))
    assert without != recorded
    assert difference(recorded, without) == ""
