"""Options that select connections and peers, and the names that the shell offers for them at the Tab key: those that
the running gateway knows. Without a gateway there are none.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager

import click
from vici import Session

from ikev1.cli.control import Section, daemon, list_connections, list_sas
from ikev1.files.places import CONTROL_SOCKET


def connection_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The connections whose names begin with ``incomplete``."""
    return _starting(incomplete, _connections(context))


def tunnel_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The connections and, as ``CONNECTION/TUNNEL``, the tunnels whose names begin with ``incomplete``."""
    connections = _connections(context)
    tunnels = (f"{name}/{child}" for name, each in connections.items() for child in each.get("children", {}))
    return _starting(incomplete, (*connections, *tunnels))


def peer_addresses(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The addresses of peers with an ISAKMP SA that begin with ``incomplete``."""
    try:
        with _gateway(context) as session:
            return _starting(incomplete, {sa["remote-host"] for _, sa in list_sas(session)})
    except click.ClickException:
        return []


def _connections(context: click.Context) -> dict[str, Section]:
    try:
        with _gateway(context) as session:
            return list_connections(session)
    except click.ClickException:
        return {}


def _gateway(context: click.Context) -> AbstractContextManager[Session]:
    return daemon(context.params.get("path") or os.environ.get("IKEV1_SOCKET") or CONTROL_SOCKET)


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))


def _not_empty(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """An empty value selects everything in VICI; a script with an unset variable means anything but that."""
    if value == "":
        raise click.BadParameter("must not be empty.")
    return value


connection_option = click.option(
    "--connection",
    metavar="NAME",
    callback=_not_empty,
    shell_complete=connection_names,
    help="Only this connection.",
)
peer_option = click.option(
    "--peer",
    metavar="ADDRESS",
    callback=_not_empty,
    shell_complete=peer_addresses,
    help="Only what belongs to the peer with this address.",
)
