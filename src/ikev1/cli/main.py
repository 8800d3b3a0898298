"""The command `ikev1`: its parts are one file each, loaded only when they are asked for.

`run` and `demo` need libraries that take longer to load than any other command takes to run.
"""

from __future__ import annotations

from importlib import import_module

import click

_MODULES = {
    "run": "ikev1.cli.run",
    "up": "ikev1.cli.updown",
    "down": "ikev1.cli.updown",
    "reload": "ikev1.cli.reload",
    "check": "ikev1.cli.check",
    "show": "ikev1.cli.show",
    "debug": "ikev1.cli.debug",
    "audit": "ikev1.cli.audit.command",
    "learn": "ikev1.cli.learn.command",
    "demo": "ikev1.cli.demo.command",
    "explain": "ikev1.cli.explain.command",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        command: click.Command = getattr(import_module(_MODULES[cmd_name]), cmd_name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ikev1")
def main() -> None:
    """IKEv1 gateway and client: run it, and see what it does."""
