"""The files in packaging/ as systemd's own tools judge them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ikev1.daemon.host.privileges import KEPT

PACKAGING = Path(__file__).parents[2] / "packaging"
LARGEST_EXPOSURE = 20  # tenths; systemd calls up to 49 OK, and a unit without any hardening has 96


def tool(name: str) -> str:
    """The path of one of systemd's tools."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian's package systemd)")
    return found


def run(*command: str | Path) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with the program where it is here: systemd looks whether it exists."""
    written = (PACKAGING / "ikev1.service").read_text()
    assert "/opt/ikev1/bin/ikev1 run" in written
    file = tmp_path / "ikev1.service"
    file.write_text(written.replace("/opt/ikev1/bin/ikev1", str(Path(sys.executable).with_name("ikev1"))))
    return file


def test_systemd_finds_no_fault_with_the_unit(unit: Path) -> None:
    said = run(tool("systemd-analyze"), "verify", "--man=no", unit).splitlines()
    assert [line for line in said if not line.startswith("/lib/systemd/")] == []  # other packages have units as well


def test_systemd_would_find_a_fault(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=perhaps"))
    assert "Failed to parse protect system value" in run(tool("systemd-analyze"), "verify", "--man=no", unit)


def exposure(unit: Path, threshold: int) -> int:
    """The status of systemd's judgement: whether the exposure is larger than ``threshold`` tenths."""
    analyze = [tool("systemd-analyze"), "security", "--offline=true", "--no-pager", f"--threshold={threshold}"]
    return subprocess.run([*analyze, unit], capture_output=True, timeout=600).returncode


def test_the_service_is_little_exposed(unit: Path) -> None:
    assert exposure(unit, LARGEST_EXPOSURE) == 0
    weaker = "\n".join(line for line in unit.read_text().splitlines() if not line.startswith(("User=", "NoNew")))
    unit.write_text(weaker)
    assert exposure(unit, LARGEST_EXPOSURE) != 0


def test_the_unit_and_the_program_keep_the_same_capabilities() -> None:
    lines = dict(line.split("=", 1) for line in (PACKAGING / "ikev1.service").read_text().splitlines() if "=" in line)
    assert set(lines["AmbientCapabilities"].split()) == set(lines["CapabilityBoundingSet"].split()) == set(KEPT)


@pytest.mark.root
def test_user_and_folder_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    run(tool("systemd-sysusers"), f"--root={tmp_path}", PACKAGING / "ikev1.sysusers")
    passwd = (tmp_path / "etc" / "passwd").read_text()
    (account,) = (line.split(":") for line in passwd.splitlines() if line.startswith("ikev1:"))
    assert account[5] == "/var/lib/ikev1"
    run(tool("systemd-tmpfiles"), f"--root={tmp_path}", "--create", PACKAGING / "ikev1.tmpfiles")
    folder = (tmp_path / "etc" / "ikev1").stat()
    assert (folder.st_uid, folder.st_gid, folder.st_mode & 0o777) == (0, int(account[3]), 0o750)
