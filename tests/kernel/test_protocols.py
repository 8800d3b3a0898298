"""What else may protect a packet or shorten it: AH (RFC 4302), and IPComp inside ESP (RFC 3173)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.capture import packets
from lab.lab import Lab
from lab.pair import CHARON, OURS, KernelPair, hosts
from lab.traffic import ping
from lab.xfrm import states, troubles

LARGE = 1000  # octets of a ping, which repeat themselves


@pytest.mark.parametrize("hash", ["sha256", "aesxcbc"])
def test_ah(lab: Lab, hash: str) -> None:
    ours, charon = (
        replace(OURS, ah=hash, tunnel='mode = "transport"'),
        replace(CHARON, esp=f"ah:{hash}", child="mode = transport"),
    )
    pair = KernelPair(lab, hosts(lab.direct()), we_call=True, ours=ours, charon=charon).up()
    pair.assert_protected("ah")
    assert pair.ours.control.child()["protocol"] == "AH"
    assert not states(pair.our_node, "esp")


@pytest.mark.parametrize("esp", ["aes128-sha256", "aes128-sha256-modp2048"])
@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "charon calls"])
def test_compression(lab: Lab, we_call: bool, esp: str) -> None:
    """Also with perfect forward secrecy, although charon's IPComp transforms do not name the group."""
    ours, charon = replace(OURS, tunnel="compress = true", esp=esp), replace(CHARON, child="ipcomp = yes", esp=esp)
    pair = KernelPair(lab, lab.direct(), we_call=we_call, ours=ours, charon=charon).up()
    witness = lab.capture(pair.our_node, sent=True)
    ping(pair.client, size=LARGE)
    for node in pair.nodes:
        assert [state.packets for state in states(node, "esp")] == [3, 3]
        assert [state.packets for state in states(node, "comp")] == [3, 3]
        assert not troubles(node)
    lengths = [int(line.rpartition(" ")[2]) for line in packets(witness.finish_with(3, "ip proto 50"), "ip proto 50")]
    assert len(lengths) == 3
    assert max(lengths) < LARGE / 2
