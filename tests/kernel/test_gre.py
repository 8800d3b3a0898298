"""GRE in transport mode: a hub that answers callers at addresses that it does not know, and a spoke that calls it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.capture import packets
from lab.lab import Lab
from lab.network import Node
from lab.pair import CHARON, OURS, KernelPair, hosts
from lab.traffic import reach

GRE = "dynamic[gre]"
HUB, SPOKE = "172.16.0.1", "172.16.0.2"  # inside
KEY = ("key", "7")


def make_hub(node: Node, spoke: Node) -> None:
    """A multipoint interface, as of DMVPN, with what NHRP would tell it."""
    node.run("ip", "tunnel", "add", "gre1", "mode", "gre", "local", node.address, *KEY, "ttl", "64")
    node.run("ip", "addr", "add", f"{HUB}/24", "dev", "gre1")
    node.run("ip", "link", "set", "gre1", "addrgenmode", "none")  # no messages of IPv6, which would be counted
    node.run("ip", "link", "set", "gre1", "up", "multicast", "on")
    node.run("ip", "neigh", "replace", SPOKE, "lladdr", spoke.address, "dev", "gre1")


def make_spoke(node: Node) -> None:
    ends = "local", node.address, "remote", node.peer
    node.run("ip", "tunnel", "add", "gre1", "mode", "gre", *ends, *KEY, "ttl", "64")
    node.run("ip", "addr", "add", f"{SPOKE}/24", "dev", "gre1")
    node.run("ip", "link", "set", "gre1", "addrgenmode", "none")
    node.run("ip", "link", "set", "gre1", "up")


@pytest.mark.parametrize("plane", ["kernel", "userspace"])
@pytest.mark.parametrize("we_call", [True, False], ids=["spoke", "hub"])
def test_gre_between_a_hub_and_a_spoke(lab: Lab, we_call: bool, plane: str) -> None:
    ours = replace(OURS, data_plane=plane, local=GRE, remote=GRE, tunnel='mode = "transport"')
    charon = replace(CHARON, local_ts=GRE, remote_ts=GRE, child="mode = transport")
    pair = KernelPair(lab, hosts(lab.direct()), we_call=we_call, ours=ours, charon=charon)
    spoke, hub = pair.client, pair.gateway
    make_hub(hub, spoke)
    make_spoke(spoke)
    pair.up()
    wire = lab.capture(spoke)
    reach(spoke, HUB)
    reach(hub, SPOKE)
    child = pair.ours.control.child()
    assert child["mode"] == "TRANSPORT"
    assert (int(child["packets-in"]), int(child["packets-out"])) == (6, 6)
    reach(spoke, hub.address)  # what is not GRE is not protected
    assert int(pair.ours.control.child()["packets-out"]) == 6
    seen = wire.finish_with(3, "icmp")
    assert len(packets(seen, "esp")) >= 12
