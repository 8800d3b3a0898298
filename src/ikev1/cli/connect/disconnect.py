"""`ikev1 disconnect`: end a connection of `ikev1 connect`."""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import click
from vici import Session
from vici.exception import SessionException

from ikev1.cli.connect.configuration import CONNECTION, FOLDER_PREFIX
from ikev1.cli.control import list_connections
from ikev1.files.temporary import folders_in_use

_ANSWER = 10.0  # seconds for a process to say what it is connected to
_END = 60.0  # seconds for a process to end: PPP and the gateway have their time
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid (struct ucred)


class _Running(NamedTuple):
    """A process of `ikev1 connect`, by its number and a file descriptor of pidfd_open(2)."""

    gateway: str
    number: int
    process: int


@click.command()
@click.argument("gateway", required=False)
def disconnect(gateway: str | None) -> None:
    """End the connection of `ikev1 connect` to GATEWAY, as it was given there; without GATEWAY, the only one.

    Connections of other users are not found. Exit status: 0 disconnected, 1 there is no such connection, or several.
    """
    with ExitStack() as opened:
        running = [each for folder in folders_in_use(FOLDER_PREFIX) if (each := _asked(folder, opened)) is not None]
        meant = [each for each in running if gateway in (None, each.gateway)]
        if len(meant) != 1:
            raise click.ClickException(_not_one(gateway, running, meant))
        signal.pidfd_send_signal(meant[0].process, signal.SIGTERM)
        if not select.select([meant[0].process], [], [], _END)[0]:
            raise click.ClickException(f"Process {meant[0].number} has not ended within {_END:.0f} seconds.")
    click.echo(f"disconnected from {meant[0].gateway}")


def _asked(folder: Path, opened: ExitStack) -> _Running | None:
    """The process that listens in a folder; None if it ends, or does not listen yet."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_ANSWER)
        try:
            client.connect(str(folder / "control.vici"))
            credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            number, *_ = _CREDENTIALS.unpack(credentials)
            process = os.pidfd_open(number)
            opened.callback(os.close, process)
            # it answers, so the descriptor is not of another process with the same number
            connection = list_connections(Session(client))[CONNECTION]
        except (OSError, SessionException, KeyError):
            return None
    (gateway,) = connection["remote_addrs"]
    return _Running(gateway, number, process)


def _not_one(gateway: str | None, running: list[_Running], meant: list[_Running]) -> str:
    known = ", ".join(f"{each.gateway} (process {each.number})" for each in running)
    if not running:
        return "`ikev1 connect` is not connected to any gateway as this user."
    if not meant:
        return f"`ikev1 connect` is not connected to {gateway}, but to: {known}."
    how = "give its gateway" if gateway is None else "end one with `kill PROCESS`"
    return f"There are several connections; {how}: {known}."
