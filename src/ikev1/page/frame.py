"""The frame of every page: head, style, script, and a policy that forbids loading anything else."""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

from ikev1.page.render import asset, render


def frame(title: str, body: Markup, *, kind: str = "", lead: str = "") -> str:
    """Build a complete page.

    ``title`` is text. ``kind`` is the line above it ("Capture", "Audit", "Lesson"), ``lead`` a sentence below it.
    ``body`` is HTML from `render.render` or `Markup.format`, which escape their arguments.

    The page loads no resources: its Content-Security-Policy allows only the embedded style and script, by their hashes,
    and no style attributes.
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
