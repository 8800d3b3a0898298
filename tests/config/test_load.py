"""A whole file: what it becomes, and that all that is wrong with it is told at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.aaa.options import BACKENDS
from ikev1.config import ConfigError, GatewayOptions, Loaded, Rule, load, options
from ikev1.core.records.settings import Settings, WhenDown

Refused = Callable[..., dict[str, Rule]]
Load = Callable[..., Loaded]

EXAMPLE = Path(__file__).parents[2] / "examples" / "ikev1.toml"


def test_an_empty_file_is_all_defaults(loaded: Load) -> None:
    assert loaded("") == Loaded(Settings(), GatewayOptions(), ())


def test_the_gateway_table_says_what_daemon_and_engine_need(loaded: Load, tmp_path: Path) -> None:
    settings, gateway, *_ = loaded(
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
        log_levels = { enc = "warning", ike = "error" }
        log_format = "json"
        keylog = "/tmp/keys"
        record = "messages.pcapng"
        state = "sas.sqlite"
        user = "ikev1"
        group = "vpn"
        nat_keepalive = 10
        half_open_limit = 50
        initiation_window = 5
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
        log_levels=(("ike", "error"), ("enc", "warning")),
        log_format="json",
        keylog="/tmp/keys",
        record=str(tmp_path / "messages.pcapng"),
        state=str(tmp_path / "sas.sqlite"),
        user="ikev1",
        group="vpn",
    )
    assert settings == Settings(
        encapsulation_port=14500,
        half_open_limit=50,
        initiation_window=5,
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


@pytest.mark.parametrize(
    ("written", "where", "warned"),
    [
        ("127.0.0.1:9474", "127.0.0.1:9474", []),
        ("[::1]:9474", "[::1]:9474", []),
        ("/run/metrics", "/run/metrics", []),
        ("192.0.2.1:9474", "192.0.2.1:9474", [Rule.PUBLIC_METRICS]),
        ("[::]:9474", "[::]:9474", [Rule.PUBLIC_METRICS]),
    ],
)
def test_where_metrics_are_served(loaded: Load, written: str, where: str, warned: list[Rule]) -> None:
    pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed")
    found = loaded(f'[gateway]\nmetrics = "{written}"\nmetrics_users = true')
    assert found.gateway.metrics_users is True
    assert (found.gateway.metrics, [warning.rule for warning in found.warnings]) == (where, warned)


@pytest.mark.parametrize("written", ["9474", ":9474", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:9474"])
def test_where_metrics_are_not_served(refused: Refused, written: str) -> None:
    assert refused(f'[gateway]\nmetrics = "{written}"') == {"gateway.metrics": Rule.INVALID_VALUE}


def test_metrics_need_their_package_and_what_belongs_to_them_needs_metrics(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused("[gateway]\nmetrics_users = true") == {"gateway.metrics_users": Rule.UNUSED_KEY}
    monkeypatch.setattr(options, "find_spec", lambda _: None)
    assert refused('[gateway]\nmetrics = "127.0.0.1:9474"') == {"gateway.metrics": Rule.MISSING_PACKAGE}


def test_a_finding_names_file_key_fault_and_remedy(loaded: Load, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded('[gateway]\nlog_level = "loud"')
    (finding,) = caught.value.findings
    assert finding[:3] == (tmp_path / "ikev1.toml", "gateway.log_level", Rule.INVALID_VALUE)
    assert str(caught.value) == f"{tmp_path}/ikev1.toml:2:1: gateway.log_level: {finding.text}"
    for word in "'loud'", "error", "warning", "info", "debug":
        assert word in finding.text


@pytest.mark.parametrize(
    ("text", "key", "named"),
    [
        ("[gateway]\nlog_levl = 'info'", "gateway.log_levl", {"log_level"}),
        ("zzz = 1", "zzz", {"gateway", "policy", "connection", "pools", "shunt", "authority", *BACKENDS}),
    ],
)
def test_an_unknown_key_is_reported_with_the_keys_that_it_may_stand_for(
    loaded: Load, text: str, key: str, named: set[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    (finding,) = caught.value.findings
    assert (finding.key, finding.rule, set(finding.allowed)) == (key, Rule.UNKNOWN_KEY, named)


def test_a_value_where_a_table_belongs_is_an_error(refused: Refused) -> None:
    assert refused("gateway = 5") == {"gateway": Rule.INVALID_VALUE}


def test_equal_ports_are_refused(refused: Refused) -> None:
    assert refused("[gateway]\nport = 4500") == {"gateway.encapsulation_port": Rule.SAME_PORTS}


def test_only_data_planes_that_there_are(refused: Refused) -> None:
    assert refused('[gateway]\ndata_plane = "hardware"') == {"gateway.data_plane": Rule.INVALID_VALUE}


def test_a_group_alone_is_of_no_use(refused: Refused) -> None:
    assert refused('[gateway]\ngroup = "vpn"') == {"gateway.group": Rule.UNUSED_KEY}


@pytest.mark.parametrize("text", ["[gateway]\nport = = 5", "[connection.a]\n[connection.a]\n"])
def test_bad_syntax_is_reported_with_its_line(loaded: Load, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    (finding,) = caught.value.findings
    assert (finding.rule, finding.line) == (Rule.NOT_TOML, 2)


@pytest.mark.parametrize(("content", "rule"), [(b'x = "\xff"', Rule.NOT_TOML), (None, Rule.UNREADABLE_FILE)])
def test_a_file_that_is_missing_or_not_utf_8_is_refused(tmp_path: Path, content: bytes | None, rule: Rule) -> None:
    file = tmp_path / "ikev1.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert [(finding.file, finding.rule, finding.line) for finding in caught.value.findings] == [(file, rule, 0)]


def test_the_example_can_be_used_without_a_warning(tmp_path: Path) -> None:
    copy = tmp_path / "ikev1.toml"
    copy.write_text(EXAMPLE.read_text())
    copy.chmod(0o600)
    secret = tmp_path / "branch.psk"
    secret.write_text("an example\n")
    secret.chmod(0o600)
    settings, _, warnings, _ = load(copy)
    assert warnings == ()
    assert [connection.name for connection in settings.connections] == ["branch", "roadwarriors"]
