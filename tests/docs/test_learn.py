"""docs/learn.md names every part of the JSON."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ikev1.lesson import record

DOCS = Path(__file__).parents[2] / "docs"
KINDS: list[Any] = [getattr(record, name) for name in record.__all__ if name != "SCHEMA"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_is_explained(kind: Any) -> None:
    section = (DOCS / "learn.md").read_text().partition(f"#### {kind.__name__}\n")[2].partition("\n#")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [
        field.name for field in msgspec.structs.fields(kind)
    ]
