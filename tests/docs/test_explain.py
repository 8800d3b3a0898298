"""docs/explain.md names every part of the JSON of `ikev1 explain`, with a schema beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from ikev1.capture.records import report
from ikev1.capture.records.report import Report
from ikev1.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
COMMAND = """python -c 'import msgspec; from ikev1.capture.records.report import Report
print(msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Report))).decode())' > docs/explain.schema.json"""
KINDS: list[Any] = [getattr(report, name) for name in report.__all__ if name != "SCHEMA"]


def test_the_schema_is_up_to_date() -> None:
    schema = msgspec.json.decode((DOCS / "explain.schema.json").read_bytes())
    made = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(Report)))
    assert unindented(schema) == unindented(made), f"make it anew:\n{COMMAND}"


def unindented(schema: Any) -> Any:
    """Descriptions are docstrings, whose indentation CPython 3.13 removes and earlier ones keep."""
    if isinstance(schema, dict):
        return {name: unindented(part) for name, part in schema.items()}
    if isinstance(schema, list):
        return [unindented(part) for part in schema]
    return re.sub(r"\n\s*", "\n", schema) if isinstance(schema, str) else schema


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_is_explained(kind: Any) -> None:
    section = (DOCS / "explain.md").read_text().partition(f"#### {kind.__name__}\n")[2].partition("\n#")[0]
    missing = [field.name for field in msgspec.structs.fields(kind) if f"| `{field.name}` |" not in section]
    assert missing == []


def test_the_codes_of_answers_are_listed() -> None:
    section = (DOCS / "explain.md").read_text().partition("##### Codes of answers\n")[2].partition("\n#")[0]
    listed = {row.split("|")[1].strip(" `"): row for row in section.splitlines() if row.startswith("| `")}
    done = CliRunner().invoke(main, ["explain", "--json", str(DOCS.parent / "examples" / "branch.pcap")])
    (conversation,) = msgspec.json.decode(done.stdout, type=Report).conversations
    coded = [answer for answer in conversation.answers if answer.codes]
    assert len(coded) >= 6
    sides = ("initiator-", "responder-")
    missing = [
        (answer.question, code)
        for answer in coded
        for code in answer.codes
        if f"`{code}`" not in listed[answer.question]
        and not (code.startswith(sides) and f"`{code.partition('-')[2]}`" in listed[answer.question])
    ]
    assert missing == []
