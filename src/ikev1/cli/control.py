"""The command line's connection to the daemon: a VICI client on its control socket."""

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
    """A session with the daemon that listens at ``path``.

    Raises:
        click.ClickException: the daemon is not running, closed the connection, or rejected the command (exit 1).
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
        raise click.ClickException(f"The daemon at {path} does not support this command: {error}.") from error
    except OSError as error:
        raise click.ClickException(f"The daemon at {path} closed the connection: {error.strerror or error}.") from error
    finally:
        client.close()


def answers(path: str) -> bool:
    """Whether a daemon that listens at ``path`` answers."""
    try:
        with daemon(path) as session:
            session.version()
    except click.ClickException:
        return False
    return True


def _unreachable(path: str, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"Permission denied for the control socket {path}: run as root, or as a member of the socket's group."
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return f"No daemon is listening at {path}: start it with `ikev1 run`, or give its socket with --socket."
    return f"Cannot connect to the control socket {path}: {error.strerror or error}."


def decoded(value: Any) -> Any:
    """A received message, with octets decoded to text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return {key: decoded(item) for key, item in value.items()}


def list_sas(session: Session, connection: str | None = None) -> list[tuple[str, Section]]:
    """Every ISAKMP SA with its connection's name, or those of one ``connection``."""
    wanted = {} if connection is None else {"ike": connection}
    return [item for event in session.list_sas(wanted) for item in decoded(event).items()]


def list_tunnels(session: Session, connection: str | None = None, *, down: bool = False) -> list[Section]:
    """Every configured tunnel, or those of one ``connection``; with ``down``, only those that are not up."""
    wanted = {"down": "yes" if down else "no", **({} if connection is None else {"ike": connection})}
    return [decoded(event) for event in session.streamed_request("list-tunnels", "list-tunnel", wanted)]


def list_policies(session: Session, connection: str | None = None) -> list[Section]:
    """Every policy of phase 1 with its connection's name, or those of one ``connection``."""
    wanted = {} if connection is None else {"ike": connection}
    return [decoded(event) for event in session.streamed_request("list-ike-policies", "list-ike-policy", wanted)]


def list_connections(session: Session) -> dict[str, Section]:
    """Every connection by name, without shunts, which nobody initiates."""
    found = {name: section for event in session.list_conns() for name, section in decoded(event).items()}
    return {name: section for name, section in found.items() if not _is_shunt(section)}


def _is_shunt(section: Section) -> bool:
    return any(child["mode"] in ("PASS", "DROP") for child in section["children"].values())


def get_pools(session: Session, *, leases: bool = False) -> Section:
    """The pools of virtual addresses by name, with their leases or without."""
    pools: Section = decoded(session.get_pools({"leases": "yes" if leases else "no"}))
    return pools


def statistics(session: Session) -> Section:
    """The daemon's statistics."""
    stats: Section = decoded(session.stats())
    return stats
