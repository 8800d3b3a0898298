"""`ikev1 show isakmp sa` and `ikev1 show ipsec sa`."""

from __future__ import annotations

import click
import msgspec

from ikev1.cli.control import daemon, list_sas, socket_option
from ikev1.cli.tables import ipsec_text, isakmp_table, states_text, terminal
from ikev1.cli.views import IpsecSa, IsakmpSa, ipsec_sas, isakmp_sas

__all__ = ["show"]

json_option = click.option("--json", "as_json", is_flag=True, help="A JSON list, for programs.")


@click.group()
def show() -> None:
    """Show SAs in the words of a Cisco router."""


@show.group()
def isakmp() -> None:
    """Phase 1."""


@show.group()
def ipsec() -> None:
    """Phase 2."""


@isakmp.command("sa")
@json_option
@socket_option
def isakmp_sa(as_json: bool, path: str) -> None:
    """The ISAKMP SAs: between whom, in which state, and for how long."""
    with daemon(path) as session:
        sas = isakmp_sas(list_sas(session))
    if as_json:
        print_json(sas)
    elif sas:
        terminal().print(isakmp_table(sas))
        click.echo(f"\n{states_text(sas)}")
    else:
        click.echo("no ISAKMP SA")


@ipsec.command("sa")
@click.argument("keyword", required=False, type=click.Choice(["peer"]), metavar="[peer")
@click.argument("address", required=False, metavar="ADDRESS]")
@json_option
@socket_option
def ipsec_sa(keyword: str | None, address: str | None, as_json: bool, path: str) -> None:
    """The pairs of IPsec SAs: which networks, how much traffic, and for how long; all, or those with one peer."""
    if keyword and not address:
        raise click.UsageError("`peer` needs an address.")
    with daemon(path) as session:
        sas = ipsec_sas(list_sas(session), address)
    if as_json:
        print_json(sas)
    elif sas:
        click.echo(ipsec_text(sas))
    else:
        click.echo("no IPsec SA" + (f" with {address}" if address else ""))


def print_json(sas: list[IsakmpSa] | list[IpsecSa]) -> None:
    """The records as a JSON list."""
    click.echo(msgspec.json.format(msgspec.json.encode(sas)))
