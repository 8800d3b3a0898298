"""The distribution's Chromium, without a screen, for tests of the HTML pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

EXECUTABLE = shutil.which("chromium")
"""None where it is not installed."""

_ALONE = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")


expect.set_options(timeout=60_000)  # milliseconds: waiting ends when what is expected is there


@contextmanager
def browser() -> Iterator[Browser]:
    """A running browser. As root Chromium refuses its sandbox; the pages here are ours."""
    arguments = [*_ALONE, "--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=EXECUTABLE, args=arguments)
        try:
            yield running
        finally:
            running.close()


class Watched:
    """A page from a file in a window of its own, and everything that it asked for, complained of or popped up."""

    def __init__(self, browser: Browser, file: Path, fragment: str = "", **window: Any) -> None:
        self._context = browser.new_context(**window)
        self.page: Page = self._context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        self.page.goto(file.as_uri() + fragment)

    def close(self) -> None:
        """Close the window."""
        self._context.close()
