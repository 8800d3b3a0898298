"""Texts for Cisco IOS: each construct as it is used, or reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cisco_text import CiscoText, policy_map
from ikev1.config import Rule, Side
from ikev1.config.formats import recognised
from ikev1.core.records.settings import Start


@pytest.fixture
def text(write: Callable[..., Path]) -> CiscoText:
    return CiscoText(write)


def test_a_crypto_map_is_a_connection(text: CiscoText) -> None:
    connection = text.connection(policy_map("set pfs group14"))
    assert (connection.name, connection.local_address, connection.remote_address) == (
        "VPN-10",
        "192.0.2.1",
        "198.51.100.7",
    )
    assert connection.secret == b"what-both-know"
    (tunnel,) = connection.tunnels
    assert (str(tunnel.local), str(tunnel.remote), tunnel.start) == ("10.1.0.0/16", "10.2.0.0/16", Start.TRAP)
    assert (tunnel.lifetime, tunnel.lifetime_kilobytes, tunnel.replay_window) == (3600, 4_608_000, 64)


def test_the_peer_of_a_router_is_its_mirror_image(text: CiscoText) -> None:
    connection = text.connection(policy_map(), side=Side("R1", is_peer=True))
    assert (connection.local_address, connection.remote_address) == ("198.51.100.7", "192.0.2.1")
    (tunnel,) = connection.tunnels
    assert (str(tunnel.local), str(tunnel.remote), tunnel.start) == ("10.2.0.0/16", "10.1.0.0/16", Start.TRAP)


def test_the_only_router_of_a_text_is_replaced(text: CiscoText) -> None:
    loaded = text.load(policy_map())
    assert Rule.WHICH_END in {warning.rule for warning in loaded.warnings}
    assert not text.load(policy_map(), side=Side("r1")).warnings


def test_it_is_recognized_by_its_content(write: Callable[..., Path]) -> None:
    assert recognised(write(policy_map(), "notes.md")) == "cisco"
    assert recognised(write("a = 1\n", "notes.md")) == "toml"
