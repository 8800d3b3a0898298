"""`ikev1 connect --l2tp`: what it makes of the options, and which options it refuses."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ikev1.cli.connect.command import connect
from ikev1.cli.connect.configuration import ConnectOptions, configuration
from ikev1.cli.connect.l2tp import MISSING_STATUS, checked_password, l2tp_of
from ikev1.config import load_values
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.settings import Connection, WhenDown
from ikev1.daemon.l2tp.requirements import Programs, programs

GIVEN: dict[str, Any] = {"user": "carol", "domain": None, "network": (), "allow_weak": False}


def connection(**options: Any) -> Connection:
    given = ConnectOptions("vpn.example.com", user="carol", l2tp_port=40_001, **options)
    (loaded,) = load_values(configuration(given, b"secret", b"password"), "connect").settings.connections
    return loaded


def test_transport_mode_from_our_port_to_1701() -> None:
    loaded = connection()
    (tunnel,) = loaded.tunnels
    assert (str(tunnel.local), str(tunnel.remote)) == ("dynamic[udp/40001]", "dynamic[udp/1701]")
    assert tunnel.mode is IpsecMode.TRANSPORT
    assert tunnel.when_down is WhenDown.DROP, "nothing in the clear"
    assert not loaded.vips
    assert "password" not in repr(loaded), "it is that of PPP"


def test_who_the_gateway_must_be() -> None:
    """With a pre-shared key, whoever knows that; with a certificate, the one that was called."""
    assert connection().remote_id == "%any"
    assert connection(remote_id="@vpn").remote_id == "@vpn"


def test_weak_algorithms_are_offered_only_if_allowed() -> None:
    with_weak, without = connection(allow_weak=True), connection()
    assert len(with_weak.policies) > len(without.policies)
    assert with_weak.policies[: len(without.policies)] == without.policies
    assert len(with_weak.tunnels[0].proposals) == len(without.tunnels[0].proposals) + 1


@pytest.mark.parametrize(
    "options",
    [
        {"group": "g"},
        {"hybrid": True},
        {"socks": "1080"},
        {"script": "x"},
        {"local_lan": True},
        {"vpnc_conf": Path("x")},
        {"user": None},
        {"user": "x" * 256},
        {"network": ("2001:db8::/32",)},
        {"network": ("10.1.0.1/16",)},
    ],
)
def test_what_does_not_go_together(options: dict[str, Any]) -> None:
    with pytest.raises(click.UsageError):
        l2tp_of(GIVEN | options)


def test_the_user_with_a_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Programs("/usr/sbin/xl2tpd", "/usr/bin/setpriv")
    monkeypatch.setattr("ikev1.cli.connect.l2tp.programs", lambda: found)
    l2tp = l2tp_of(GIVEN | {"domain": "CORP"})
    with l2tp.port:
        assert l2tp.user == b"CORP\\carol"
        assert l2tp.configured(ConnectOptions("x")).l2tp_port == l2tp.port.getsockname()[1]


def test_missing_programs_have_an_exit_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikev1.cli.connect.command.hide_memory", lambda: None)
    monkeypatch.setattr("ikev1.cli.connect.l2tp.programs", partial(programs, str(tmp_path)))
    result = CliRunner().invoke(connect, ["192.0.2.1", "--l2tp", "--user", "carol"])
    assert result.exit_code == MISSING_STATUS
    assert "apt install xl2tpd ppp" in result.output


@pytest.mark.parametrize("password", [b"x" * 256, b"a\0b"])
def test_passwords_that_pppd_cannot_have(password: bytes) -> None:
    with pytest.raises(click.UsageError):
        checked_password(password)
