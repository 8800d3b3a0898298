"""What every page has around it: the head, the style, the script, and the promise that nothing else is loaded."""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

from ikev1.page.render import asset, render


def frame(title: str, body: Markup, *, kind: str = "", lead: str = "") -> str:
    """A whole page.

    ``title`` is text; ``kind`` says above it what it is ("Capture", "Audit", "Lesson"), ``lead`` below it what it is
    about, in a sentence. ``body`` is HTML, made by `render.render` or `Markup.format`, which escape what they get.

    The page asks nobody for anything: its Content-Security-Policy allows the style and the script that stand in it, by
    their hashes, and nothing else (no style attributes either).
    """
    style, script = asset("page.css"), asset("page.js")
    page = render(
        "frame.html",
        title=title,
        kind=kind,
        lead=lead,
        body=body,
        style=Markup(style),  # noqa: S704 - a file of ours
        script=Markup(script),  # noqa: S704 - a file of ours
        policy=f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'",
    )
    return str(page)


def _source(text: str) -> str:
    """The name of an inline style or script in a Content-Security-Policy (CSP Level 3 §2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
