"""A pytest plugin: where ``CI`` is set, a test that is skipped or expected to fail has failed.

A skipped test proves nothing, and nobody reads the list of those that CI skipped. Only the folder ``../shared`` may be
missing there.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from shared import NEEDS_SHARED

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """Judge the outcome of one test."""
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    """Judge a module that skips itself as a whole."""
    return _judged((yield))


def _judged(report: Any) -> Any:
    if not os.environ.get("CI"):
        return report
    excuse = _excuse(report)
    if excuse is not None and not excuse.startswith(NEEDS_SHARED):
        report.outcome = "failed"
        report.longrepr = f"skipped or expected to fail, which is a failure where CI is set: {excuse}"
        vars(report).pop("wasxfail", None)
    return report


def _excuse(report: Any) -> str | None:
    """The reason of a skip or of an expected failure; None where the test counts."""
    if hasattr(report, "wasxfail"):  # also of one that passed against expectation
        return str(report.wasxfail) or "xfail"
    if not report.skipped:
        return None
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(reason).removeprefix("Skipped: ")
