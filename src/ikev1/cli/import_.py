"""`ikev1 import`: convert the configuration of another program to `ikev1.toml`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from ikev1.cli.check import Reading, failure, format_options, print_warnings
from ikev1.config import ConfigError, load_written
from ikev1.config.export import exported
from ikev1.config.formats import TOML, recognised
from ikev1.files.private import open_private


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@format_options
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write, with its secrets beside it.")
def import_(file: Path, reading: Reading, output: Path | None) -> None:
    """Convert the configuration FILE of another program to ikev1.toml. What has no counterpart is listed."""
    if (reading.format or recognised(file)) == TOML:
        raise click.ClickException(
            f"{file} is not recognized as a configuration of another program: give its format with --format."
        )
    try:
        written = reading.read(file)
        loaded = load_written(written, file)
    except ConfigError as error:
        raise failure(file, error) from error
    print_warnings(loaded.warnings)
    tables = written.values
    passwords = tables.get("users", {}).get("secrets", {})
    users = _users(passwords) if passwords else ""
    if users:
        tables = {**tables, "users": {"file": "users"}}
    text, secrets = exported(tables, written.places)
    if output is None:
        click.echo(text, nl=False)
        for name in (*secrets, *(["users"] if users else [])):
            click.echo(f"not written: {name}; use --output to write it as well", err=True)
        return
    _write(
        output, {name: f"{secret}\n" for name, secret in secrets.items()} | ({"users": users} if users else {}), text
    )


def _users(passwords: dict[str, Any]) -> str:
    """The content of a file of users."""
    from ikev1.aaa.users_file import UsersFileError, make_user
    from ikev1.config.secrets import decode

    try:
        return "".join(f"{make_user(name, decode(secret), (), ()).line()}\n" for name, secret in passwords.items())
    except UsersFileError as error:
        raise click.ClickException(f"Cannot write the file of users: {error}.") from error


def _write(output: Path, others: dict[str, str], text: str) -> None:
    """Write the configuration last, and nothing at all if one of the files exists."""
    files = {output.parent / name: content for name, content in others.items()} | {output: text}
    for file in files:
        if file.exists():
            raise click.ClickException(f"{file} exists: remove it, or use another name.")
    try:
        for file, content in files.items():
            with open(open_private(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w", encoding="utf-8") as opened:
                opened.write(content)
            click.echo(f"written: {file}")
    except OSError as error:
        raise click.ClickException(f"Cannot write the configuration: {error}.") from error
