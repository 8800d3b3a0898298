"""The commands: the module of each, and the extra of the package that brings what it needs.

This file needs the standard library alone, so that a missing extra can be named where nothing else is installed.
"""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """The module with the command's function, and an extra in pyproject.toml."""

    module: str
    extra: str


COMMANDS = {
    "run": Command("ikev1.cli.run", "gateway"),
    "connect": Command("ikev1.cli.connect.command", "gateway"),
    "disconnect": Command("ikev1.cli.connect.disconnect", "gateway"),
    "up": Command("ikev1.cli.updown", "gateway"),
    "down": Command("ikev1.cli.updown", "gateway"),
    "reload": Command("ikev1.cli.reload", "gateway"),
    "release": Command("ikev1.cli.release", "gateway"),
    "user": Command("ikev1.cli.user", "gateway"),
    "check": Command("ikev1.cli.check", "gateway"),
    "import": Command("ikev1.cli.import_", "gateway"),
    "show": Command("ikev1.cli.show", "gateway"),
    "clear": Command("ikev1.cli.clear", "gateway"),
    "debug": Command("ikev1.cli.debug", "gateway"),
    "ipsec": Command("ikev1.cli.ipsec.command", "gateway"),
    "audit": Command("ikev1.cli.audit.command", "explain"),
    "learn": Command("ikev1.cli.learn.command", "explain"),
    "demo": Command("ikev1.cli.demo.command", "gateway"),
    "explain": Command("ikev1.cli.explain.command", "explain"),
}
_EXTRAS_OF_OPTIONS = {"prometheus_client": "metrics"}  # modules that a command needs only if it is configured so
MODULES_OF_EXTRAS = frozenset(
    {"click", "rich", "vici", "OpenSSL", "argon2", "pyrad", "pamela", "jinja2", "markupsafe", "zxcvbn"}
    | _EXTRAS_OF_OPTIONS.keys()
)


def missing_extra(error: ModuleNotFoundError, command: str) -> str | None:
    """What to tell the user when ``command`` met ``error``.

    ``command`` may be any word, and empty where none was given. None is returned if no extra brings the module that is
    missing: then the error is a defect.
    """
    module = (error.name or "").partition(".")[0]
    if module not in MODULES_OF_EXTRAS:
        return None
    extra = _EXTRAS_OF_OPTIONS.get(module) or (COMMANDS[command].extra if command in COMMANDS else "all")
    name = f"ikev1 {command}" if command in COMMANDS else "ikev1"
    return f"`{name}` needs the package {module}, which is not installed: pip install 'ikev1[{extra}]'"
