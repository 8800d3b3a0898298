"""The folder ``shared`` beside the checkout: RFCs, vectors and captures that are not ours to publish."""

from __future__ import annotations

from pathlib import Path

import pytest

__all__ = ["CAPTURES", "NEEDS_SHARED", "SHARED", "needs_shared", "shared_file"]

SHARED = Path(__file__).parents[3] / "shared"
CAPTURES = SHARED / "captures"
NEEDS_SHARED = "needs ../shared"
"""How the reason of each skip for want of the folder begins: the only skips that CI accepts (see `no_excuses`)."""


def needs_shared(path: Path) -> pytest.MarkDecorator:
    """Skip a test where ``path``, a file or folder in `SHARED`, is missing."""
    return pytest.mark.skipif(not path.exists(), reason=_reason(path))


def shared_file(path: Path) -> Path:
    """``path``, a file or folder in `SHARED`; the running test is skipped where it is missing."""
    if not path.exists():
        pytest.skip(_reason(path))
    return path


def _reason(path: Path) -> str:
    return f"{NEEDS_SHARED}/{path.relative_to(SHARED)}"
