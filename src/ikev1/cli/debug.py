"""`ikev1 debug isakmp`: the daemon's messages and decisions, as they happen."""

from __future__ import annotations

import re
from collections.abc import Generator

import click
from vici import Session

from ikev1.cli.cisco import CiscoGroup
from ikev1.cli.control import Section, daemon, decoded, socket_option
from ikev1.cli.states import meaning

_STATE = re.compile(r"[A-Z]{2}_[A-Z0-9_]+$")


@click.group(cls=CiscoGroup)
def debug() -> None:
    """Show what the daemon does, as it happens."""


@debug.command()
@socket_option
def isakmp(path: str) -> None:
    """Show every message that is sent or received, with the resulting state, until Ctrl-C."""
    with daemon(path) as session:
        try:
            for line in watch(session):
                click.echo(line)
        except KeyboardInterrupt:
            click.echo()


def watch(session: Session) -> Generator[str, None, None]:
    """The daemon's log from now on."""
    for _, line in session.listen(["log"]):
        yield log_text(decoded(line))


def log_text(line: Section) -> str:
    """An event of the daemon's log as a line; a state word at its end is explained."""
    sa = f" {line['ikesa-name']}#{line.get('ikesa-uniqueid', '')}" if "ikesa-name" in line else ""
    text = f"[{line['group']}]{sa} {line['msg']}"
    state = _STATE.search(line["msg"])
    explained = meaning(state[0]) if state else ""
    return f"{text}  ({explained})" if explained else text
