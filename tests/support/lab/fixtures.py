"""What the conftest of every folder with real peers needs: labs that are closed, and told about when a test fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab.lab import Lab
from lab.network import remove_left_overs
from lab.paths import what_is_missing

_open: list[Lab] = []


@contextmanager
def opened_lab() -> Iterator[Lab]:
    """A lab that is ended and removed whatever happens."""
    lab = Lab()
    _open.append(lab)
    try:
        yield lab
    finally:
        _open.remove(lab)
        lab.close()


@pytest.fixture(scope="session")
def peers() -> None:
    """What the lab needs is here."""
    if missing := what_is_missing():
        pytest.skip(missing)
    remove_left_overs()


@pytest.fixture
def lab(peers: None) -> Iterator[Lab]:
    """A lab of this test's own."""
    with opened_lab() as lab:
        yield lab


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """A failure shows what each program of the labs said last."""
    report = yield
    if report.failed:
        report.sections += [(f"{name} said", text) for lab in _open for name, text in lab.logs().items()]
    return report
