"""The options of `ikev1 connect`, as configuration; and options that do not go together."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ikev1.cli.connect.command import connect, local_port_of, nat_traversal_of
from ikev1.cli.connect.configuration import ConnectOptions, configuration
from ikev1.cli.connect.vpnc_conf import read_vpnc_conf
from ikev1.config import load_values
from ikev1.core.records.settings import Settings


def settings(options: ConnectOptions, secret: bytes = b"group secret", password: bytes = b"pw") -> Settings:
    return load_values(configuration(options, secret, password), "connect").settings


def test_a_group_and_a_user() -> None:
    (connection,) = settings(ConnectOptions("192.0.2.1", group="g", user="carol")).connections
    assert connection.remote_address == "192.0.2.1"
    assert [str(tunnel.remote) for tunnel in connection.tunnels] == ["0.0.0.0/0"]
    assert "group secret" not in repr(connection)


def test_networks_are_tunnels() -> None:
    (connection,) = settings(
        ConnectOptions("192.0.2.1", group="g", networks=("10.1.0.0/16", "10.2.0.0/16"))
    ).connections
    assert [str(tunnel.remote) for tunnel in connection.tunnels] == ["10.1.0.0/16", "10.2.0.0/16"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["192.0.2.1", "--hybrid"],
        ["192.0.2.1", "--cert", "x"],
        ["192.0.2.1", "--secret-file", "/nowhere"],
        ["192.0.2.1", "--group", "g", "--secret-file", "SECRET", "--ike", "rot13"],
        ["192.0.2.1", "--group", "g", "--secret-file", "SECRET", "--network", "10.1.0.0/99"],
        ["192.0.2.1", "--local-port", "65535"],
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("group secret\n")
    # of the process of this test, dumps and debuggers are nobody's concern
    monkeypatch.setattr("ikev1.cli.connect.command.hide_memory", lambda: None)
    given = [str(secret) if argument == "SECRET" else argument for argument in arguments]
    result = CliRunner().invoke(connect, given, input="")
    assert result.exit_code == 2, result.output
    assert "group secret" not in result.output


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("NAT Traversal Mode natt", "auto"),
        ("NAT Traversal Mode none", "off"),
        ("NAT Traversal Mode force-natt", "force"),
        ("Disable NAT Traversal", "off"),
    ],
)
def test_nat_traversal_of_vpnc(tmp_path: Path, line: str, expected: str) -> None:
    file = tmp_path / "vpnc.conf"
    file.write_text(f"{line}\n")
    assert nat_traversal_of(read_vpnc_conf(file, allow_weak=False)) == expected


@pytest.mark.parametrize(("number", "port"), [("0", None), ("500", None), ("10500", 10_500)])
def test_local_port_of_vpnc(tmp_path: Path, number: str, port: int | None) -> None:
    file = tmp_path / "vpnc.conf"
    file.write_text(f"Local Port {number}\n")
    assert local_port_of(read_vpnc_conf(file, allow_weak=False)) == port
