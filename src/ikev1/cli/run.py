"""`ikev1 run`: run the gateway."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from ikev1.cli.check import Reading, format_options, load_or_fail
from ikev1.config import DEFAULT_FILE, ConfigError, GatewayOptions, Loaded
from ikev1.daemon.host.privileges import PrivilegeError, hide_memory, reduce_privileges


@click.command()
@click.option(
    "--config", type=click.Path(path_type=Path), default=DEFAULT_FILE, show_default=True, help="The configuration file."
)
@format_options
@click.option("--keylog", type=click.Path(path_type=Path), help="Write keys for Wireshark to this file.")
@click.option("--record", type=click.Path(path_type=Path), help="Write all ISAKMP messages to this pcapng file.")
@click.option("--core-dumps", is_flag=True, help="Allow core dumps, which contain all secrets.")
def run(
    config: Path,
    reading: Reading,
    keylog: Path | None,
    record: Path | None,
    core_dumps: bool,
) -> None:
    """Run the gateway in the foreground until SIGTERM or Ctrl-C; SIGHUP reloads the configuration."""
    try:
        if not core_dumps:
            hide_memory()  # before any secret is read
        options = load_or_fail(config, reading.load).gateway
        reduce_privileges(options.user, options.group, _folders(options))
        if not core_dumps:
            hide_memory()
    except (OSError, PrivilegeError) as error:
        raise click.ClickException(f"Cannot run the gateway: {error}.") from error
    _serve(config, reading.load, keylog, record)


def _folders(options: GatewayOptions) -> list[Path]:
    """The folders in which the gateway creates files while it runs."""
    return [Path(file).parent for file in (options.control, options.state) if file]


def _serve(config: Path, load: Callable[[Path], Loaded], keylog: Path | None, record: Path | None) -> None:
    # not above, because libraries start threads when they are imported
    from ikev1.daemon.process import run as run_daemon
    from ikev1.esp.plane import PlaneError
    from ikev1.store import StoreError

    try:
        run_daemon(config, load=load, keylog=keylog, record=record)
    except (ConfigError, OSError, PlaneError, StoreError) as error:
        raise click.ClickException(f"Cannot run the gateway: {error}.") from error
