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
    "ikev1-import.1": "import.md",
    "ikev1-ipsec.1": "ipsec-command.md",
    **{
        f"ikev1-{name}.7": f"{name}.md"
        for name in ("connect-l2tp", "connect-socks", "data-plane", "metrics", "updown", "users")
    },
    "ikev1-codes.7": "troubleshooting.md",
    "ikev1-vici.7": "vici.md",
    "ikev1-words.7": "words.md",
}

pytestmark = pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("man")
    subprocess.run([sys.executable, ROOT / "tools" / "man-pages", folder], check=True, timeout=600)
    return folder


def shown(page: Path, width: int) -> str:
    """What `man` shows of a page in a terminal of this width; nothing may be wrong with it."""
    command: list[str | Path] = ["groff", "-man", "-t", "-k", "-ww", "-Tutf8", f"-rLL={width}n", "-P-cbou", page]
    done = subprocess.run(command, capture_output=True, timeout=600, check=True)
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
    text = words(shown(pages / name, 600))  # cells of tables that are broken stand beside others
    document = (ROOT / "docs" / DOCUMENTS[name]).read_text()
    outside = re.sub(r"^```.*?^```$|<!--.*?-->", "", document, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^##+ (.+)$", outside, re.MULTILINE)
    code = re.findall(r"`([^`|\n]+)`", outside)
    blocks = re.findall(r"^```\w*\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)
    examples = [line for block in blocks for line in block.splitlines()]
    assert headings or code
    missing = [each for each in (*headings, *code, *examples) if words(each) not in text]
    assert not missing


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_refers_to_pages_and_to_files_of_the_source(pages: Path, name: str) -> None:
    text = words(shown(pages / name, 600))
    page_of = {document: re.sub(r"\.(\d)$", r"(\1)", page) for page, document in DOCUMENTS.items()}
    document = (ROOT / "docs" / DOCUMENTS[name]).read_text()
    for link in re.findall(r"\]\(([^)#:]+\.md)", document):
        file = (Path("docs") / link).as_posix().replace("docs/../", "")
        assert (ROOT / file).exists()
        assert words(page_of.get(link, f"{file} in the source")) in text
