"""`ikev1 release`: remove the policies and rules by which a gateway that has stopped still drops clear traffic."""

from __future__ import annotations

import socket
from pathlib import Path

import click

from ikev1.cli.check import Reading, format_options, load_or_fail
from ikev1.config import DEFAULT_FILE


@click.command()
@click.option(
    "--config", type=click.Path(path_type=Path), default=DEFAULT_FILE, show_default=True, help="The configuration file."
)
@format_options
def release(config: Path, reading: Reading) -> None:
    """Let the traffic of tunnels pass in the clear after the gateway has ended."""
    from ikev1.daemon.host.data_plane_choice import forget_kernel, forget_userspace
    from ikev1.esp.plane import PlaneError

    options = load_or_fail(config, reading.load).gateway
    if _is_running(options.control):
        raise click.ClickException(
            f"A gateway is running and listens at {options.control}: stop it first, or use `ikev1 down NAME`."
        )
    try:
        released = [forget(options) for forget in (forget_userspace, forget_kernel)]
    except PlaneError as error:
        raise click.ClickException(f"Cannot release the traffic of tunnels: {error}.") from error
    if any(released):
        click.echo("the traffic of tunnels passes in the clear")
    else:
        click.echo("nothing is left of a gateway")


def _is_running(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError:
            return False
    return True
