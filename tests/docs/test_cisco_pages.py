"""The configurations of Cisco devices on their pages are those of peers of the gateway on the same page."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from documents import ROOT, blocks
from ikev1.config import Side, load, load_values
from ikev1.core.records.settings import Connection


@pytest.mark.parametrize(("page", "name"), [("cisco-ios", "Router"), ("cisco-asa", "ciscoasa")])
def test_the_peer_of_the_device_is_the_gateway_of_the_page(tmp_path: Path, page: str, name: str) -> None:
    found = {block.language: block.text for block in reversed(list(blocks(ROOT / "docs" / "recipes" / f"{page}.md")))}
    file = tmp_path / "device.txt"
    file.touch(mode=0o600)
    file.write_text(found["text"])
    (imported,) = load(file, side=Side(name, is_peer=True)).settings.connections
    values = tomllib.loads(found["toml"])
    values["connection"]["branch"]["secret"] = "THE-SECRET"
    del values["connection"]["branch"]["secret_file"]
    (own,) = load_values(values, file).settings.connections
    assert _seen(imported) == _seen(own)
    assert imported.secret == own.secret


def _seen(connection: Connection) -> object:
    policies = [(policy.suite, policy.lifetime) for policy in connection.policies]
    tunnels = [
        (tunnel.local, tunnel.remote, tunnel.proposals, tunnel.lifetime, tunnel.lifetime_kilobytes, tunnel.start)
        for tunnel in connection.tunnels
    ]
    return policies, tunnels
