"""`ikev1 clear`: SAs are closed and, unlike with `down`, come up again as their tunnels say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import click
from vici.exception import CommandException

from ikev1.cli.cisco import CiscoGroup
from ikev1.cli.control import Section, daemon, each_sa, socket_option
from ikev1.cli.options import connection_option, peer_option
from ikev1.cli.updown import print_log

Selector = Callable[[Section], Iterable[dict[str, str]]]


@click.group(cls=CiscoGroup)
def clear() -> None:
    """Close SAs, in the words of a Cisco router. Tunnels come up again as their `start` says."""


@clear.command()
@connection_option
@peer_option
@socket_option
def sa(connection: str | None, peer: str | None, path: str) -> None:
    """Close pairs of IPsec SAs: all of them, or those of a connection or peer."""
    _close(path, connection, peer, lambda sa: ({"child-id": child["uniqueid"]} for child in sa["child-sas"].values()))


@clear.command()
@click.option("--conn-id", type=click.IntRange(1), help="The number of the ISAKMP SA.")
@connection_option
@peer_option
@socket_option
def isakmp(conn_id: int | None, connection: str | None, peer: str | None, path: str) -> None:
    """Close ISAKMP SAs and their pairs of IPsec SAs: all of them, or those of a connection or peer."""
    _close(path, connection, peer, lambda sa: [{"ike-id": sa["uniqueid"]}] if _is(sa, conn_id) else [])


def _is(sa: Section, conn_id: int | None) -> bool:
    return conn_id is None or sa["uniqueid"] == str(conn_id)


def _close(path: str, connection: str | None, peer: str | None, selectors: Selector) -> None:
    """Close what ``selectors`` gives for each ISAKMP SA of ``connection`` with the address ``peer``."""
    with daemon(path) as session:
        targets = [target for _, sa in each_sa(session, connection, peer) for target in selectors(sa)]
        for target in targets:
            with suppress(CommandException):  # the SA is gone already
                print_log(session.terminate({**target, "reestablish": "yes"}))
    if not targets:
        raise click.ClickException("There is no such SA.")
    click.echo(f"closed: {len(targets)}")
