"""The options of `ikev1 connect`, as configuration; and options that do not go together."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ikev1.cli.connect.command import EXIT_STATUS, connect, local_port_of
from ikev1.cli.connect.configuration import ConnectOptions, configuration
from ikev1.cli.connect.secrets import kept_terminal
from ikev1.cli.connect.socks import parse_address, read_login
from ikev1.config import GatewayOptions, load_values
from ikev1.core.records.settings import Settings
from ikev1.daemon.client import Outcome
from ikev1.daemon.socks.orders import Login


def settings(options: ConnectOptions, secret: bytes = b"group secret", password: bytes = b"pw") -> Settings:
    return load_values(configuration(options, secret, password), "connect").settings


def test_a_group_and_a_user() -> None:
    (connection,) = settings(ConnectOptions("192.0.2.1", group="g", user="carol")).connections
    assert connection.remote_address == "192.0.2.1"
    assert [str(tunnel.remote) for tunnel in connection.tunnels] == ["0.0.0.0/0"]
    assert "group secret" not in repr(connection)


@pytest.mark.parametrize("device", ["ikev1c", "vpn0"])
def test_the_files_of_a_gateway_of_this_host_are_not_used(device: str) -> None:
    """It may have been killed, or be about to start again, and its traffic must stay protected."""
    found = load_values(configuration(ConnectOptions("192.0.2.1", device=device), b"secret", b""), "connect").gateway
    assert found.control != GatewayOptions().control
    assert found.control.endswith(f"/{device}")


def test_networks_are_tunnels() -> None:
    (connection,) = settings(
        ConnectOptions("192.0.2.1", group="g", networks=("10.1.0.0/16", "10.2.0.0/16"))
    ).connections
    assert [str(tunnel.remote) for tunnel in connection.tunnels] == ["10.1.0.0/16", "10.2.0.0/16"]


@pytest.mark.parametrize(
    ("networks", "addresses"),
    [((), ("0.0.0.0",)), (("10.1.0.0/16", "fd00:2::/64"), ("0.0.0.0", "::"))],
)
def test_an_ipv6_network_needs_an_ipv6_address(networks: tuple[str, ...], addresses: tuple[str, ...]) -> None:
    (connection,) = settings(ConnectOptions("192.0.2.1", group="g", networks=networks)).connections
    assert connection.vips == addresses


def test_each_outcome_has_a_status_of_its_own() -> None:
    assert set(EXIT_STATUS) == {outcome.value for outcome in Outcome}
    assert 2 not in EXIT_STATUS.values()
    assert len(set(EXIT_STATUS.values())) == len(Outcome)


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
        ["192.0.2.1", "--vpnc-conf", "CERT"],
        ["192.0.2.1", "--group", "g", "--secret-file", "SECRET", "--socks", "nowhere"],
        ["192.0.2.1", "--group", "g", "--secret-file", "SECRET", "--socks-login-file", "SECRET"],
        ["192.0.2.1", "--hybrid", "--ca", "SECRET"],
        ["192.0.2.1", "--group", "g"],
        ["192.0.2.1", "--group", "g", "--secret-file", "SECRET", "--script", "x", "--socks", "1080"],
        ["192.0.2.1", "--group", "g", "--secret-file", "SECRET", "--script", "x", "--data-plane", "kernel"],
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("group secret\n")
    # of the process of this test, dumps and debuggers are nobody's concern
    monkeypatch.setattr("ikev1.cli.connect.command.hide_memory", lambda: None)
    cert = tmp_path / "cert"
    cert.write_text("IKE Authmode cert\n")
    files = {"SECRET": str(secret), "CERT": str(cert)}
    given = [files.get(argument, argument) for argument in arguments]
    result = CliRunner().invoke(connect, given, input="")
    assert result.exit_code == 2, result.output
    assert "group secret" not in result.output


@pytest.mark.parametrize("content", ["", "alice", ":wonderland", "alice:", f"alice:{'x' * 256}", f"{'x' * 256}:y"])
def test_a_file_that_is_no_log_in(tmp_path: Path, content: str) -> None:
    file = tmp_path / "login"
    file.touch(mode=0o600)
    file.write_text(f"{content}\n")
    with pytest.raises(click.UsageError) as raised:
        read_login(file)
    assert "wonderland" not in str(raised.value)


def test_a_log_in_with_a_colon_in_the_password(tmp_path: Path) -> None:
    file = tmp_path / "login"
    file.touch(mode=0o600)
    file.write_text("alice:wonder:land\nmore\n")
    assert read_login(file) == Login(b"alice", b"wonder:land")
    file.chmod(0o644)
    with pytest.raises(click.UsageError):
        read_login(file)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("1080", ("127.0.0.1", 1080)),
        (":1080", ("127.0.0.1", 1080)),
        ("10.0.0.1:1080", ("10.0.0.1", 1080)),
        ("[::1]:65535", ("::1", 65_535)),
    ],
)
def test_where_a_proxy_listens(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "0", "65536", "10.0.0:1080", "::1:1080", "localhost:1080", "127.0.0.1:"])
def test_where_no_proxy_can_listen(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_address(text)


def test_the_terminal_may_have_been_left_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a process that went to the background."""
    ours, theirs = pty.openpty()
    with open(theirs) as stdin, open(ours, "rb"), open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", stdin)
        with kept_terminal():
            os.dup2(nothing.fileno(), stdin.fileno())


@pytest.mark.parametrize(("number", "port"), [(0, None), (500, None), (10_500, 10_500)])
def test_local_port_of_vpnc(number: int, port: int | None) -> None:
    assert local_port_of({"local_port": number}) == port


def test_backups_are_called_as_well() -> None:
    options = ConnectOptions("192.0.2.1", group="g", backups=("192.0.2.2",), remote_id="%any", dpd_delay=0)
    (connection,) = settings(options).connections
    assert connection.further_remote_addresses == ("192.0.2.2",)
    assert connection.dpd_delay == 0


def test_a_script_configures_routes_and_name_servers() -> None:
    options = ConnectOptions("192.0.2.1", group="g", networks=("10.1.0.0/16", "10.2.0.0/16"), script="/etc/script x")
    (connection,) = settings(options).connections
    assert not connection.install_routes
    assert not connection.install_dns
    first, second = connection.tunnels
    assert first.updown[-1] == "/etc/script x"
    assert second.updown == ()


def test_what_the_script_is_told(tmp_path: Path) -> None:
    """Its reason, once or twice; the command is for a shell, as that of vpnc is."""
    noted = tmp_path / "noted"
    options = ConnectOptions("192.0.2.1", group="g", script=f'echo "$reason $X" >> {noted}; [ "$reason" = connect ]')
    (connection,) = settings(options).connections
    (tunnel,) = connection.tunnels
    ended = [
        subprocess.run(tunnel.updown, env={"PLUTO_VERB": verb, "X": "a  b"}, check=False).returncode
        for verb in ("up-client", "down-client", "up-host-v6")
    ]
    assert noted.read_text().splitlines() == [
        f"{reason} a  b" for reason in ("pre-init", "connect", "disconnect", "pre-init", "connect")
    ]
    assert ended == [0, 1, 0]
