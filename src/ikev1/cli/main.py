"""The command `ikev1`: its parts are one file each, loaded only when they are asked for.

`run` and `demo` need libraries that take longer to load than any other command takes to run.
"""

from __future__ import annotations

from importlib import import_module
from keyword import iskeyword
from typing import NoReturn

import click

from ikev1.cli.commands import COMMANDS, is_installed, missing_extra
from ikev1.errors import LocalError


class MissingExtra(LocalError, click.ClickException):
    """The command needs a package that an extra of ikev1 installs."""

    code = "missing-extra"
    exit_code = 2


class _Unavailable(click.Command):
    """A command whose extra is not installed: it says what to install whatever its arguments are."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)
        self._reason = reason

    def parse_args(self, ctx: click.Context, args: list[str]) -> NoReturn:
        raise MissingExtra(self._reason)


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        try:
            function = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
            command: click.Command = getattr(import_module(COMMANDS[cmd_name].module), function)
        except ModuleNotFoundError as error:
            reason = missing_extra(error, cmd_name)
            if reason is None:
                raise
            return _Unavailable(cmd_name, reason)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, each.help if is_installed(name) else "(not installed)") for name, each in COMMANDS.items()]
            )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ikev1")
def main() -> None:
    """IKEv1 gateway and client: run it, and see what it does."""
