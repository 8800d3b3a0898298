"""A mark chooses the packets of a tunnel beside its networks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.lab import Lab
from lab.network import iptables
from lab.pair import OURS, KernelPair
from lab.process import LabError
from lab.traffic import ping
from lab.xfrm import route_to_peer, states, troubles

MARK = 42


def test_only_marked_packets_take_the_tunnel(lab: Lab) -> None:
    marked = replace(OURS, tunnel=f"mark_in = {MARK}\nmark_out = {MARK}")
    pair = KernelPair(lab, lab.direct(), we_call=True, ours=marked).up()
    route_to_peer(pair.our_node)  # no route of ours: who marks packets decides where they go
    iptables(pair.our_node.namespace, f"-t mangle -A PREROUTING -p esp -j MARK --set-mark {MARK}")
    with pytest.raises(LabError, match="timed out"):
        ping(pair.client, patience=1)
    assert [state.packets for state in states(pair.our_node)] == [0, 0]
    ping(pair.client, mark=MARK)
    assert [state.packets for state in states(pair.our_node)] == [3, 3]
    assert not troubles(pair.our_node)
