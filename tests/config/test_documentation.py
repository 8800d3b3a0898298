"""docs/configuration.md knows every key and no other, the example shows all; which there are, an error tells."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.config import ConfigError, Loaded, Rule
from ikev1.crypto.algorithms import ESP_CIPHERS, GROUPS, HASHES, IKE_CIPHERS, INTEGRITIES
from ikev1.crypto.suites import DEFAULT_ESP, DEFAULT_IKE

Load = Callable[..., Loaded]

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text()
EXAMPLE = (ROOT / "examples" / "ikev1.toml").read_text()

SECTIONS = {
    "[gateway]": "gateway",
    "[policy.PRIORITY]": "policy.1",
    "[connection.NAME]": "connection.c",
    "[connection.NAME.tunnel.NAME]": "connection.c.tunnel.t",
    "[shunt.NAME]": "shunt.s",
    "[authority.NAME]": "authority.a",
    "[users]": "users",
    "[pam]": "pam",
    "[radius]": "radius",
    "[radius.server.NAME]": "radius.server.s",
    "[command]": "command",
    "[pools.NAME]": "pools.p",
}


def allowed(loaded: Load, table: str) -> set[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(f"[{table}]\nQQQ = 1")
    (keys,) = (finding.allowed for finding in caught.value.findings if finding.rule is Rule.UNKNOWN_KEY)
    return set(keys)


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_document_knows_every_key(loaded: Load, heading: str) -> None:
    section = DOCUMENT.split(f"## `{heading}`")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `([a-z0-9_]+)` \|", section, re.MULTILINE))
    assert documented == allowed(loaded, SECTIONS[heading]) - {"tunnel", "server"}


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_example_shows_every_key(loaded: Load, heading: str) -> None:
    shown = set(re.findall(r"^(?:# )?([a-z0-9_]+)(?: =|  )", EXAMPLE, re.MULTILINE))
    assert allowed(loaded, SECTIONS[heading]) - {"tunnel", "server", "secret"} <= shown


@pytest.mark.parametrize("proposal", [*DEFAULT_IKE, *DEFAULT_ESP])
def test_the_document_names_the_default_proposals(proposal: str) -> None:
    assert f"`{proposal}`" in DOCUMENT


def test_the_document_knows_every_algorithm() -> None:
    section = DOCUMENT.split("## Algorithms")[1].split("\n## ")[0]
    rows = [row.split("|")[2:-1] for row in section.splitlines() if row.startswith("| ")][1:]
    phase_1, esp, ah = (
        {word for words, *uses in rows if uses[place].strip() for word in words_of(words)} for place in range(3)
    )
    assert phase_1 == {*IKE_CIPHERS, *HASHES, *GROUPS}
    assert esp == {*ESP_CIPHERS, *INTEGRITIES, *GROUPS}
    assert ah == {*INTEGRITIES, *GROUPS}


def words_of(cell: str) -> set[str]:
    """The words in a cell, without those in brackets, and with those for other sizes of keys."""
    words = set(re.findall(r"`(\w+)`", re.sub(r"\(or[^)]*\)", "", cell)))
    if "the same with 192 and 256" in cell:
        words |= {word.replace("128", size, 1) for word in words for size in ("192", "256")}
    return words
