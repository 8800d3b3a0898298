"""Tunnel and transport mode, IPv4 and IPv6 inside and outside, in both roles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.lab import Lab
from lab.pair import CHARON, OURS, KernelPair, hosts
from lab.xfrm import states


@pytest.mark.parametrize(
    ("outside", "inside", "we_call"),
    [(4, 4, True), (6, 4, False), (4, 6, True)],
    ids=["IPv4, we call", "IPv4 in IPv6, charon calls", "IPv6 in IPv4, we call"],
)
def test_tunnel_mode(lab: Lab, outside: int, inside: int, we_call: bool) -> None:
    pair = KernelPair(lab, lab.direct(outside, inside), we_call=we_call).up()
    pair.assert_protected()
    assert {state.mode for state in states(pair.our_node)} == {"tunnel"}
    assert pair.ours.control.child()["mode"] == "TUNNEL"


@pytest.mark.parametrize(("version", "we_call"), [(4, False), (6, True)], ids=["IPv4, charon calls", "IPv6, we call"])
def test_transport_mode(lab: Lab, version: int, we_call: bool) -> None:
    ours, charon = replace(OURS, tunnel='mode = "transport"'), replace(CHARON, child="mode = transport")
    pair = KernelPair(lab, hosts(lab.direct(version)), we_call=we_call, ours=ours, charon=charon).up()
    pair.assert_protected()
    assert {state.mode for state in states(pair.our_node)} == {"transport"}
    assert pair.ours.control.child()["mode"] == "TRANSPORT"
