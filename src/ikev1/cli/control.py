"""The daemon seen from the command line: a VICI client on its control socket, and nothing private."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from vici import Session
from vici.exception import CommandException, EventUnknownException, SessionException

from ikev1.files.places import CONTROL_SOCKET

Section = dict[str, Any]
"""A VICI message: text, lists of text, and sections."""

socket_option: Callable[..., Any] = click.option(
    "--socket",
    "path",
    default=CONTROL_SOCKET,
    envvar="IKEV1_SOCKET",
    show_default=True,
    show_envvar=True,
    help="The daemon's control socket.",
)


@contextmanager
def daemon(path: str) -> Iterator[Session]:
    """A conversation with the daemon that listens at ``path``.

    Raises:
        click.ClickException: nobody listens, the daemon went away, or it refused; a sentence for people (exit 1).
    """
    client = socket.socket(socket.AF_UNIX)
    try:
        try:
            client.connect(path)
        except OSError as error:
            raise click.ClickException(_unreachable(path, error)) from error
        yield Session(client)
    except CommandException as error:
        raise click.ClickException(str(error).removeprefix("Command failed: ")) from error
    except (EventUnknownException, SessionException) as error:
        raise click.ClickException(f"The daemon at {path} does not know this command: {error}.") from error
    except OSError as error:
        raise click.ClickException(f"The daemon at {path} went away: {error.strerror or error}.") from error
    finally:
        client.close()


def _unreachable(path: str, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"The control socket {path} is not open to you: use root, or a member of the socket's group."
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return f"No daemon listens at {path}: start it with `ikev1 run`, or name its socket with --socket."
    return f"The control socket {path} cannot be reached: {error.strerror or error}."


def decoded(value: Any) -> Any:
    """A received message with all octets as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return {key: decoded(item) for key, item in value.items()}


def list_sas(session: Session) -> list[tuple[str, Section]]:
    """Every ISAKMP SA with its connection's name."""
    return [item for event in session.list_sas() for item in decoded(event).items()]


def list_connections(session: Session) -> dict[str, Section]:
    """Every connection by name."""
    return {name: section for event in session.list_conns() for name, section in decoded(event).items()}


def statistics(session: Session) -> Section:
    """What the daemon tells about itself."""
    stats: Section = decoded(session.stats())
    return stats
