"""Transport mode behind a masquerading router: what the two peers say themselves, under the addresses of the path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.lab import Lab
from lab.pair import CHARON, OURS, KernelPair, assert_shown, hosts
from lab.traffic import ping, transfer
from lab.xfrm import states, troubles


@pytest.mark.parametrize("we_call", [True, False], ids=["we call", "charon calls"])
def test_transport_mode_behind_a_nat(lab: Lab, we_call: bool) -> None:
    """TCP, whose checksum the NAT makes wrong, and which ESP vouches for instead (RFC 3948 §3.1.2)."""
    ours, charon = replace(OURS, tunnel='mode = "transport"'), replace(CHARON, child="mode = transport")
    client, gateway = hosts(lab.behind_nat())
    pair = KernelPair(lab, (client, gateway), we_call=we_call, ours=ours, charon=charon).up()
    ping(client)
    transfer(client, gateway, lab.folder("transfer"), size=100_000)
    for node, end in ((pair.our_node, pair.ours), (pair.charon_node, pair.charon)):
        found = states(node, "esp")
        assert {state.mode for state in found} == {"transport"}
        assert all(state.encapsulated for state in found)
        assert max(state.packets for state in found) > 70, "the octets of the transfer"
        assert min(state.packets for state in found) > 10, "their acknowledgements"
        assert not troubles(node)
        assert_shown(end.control, node)
    (sa,) = pair.ours.control.sas()
    child = pair.ours.control.child()
    assert child["local-ts"] == [f"{sa['local-host']}/32"]
    assert child["remote-ts"] == [f"{sa['remote-host']}/32"]
