"""docs/audit.md names every part of the JSON and every severity."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ikev1.audit import finding
from ikev1.audit.finding import Severity

DOCS = Path(__file__).parents[2] / "docs"
KINDS: list[Any] = [getattr(finding, name) for name in ("Audit", "Finding", "Evidence")]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_is_explained(kind: Any) -> None:
    section = (DOCS / "audit.md").read_text().partition(f"#### {kind.__name__}\n")[2].partition("\n#")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [
        field.name for field in msgspec.structs.fields(kind)
    ]


def test_every_severity_is_explained() -> None:
    text = (DOCS / "audit.md").read_text()
    assert all(f"`{severity}` is" in text for severity in Severity)
