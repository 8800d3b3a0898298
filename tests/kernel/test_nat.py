"""Behind a masquerading router: ESP in UDP, through the daemon's own socket (RFC 3948)."""

from __future__ import annotations

from dataclasses import replace

from lab.capture import packets
from lab.lab import Lab
from lab.pair import CHARON, OURS, KernelPair, assert_shown
from lab.traffic import ping
from lab.xfrm import states, troubles


def test_we_are_behind_it(lab: Lab) -> None:
    pair = KernelPair(lab, lab.behind_nat(), we_call=True).up()
    pair.assert_protected()
    assert all(state.encapsulated for state in states(pair.our_node))


def test_charon_is_behind_it(lab: Lab) -> None:
    pair = KernelPair(lab, lab.behind_nat(), we_call=False).up()
    pair.assert_protected()
    assert {state.destination for state in states(pair.our_node)} == {"10.77.1.1", "10.77.1.2"}


def test_two_clients_at_one_address(lab: Lab) -> None:
    """The router gives them different ports, which tell their SAs apart."""
    first, second, gateway = lab.two_behind_nat()
    other = f"""
[connection.peer.tunnel.second]
local = "{gateway.network}"
remote = "{second.network}"
proposals = ["{OURS.esp}"]
"""
    ours = lab.ours(gateway, replace(OURS, remote_id="*@lab", others=other))
    names = {first: "alice@lab", second: "bob@lab"}
    clients = [lab.charon(node, replace(CHARON, calls=True, own_id=own_id)) for node, own_id in names.items()]
    witness = lab.capture(gateway, sent=True)
    for node, charon in zip((first, second), clients, strict=True):
        charon.control.bring_up()
        ping(node)
    for node, charon in zip((first, second), clients, strict=True):
        ping(node)
        assert_shown(charon.control, node)
        assert [state.packets for state in states(node)] == [6, 6]
        assert not troubles(node)
    assert [state.packets for state in states(gateway)] == [6] * 4
    assert not troubles(gateway)
    assert len(ours.control.children()) == 2
    sent = packets(witness.finish_with(12, "udp port 4500 and greater 100"), "ip")
    assert len([line for line in sent if "UDP-encap: ESP" in line]) == 12
    assert not [line for line in sent if "ICMP" in line]
