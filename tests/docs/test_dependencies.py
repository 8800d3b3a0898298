"""docs/dependencies.md has every package with its lower bound, and each extra with its packages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "dependencies.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def bounds(lines: list[str]) -> dict[str, str]:
    return dict(line.split(">=") for line in lines if not line.startswith("ikev1["))


def test_the_document_has_every_package_with_its_lower_bound() -> None:
    declared = bounds([*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)])
    named = re.findall(r"\[([\w-]+)\]\(https://[^)]*\) ≥ ([\d.]+)", DOCUMENT)
    assert {{"jinja": "jinja2"}.get(name.lower(), name.lower()): bound for name, bound in named} == declared


@pytest.mark.parametrize("extra", ["none", "gateway", "explain", "fast"])
def test_the_document_has_the_packages_of_each_extra(extra: str) -> None:
    (row,) = re.findall(rf"^\| `?{extra}`? \|[^|]*\|([^|]*)\|$", DOCUMENT, re.MULTILINE)
    declared = PROJECT["dependencies"] if extra == "none" else EXTRAS[extra]
    assert set(re.findall("`(.*?)`", row)) == bounds(declared).keys()
