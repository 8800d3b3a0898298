"""IPv6 outside the tunnel, inside it, and both: with strongSwan in both roles, and with ourselves without UDP.

charon carries ESP itself here (kernel-libipsec), which it does in UDP only.
"""

from __future__ import annotations

import pytest

from lab.capture import tshark
from lab.charon import CharonOptions
from lab.control import Control
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.traffic import assert_tunnelled

versions = pytest.mark.parametrize(("outside", "inside"), [(6, 6), (6, 4), (4, 6)], ids=lambda version: f"IPv{version}")


def assert_between(control: Control, local: Node, remote: Node) -> None:
    """The ISAKMP SA is between the nodes' outer addresses, and the tunnel between the networks behind them."""
    (sa,) = control.sas()
    assert (sa["local-host"], sa["remote-host"]) == (local.address, remote.address)
    child = control.child()
    assert (child["local-ts"], child["remote-ts"]) == ([local.network], [remote.network])


@versions
def test_charon_calls_us(lab: Lab, outside: int, inside: int) -> None:
    a, b = lab.direct(outside, inside)
    ours = lab.ours(b, OurOptions())
    charon = lab.charon(a, CharonOptions(calls=True))
    capture = lab.capture(b)
    charon.control.initiate()
    assert_between(ours.control, b, a)
    assert_between(charon.control, a, b)
    assert_tunnelled(a, b, (charon.control, ours.control), lab.folder("transfer"))
    file = capture.finish(enough="udpencap && esp")
    assert tshark(file, "isakmp && udp.port == 500")
    assert not tshark(file, "icmp.type == 8 || icmpv6.type == 128 || tcp")


@versions
def test_we_call_charon(lab: Lab, outside: int, inside: int) -> None:
    a, b = lab.direct(outside, inside)
    charon = lab.charon(b, CharonOptions())
    ours = lab.ours(a, OurOptions(calls=True))
    capture = lab.capture(b)
    ours.command("up", "peer")
    assert_between(ours.control, a, b)
    assert_between(charon.control, b, a)
    assert_tunnelled(a, b, (ours.control, charon.control), lab.folder("transfer"))
    file = capture.finish(enough="udpencap && esp")
    assert not tshark(file, "icmp.type == 8 || icmpv6.type == 128 || tcp")


@versions
def test_we_call_ourselves_and_esp_travels_without_udp(lab: Lab, outside: int, inside: int) -> None:
    a, b = lab.direct(outside, inside)
    gateway = lab.ours(b, OurOptions())
    client = lab.ours(a, OurOptions(calls=True))
    capture = lab.capture(b)
    client.command("up", "peer")
    assert "encap" not in gateway.control.child()
    assert_between(gateway.control, b, a)
    assert_tunnelled(a, b, (client.control, gateway.control), lab.folder("transfer"))
    file = capture.finish(enough="esp")
    assert tshark(file, "ipv6.nxt == 50" if outside == 6 else "ip.proto == 50")
    assert not tshark(file, "udpencap || icmp.type == 8 || icmpv6.type == 128 || tcp")
