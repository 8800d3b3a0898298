"""Further tries of tests with real peers (``--reruns 2``): what failed first is printed, and only a few may need one.

These tests run in real time, several at once, on machines with few processors. A fault that occurs in each run fails
each try; a fault that occurs in many tests makes more than `_MOST` of them need one.
"""

from __future__ import annotations

import pytest

_MOST = 3


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the failures of tests that ran again."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.write_sep("=", f"a try of {report.nodeid}", yellow=True)
        terminalreporter.write_line(report.longreprtext)
        for name, content in report.sections:
            terminalreporter.write_sep("-", name)
            terminalreporter.write_line(content)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if too many tests needed another try."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and len({report.nodeid for report in reporter.getreports("rerun")}) > _MOST:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
