"""Topics: what all findings of a code have in common, and their place in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ikev1.audit.algorithms import ESP_CIPHERS, GROUPS, IKE_CIPHERS, IKE_HASHES, INTEGRITY, Judgement
from ikev1.audit.finding import Severity
from ikev1.audit.topics import TOPICS, topic
from ikev1.crypto.algorithms import dh_group, esp_cipher, esp_integrity, ike_cipher, ike_hash

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


def test_what_the_gateway_warns_of_is_judged_here_too() -> None:
    """An algorithm that `ikev1 check` calls weak is at least a low finding."""
    judged: list[tuple[str, Judgement | None]] = []
    for number in range(64):
        for words, judgements in (
            (ike_cipher(number, 0), IKE_CIPHERS),
            (ike_hash(number), IKE_HASHES),
            (esp_cipher(number, 0), ESP_CIPHERS),
            (esp_integrity(number), INTEGRITY),
            (dh_group(number), GROUPS),
        ):
            if words.weakness:
                judged.append((words.word, judgements.get(number)))
    assert len(judged) > 10
    assert [word for word, found in judged if found is None or found.severity is Severity.INFO] == []
