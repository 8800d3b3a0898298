"""The pages of audits and lessons in Chromium: they fit, ask nobody for anything, and their ladder works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from chromium import EXECUTABLE, Watched, browser
from ikev1.audit.capture import audit_capture
from ikev1.capture.analyse import Analyst
from ikev1.lesson.evidence import Evidence, evidence_of
from ikev1.lesson.run import Subject, run
from ikev1.lesson.teach import lesson_of
from ikev1.page.audit import audit_page
from ikev1.page.lesson import lesson_page

Open = Callable[..., Page]
PHONE = {"viewport": {"width": 360, "height": 740}}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if EXECUTABLE is None:
        pytest.skip("Chromium is not installed: `make peers` installs it")
    with browser() as running:
        yield running


@pytest.fixture
def open_page(chromium: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a page; afterwards it must have asked for nothing but itself, and complained of nothing."""
    windows: list[Watched] = []

    def opened(html: str, **window: Any) -> Page:
        file = tmp_path / "page.html"
        file.write_text(html, encoding="utf-8")
        windows.append(Watched(chromium, file, **window))
        return windows[-1].page

    yield opened
    for window in windows:
        requests = [url.partition("#")[0] for url in window.requests]
        window.close()
        assert requests == [(tmp_path / "page.html").as_uri()]
        assert window.complaints == []


@pytest.fixture(scope="module", params=list(Subject))
def evidence(request: pytest.FixtureRequest) -> Evidence:
    return evidence_of(run(request.param, "aes128-sha256-modp2048", b"only the two of us know this"))


@pytest.fixture(scope="module")
def audited() -> str:
    analyst = Analyst()
    for datagram in run(Subject.AGGRESSIVE, "3des-md5-modp1024", b"secret").datagrams:
        analyst.add(datagram)
    return audit_page(audit_capture(analyst.report("office.pcap", 3)))


def test_an_arrow_of_the_lesson_opens_its_message(open_page: Open, evidence: Evidence) -> None:
    page = open_page(lesson_page(lesson_of(evidence)))
    last = len(evidence.conversation.messages) - 1
    expect(page.locator(f"#lm{last} .fields")).to_be_hidden()
    page.locator(f'.arrow[href="#lm{last}"]').click()
    expect(page.locator(f"#lm{last} .fields")).to_be_visible()
    page.locator(f"#lm{last} [role=treeitem]").first.hover()
    expect(page.locator(f"#lm{last} .eight i.lit").first).to_be_visible()


@pytest.mark.parametrize("window", [{}, PHONE, {"color_scheme": "dark"}], ids=["desk", "phone", "dark"])
def test_a_lesson_fits(open_page: Open, evidence: Evidence, window: dict[str, Any]) -> None:
    page = open_page(lesson_page(lesson_of(evidence)), **window)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("window", [{}, PHONE, {"color_scheme": "dark"}], ids=["desk", "phone", "dark"])
def test_an_audit_fits(open_page: Open, audited: str, window: dict[str, Any]) -> None:
    page = open_page(audited, **window)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    codes = page.locator(".finding").evaluate_all("cards => cards.map(card => card.dataset.code)")
    assert codes[:2] == ["aggressive-psk", "weak-group"]
    expect(page.locator(".finding .badge").first).to_have_text("high")
