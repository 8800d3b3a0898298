"""The secrets of the operator to test against a capture: from a configuration or a file."""

from __future__ import annotations

from pathlib import Path

import click

from ikev1.audit.guess import OwnSecret
from ikev1.config import ConfigError, load
from ikev1.config.files import Files
from ikev1.config.secrets import Secrets
from ikev1.core.records.settings import Connection


def own_secrets(configuration: Path | None, file: Path | None) -> tuple[OwnSecret, ...]:
    """Load the secrets, each with its name for findings.

    Raises:
        click.ClickException: there is no secret, or it is invalid.
    """
    found: list[OwnSecret] = []
    if configuration is not None:
        found += [_of_connection(connection) for connection in _connections(configuration) if connection.secret]
        if not found:
            raise click.ClickException(f"{configuration} contains no pre-shared key to test.")
    if file is not None:
        try:
            found.append(OwnSecret(f"the secret in {file.name}", Secrets(Files(Path()), None).from_file(str(file))))
        except ValueError as error:
            raise click.ClickException(f"--secret-file: {error}") from None
    return tuple(found)


def _connections(configuration: Path) -> tuple[Connection, ...]:
    try:
        return load(configuration).settings.connections
    except ConfigError as error:
        raise click.ClickException(f"{configuration} is invalid: see `ikev1 check {configuration}`.") from error


def _of_connection(connection: Connection) -> OwnSecret:
    return OwnSecret(f"the secret of connection {connection.name}", connection.secret)
