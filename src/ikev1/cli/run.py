"""`ikev1 run`: be the gateway."""

from __future__ import annotations

from pathlib import Path

import click

from ikev1.cli.check import load_or_fail
from ikev1.config import DEFAULT_FILE
from ikev1.daemon import run as run_daemon
from ikev1.esp.plane import PlaneError
from ikev1.store import StoreError

__all__ = ["run"]


@click.command()
@click.option("--config", type=click.Path(path_type=Path), default=DEFAULT_FILE, show_default=True, help="What to do.")
@click.option("--keylog", type=click.Path(path_type=Path), help="Write keys for Wireshark into this file.")
def run(config: Path, keylog: Path | None) -> None:
    """Run the gateway in the foreground until SIGTERM or Ctrl-C; SIGHUP reads the configuration again."""
    load_or_fail(config)
    try:
        run_daemon(config, keylog=keylog)
    except (OSError, PlaneError, StoreError) as error:
        raise click.ClickException(f"The gateway cannot run: {error}.") from error
