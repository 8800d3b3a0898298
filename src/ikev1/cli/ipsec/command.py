"""`ikev1 ipsec`: chooses between the two commands `ipsec` that programs know."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ikev1.cli.control import socket_option
from ikev1.cli.ipsec import libreswan, strongswan
from ikev1.cli.ipsec.service import Service

_DIALECTS = {"strongswan": strongswan.run, "libreswan": libreswan.run}


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []}
)
@click.option(
    "--as",
    "dialect",
    type=click.Choice(list(_DIALECTS)),
    default="strongswan",
    show_default=True,
    envvar="IKEV1_IPSEC",
    show_envvar=True,
    help="Whose command this is.",
)
@socket_option
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def ipsec(dialect: str, path: str, words: tuple[str, ...]) -> None:
    """The command `ipsec` of strongSwan or libreswan, for programs such as NetworkManager-l2tp."""
    home = Path(os.environ.get("IPSEC_CONFDIR", "/etc")).absolute()
    sys.exit(_DIALECTS[dialect](list(words), Service(path), home))
