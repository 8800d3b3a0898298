"""What holds for every test: the quick ones first, and no excuses where ``CI`` is set."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# No test depends on how fast the machine is
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

pytest.register_assert_rewrite("lab")  # so that its assertions, too, say what was compared


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the recorded files that tests compare with")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Interop tests run last: what a unit test can tell needs no real peer."""
    items.sort(key=lambda item: item.get_closest_marker("interop") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    """In CI a real peer that is missing is a failure: a skipped interop test proves nothing."""
    report = yield
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("interop") is not None:
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure where CI is set: {call.excinfo.value if call.excinfo else ''}"
    return report
