"""Backup servers: which one is called, and when."""

from __future__ import annotations

import pytest

from ikev1.cli.connect.backup import BackupServers, at
from ikev1.cli.connect.configuration import ConnectOptions, configuration
from ikev1.config import load_values
from ikev1.core.records.events import Code, ConfigReceived, Failure
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.path import UdpPath


def connected(*servers: str) -> BackupServers:
    path = UdpPath("192.0.2.1", 500, "192.0.2.2", 500)
    received = ModeConfig(backup_servers=servers)
    sa = IkeSa(1, "connect", Role.INITIATOR, path, b"i" * 8, b"r" * 8, 0.0, received=received)
    backups = BackupServers("192.0.2.2")
    backups.observe(ConfigReceived(sa, None))
    return backups


def fails(backups: BackupServers, code: Code) -> None:
    backups.observe(Failure(code, "", "192.0.2.2"))


def test_each_server_is_called_once_and_the_gateway_not_again() -> None:
    backups = connected("192.0.2.2", "gw2.example", "192.0.2.7")
    found = []
    for _ in range(4):
        fails(backups, Code.PEER_DEAD)
        found.append(backups.next())
    assert found == ["gw2.example", "192.0.2.7", None, None]


def test_after_an_end_without_silence_none_is_called() -> None:
    """As when the gateway disconnects the user."""
    backups = connected("gw2.example")
    assert backups.next() is None
    fails(backups, Code.PEER_DEAD)
    fails(backups, Code.XAUTH_FAILED)
    assert backups.next() is None


@pytest.mark.parametrize("name", ["-x;reboot", "a b", "", "::/0", "%any", "*"])
def test_what_is_no_name_and_no_address_is_not_used(name: str) -> None:
    backups = connected(name)
    fails(backups, Code.PEER_SILENT)
    assert backups.next() is None


def test_the_settings_at_another_server() -> None:
    given = configuration(ConnectOptions("192.0.2.2", group="g"), b"secret", b"")
    settings = load_values(given, "connect").settings
    (connection,) = at(settings, "gw2.example").connections
    assert connection.remotes == ("gw2.example",)
    assert connection.secret == settings.connections[0].secret
