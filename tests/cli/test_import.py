"""`ikev1 import`, and `ikev1 check` of a configuration in another format."""

from __future__ import annotations

import asyncio
import stat
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ikev1.aaa.users import UsersBackend
from ikev1.cli.main import main
from ikev1.config import load
from ikev1.core.records.remote_access import Accepted, XauthAttempt

SWANCTL = """
connections { branch {
    version = 1
    remote_addrs = 198.51.100.7
    local { auth = psk }
    remote { auth = psk
             id = branch.example.org }
    children { net { remote_ts = 10.2.0.0/16
                     reqid = 5 } }
} }
secrets { ike { secret = "what both know" } }
"""
USERS = """
connections { users {
    version = 1
    local { auth = psk }
    remote { auth = psk }
    remote-user { auth = xauth }
    children { net { local_ts = 10.1.0.0/16 } }
} }
secrets { ike { secret = "what the group knows" }
          xauth { id = carol
                  secret = of carol } }
"""


def ikev1(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def swanctl(tmp_path: Path) -> Path:
    file = tmp_path / "swanctl.conf"
    file.touch(mode=0o600)
    file.write_text(SWANCTL)
    return file


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_check_names_the_place(swanctl: Path) -> None:
    done = ikev1("check", swanctl)
    assert done.exit_code == 1
    assert f"{swanctl}:9:22: connections.branch.children.net.reqid: " in done.stderr
    assert "--ignore connections.branch.children.net.reqid\n" in done.stderr


def test_check_ignores_what_it_is_told_to_ignore(swanctl: Path) -> None:
    done = ikev1("check", swanctl, "--ignore", "reqid")
    assert done.exit_code == 0
    assert f"warning: {swanctl}:9:22: " in done.stderr


def test_the_format_is_an_option(swanctl: Path) -> None:
    other = swanctl.rename(swanctl.with_name("site.toml"))
    assert ikev1("check", other, "--ignore", "reqid").exit_code == 1
    assert ikev1("check", other, "--ignore", "reqid", "--format", "swanctl").exit_code == 0
    assert ikev1("check", other, "--format", "ipsec").exit_code == 2


def test_the_written_configuration_means_the_same(swanctl: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o700)
    output = tmp_path / "out" / "ikev1.toml"
    done = ikev1("import", swanctl, "--ignore", "reqid", "-o", output)
    assert done.exit_code == 0
    assert "reqid" in done.stderr
    assert load(output).settings == load(swanctl, ignored=["reqid"]).settings
    assert "what both know" not in output.read_text()
    assert {file.name: mode(file) for file in output.parent.iterdir()} == {"ikev1.toml": 0o600, "branch.psk": 0o600}


def test_without_output_the_configuration_is_printed_without_secrets(swanctl: Path) -> None:
    done = ikev1("import", swanctl, "--ignore", "reqid")
    assert done.exit_code == 0
    assert tomllib.loads(done.stdout)["connection"]["branch"]["secret_file"] == "branch.psk"
    assert "what both know" not in done.output
    assert list(swanctl.parent.iterdir()) == [swanctl]


@pytest.mark.parametrize("name", ["ikev1.toml", "branch.psk"])
def test_nothing_is_overwritten(swanctl: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    done = ikev1("import", swanctl, "--ignore", "reqid", "-o", tmp_path / "ikev1.toml")
    assert done.exit_code == 1
    assert (tmp_path / name).read_text() == "mine"
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(["swanctl.conf", name])


def test_what_cannot_be_used_is_not_imported(swanctl: Path, tmp_path: Path) -> None:
    done = ikev1("import", swanctl, "-o", tmp_path / "ikev1.toml")
    assert done.exit_code == 1
    assert not (tmp_path / "ikev1.toml").exists()


@pytest.mark.parametrize(("name", "arguments"), [("other.conf", ()), ("a.toml", ()), ("b.conf", ("--format", "toml"))])
def test_what_is_no_other_format_is_not_imported(tmp_path: Path, name: str, arguments: tuple[str, ...]) -> None:
    (tmp_path / name).write_text("[gateway]\n")
    done = ikev1("import", tmp_path / name, *arguments)
    assert done.exit_code == 1
    assert "--format" in done.stderr


def test_passwords_of_users_become_hashes(tmp_path: Path) -> None:
    file = tmp_path / "swanctl.conf"
    file.touch(mode=0o600)
    file.write_text(USERS)
    assert ikev1("import", file, "-o", tmp_path / "ikev1.toml").exit_code == 0
    users = tmp_path / "users"
    assert "of carol" not in users.read_text()
    assert mode(users) == 0o600
    loaded = load(tmp_path / "ikev1.toml")
    assert loaded.aaa.users is not None
    assert loaded.aaa.users.file == str(users)

    async def check() -> object:
        backend = UsersBackend(users)
        try:
            return await backend.check(XauthAttempt("carol", b"of carol"))
        finally:
            await backend.close()

    assert isinstance(asyncio.run(check()), Accepted)
