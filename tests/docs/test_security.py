"""docs/security.md names for each claim a test that there is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"


def test_every_test_that_is_named_exists() -> None:
    text = PAGE.read_text()
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    names = set(re.findall(r"`(test_\w+)`", text))
    assert len(names) > 20
    assert {name for name in names if f"def {name}(" not in sources} == set()


def test_every_file_that_is_named_exists() -> None:
    text = PAGE.read_text()
    files = set(re.findall(r"`((?:tests|benchmarks)/[\w/]+\.py)`", text))
    files |= {f"src/ikev1/{name}" for name in re.findall(r"`(core/\w+\.py)`", text)}
    assert len(files) > 20
    assert {name for name in files if not (ROOT / name).exists()} == set()
