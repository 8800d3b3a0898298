"""`ikev1 up` and `ikev1 down`: a connection with all its tunnels, one tunnel, or the clients of a user."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import click
from vici import Session

from ikev1.cli.control import Section, daemon, decoded, list_connections, list_sas, socket_option
from ikev1.cli.options import tunnel_names

_AT_ONCE = 16  # sessions with the daemon

timeout_option = click.option(
    "--timeout", type=click.IntRange(1), default=30, show_default=True, help="Seconds to wait for the peer."
)


@click.command()
@click.argument("name", shell_complete=tunnel_names)
@timeout_option
@socket_option
def up(name: str, timeout: int, path: str) -> None:
    """Bring up NAME: a tunnel, CONNECTION/TUNNEL, or a connection with all its tunnels, at the same time."""
    with daemon(path) as session:
        wanted = targets(name, list_connections(session))
    once = LogLines()
    with ThreadPoolExecutor(min(len(wanted), _AT_ONCE)) as pool:
        outcomes = list(pool.map(lambda target: _bring_up(target, timeout, path, once), wanted))
    failed = {described(target): error for target, error in zip(wanted, outcomes, strict=True) if error is not None}
    if len(wanted) == 1 or not failed:
        for error in failed.values():
            raise error
        return
    missing = "; ".join(f"{target}: {error.message}" for target, error in failed.items())
    raise click.ClickException(f"{len(failed)} of {len(wanted)} tunnels of {name} are not up: {missing}")


def _bring_up(target: Section, timeout: int, path: str, once: LogLines) -> click.ClickException | None:
    """Bring up one tunnel, in its own session. Return the error if it is not up."""
    try:
        with daemon(path) as session:
            once.print(session.initiate({**target, "timeout": str(1000 * timeout)}))
    except click.ClickException as error:
        return error
    click.echo(f"{described(target)} is up")
    return None


@click.command()
@click.argument("name", required=False, shell_complete=tunnel_names)
@click.option("--user", help="Take down all clients of this user, instead of NAME.")
@timeout_option
@socket_option
def down(name: str | None, user: str | None, timeout: int, path: str) -> None:
    """Take down NAME: a tunnel, CONNECTION/TUNNEL, or a connection with all its tunnels."""
    if (name is None) is (user is None):
        raise click.UsageError("Give either NAME or --user.")
    with daemon(path) as session:
        if name is None:
            _take_down_user(session, str(user), timeout)
            return
        known = _with_removed(list_connections(session), list_sas(session))
        found = [{"ike": name}] if name in known else targets(name, known)
        for target in found:
            print_log(session.terminate({**target, "timeout": str(1000 * timeout)}))
            click.echo(f"{described(target)} is down")


def _take_down_user(session: Session, user: str, timeout: int) -> None:
    """Close the ISAKMP SAs of all clients of ``user``, including replaced ones that still receive."""
    found = [sa for _, sa in list_sas(session) if sa.get("remote-xauth-id") == user]
    if not found:
        raise click.ClickException(f"User {user!r} is not connected.")
    for sa in found:
        print_log(session.terminate({"ike-id": sa["uniqueid"], "timeout": str(1000 * timeout)}))
    click.echo(f"{user} is down")


def _with_removed(connections: dict[str, Section], sas: list[tuple[str, Section]]) -> dict[str, Section]:
    """``connections`` with those and their tunnels that still have SAs, but were removed from the configuration."""
    known = {name: {**section, "children": dict(section.get("children", {}))} for name, section in connections.items()}
    for connection, sa in sas:
        children = known.setdefault(connection, {"children": {}})["children"]
        for child in sa["child-sas"].values():
            children.setdefault(child["name"], child)
    return known


def targets(name: str, connections: dict[str, Section]) -> list[Section]:
    """The targets of `initiate` for NAME: every tunnel of a connection, or one tunnel.

    Raises:
        click.ClickException: nothing has this name, or several tunnels have it.
    """
    if name in connections:
        children = connections[name].get("children", {})
        return [{"ike": name, "child": child} for child in children] or [{"ike": name}]
    found = [
        {"ike": connection, "child": child}
        for connection, section in connections.items()
        for child in section.get("children", {})
        if name in (child, f"{connection}/{child}")
    ]
    if not found:
        raise click.ClickException(f"No connection or tunnel is named {name!r}. Configured: {_all(connections)}.")
    if len(found) > 1:
        names = ", ".join(f"{target['ike']}/{target['child']}" for target in found)
        raise click.ClickException(f"Several tunnels are named {name!r}: give one of {names}.")
    return found


def _all(connections: dict[str, Section]) -> str:
    names = [
        path
        for connection, section in connections.items()
        for path in (connection, *(f"{connection}/{child}" for child in section.get("children", {})))
    ]
    return ", ".join(names) or "none"


def described(target: Section) -> str:
    """A target in the words of the command line."""
    return f"{target['ike']}/{target['child']}" if "child" in target else str(target["ike"])


class LogLines:
    """Prints the daemon's log of several concurrent commands, each line only once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._printed: set[str] = set()

    def print(self, lines: Iterable[Section]) -> None:
        """Print the events `control-log` that were not printed for another command."""
        for line in map(_as_text, lines):
            with self._lock:
                if line not in self._printed:
                    self._printed.add(line)
                    click.echo(line, err=True)


def print_log(lines: Iterable[Section]) -> None:
    """Print the daemon's log of the command (the events `control-log`)."""
    for line in map(_as_text, lines):
        click.echo(line, err=True)


def _as_text(line: Section) -> str:
    message = decoded(line)
    return f"[{message.get('group', '')}] {message.get('msg', '')}"
