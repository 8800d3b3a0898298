"""A whole file: what it becomes, and that all that is wrong with it is told at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.config import ConfigError, GatewayOptions, Loaded, load
from ikev1.core.records.settings import Settings, WhenDown

Refused = Callable[..., dict[str, str]]
Load = Callable[..., Loaded]

EXAMPLE = Path(__file__).parents[2] / "examples" / "ikev1.toml"


def test_an_empty_file_is_all_defaults(loaded: Load) -> None:
    assert loaded("") == Loaded(Settings(), GatewayOptions(), ())


def test_the_gateway_table_says_what_daemon_and_engine_need(loaded: Load, tmp_path: Path) -> None:
    settings, gateway, _ = loaded(
        """
        [gateway]
        listen = ["192.0.2.1", "2001:db8:0::1"]
        port = 1500
        encapsulation_port = 14500
        control = "run/control.vici"
        data_plane = "userspace"
        tun = "vpn0"
        when_stopped = "drop"
        log_level = "debug"
        keylog = "/tmp/keys"
        record = "messages.pcapng"
        state = "sas.sqlite"
        user = "ikev1"
        group = "vpn"
        nat_keepalive = 10
        half_open_limit = 50
        retransmit_tries = 3
        retransmit_timeout = 1.5
        retransmit_base = 2
        retransmit_jitter = 0
        """
    )
    assert gateway == GatewayOptions(
        listen=("192.0.2.1", "2001:db8::1"),
        port=1500,
        encapsulation_port=14500,
        control=str(tmp_path / "run/control.vici"),
        data_plane="userspace",
        tun="vpn0",
        when_stopped=WhenDown.DROP,
        log_level="debug",
        keylog="/tmp/keys",
        record=str(tmp_path / "messages.pcapng"),
        state=str(tmp_path / "sas.sqlite"),
        user="ikev1",
        group="vpn",
    )
    assert settings == Settings(
        encapsulation_port=14500,
        half_open_limit=50,
        retransmit_tries=3,
        retransmit_timeout=1.5,
        retransmit_base=2,
        retransmit_jitter=0,
        nat_keepalive=10,
    )


def test_everything_that_is_wrong_is_told_at_once(refused: Refused) -> None:
    found = refused(
        """
        gatewy = 1
        [gateway]
        listn = "192.0.2.1"
        port = 70000
        tun = "a/b"
        log_level = "loud"
        retransmit_timeout = "soon"
        [connection.branch]
        secret = "s"
        mode = "main"
        [connection.branch.tunnel.net]
        local = "10.1.0.0/33"
        lifetime = "1 week"
        """
    )
    assert found.keys() == {
        "gatewy",
        "gateway.listn",
        "gateway.port",
        "gateway.tun",
        "gateway.log_level",
        "gateway.retransmit_timeout",
        "connection.branch.tunnel.net.local",
        "connection.branch.tunnel.net.lifetime",
    }


def test_a_finding_names_file_key_fault_and_remedy(loaded: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded('[gateway]\nlog_level = "loud"')
    assert str(caught.value) == (
        f"{tmp_path}/ikev1.toml: gateway.log_level: 'loud' is not allowed: one of error, warning, info, debug"
    )


def test_a_misspelt_key_is_told_the_nearest_one(refused: Refused) -> None:
    assert refused("[gateway]\nlog_levl = 'info'") == {"gateway.log_levl": "unknown key; did you mean 'log_level'?"}


def test_an_unlikely_key_is_told_all_that_exist(refused: Refused) -> None:
    assert refused("zzz = 1") == {"zzz": "unknown key; allowed: gateway, policy, connection"}


def test_a_value_where_a_table_belongs_is_an_error(refused: Refused) -> None:
    assert refused("gateway = 5") == {"gateway": "5 stands where a table is expected"}


def test_equal_ports_are_refused(refused: Refused) -> None:
    assert refused("[gateway]\nport = 4500").keys() == {"gateway.encapsulation_port"}


def test_only_data_planes_that_there_are(refused: Refused) -> None:
    (text,) = refused('[gateway]\ndata_plane = "hardware"').values()
    assert text == "'hardware' is not allowed: one of auto, kernel, userspace"


def test_a_group_alone_is_of_no_use(refused: Refused) -> None:
    assert refused('[gateway]\ngroup = "vpn"') == {"gateway.group": "is of no use without user"}


def test_bad_syntax_is_told_with_its_line(refused: Refused) -> None:
    assert "line 2" in refused("[gateway]\nport = = 5")[""]


def test_a_table_twice_is_told_with_its_line(refused: Refused) -> None:
    assert "line 2" in refused("[connection.a]\n[connection.a]\n")[""]


def test_a_file_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ikev1.toml"
    file.write_bytes(b'x = "\xff"')
    with pytest.raises(ConfigError, match="UTF-8"):
        load(file)


def test_a_file_that_is_missing_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory"):
        load(tmp_path / "missing.toml")


def test_the_example_can_be_used_without_a_warning(tmp_path: Path) -> None:
    copy = tmp_path / "ikev1.toml"
    copy.write_text(EXAMPLE.read_text())
    copy.chmod(0o600)
    secret = tmp_path / "branch.psk"
    secret.write_text("an example\n")
    secret.chmod(0o600)
    settings, _, warnings = load(copy)
    assert warnings == ()
    assert [connection.name for connection in settings.connections] == ["branch", "roadwarriors"]
