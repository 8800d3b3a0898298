"""The command line itself: exit codes, and sentences where something is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ikev1.cli.main import main


def ikev1(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "branch"),
        ("down", "branch"),
        ("reload",),
        ("show", "isakmp", "sa"),
        ("show", "ipsec", "sa", "peer", "192.0.2.1"),
        ("debug", "isakmp"),
    ],
)
def test_without_a_daemon_a_sentence_says_what_to_do(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = ikev1(*arguments, "--socket", str(tmp_path / "none"))
    assert done.exit_code == 1
    assert f"{tmp_path}/none" in done.output
    assert "`ikev1 run`" in done.output


@pytest.mark.parametrize(
    "arguments",
    [("up",), ("show", "ipsec", "sa", "peer"), ("show", "ipsec", "sa", "pear", "192.0.2.1"), ("fly",), ("run", "x")],
)
def test_wrong_usage_is_exit_2(arguments: tuple[str, ...]) -> None:
    assert ikev1(*arguments).exit_code == 2


def test_check_tells_all_errors(tmp_path: Path) -> None:
    file = tmp_path / "ikev1.toml"
    file.write_text("[gatewy]\n[gateway]\nport = 0\n")
    done = ikev1("check", str(file))
    assert done.exit_code == 1
    assert f"error: {file}:1:1: gatewy: " in done.stderr
    assert f"error: {file}:3:1: gateway.port: " in done.stderr
    assert "2 errors" in done.stderr.splitlines()[-1]


def test_check_tells_warnings_and_accepts(tmp_path: Path) -> None:
    file = tmp_path / "ikev1.toml"
    file.write_text('[connection.a]\nsecret = "s"\n[connection.b]\nsecret = "s"\n[connection.b.tunnel.net]\n')
    file.chmod(0o600)
    done = ikev1("check", str(file))
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{file}: ")
    assert done.stdout.endswith("connections: 2, tunnels: 1\n")
    assert f"warning: {file}:1:1: connection.a: " in done.stderr


def test_run_refuses_what_check_refuses(tmp_path: Path) -> None:
    done = ikev1("run", "--config", str(tmp_path / "missing.toml"))
    assert done.exit_code == 1
    assert f"error: {tmp_path}/missing.toml: " in done.stderr


def test_every_command_is_there() -> None:
    shown = ikev1("--help").stdout
    for name in ("run", "up", "down", "reload", "check", "show", "debug", "demo"):
        assert f"\n  {name} " in shown


@pytest.mark.parametrize(
    ("command", "libraries"),
    [("show", ("asyncio", "numpy")), ("up", ("asyncio", "numpy", "cryptography"))],
)
def test_a_command_does_not_wait_for_the_libraries_of_another(command: str, libraries: tuple[str, ...]) -> None:
    script = f"import sys; from ikev1.cli.main import main; main(['{command}', '--help'], standalone_mode=False);"
    loaded = f"{script} print([name for name in {libraries} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
