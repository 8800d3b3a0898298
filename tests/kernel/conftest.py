"""Interop tests in which the kernel carries ESP: `tests/support/lab/kernel-run` starts a kernel that can.

Where the running kernel has no ESP they are skipped; where ``CI`` is set that is a failure.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.fixtures import lab, peers, pytest_runtest_makereport
from lab.xfrm import what_the_kernel_lacks

__all__ = ["lab", "peers", "pytest_runtest_makereport"]

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder starts real peers, and needs ESP in the kernel."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.kernel)


@pytest.fixture(scope="session", autouse=True)
def kernel(peers: None) -> None:
    """The running kernel has ESP."""
    if lacks := what_the_kernel_lacks():
        pytest.skip(lacks)
