"""Topics: what all findings of a code have in common, and their place in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ikev1.audit.topics import TOPICS, topic

DOCUMENT = Path(__file__).parents[2] / "docs" / "audit.md"


@pytest.mark.parametrize("code", sorted(TOPICS))
def test_each_topic_is_whole(code: str) -> None:
    found = topic(code)
    assert re.fullmatch(r"[a-z0-9-]+", found.code)
    assert found.title
    assert found.source
    assert found.why.endswith((".", ")"))
    assert found.remedy.endswith((".", "`."))


def test_every_code_is_documented_and_no_other() -> None:
    section = DOCUMENT.read_text().partition("\n## Findings\n")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.MULTILINE)
    assert sorted(documented) == sorted(TOPICS)


def test_sources_in_the_documentation_are_those_of_the_findings() -> None:
    text = DOCUMENT.read_text()
    assert [each.code for each in TOPICS.values() if f"| {each.source} |" not in text] == []
