"""What holds for every test: the quick ones first, and no skip but for want of ``../shared`` where ``CI`` is set."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from further_tries import pytest_sessionfinish, pytest_terminal_summary
from no_excuses import pytest_make_collect_report, pytest_runtest_makereport

__all__ = [
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_make_collect_report",
    "pytest_runtest_makereport",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
]

# No test depends on how fast the machine is. CI runs the same examples each time: a failure there is due to a change.
settings.register_profile(
    "patient",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
settings.load_profile("patient")

pytest.register_assert_rewrite("lab")  # so that its assertions, too, say what was compared


def pytest_addoption(parser: pytest.Parser) -> None:
    """Recorded files (golden transcripts, tests/sentences.txt) are rewritten on demand."""
    parser.addoption("--update", action="store_true", help="rewrite the recorded files that tests compare with")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Interop tests run last: what a unit test can tell needs no real peer."""
    if os.geteuid() != 0:
        for item in items:
            if item.get_closest_marker("root") is not None:
                item.add_marker(pytest.mark.skip(reason="needs root"))
    items.sort(key=lambda item: item.get_closest_marker("interop") is not None)
