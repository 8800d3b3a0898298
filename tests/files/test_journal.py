"""The file of what the next process undoes after a kill."""

from __future__ import annotations

from pathlib import Path

from ikev1.files.journal import Journal


def journal(folder: Path) -> Journal[str]:
    return Journal(folder / "journal", str)


def test_what_was_not_struck_is_left(tmp_path: Path) -> None:
    written = journal(tmp_path)
    written.note("a", "b")
    written.strike("a")
    assert journal(tmp_path).left == ("b",)


def test_it_does_not_grow_with_what_was_struck(tmp_path: Path) -> None:
    """A gateway chooses the size of some entries, and how often they change."""
    written = journal(tmp_path)
    written.note("kept")
    for number in range(200):
        entry = f"{number} {60_000 * 'x'}"
        written.note(entry)
        written.strike(entry)
        assert (tmp_path / "journal").stat().st_size < 500_000
    assert journal(tmp_path).left == ("kept",)


def test_many_small_entries_do_not_have_it_rewritten_each_time(tmp_path: Path) -> None:
    written = journal(tmp_path)
    first = (tmp_path / "journal").stat().st_ino
    for number in range(100):
        written.note(str(number))
        written.strike(str(number))
    assert (tmp_path / "journal").stat().st_ino == first
