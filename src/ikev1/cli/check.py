"""`ikev1 check`: check a configuration without using it."""

from __future__ import annotations

from pathlib import Path

import click

from ikev1.config import DEFAULT_FILE, ConfigError, Loaded, load


def load_or_fail(file: Path) -> Loaded:
    """The configuration in ``file``; warnings or errors are printed to standard error.

    Raises:
        click.ClickException: the configuration has errors (exit 1).
    """
    try:
        loaded = load(file)
    except ConfigError as error:
        for finding in error.findings:
            click.echo(f"error: {finding}", err=True)
        count = len(error.findings)
        raise click.ClickException(f"{file} has {count} error{'s'[: count != 1]} and cannot be used.") from error
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    return loaded


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE)
def check(file: Path) -> None:
    """Check the configuration FILE (/etc/ikev1/ikev1.toml) and the secrets it refers to."""
    connections = load_or_fail(file).settings.connections
    tunnels = sum(len(connection.tunnels) for connection in connections)
    click.echo(f"{file}: valid; connections: {len(connections)}, tunnels: {tunnels}")
