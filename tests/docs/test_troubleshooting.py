"""docs/troubleshooting.md explains every code that there is, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from ikev1.core.records.events import Code

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


def test_every_code_is_explained_and_every_explained_code_exists() -> None:
    text = PAGE.read_text()
    codes = {code.value for code in Code}
    assert codes <= set(re.findall(r"`([a-z-]+)`", text))
    assert set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)) <= codes
