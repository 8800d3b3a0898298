"""Traps: the kernel asks for a tunnel when the first packet for it comes."""

from __future__ import annotations

from dataclasses import replace

from lab.lab import Lab
from lab.pair import CHARON, OURS, KernelPair, hosts
from lab.process import wait_until
from lab.traffic import answered
from lab.xfrm import policies, states, troubles

TRAPPED = replace(OURS, tunnel='start = "trap"')


def selectors(pair: KernelPair) -> set[tuple[str, str, str]]:
    return {(policy.source, policy.destination, policy.direction) for policy in policies(pair.our_node)}


def test_the_first_packet_brings_the_tunnel_up(lab: Lab) -> None:
    pair = KernelPair(lab, lab.direct(), we_call=True, ours=TRAPPED)
    trap = selectors(pair)
    assert (pair.client.network, pair.client.remote, "out") in trap
    assert not pair.ours.control.sas()

    wait_until(lambda: answered(pair.client), "an answer through a tunnel that nobody called up")
    (child,) = pair.ours.control.children()
    assert int(child["packets-in"]) >= 1
    assert "MM1" in pair.ours.log()

    pair.charon.control.terminate(ike="peer")
    pair.ours.wait_for(lambda: selectors(pair) == trap, "the trap to be back")
    pair.ours.wait_for(lambda: not states(pair.our_node, "esp"), "the SAs to be gone")
    wait_until(lambda: answered(pair.client), "an answer through another tunnel")
    assert not troubles(pair.charon_node)


def test_charons_trap_gets_our_answer(lab: Lab) -> None:
    charon = replace(CHARON, child="mode = transport\nstart_action = trap")
    ours = replace(OURS, tunnel='mode = "transport"')
    pair = KernelPair(lab, hosts(lab.direct()), we_call=False, ours=ours, charon=charon)
    assert not pair.ours.control.sas()
    wait_until(lambda: answered(pair.client), "an answer through a tunnel that nobody called up")
    assert pair.ours.control.child()["mode"] == "TRANSPORT"
    ours_counted, charons_counted = (
        {state.spi: state.packets for state in states(node)} for node in (pair.our_node, pair.charon_node)
    )
    assert ours_counted == charons_counted
