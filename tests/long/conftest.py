"""Tests that take minutes each: `make long`. No file is named ``test_*``, so that `make test` leaves them out."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.fixtures import lab, peers, pytest_runtest_makereport

__all__ = ["lab", "peers", "pytest_runtest_makereport"]

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an interop test."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)
