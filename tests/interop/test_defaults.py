"""A connection without proposals or lifetimes of its own, and peers with theirs by default: each calls the other."""

from __future__ import annotations

from typing import Any

import pytest

from lab.charon import PSK, CharonOptions
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.pluto import PlutoOptions

OURS = """
[connection.peer]
local_address = "{address}"
remote_address = "{peer}"
secret = "{psk}"
{more}

[connection.peer.tunnel.net]
local = "{network}"
remote = "{remote}"
{tunnel}
"""
LIBRESWAN = """
config setup
    ikev1-policy=accept

conn peer
    ikev2=no
    authby=secret
    auto=add
    left={address}
    leftsubnet={network}
    right={peer}
    rightsubnet={remote}
    leftupdown=/bin/true
"""


def ours(node: Node, more: str = "", tunnel: str = "") -> OurOptions:
    fields = {"address": node.address, "peer": node.peer, "network": node.network, "remote": node.remote}
    return OurOptions(configuration=OURS.format(**fields, psk=PSK, more=more, tunnel=tunnel))


@pytest.mark.parametrize("we_call", [True, False])
def test_charon(lab: Lab, we_call: bool) -> None:
    a, b = lab.direct()
    ids: dict[str, Any] = {"own_id": b.address, "peer_id": a.address}
    charon = lab.charon(b, CharonOptions(ike="default", esp="default", calls=not we_call, plane="noesp", **ids))
    gateway = lab.ours(a, ours(a))
    if we_call:
        gateway.command("up", "net")
    else:
        charon.control.initiate()
        assert charon.control.sas()[0]["dh-group"] == "CURVE_25519"
    gateway.wait_for(gateway.control.children, "a pair of IPsec SAs")


@pytest.mark.parametrize("we_call", [True, False])
def test_libreswan(lab: Lab, we_call: bool) -> None:
    a, b = lab.direct()
    fields = {"address": b.address, "peer": b.peer, "network": b.network, "remote": b.remote}
    files = LIBRESWAN.format(**fields), f'{b.address} {a.address} : PSK "{PSK}"\n'
    pluto = lab.pluto(b, PlutoOptions(configuration=files))
    gateway = lab.ours(a, ours(a))
    if we_call:
        gateway.command("up", "net")
    else:
        pluto.initiate()
    gateway.wait_for(gateway.control.children, "a pair of IPsec SAs")
    pluto.await_pair()


def test_charon_that_offers_longer_lifetimes_than_are_configured(lab: Lab) -> None:
    a, b = lab.direct()
    ids: dict[str, Any] = {"own_id": b.address, "peer_id": a.address}
    charon = lab.charon(b, CharonOptions(calls=True, plane="noesp", life_time="3h", **ids))
    gateway = lab.ours(a, ours(a, 'lifetime = "2h"', 'lifetime = "20m"'))
    charon.control.initiate()
    child = gateway.control.child()
    assert int(child["life-time"]) <= 20 * 60
    (sa,) = gateway.control.sas()
    assert int(sa["rekey-time"]) <= 2 * 3600
