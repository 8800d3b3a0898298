"""Backup servers: which one is called, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikev1.cli.connect.backup import BackupServers, at
from ikev1.cli.connect.configuration import ConnectOptions, configuration
from ikev1.config import load_values
from ikev1.core.records.events import Code, ConfigReceived, Failure
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.path import UdpPath


def backup_servers(file: Path, gateway: str = "192.0.2.2") -> BackupServers:
    return BackupServers(gateway, file, pytest.fail)


def connected(file: Path, *servers: str, gateway: str = "192.0.2.2") -> BackupServers:
    backups = backup_servers(file, gateway)
    configured(backups, *servers)
    return backups


def configured(backups: BackupServers, *servers: str) -> None:
    path = UdpPath("192.0.2.1", 500, "192.0.2.2", 500)
    received = ModeConfig(backup_servers=servers)
    sa = IkeSa(1, "connect", Role.INITIATOR, path, b"i" * 8, b"r" * 8, 0.0, received=received)
    backups.observe(ConfigReceived(sa, None))


def fails(backups: BackupServers, code: Code) -> None:
    backups.observe(Failure(code, "", "192.0.2.2"))


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "state" / "servers.json"


def test_each_server_is_called_once_and_the_gateway_not_again(memory: Path) -> None:
    backups = connected(memory, "192.0.2.2", "gw2.example", "192.0.2.7")
    found = []
    for _ in range(4):
        fails(backups, Code.PEER_DEAD)
        found.append(backups.next())
    assert found == ["gw2.example", "192.0.2.7", None, None]


def test_after_an_end_without_silence_none_is_called(memory: Path) -> None:
    """As when the gateway disconnects the user."""
    backups = connected(memory, "gw2.example")
    assert backups.next() is None
    fails(backups, Code.PEER_DEAD)
    fails(backups, Code.XAUTH_FAILED)
    assert backups.next() is None


@pytest.mark.parametrize("name", ["-x;reboot", "a b", "", "::/0", "%any", "*"])
def test_what_is_no_name_and_no_address_is_not_used(memory: Path, name: str) -> None:
    backups = connected(memory, name)
    fails(backups, Code.PEER_SILENT)
    assert backups.next() is None


def test_the_settings_at_another_server() -> None:
    given = configuration(ConnectOptions("192.0.2.2", group="g"), b"secret", b"")
    settings = load_values(given, "connect").settings
    (connection,) = at(settings, "gw2.example").connections
    assert connection.remotes == ("gw2.example",)
    assert connection.secret == settings.connections[0].secret


def called(backups: BackupServers) -> list[str]:
    found = []
    while (server := backups.next(silent=True)) is not None:
        found.append(server)
    return found


def test_the_next_connection_to_the_gateway_knows_what_it_named_last(memory: Path) -> None:
    connected(memory, "192.0.2.7", "gw2.example")
    connected(memory, "192.0.2.9", gateway="198.51.100.1")
    assert memory.stat().st_mode & 0o777 == 0o600
    assert called(backup_servers(memory)) == ["192.0.2.7", "gw2.example"]
    assert called(backup_servers(memory, "203.0.113.1")) == []
    connected(memory, "192.0.2.8")
    assert called(backup_servers(memory)) == ["192.0.2.8"]
    connected(memory)
    assert called(backup_servers(memory)) == []
    assert called(backup_servers(memory, "198.51.100.1")) == ["192.0.2.9"]


def test_what_a_backup_server_names_is_for_this_connection_only(memory: Path) -> None:
    backups = connected(memory, "192.0.2.7")
    fails(backups, Code.PEER_DEAD)
    assert backups.next() == "192.0.2.7"
    configured(backups, "192.0.2.8")
    assert called(backups) == ["192.0.2.8"]
    assert called(backup_servers(memory)) == ["192.0.2.7"]


@pytest.mark.parametrize("content", ["", "[]", '{"192.0.2.2": "gw2"}', '{"192.0.2.2": [1]}', "\0", '{"192.0.2.2": {}}'])
def test_a_file_that_is_no_memory_is_reported_and_left_alone(memory: Path, content: str) -> None:
    memory.parent.mkdir()
    memory.touch(mode=0o600)
    memory.write_text(content)
    said: list[str] = []
    backups = BackupServers("192.0.2.2", memory, said.append)
    configured(backups, "192.0.2.7")
    assert len(said) == 2
    assert memory.read_text() == content
    assert called(backups) == ["192.0.2.7"]


def test_a_file_that_others_can_change_is_not_used(memory: Path) -> None:
    """Its names would get the user's password."""
    connected(memory, "192.0.2.7")
    memory.chmod(0o666)
    said: list[str] = []
    assert called(BackupServers("192.0.2.2", memory, said.append)) == []
    assert len(said) == 1


def test_the_memory_is_bounded(memory: Path) -> None:
    for number in range(103):
        connected(memory, "192.0.2.7", gateway=f"gw{number}.example")
    found = [number for number in range(103) if called(backup_servers(memory, f"gw{number}.example"))]
    assert found == list(range(3, 103))
