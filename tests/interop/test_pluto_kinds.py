"""What a pair of IPsec SAs may be, negotiated with libreswan in both roles; neither end carries a packet.

libreswan knows extended sequence numbers in IKEv2 only: it calls their attribute a syntax error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.pluto import PlutoOptions

OURS = OurOptions(data_plane="nobody")


class Kind(NamedTuple):
    """How each end asks for it; what list-sas says of it here, and in the log of pluto."""

    ours: OurOptions
    pluto: PlutoOptions
    shown: dict[str, str]
    said: str


KINDS = {
    "transport": Kind(
        replace(OURS, tunnel='mode = "transport"', local="dynamic", remote="dynamic"),
        PlutoOptions(conn="type=transport"),
        {"mode": "TRANSPORT"},
        "IPsec SA established transport mode",
    ),
    "ah": Kind(
        replace(OURS, ah="sha256"),
        PlutoOptions(esp="sha2_256", conn="phase2=ah"),
        {"protocol": "AH", "integ-alg": "HMAC_SHA2_256_128"},
        "AH=>",
    ),
    "ipcomp": Kind(replace(OURS, tunnel="compress = true"), PlutoOptions(conn="compress=yes"), {}, "IPCOMP=>"),
}


def nodes_for(lab: Lab, kind: Kind) -> tuple[Node, Node]:
    """Two nodes; in transport mode what is protected are their own addresses."""
    a, b = lab.direct()
    if kind.shown.get("mode") != "TRANSPORT":
        return a, b
    one, other = (replace(node, network=f"{node.address}/32", remote=f"{node.peer}/32") for node in (a, b))
    return one, other


@pytest.mark.parametrize("name", KINDS)
def test_pluto_calls_us(lab: Lab, name: str) -> None:
    kind = KINDS[name]
    a, b = nodes_for(lab, kind)
    ours = lab.ours(b, kind.ours)
    pluto = lab.pluto(a, replace(kind.pluto, calls=True))
    assert kind.said in pluto.initiate()
    child = ours.control.child()
    assert {key: child.get(key) for key in kind.shown} == kind.shown
    assert ("cpi-in" in child) is (name == "ipcomp")
    assert child["spi-out"] in pluto.log()


@pytest.mark.parametrize("name", KINDS)
def test_we_call_pluto(lab: Lab, name: str) -> None:
    kind = KINDS[name]
    a, b = nodes_for(lab, kind)
    pluto = lab.pluto(b, kind.pluto)
    ours = lab.ours(a, replace(kind.ours, calls=True))
    ours.control.initiate()
    child = ours.control.child()
    assert {key: child.get(key) for key in kind.shown} == kind.shown
    assert ("cpi-in" in child) is (name == "ipcomp")
    pluto.wait_for(lambda: kind.said in pluto.log(), "its SAs")
