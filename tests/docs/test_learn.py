"""docs/learn.md names every part of the JSON, and shows what the command says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from ikev1.cli.main import main
from ikev1.lesson import record

DOCS = Path(__file__).parents[2] / "docs"
KINDS: list[Any] = [getattr(record, name) for name in record.__all__ if name != "SCHEMA"]
RANDOM = re.compile(r"[0-9a-f]{12,}")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_is_explained(kind: Any) -> None:
    section = (DOCS / "learn.md").read_text().partition(f"#### {kind.__name__}\n")[2].partition("\n#")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [
        field.name for field in msgspec.structs.fields(kind)
    ]


def test_the_examples_say_what_the_command_says() -> None:
    """All but the values, which differ from run to run."""
    shown = CliRunner(env={"COLUMNS": "100"}).invoke(main, ["learn", "aggressive"]).stdout
    blocks = re.findall(r"```\n(.*?)\n```", (DOCS / "learn.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert RANDOM.sub("*", block) in RANDOM.sub("*", shown)
