"""Every configuration in README, docs and examples can be used as it stands, without a warning."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authority import NOW
from configuration_files import provide_files
from ikev1.config import load

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "ikev1.toml"
# docs/recipes: test_recipes.py, which knows of what each of them has to warn
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def blocks() -> Iterator[Any]:
    """The TOML in the documents."""
    for document in DOCUMENTS:
        for number, block in enumerate(
            re.findall(r"^```toml\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
        ):
            yield pytest.param(block, id=f"{document.stem}-{number}")


@pytest.mark.parametrize("block", list(blocks()))
def test_a_configuration_in_the_documents_can_be_used(tmp_path: Path, block: str) -> None:
    provide_files(tmp_path, tomllib.loads(block))
    file = tmp_path / "ikev1.toml"
    file.touch(mode=0o600)
    file.write_text(block)
    assert load(file, lambda: NOW).warnings == ()


def test_there_are_configurations_in_the_documents() -> None:
    assert len(list(blocks())) >= 5


def test_the_example_can_be_used_after_what_it_says(tmp_path: Path) -> None:
    *preparation, last = re.findall(r"^#     (.*)$", EXAMPLE.read_text(), re.MULTILINE)
    assert last == f"ikev1 check {EXAMPLE.name}"
    (tmp_path / EXAMPLE.name).write_bytes(EXAMPLE.read_bytes())
    (tmp_path / EXAMPLE.name).chmod(0o644)
    for command in preparation:
        subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, timeout=60)
    command = [sys.executable, "-m", "ikev1", "check", EXAMPLE.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
