"""What a skip is worth where ``CI`` is set, by pytest itself on a small suite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import no_excuses
from shared import SHARED

SUITE = f"""
from pathlib import Path
import pytest
from shared import needs_shared, shared_file

SHARED = Path({str(SHARED)!r})

@pytest.fixture
def peer():
    pytest.skip("not installed: swanctl")

def test_passes(): pass

def test_skips(): pytest.skip("slow")

def test_has_no_peer(peer): pass

@pytest.mark.skipif(True, reason="root can read everything")
def test_is_marked(): pass

@pytest.mark.xfail(reason="a bug")
def test_fails_as_expected(): assert False

@pytest.mark.xfail(reason="no bug any more")
def test_passes_against_expectation(): pass

def test_lacks_a_file(): shared_file(SHARED / "nowhere.pcap")

@needs_shared(SHARED / "nowhere")
def test_lacks_a_folder(): pass
"""
MODULE = 'import pytest\npytest.skip("not on this machine", allow_module_level=True)\n'
ALLOWED = {"test_lacks_a_file", "test_lacks_a_folder"}


def outcomes(folder: Path, ci: str) -> tuple[int, dict[str, str]]:
    """pytest's exit status, and the outcome of each test by its name."""
    (folder / "test_suite.py").write_text(SUITE)
    (folder / "test_module.py").write_text(MODULE)
    support = str(Path(no_excuses.__file__).parent)
    alone = ["-c", os.devnull, "--rootdir", str(folder), "-p", "no:cacheprovider", "-p", "no_excuses"]
    how = ["--continue-on-collection-errors", f"--junitxml={folder}/report.xml"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *alone, *how, folder],
        env=os.environ | {"CI": ci, "PYTHONPATH": support, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        timeout=600,
    )
    cases = ElementTree.parse(folder / "report.xml").iter("testcase")
    return done.returncode, {case.get("name", ""): case[0].tag if len(case) else "passed" for case in cases}


def test_only_a_skip_for_want_of_the_shared_folder_is_one_in_ci(tmp_path: Path) -> None:
    status, found = outcomes(tmp_path, "true")
    assert status == pytest.ExitCode.TESTS_FAILED
    assert len(found) == 9
    assert {name for name, outcome in found.items() if outcome == "passed"} == {"test_passes"}
    assert {name for name, outcome in found.items() if outcome == "skipped"} == ALLOWED


def test_elsewhere_every_skip_is_one(tmp_path: Path) -> None:
    status, found = outcomes(tmp_path, "")
    assert status == pytest.ExitCode.OK
    assert "failure" not in found.values()
    assert "error" not in found.values()
    assert len([outcome for outcome in found.values() if outcome == "skipped"]) == 7
