"""`ikev1 reload`: make the running daemon read its configuration again."""

from __future__ import annotations

import click

from ikev1.cli.control import daemon, socket_option


@click.command()
@socket_option
def reload(path: str) -> None:
    """Reload the configuration; established SAs stay up."""
    with daemon(path) as session:
        session.reload_settings()
    click.echo("configuration reloaded")
