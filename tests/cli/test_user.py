"""`ikev1 user`: the file of users, and no password on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ikev1.aaa.users_file import matches, parse_users
from ikev1.cli.main import main


class Users:
    """The command with a configuration of its own."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        self.file = folder / "users"
        self._config = folder / "ikev1.toml"
        self._config.write_text(
            '[users]\nfile = "users"\n'
            '[connection.rw]\nxauth = "server"\nxauth_backend = "users"\nsecret = "of a group"\n'
        )
        self._config.chmod(0o600)

    def run(self, command: str, *arguments: str, given: str | None = None) -> Result:
        return CliRunner().invoke(main, ["user", command, *arguments, "--config", str(self._config)], input=given)

    def has(self, name: str, password: bytes) -> bool:
        users = parse_users(self.file.read_bytes())
        return matches(users[name], users, password)


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(tmp_path)


def test_a_user_from_the_beginning_to_the_end(users: Users) -> None:
    added = users.run(
        "add", "alice", "--group", "staff", "--group", "vpn", "--address", "10.99.0.5", given="one\none\n"
    )
    assert (added.exit_code, users.has("alice", b"one")) == (0, True)
    listed = users.run("list").stdout.splitlines()
    assert [line.split() for line in listed[1:]] == [["alice", "staff,", "vpn", "10.99.0.5"]]
    changed = users.run("passwd", "alice", given="two\ntwo\n")
    assert (changed.exit_code, users.has("alice", b"two"), users.has("alice", b"one")) == (0, True, False)
    known = parse_users(users.file.read_bytes())["alice"]
    assert (known.groups, known.addresses) == (("staff", "vpn"), ("10.99.0.5",))
    assert users.run("del", "alice").exit_code == 0
    assert parse_users(users.file.read_bytes()) == {}


def test_a_password_that_is_typed_is_not_shown_and_typed_twice(users: Users) -> None:
    shown = users.run("add", "alice", given="one\nother\nsecret\nsecret\n")
    assert shown.exit_code == 0
    assert "secret" not in shown.output
    assert users.has("alice", b"secret")


def test_a_password_from_standard_input_or_a_file(users: Users, tmp_path: Path) -> None:
    assert users.run("add", "alice", "--password-stdin", given="from stdin \nmore\n").exit_code == 0
    assert users.has("alice", b"from stdin ")
    file = tmp_path / "password"
    file.write_text("from a file\n")
    file.chmod(0o600)
    assert users.run("add", "bob", "--password-file", str(file)).exit_code == 0
    assert users.has("bob", b"from a file")
    file.chmod(0o644)
    assert users.run("add", "carol", "--password-file", str(file)).exit_code == 1
    both = users.run("add", "carol", "--password-file", str(file), "--password-stdin", given="x\n")
    assert both.exit_code == 2


@pytest.mark.parametrize(
    ("command", "arguments", "given"),
    [
        ("add", ("alice", "--password-stdin"), "again\n"),
        ("add", ("a:b", "--password-stdin"), "x\n"),
        ("add", ("bob", "--password-stdin"), "\n"),
        ("add", ("bob", "--password-stdin"), "x" * 5000 + "\n"),
        ("add", ("bob", "--password-stdin", "--group", "a b"), "x\n"),
        ("add", ("bob", "--password-stdin", "--address", "10.0.0.300"), "x\n"),
        ("passwd", ("bob", "--password-stdin"), "x\n"),
        ("del", ("bob",), None),
    ],
)
def test_what_cannot_be_done_is_a_failure_and_changes_nothing(
    users: Users, command: str, arguments: tuple[str, ...], given: str | None
) -> None:
    users.run("add", "alice", "--password-stdin", given="one\n")
    before = users.file.read_bytes()
    assert users.run(command, *arguments, given=given).exit_code == 1
    assert users.file.read_bytes() == before


def test_a_file_can_be_named(users: Users, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert users.run("add", "alice", "--password-stdin", "--file", str(other), given="x\n").exit_code == 0
    assert list(parse_users(other.read_bytes())) == ["alice"]
    assert not users.file.exists()


def test_a_configuration_without_a_file_of_users(tmp_path: Path) -> None:
    config = tmp_path / "ikev1.toml"
    config.write_text("")
    assert CliRunner().invoke(main, ["user", "list", "--config", str(config)]).exit_code == 1
