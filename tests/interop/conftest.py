"""Fixtures of the interop tests. Without root or a peer they are skipped; where ``CI`` is set that is a failure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.lab import Lab
from lab.network import remove_left_overs
from lab.paths import what_is_missing

_HERE = Path(__file__).parent
_LAB = pytest.StashKey[Lab]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is an interop test."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def peers() -> None:
    """What the lab needs is here."""
    if missing := what_is_missing():
        pytest.skip(missing)
    remove_left_overs()


@pytest.fixture
def lab(peers: None, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab of this test's own, ended and removed whatever happens."""
    lab = Lab()
    request.node.stash[_LAB] = lab
    try:
        yield lab
    finally:
        lab.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """A failure shows what each program of its lab said last."""
    report = yield
    if call.when == "call" and report.failed and _LAB in item.stash:
        report.sections += [(f"{name} said", text) for name, text in item.stash[_LAB].logs().items()]
    return report
