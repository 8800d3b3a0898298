"""What `ikev1 show tunnels` says of a tunnel that waits."""

from __future__ import annotations

import pytest

from ikev1.cli.tunnels import reasons_text, tunnels_of


@pytest.mark.parametrize(
    ("peers", "callable_"),
    [(["%any"], False), (["10.0.0.0/8"], False), (["192.0.2.1"], True), (["%any", "gw.example.org"], True)],
)
def test_up_is_advised_only_for_peers_that_can_be_called(peers: list[str], callable_: bool) -> None:
    section = {
        "connection": "users",
        "tunnel": "net",
        "state": "DOWN",
        "remote_addrs": peers,
        "local-ts": ["0.0.0.0/0"],
        "remote-ts": ["dynamic"],
        "start_action": "none",
    }
    assert ("`ikev1 up`" in reasons_text(tunnels_of([section]))) is callable_
