"""docs/audit.md names every part of the JSON, and shows what the command says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from ikev1.audit import finding
from ikev1.audit.finding import Severity
from ikev1.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
KINDS: list[Any] = [getattr(finding, name) for name in ("Audit", "Finding", "Evidence")]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_is_explained(kind: Any) -> None:
    section = (DOCS / "audit.md").read_text().partition(f"#### {kind.__name__}\n")[2].partition("\n#")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [
        field.name for field in msgspec.structs.fields(kind)
    ]


def test_the_example_says_what_the_command_says() -> None:
    text = (DOCS / "audit.md").read_text()
    (block,) = re.findall(r"```\n(branch\.pcap: .*?)\n\.\.\.\n```", text, re.DOTALL)
    (command,) = re.findall(r"^    ikev1 (audit examples/.*)$", text, re.MULTILINE)
    arguments = [word.replace("examples/", f"{DOCS.parent}/examples/") for word in shlex.split(command)]
    done = CliRunner(env={"COLUMNS": "100"}).invoke(main, arguments)
    assert done.exit_code == 1
    assert done.stdout.lstrip("\n").startswith(block)


def test_every_severity_is_explained() -> None:
    text = (DOCS / "audit.md").read_text()
    assert all(f"`{severity}` is" in text for severity in Severity)
