"""`ikev1 check`: check a configuration without using it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from ikev1.config import DEFAULT_FILE, FORMATS, ConfigError, Finding, Loaded, Rule, load

Function = TypeVar("Function", bound=Callable[..., Any])


def format_options(command: Function) -> Function:
    """The options ``--format`` and ``--ignore`` of commands that read a configuration."""
    command = click.option(
        "--ignore",
        metavar="KEY",
        multiple=True,
        help="Do without this key of the file, although it matters; may be given several times.",
    )(command)
    return click.option(
        "--format", type=click.Choice(list(FORMATS)), help="The format of the file; by default recognized."
    )(command)


def load_or_fail(file: Path, load: Callable[[Path], Loaded] = load) -> Loaded:
    """The configuration in ``file``; warnings or errors are printed to standard error.

    Raises:
        click.ClickException: the configuration has errors (exit 1).
    """
    try:
        loaded = load(file)
    except ConfigError as error:
        raise failure(file, error) from error
    print_warnings(loaded.warnings)
    return loaded


def failure(file: Path, error: ConfigError) -> click.ClickException:
    """Print the errors of a configuration; what to raise then."""
    for finding in error.findings:
        click.echo(f"error: {finding}", err=True)
    if any(finding.rule is Rule.NOT_SUPPORTED for finding in error.findings):
        click.echo("`--ignore KEY` uses the configuration without a key that is not supported.", err=True)
    count = len(error.findings)
    return click.ClickException(f"{file} has {count} error{'s'[: count != 1]} and cannot be used.")


def print_warnings(warnings: Iterable[Finding]) -> None:
    """Print warnings to standard error."""
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE)
@format_options
def check(file: Path, format: str | None, ignore: tuple[str, ...]) -> None:
    """Check the configuration FILE (/etc/ikev1/ikev1.toml) and the secrets it refers to."""
    connections = load_or_fail(file, partial(load, format=format, ignored=ignore)).settings.connections
    tunnels = sum(len(connection.tunnels) for connection in connections)
    click.echo(f"{file}: valid; connections: {len(connections)}, tunnels: {tunnels}")
