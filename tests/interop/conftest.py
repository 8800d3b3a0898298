"""Interop tests. Without root or a peer they are skipped; where ``CI`` is set that is a failure."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.fixtures import lab, peers, pytest_runtest_makereport

__all__ = ["lab", "peers", "pytest_runtest_makereport"]

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an interop test. What waits for long begins first, while others run beside it."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
