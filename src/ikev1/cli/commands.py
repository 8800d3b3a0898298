"""The commands: the module of each, and the extra of the package that brings what it needs.

This file needs the standard library alone, so that a missing extra can be named where nothing else is installed.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import NamedTuple


class Command(NamedTuple):
    """The module with the command's function, an extra in pyproject.toml, and the line in `ikev1 --help`, for which no
    command is loaded.
    """

    module: str
    extra: str
    help: str


COMMANDS = {
    "run": Command("ikev1.cli.run", "gateway", "Run the gateway in the foreground."),
    "connect": Command(
        "ikev1.cli.connect.command", "gateway", "Connect this host to a gateway as a Cisco VPN client does."
    ),
    "disconnect": Command("ikev1.cli.connect.disconnect", "gateway", "End the connection of `ikev1 connect`."),
    "up": Command("ikev1.cli.updown", "gateway", "Bring up a tunnel, or all tunnels of a connection."),
    "down": Command("ikev1.cli.updown", "gateway", "Take down a tunnel, or a connection."),
    "reload": Command("ikev1.cli.reload", "gateway", "Reload the configuration."),
    "release": Command("ikev1.cli.release", "gateway", "Let traffic pass in the clear that the gateway has held back."),
    "user": Command("ikev1.cli.user", "gateway", "Change the file of users."),
    "check": Command("ikev1.cli.check", "gateway", "Check a configuration file."),
    "import": Command("ikev1.cli.import_", "gateway", "Convert the configuration of another program."),
    "show": Command("ikev1.cli.show", "gateway", "Show SAs, the data plane, tunnels and remote users."),
    "clear": Command("ikev1.cli.clear", "gateway", "Close SAs."),
    "debug": Command("ikev1.cli.debug", "gateway", "Show what the daemon does, as it happens."),
    "ipsec": Command("ikev1.cli.ipsec.command", "gateway", "The command `ipsec` of strongSwan or libreswan."),
    "audit": Command(
        "ikev1.cli.audit.command", "explain", "Report the security weaknesses of a capture or configuration."
    ),
    "learn": Command(
        "ikev1.cli.learn.command", "explain", "Run a real exchange on this machine, and explain each message."
    ),
    "demo": Command("ikev1.cli.demo.command", "gateway", "Bring up a tunnel between two gateways on this machine."),
    "explain": Command("ikev1.cli.explain.command", "explain", "Explain the IKEv1 conversations in a capture."),
}
_TELLING = {"gateway": "vici", "explain": "jinja2"}  # a module that each extra alone brings
_EXTRAS_OF_OPTIONS = {"prometheus_client": "metrics"}  # modules that a command needs only if it is configured so
MODULES_OF_EXTRAS = frozenset(
    {"click", "rich", "vici", "OpenSSL", "argon2", "pyrad", "pamela", "jinja2", "markupsafe", "zxcvbn"}
    | _EXTRAS_OF_OPTIONS.keys()
)


def is_installed(command: str) -> bool:
    """Whether the extra of ``command`` is installed, without loading any of it."""
    return find_spec(_TELLING[COMMANDS[command].extra]) is not None


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
