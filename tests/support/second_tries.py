"""Second tries of tests with real peers (``--reruns 1``): what failed first is printed, and only a few may need one.

These tests run in real time, several at once, on machines with few processors. A fault that occurs in each run fails
twice; a fault that occurs in many tests needs more than `_MOST` second tries.
"""

from __future__ import annotations

import pytest

_MOST = 3


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the first failures of tests that ran twice."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.write_sep("=", f"first try of {report.nodeid}", yellow=True)
        terminalreporter.write_line(report.longreprtext)
        for name, content in report.sections:
            terminalreporter.write_sep("-", name)
            terminalreporter.write_line(content)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if too many tests needed a second try."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and len(reporter.getreports("rerun")) > _MOST:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
