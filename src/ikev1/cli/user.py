"""`ikev1 user`: the file of users.

Passwords are never given on the command line, where all users of the machine could read them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from ikev1.aaa.user_changes import add_user, change_user, delete_user
from ikev1.aaa.users_file import LONGEST_PASSWORD, UsersFileError, hash_of, make_user, parse_users
from ikev1.cli.check import load_or_fail
from ikev1.cli.tables import table
from ikev1.config import DEFAULT_FILE
from ikev1.core.records.record import replace
from ikev1.files.private import read_private

P = ParamSpec("P")


@click.group()
def user() -> None:
    """Change the file of users, by which `xauth_backend = "users"` checks passwords."""


def _file_options(command: Callable[P, None]) -> Callable[P, None]:
    for option in (
        click.option("--file", type=click.Path(path_type=Path), help="The file of users, instead of that of --config."),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            default=DEFAULT_FILE,
            show_default=True,
            help="The configuration whose [users] names the file.",
        ),
    ):
        command = option(command)
    return command


def _password_options(command: Callable[P, None]) -> Callable[P, None]:
    for option in (
        click.option(
            "--password-file", type=click.Path(path_type=Path), help="Read the password from the first line of a file."
        ),
        click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input."),
    ):
        command = option(command)
    return command


def _reporting(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with problems of the file of users reported as its errors."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (UsersFileError, OSError) as error:
            raise click.ClickException(f"{error}.") from error

    return run


@user.command()
@click.argument("name")
@click.option("--group", "groups", multiple=True, help="A group of the user; may be repeated.")
@click.option("--address", "addresses", multiple=True, help="The user's own address: one IPv4, one IPv6.")
@_password_options
@_file_options
@_reporting
def add(
    name: str,
    groups: tuple[str, ...],
    addresses: tuple[str, ...],
    password_stdin: bool,
    password_file: Path | None,
    config: Path,
    file: Path | None,
) -> None:
    """Add the user NAME; the file is created if it is missing."""
    users = _users_file(file, config)
    password = _password(password_stdin, password_file)
    add_user(users, make_user(name, password, groups, addresses))
    click.echo(f"user {name} added to {users}")


@user.command()
@click.argument("name")
@_password_options
@_file_options
@_reporting
def passwd(name: str, password_stdin: bool, password_file: Path | None, config: Path, file: Path | None) -> None:
    """Change the password of the user NAME."""
    users = _users_file(file, config)
    hashed = hash_of(_password(password_stdin, password_file))
    change_user(users, name, lambda known: replace(known, hash=hashed))
    click.echo(f"password of user {name} changed in {users}")


@user.command(name="list")
@_file_options
@_reporting
def list_users(config: Path, file: Path | None) -> None:
    """List the users with their groups and addresses."""
    users = parse_users(read_private(_users_file(file, config))).values()
    rows = ((known.name, ", ".join(known.groups), ", ".join(known.addresses)) for known in users)
    click.echo(table(("user", "groups", "addresses"), rows))


@user.command(name="del")
@click.argument("name")
@_file_options
@_reporting
def delete(name: str, config: Path, file: Path | None) -> None:
    """Remove the user NAME. SAs of the user stay up: see `ikev1 down`."""
    users = _users_file(file, config)
    delete_user(users, name)
    click.echo(f"user {name} removed from {users}")


def _users_file(file: Path | None, config: Path) -> Path:
    if file is not None:
        return file
    users = load_or_fail(config).aaa.users
    if users is None:
        raise click.ClickException(f"{config} has no [users] table with a file: add it, or give --file.")
    return Path(users.file)


def _password(stdin: bool, file: Path | None) -> bytes:
    if stdin and file is not None:
        raise click.UsageError("--password-stdin and --password-file cannot be combined.")
    if file is not None:
        return read_private(file).split(b"\n", 1)[0].rstrip(b"\r")
    if stdin:
        return sys.stdin.buffer.readline(LONGEST_PASSWORD + 2).rstrip(b"\r\n")
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed.encode()
