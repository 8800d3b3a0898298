"""Virtual addresses with libreswan as client and as gateway. Neither side carries packets here."""

from __future__ import annotations

from lab.charon import CLIENT_ID, GATEWAY_ID, PSK
from lab.cisco import POOL, leases
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.pluto import PlutoOptions

SECRETS = f'{CLIENT_ID} @{GATEWAY_ID} : PSK "{PSK}"\n'
CLIENT = f"""leftid={CLIENT_ID}
    rightid=@{GATEWAY_ID}
    rightsubnet=10.10.2.0/24
    leftmodecfgclient=yes
    rightmodecfgserver=yes"""
GATEWAY = f"""leftid=@{GATEWAY_ID}
    rightid={CLIENT_ID}
    leftsubnet=10.10.2.0/24
    leftmodecfgserver=yes
    rightmodecfgclient=yes
    rightaddresspool=10.99.0.30-10.99.0.40
    modecfgdns=10.10.2.53"""


def pluto_options(node: Node, side: str, *, calls: bool = False) -> PlutoOptions:
    configuration = f"""config setup
    ikev1-policy=accept

conn peer
    ikev2=no
    authby=secret
    ike=aes128-sha2_256-modp2048
    phase2alg=aes128-sha2_256
    pfs=no
    modecfgpull=yes
    left={node.address}
    right={node.peer}
    {side}
    leftupdown=/bin/true
    auto=ignore
"""
    return PlutoOptions(configuration=(configuration, SECRETS), calls=calls)


def test_pluto_as_client(lab: Lab) -> None:
    a, b = lab.direct()
    options = OurOptions(
        local="10.10.2.0/24", remote="dynamic", extra='pools = "office"', others=POOL, data_plane="nobody"
    )
    ours = lab.ours(b, options)
    lab.pluto(a, pluto_options(a, CLIENT, calls=True)).initiate()
    assert ours.control.child()["remote-ts"] == ["10.99.0.10/32"]
    assert leases(ours) == {"10.99.0.10": CLIENT_ID}


def test_pluto_as_gateway(lab: Lab) -> None:
    a, b = lab.direct()
    lab.pluto(b, pluto_options(b, GATEWAY))
    options = OurOptions(
        calls=True, local="dynamic", remote="10.10.2.0/24", extra='vips = "0.0.0.0"', data_plane="nobody"
    )
    ours = lab.ours(a, options)
    ours.control.initiate()
    assert ours.control.child()["local-ts"] == ["10.99.0.30/32"]
    assert ours.control.sas()[0]["local-vips"] == ["10.99.0.30"]
    assert "DNS 10.10.2.53" in ours.log()
