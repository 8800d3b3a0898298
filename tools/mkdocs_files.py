"""Brings what lies outside of docs/ into the web pages, so that a link is the same on a code host and there.

README.md is the first page. A file to which a page links, such as ``../examples/branch.pcap``, is copied to
``repository/examples/branch.pcap``; if it is Markdown, it becomes a page. Links are rewritten to where the files are.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(\[[^\]]*\]\()(?![a-z]+:)([^)#\s]+)")


def source_of(page: str) -> str:
    """The file in the repository that the page is made of."""
    if page == "index.md":
        return "README.md"
    return page.removeprefix("repository/") if page.startswith("repository/") else f"docs/{page}"


def page_of(source: str) -> str:
    """The file of the site that is made of a file of the repository."""
    if source == "README.md":
        return "index.md"
    return source.removeprefix("docs/") if source.startswith("docs/") else f"repository/{source}"


def targets(source: str, text: str) -> list[str]:
    """The files of the repository to which a document links."""
    return [posixpath.normpath(posixpath.join(posixpath.dirname(source), link)) for _, link in LINK.findall(text)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README.md, and every file outside of docs/ that can be reached by links."""
    files.append(File.generated(config, "index.md", abs_src_path=str(ROOT / "README.md")))
    documents = [source_of(file.src_uri) for file in files.documentation_pages()]
    while documents:
        source = documents.pop()
        if not (ROOT / source).is_file():
            continue
        for target in targets(source, (ROOT / source).read_text()):
            page = page_of(target)
            if (ROOT / target).is_file() and files.get_file_from_path(page) is None:
                level = InclusionLevel.NOT_IN_NAV
                files.append(File.generated(config, page, abs_src_path=str(ROOT / target), inclusion=level))
                if target.endswith(".md"):
                    documents.append(target)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page. Those that lead nowhere are left as they are, and mkdocs warns of them."""
    here = page.file.src_uri
    source = source_of(here)

    def rewritten(match: re.Match[str]) -> str:
        (target,) = targets(source, match[0])
        if files.get_file_from_path(page_of(target)) is None:
            return match[0]
        return match[1] + posixpath.relpath(page_of(target), posixpath.dirname(here) or ".")

    return LINK.sub(rewritten, markdown)
