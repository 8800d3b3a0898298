"""`ikev1 show`: ISAKMP SAs, pairs of IPsec SAs, the data plane, users, pools and leases."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec

from ikev1.cli.cisco import CiscoGroup
from ikev1.cli.control import (
    daemon,
    each_sa,
    get_pools,
    list_policies,
    list_tunnels,
    socket_option,
    statistics,
)
from ikev1.cli.options import connection_option, peer_option
from ikev1.cli.policies import policies_of, policies_text
from ikev1.cli.remote_users import leases_of, leases_table, pools_of, pools_table, users_of, users_table
from ikev1.cli.tables import drops_text, ipsec_text, isakmp_detail_text, isakmp_table, plane_text, states_text
from ikev1.cli.tunnels import reasons_text, tunnels_of, tunnels_table
from ikev1.cli.views import Plane, ipsec_sas, isakmp_sas, plane_of

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=CiscoGroup)
def show() -> None:
    """Show SAs, in the words of a Cisco router, the data plane, and remote users."""


@show.group()
def isakmp() -> None:
    """Show phase 1."""


@show.group()
def ipsec() -> None:
    """Show phase 2."""


@isakmp.command("sa")
@connection_option
@peer_option
@click.option("--detail", is_flag=True, help="Show a block for each SA, with identities, cookies and times.")
@json_option
@socket_option
def isakmp_sa(connection: str | None, peer: str | None, detail: bool, as_json: bool, path: str) -> None:
    """Show the ISAKMP SAs: addresses, state and lifetime."""
    with daemon(path) as session:
        sas = isakmp_sas(each_sa(session, connection, peer, children=False))
    if as_json:
        print_json(sas)
    elif sas and detail:
        click.echo(isakmp_detail_text(sas))
    elif sas:
        click.echo(f"{isakmp_table(sas)}\n\n{states_text(sas)}")
    else:
        click.echo("no ISAKMP SA")


@isakmp.command("policy")
@connection_option
@json_option
@socket_option
def isakmp_policy(connection: str | None, as_json: bool, path: str) -> None:
    """Show the policies of phase 1, and the connections that use them."""
    with daemon(path) as session:
        found = policies_of(list_policies(session, connection))
    if as_json:
        print_json(found)
    else:
        click.echo(policies_text(found) or "no policy is configured")


@ipsec.command("sa")
@connection_option
@peer_option
@json_option
@socket_option
def ipsec_sa(connection: str | None, peer: str | None, as_json: bool, path: str) -> None:
    """Show the pairs of IPsec SAs: networks, traffic and lifetime; all of them, or those with one peer.

    Dropped packets are explained.
    """
    with daemon(path) as session:
        sas = ipsec_sas(each_sa(session, connection, peer))
        dropped = drops_text(plane_of(statistics(session)))
    if as_json:
        print_json(sas)
        return
    text = ipsec_text(sas) if sas else "no IPsec SA" + (" in this selection" if connection or peer else "")
    click.echo("\n\n".join(filter(None, (text, dropped))))


@show.command()
@connection_option
@peer_option
@click.option("--down", is_flag=True, help="Show only tunnels that are not up.")
@json_option
@socket_option
def tunnels(connection: str | None, peer: str | None, down: bool, as_json: bool, path: str) -> None:
    """Show the configured tunnels: whether each is up and, if not, why, and when the next attempt is due."""
    with daemon(path) as session:
        found = tunnels_of(list_tunnels(session, connection, down=down), peer)
    nothing = "no tunnel is down" if down else "no tunnel is configured"
    if connection or peer:
        nothing += " in this selection"
    _print(found, tunnels_table(found), nothing, as_json=as_json)
    reasons = reasons_text(found)
    if reasons and not as_json:
        click.echo(f"\n{reasons}")


@show.command()
@json_option
@socket_option
def plane(as_json: bool, path: str) -> None:
    """Show the data plane, why it was chosen, and the packets dropped since the gateway started."""
    with daemon(path) as session:
        shown = plane_of(statistics(session))
    if as_json:
        print_json(shown)
    else:
        click.echo(plane_text(shown))


@show.command()
@json_option
@socket_option
def users(as_json: bool, path: str) -> None:
    """Show the users that are connected, and their virtual addresses."""
    with daemon(path) as session:
        found = users_of(each_sa(session, children=False))
    _print(found, users_table(found), "no user is connected", as_json=as_json)


@show.command()
@json_option
@socket_option
def pools(as_json: bool, path: str) -> None:
    """Show the pools of virtual addresses, and how many of them are assigned."""
    with daemon(path) as session:
        found = pools_of(get_pools(session))
    _print(found, pools_table(found), "no pool is configured", as_json=as_json)


@show.command()
@json_option
@socket_option
def leases(as_json: bool, path: str) -> None:
    """Show the virtual addresses that clients have, and those kept for users who were connected before."""
    with daemon(path) as session:
        found = leases_of(get_pools(session, leases=True))
    _print(found, leases_table(found), "no address is assigned", as_json=as_json)


def _print(found: Sequence[msgspec.Struct], table: str, nothing: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    elif found:
        click.echo(table)
    else:
        click.echo(nothing)


def print_json(shown: Sequence[msgspec.Struct] | Plane) -> None:
    """The records as JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(shown)))
