"""The command `ikev1`: its parts are one file each."""

from __future__ import annotations

import click

from ikev1.cli.check import check
from ikev1.cli.debug import debug
from ikev1.cli.demo.command import demo
from ikev1.cli.reload import reload
from ikev1.cli.run import run
from ikev1.cli.show import show
from ikev1.cli.updown import down, up

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ikev1")
def main() -> None:
    """IKEv1 gateway and client: run it, and see what it does."""


for command in (run, up, down, reload, check, show, debug, demo):
    main.add_command(command)
