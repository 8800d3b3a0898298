"""Packets that come twice are refused, with sequence numbers of 32 bits and of 64 (RFC 4303 §3.4.3, RFC 4304)."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.pair import CHARON, OURS, KernelPair
from lab.traffic import ping
from lab.xfrm import states, troubles

REPLAY = Path(__file__).parents[1] / "support" / "lab" / "replay.py"


@pytest.mark.parametrize(("esn", "window"), [(False, 64), (True, 1024)], ids=["32 bits", "64 bits, a window of 1024"])
def test_a_packet_that_comes_twice(lab: Lab, esn: bool, window: int) -> None:
    suite = f"{OURS.esp}-esn" if esn else OURS.esp
    ours = replace(OURS, esp=suite, tunnel=f"replay_window = {window}")
    charon = replace(CHARON, esp=suite, child=f"replay_window = {window}")
    pair = KernelPair(lab, lab.direct(), we_call=True, ours=ours, charon=charon).up()
    pair.assert_protected()
    for node in pair.nodes:
        assert all((" esn (0x" in state.text) == esn for state in states(node))
    witness = lab.capture(pair.charon_node, sent=True)
    ping(pair.client)
    pair.charon_node.run(sys.executable, "-IS", REPLAY, witness.finish_with(3, "ip proto 50"), "10")
    (inbound,) = (state for state in states(pair.our_node) if state.destination == pair.our_node.address)
    assert (inbound.packets, inbound.replays) == (6, 30)
    assert troubles(pair.our_node) == {"XfrmInStateSeqError": 30}
    said = pair.ours.command("show", "ipsec", "sa")
    assert "30 replays-in: " in said
    assert "30 XfrmInStateSeqError: " in said
    ping(pair.client)
