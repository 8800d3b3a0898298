"""Rendering of templates: all values are escaped, and an undefined name is an error."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ikev1.page import words
from ikev1.page.visible import visible


def render(template: str, **values: object) -> Markup:
    """Render a template of ``page/templates`` with ``values``; the result can be inserted into another template."""
    return Markup(_templates().get_template(template).render(values))  # noqa: S704 - Jinja has escaped the values


@cache
def asset(name: str) -> str:
    """The text of a file in ``page/assets``."""
    return files("ikev1.page").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("ikev1.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        began=words.began,
        coded=_coded,
        frames=words.frames_text,
        kind=words.kind_of,
        mark=words.mark_of,
        size=words.size,
        spaced=words.spaced,
        when=words.when,
    )
    environment.globals["signs"] = words.SIGNS
    return environment


def _coded(text: str) -> Markup:
    """Mark up text in backticks as code."""
    parts = visible(text).split("`")
    return Markup().join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


def _finalize(value: object) -> object:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
