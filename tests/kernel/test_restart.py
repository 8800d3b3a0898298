"""A daemon that is killed leaves SAs, policies and routes in the kernel: the next one recognises its own.

With ``state`` it goes on with them, and no packet is lost; without, it takes them away. What others put into the
kernel stays.
"""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from lab.capture import packets
from lab.lab import Lab
from lab.network import Node
from lab.pair import OURS, KernelPair
from lab.process import LabError, Program
from lab.traffic import EndlessPings, ping
from lab.xfrm import policies, route_to_peer, states, troubles

STRANGER = "192.0.2.7"


def put_foreign(node: Node) -> None:
    """An SA and a policy of somebody else's, by hand, to our own peer's address among others."""
    key = "0x" + "22" * 20
    sa = f"src {STRANGER} dst {node.address} proto esp spi 0x2222 mode tunnel aead rfc4106(gcm(aes)) {key} 128"
    node.run("ip", "xfrm", "state", "add", *sa.split())
    policy = f"src 10.200.0.0/24 dst 10.201.0.0/24 dir out tmpl src {node.address} dst {STRANGER} proto esp mode tunnel"
    node.run("ip", "xfrm", "policy", "add", *policy.split())


def foreign(node: Node) -> tuple[list[str], list[str]]:
    """What there is of `put_foreign`."""
    return (
        [state.text for state in states(node) if state.source == STRANGER],
        [policy.source for policy in policies(node) if STRANGER in policy.text],
    )


def routes(node: Node) -> str:
    return node.run("ip", "route", "show", "table", "all") + node.run("ip", "rule", "show")


def kill(pair: KernelPair) -> None:
    """It gets no chance to say goodbye."""
    pair.ours.send_signal(signal.SIGKILL)
    pair.ours.wait()


def test_a_killed_daemon_is_taken_over_from_without_loss(lab: Lab) -> None:
    options = replace(OURS, state=lab.folder("state"))
    pair = KernelPair(lab, lab.direct(), we_call=False, ours=options)
    put_foreign(pair.our_node)
    pair.up()
    before = {state.spi for state in states(pair.our_node)}
    stranger = foreign(pair.our_node)
    pings = lab.started(EndlessPings(pair.client, lab.folder("pings"), interval=0.02))
    kill(pair)
    second = lab.again(pair.ours)
    child = second.control.child()
    assert {child["spi-in"], child["spi-out"]} <= before
    counted = pings.count()
    assert counted.lost == 0
    assert {state.spi for state in states(pair.our_node)} == before
    assert int(second.control.child()["packets-in"]) >= counted.sent
    assert foreign(pair.our_node) == stranger
    second.control.rekey()
    second.wait_for(lambda: len(second.control.children()) == 1, "one pair")
    ping(pair.client)
    assert not troubles(pair.charon_node)


def test_nothing_leaves_in_the_clear_while_daemons_come_and_go(lab: Lab) -> None:
    """One is killed, one is stopped, and the peer is not there, while packets come all the time."""
    ours, peer = lab.direct()
    route_to_peer(ours)
    gateway = lab.ours(ours, replace(OURS, calls=True, tunnel='start = "trap"'))
    witness = lab.capture(peer)
    command = ["ping", "-q", "-i", "0.005", "-I", ours.host, ours.remote_host]
    lab.started(Program(ours.namespace, command, lab.folder("flow")))
    gateway.wait_for_log("triggered by")
    gateway.send_signal(signal.SIGKILL)
    gateway.wait()
    second = lab.again(gateway)
    second.wait_for_log("triggered by")  # at once, though the kernel still waits for what the first one was asked for
    pings = "icmp[icmptype] == icmp-echo"
    assert not packets(witness.file, pings)
    second.stop()
    third = lab.again(gateway)
    third.wait_for_log("triggered by")
    third.stop()
    assert not packets(witness.file, pings)
    third.release()
    witness.finish_with(1, pings)


def test_without_state_nothing_is_left_over(lab: Lab) -> None:
    pair = KernelPair(lab, lab.direct(), we_call=True)
    put_foreign(pair.our_node)
    empty = (policies(pair.our_node), routes(pair.our_node))
    stranger = foreign(pair.our_node)
    pair.up()
    kill(pair)
    assert len(states(pair.our_node)) == 3
    second = lab.again(pair.ours)
    assert not second.control.sas()
    assert len(states(pair.our_node)) == 1
    assert (policies(pair.our_node), routes(pair.our_node)) == empty
    assert foreign(pair.our_node) == stranger
    with pytest.raises(LabError):
        ping(pair.client, count=1, patience=1)
