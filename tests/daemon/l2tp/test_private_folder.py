"""The private folder of an L2TP connection, and what killed connections have left."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ikev1.daemon.l2tp.private_folder import private_folder
from ikev1.daemon.l2tp.processes import end_processes


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def program(opened: ExitStack, folder: Path, name: str, argument: str) -> subprocess.Popen[bytes]:
    """A running script with this name and argument."""
    file = folder / name
    file.write_text("#!/bin/sh\necho ready\nwhile :; do sleep 0.05; done\n")
    file.chmod(0o755)
    process = subprocess.Popen([file, argument], stdout=subprocess.PIPE)
    opened.callback(process.wait)
    opened.callback(process.kill)
    assert process.stdout is not None
    opened.enter_context(process.stdout)
    assert process.stdout.readline() == b"ready\n"
    return process


def test_a_folder_is_private_and_removed(tmp_path: Path) -> None:
    base = tmp_path / "base"
    with private_folder(base) as folder:
        assert folder.stat().st_mode & 0o777 == base.stat().st_mode & 0o777 == 0o700
        (folder / "options").write_text("password")
    assert not list(base.iterdir())


def test_others_may_not_change_the_base(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    base.chmod(0o777)
    with pytest.raises(PermissionError), private_folder(base):
        pass


def test_folders_of_killed_connections_are_removed(tmp_path: Path, opened: ExitStack) -> None:
    base = tmp_path / "base"
    (base / "l2tp-killed").mkdir(parents=True)
    base.chmod(0o700)
    (base / "l2tp-killed" / "rules").write_text("not what we wrote")
    (base / "other").mkdir()
    left = program(opened, tmp_path, "xl2tpd", f"{base}/l2tp-killed/xl2tpd.conf")
    with private_folder(base) as first, private_folder(base) as second:
        assert left.wait() < 0
        assert {*base.iterdir()} == {first, second, base / "other"}, "the first one lives"


def test_only_programs_of_the_folder_are_ended(tmp_path: Path, opened: ExitStack) -> None:
    folder = tmp_path / "l2tp-1"
    folder.mkdir()
    ours = [program(opened, tmp_path, name, f"{folder}/options") for name in ("pppd", "xl2tpd")]
    others = [
        program(opened, tmp_path, "pppd", f"{tmp_path}/l2tp-12/options"),
        program(opened, tmp_path, "xl2tpd", "/etc/xl2tpd/xl2tpd.conf"),
        program(opened, tmp_path, "tail", f"{folder}/messages"),
    ]
    end_processes(folder, 10)
    assert all(process.wait() < 0 for process in ours)
    assert all(process.poll() is None for process in others)
