"""Temporary folders: locked while they are in use, and removed after a process that was killed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from ikev1.files.temporary import folders_in_use, locked, temporary_folder

PREFIX = "test-folder-"


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_private_and_removed(base: Path) -> None:
    with temporary_folder(PREFIX) as folder:
        assert folder.parent == base
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").write_text("content")
    assert not list(base.iterdir())


def test_folders_in_use(base: Path) -> None:
    left = base / f"{PREFIX}left"
    left.mkdir(0o700)
    with temporary_folder(PREFIX) as first, temporary_folder(PREFIX) as second:
        assert folders_in_use(PREFIX) == sorted((first, second))
        assert folders_in_use("another-") == []
    assert folders_in_use(PREFIX) == []


def test_what_a_killed_process_has_left_is_removed(base: Path) -> None:
    left, used, other = (base / name for name in (f"{PREFIX}left", f"{PREFIX}used", "other"))
    for folder in (left, used, other):
        folder.mkdir(0o700)
        (folder / "file").write_text("content")
    undone = []
    with locked(used), temporary_folder(PREFIX, lambda killed: undone.append((killed / "file").read_text())) as folder:
        assert set(base.iterdir()) == {used, other, folder}
    assert undone == ["content"]


def test_links_and_files_are_left_alone(base: Path) -> None:
    target = base / "target"
    target.mkdir()
    (target / "file").write_text("content")
    left = base / f"{PREFIX}left"
    left.mkdir(0o700)
    (left / "link").symlink_to(target)
    (base / f"{PREFIX}link").symlink_to(target)
    (base / f"{PREFIX}file").write_text("content")
    with temporary_folder(PREFIX):
        assert not left.exists()
        assert (target / "file").read_text() == "content"
        assert (base / f"{PREFIX}link").is_symlink()
        assert (base / f"{PREFIX}file").exists()


@pytest.mark.root
def test_folders_of_other_users_are_left_alone(base: Path) -> None:
    theirs = base / f"{PREFIX}theirs"
    theirs.mkdir(0o700)
    os.chown(theirs, 65_534, 65_534)
    with temporary_folder(PREFIX):
        assert theirs.exists()
        assert theirs not in folders_in_use(PREFIX)


def test_a_folder_that_somebody_made_is_left_alone(base: Path) -> None:
    notes = base / f"{PREFIX}notes"
    notes.mkdir(0o755)
    (notes / "file").write_text("content")
    with temporary_folder(PREFIX):
        pass
    assert (notes / "file").read_text() == "content"
