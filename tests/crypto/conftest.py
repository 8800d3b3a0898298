"""Where borrowed material lies: RFCs, vectors and captures, beside the checkout and never in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from shared import SHARED, shared_file


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder ``shared`` beside the checkout; without it, the test is skipped."""
    return shared_file(SHARED)


@pytest.fixture(scope="session")
def rfc(shared: Path) -> Callable[[int], str]:
    """The text of an RFC by its number, without page breaks."""

    def text(number: int) -> str:
        whole = (shared / "rfc" / f"rfc{number}.txt").read_text()
        return re.sub(r"\n[^\n]*\[Page \d+\].*?\nRFC \d+[^\n]*\n", "\n", whole, flags=re.DOTALL)

    return text
