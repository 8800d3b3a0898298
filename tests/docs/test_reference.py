"""docs/api shows every public name, and nothing else."""

from __future__ import annotations

import re
from importlib import import_module

from documents import ROOT

MODULES = ("aio", "capture", "errors", "events", "keys", "testing")


def test_the_reference_shows_every_public_name_once() -> None:
    pages = "\n".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    shown = re.findall(r"^::: (\S+)$", pages, re.MULTILINE)
    exported = [f"ikev1.{name}" for name in import_module("ikev1").__all__ if name != "__version__"]
    for module in MODULES:
        loaded = import_module(f"ikev1.{module}")
        names = getattr(loaded, "__all__", ("Error", "LocalError", "RemoteError"))
        exported += [f"ikev1.{module}.{name}" for name in names]
    assert sorted(shown) == sorted(exported)


def test_every_document_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2].partition("\n\n")[0]
    named = re.findall(r": (?!repository/)([\w/-]+\.md)", navigation)
    there = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")]
    assert sorted(named) == sorted([*there, "index.md"])
