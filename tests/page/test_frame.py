"""What stands around every page."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from ikev1.page.frame import frame
from ikev1.page.render import asset, render
from ikev1.page.visible import visible


def test_what_is_put_into_a_page_is_escaped() -> None:
    page = frame("</title><script>alert(1)</script>", Markup("<p>{}</p>").format("<b>"), lead="<img onerror=x>")
    assert page.count("<script>") == 1
    assert "&lt;/title&gt;&lt;script&gt;" in page
    assert "<p>&lt;b&gt;</p>" in page
    assert "<img" not in page


@pytest.mark.parametrize(("name", "directive"), [("page.css", "style-src"), ("page.js", "script-src")])
def test_the_policy_allows_exactly_what_stands_in_the_page(name: str, directive: str) -> None:
    page = frame("x", Markup())
    tag = {"style-src": "style", "script-src": "script"}[directive]
    inline = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    assert inline is not None
    assert inline[1] == asset(name)
    digest = base64.b64encode(hashlib.sha256(inline[1].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert f"{directive} &#39;sha256-{digest}&#39;" in policy[1]
    assert policy[1].startswith("default-src &#39;none&#39;")
    assert "unsafe" not in policy[1]


def test_no_asset_names_another_place() -> None:
    for name in ("page.css", "page.js"):
        assert not re.search(r"https?:|url\(|@import|fetch|XMLHttp|WebSocket|sendBeacon|innerHTML", asset(name)), name


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("frame.html", title="x")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller @ §1", "Müller @ §1"),
        ("\x1b[2J", "\\x1b[2J"),
        ("one\ntwo\ttabbed", "one\\ntwo\\ttabbed"),
        ("evil\u202egpj.exe", "evil\\u202egpj.exe"),
        ("\x9b31m", "\\x9b31m"),
        ("\udc80", "\\udc80"),
        ("", ""),
    ],
)
def test_characters_that_do_something_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown
