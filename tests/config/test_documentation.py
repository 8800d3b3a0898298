"""docs/configuration.md knows every key and no other, the example shows all; which there are, an error tells."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.config import ConfigError, Loaded, Rule
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
