"""`ikev1 check`: check a configuration without using it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple, TypeVar, cast

import click

from ikev1.config import DEFAULT_FILE, FORMATS, ConfigError, Finding, Loaded, Rule, Side, load
from ikev1.config.findings import lines
from ikev1.config.formats import read
from ikev1.config.formats.written import Written

_MOST_IGNORED = 5  # keys for which the option is written out
Function = TypeVar("Function", bound=Callable[..., Any])


class Reading(NamedTuple):
    """How a configuration is to be read, as the options of a command say."""

    format: str | None = None
    ignored: tuple[str, ...] = ()
    side: Side | None = None

    def load(self, file: Path) -> Loaded:
        """As `ikev1.config.load`."""
        return load(file, format=self.format, ignored=self.ignored, side=self.side)

    def read(self, file: Path) -> Written:
        """As `ikev1.config.formats.read`."""
        return read(file, self.format, self.ignored, self.side)


def format_options(command: Function) -> Function:
    """The options of commands that read a configuration, which get them as ``reading``."""

    @click.option("--format", type=click.Choice(list(FORMATS)), help="The format of the file; by default recognized.")
    @click.option("--as", "as_", metavar="NAME", help="Take the place of this router of the file.")
    @click.option("--peer-of", metavar="NAME", help="Take the place of the peer of this router of the file.")
    @click.option(
        "--ignore",
        metavar="KEY",
        multiple=True,
        help="Do without this key of the file, although it matters; may be given several times.",
    )
    @wraps(command)
    def with_reading(
        format: str | None, as_: str | None, peer_of: str | None, ignore: tuple[str, ...], **others: Any
    ) -> Any:
        if as_ is not None and peer_of is not None:
            raise click.UsageError("--as and --peer-of exclude each other.")
        chosen = as_ if peer_of is None else peer_of
        side = None if chosen is None else Side(chosen, peer_of is not None)
        return command(reading=Reading(format, ignore, side), **others)

    return cast(Function, with_reading)


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
    for line in lines(error.findings):
        click.echo(f"error: {line}", err=True)
    lost = dict.fromkeys(each.key for each in error.findings if each.rule is Rule.NOT_SUPPORTED)
    if lost:
        options = " ".join(f"--ignore {quote(key)}" for key in islice(lost, _MOST_IGNORED))
        more = " ..." if len(lost) > _MOST_IGNORED else ""
        click.echo(f"To use it without what is not supported: {options}{more}", err=True)
    count = len(error.findings)
    return click.ClickException(f"{file} has {count} error{'s'[: count != 1]} and cannot be used.")


def print_warnings(warnings: Iterable[Finding]) -> None:
    """Print warnings to standard error."""
    for line in lines(warnings):
        click.echo(f"warning: {line}", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE)
@format_options
def check(file: Path, reading: Reading) -> None:
    """Check the configuration FILE (/etc/ikev1/ikev1.toml) and the secrets it refers to."""
    connections = load_or_fail(file, reading.load).settings.connections
    tunnels = sum(len(connection.tunnels) for connection in connections)
    click.echo(f"{file}: valid; connections: {len(connections)}, tunnels: {tunnels}")
