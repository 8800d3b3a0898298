"""Tests of the core run twice: with peers that stay as they are, and with peers that are dumped and loaded again."""

from __future__ import annotations

import pytest

__all__ = ["kept"]

kept = pytest.mark.parametrize("network", [False], indirect=True, ids=["kept"])
"""Only with peers that stay as they are: the test is about what a dump does not hold."""
