"""`ikev1 reload`: make the running daemon read its configuration again."""

from __future__ import annotations

import click

from ikev1.cli.control import daemon, socket_option


@click.command()
@click.option("--now", is_flag=True, help="Replace SAs that do not match the configuration at once.")
@click.option("--drain", is_flag=True, help="Use SAs of removed connections and tunnels until they expire.")
@socket_option
def reload(now: bool, drain: bool, path: str) -> None:
    """Reload the configuration. Established SAs stay up until they are rekeyed; what was removed is closed."""
    options = {key: "yes" for key, wanted in (("now", now), ("drain", drain)) if wanted}
    with daemon(path) as session:
        session.request("reload-settings", options)
    click.echo("configuration reloaded")
