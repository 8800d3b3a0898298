"""The manual pages that `make man` writes: groff finds nothing wrong with them, and nothing is left out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    "ikev1.1": "commands.md",
    "ikev1.toml.5": "configuration.md",
    "ikev1-connect.1": "connect.md",
    "ikev1-explain.1": "explain.md",
    "ikev1-audit.1": "audit.md",
    "ikev1-learn.1": "learn.md",
}

pytestmark = pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("man")
    subprocess.run([sys.executable, ROOT / "tools" / "man-pages", folder], check=True, timeout=60)
    return folder


def shown(page: Path, width: int) -> str:
    """What `man` shows of a page in a terminal of this width; nothing may be wrong with it."""
    command: list[str | Path] = ["groff", "-man", "-t", "-k", "-ww", "-Tutf8", f"-rLL={width}n", "-P-cbou", page]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
    return done.stdout.decode()


def words(text: str) -> str:
    """Without blanks and the lines of tables, where lines break."""
    return re.sub(r"[\s│─┌┐└┘├┤┬┴┼‐`-]+", "", text)


def test_each_document_has_its_page(pages: Path) -> None:
    assert {page.name for page in pages.iterdir()} == DOCUMENTS.keys()


@pytest.mark.parametrize("width", [78, 120])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_groff_finds_nothing_wrong(pages: Path, name: str, width: int) -> None:
    text = shown(pages / name, width)
    title, section = name.rsplit(".", 1)
    assert text.split()[0] == f"{title.upper()}({section})"
    assert re.search(rf"^NAME\n +{re.escape(title)} - \S", text, re.MULTILINE)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_has_all_headings_and_code_of_its_document(pages: Path, name: str) -> None:
    text = words(shown(pages / name, 200))
    document = (ROOT / "docs" / DOCUMENTS[name]).read_text()
    outside = re.sub(r"^```.*?^```$|<!--.*?-->", "", document, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^##+ (.+)$", outside, re.MULTILINE)
    code = re.findall(r"`([^`|\n]+)`", outside)
    blocks = re.findall(r"^```\w*\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    examples = [line for block in blocks for line in block.splitlines()]
    assert headings
    missing = [each for each in (*headings, *code, *examples) if words(each) not in text]
    assert not missing
