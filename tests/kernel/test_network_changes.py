"""Two gateways of ours while addresses change, with a tunnel for everything, and with a third one by mistake."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.capture import packets
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.pair import await_child
from lab.process import LabError, wait_until
from lab.traffic import ping
from lab.xfrm import policies, states

OURS = OurOptions(data_plane="kernel")
CALLER = replace(OURS, calls=True)


def answered(node: Node) -> bool:
    try:
        ping(node, count=1)
    except LabError:
        return False
    return True


def anywhere(node: Node) -> Node:
    """The node in the configuration of a gateway that calls from whatever address it has."""
    return replace(node, address="%any")


@pytest.mark.parametrize("start", ["start", "trap", "none"])
def test_a_new_address_calls_at_once(lab: Lab, start: str) -> None:
    a, b = lab.direct()
    answering = lab.ours(b, OURS)
    caller = lab.ours(anywhere(a), replace(CALLER, tunnel=f'start = "{start}"'))
    if start != "start":
        caller.control.bring_up()
    await_child(caller, answering)
    ping(a)
    witness = lab.capture(a, sent=True)
    # of another network, or it would go with the first one
    a.run("ip", "addr", "add", "10.77.0.51/25", "dev", "eth0")
    a.run("ip", "addr", "del", "10.77.0.1/24", "dev", "eth0")
    caller.wait_for_log("10.77.0.1 is no longer an address of this host: calling from 10.77.0.51")
    wait_until(lambda: answered(a), "an answer through another tunnel")
    assert [sa["local-host"] for sa in caller.control.sas()] == ["10.77.0.51"]
    assert [sa["remote-host"] for sa in answering.control.sas()] == ["10.77.0.51"]
    assert len(states(a, "esp")) == len(states(b, "esp")) == 2
    assert not packets(witness.file, "icmp")


def test_an_address_that_comes_back_changes_nothing(lab: Lab) -> None:
    a, b = lab.direct()
    answering = lab.ours(b, OURS)
    caller = lab.ours(anywhere(a), CALLER)
    caller.control.bring_up()
    await_child(caller, answering)
    ping(a)
    before = caller.control.child()["spi-in"]
    witness = lab.capture(a, sent=True)
    a.run("ip", "addr", "del", "10.77.0.1/24", "dev", "eth0")
    a.run("ip", "addr", "add", "10.77.0.1/24", "dev", "eth0")
    a.run("ip", "link", "set", "eth0", "down")
    a.run("ip", "link", "set", "eth0", "up")
    wait_until(lambda: "10.10.2.0/24" in a.run("ip", "route", "show", "table", "4500"), "the route to be back")
    a.run("ping", "-c", "1", "-W", "3", a.remote_host)  # from an address that the route names
    ping(a)
    assert caller.control.child()["spi-in"] == before
    assert not packets(witness.file, "icmp")


def test_a_tunnel_for_everything_does_not_decide_from_where_its_peer_is_called(lab: Lab) -> None:
    a, b = lab.direct()
    answering = lab.ours(b, replace(OURS, local="0.0.0.0/0"))
    caller = lab.ours(anywhere(a), replace(CALLER, remote="0.0.0.0/0", tunnel='start = "trap"'))
    assert f"default dev eth0 proto static src {a.host}" in a.run("ip", "route", "show", "table", "4500")
    witness = lab.capture(a, sent=True)
    wait_until(lambda: answered(a), "an answer through the tunnel")
    await_child(caller, answering)
    caller.control.rekey()
    caller.control.terminate(ike="peer")
    caller.control.bring_up()
    ping(a)
    assert not packets(witness.file, f"udp and not src {a.address}")
    assert not packets(witness.file, "icmp")


def test_a_gateway_that_is_started_by_mistake_touches_nothing(lab: Lab) -> None:
    a, b = lab.direct()
    answering = lab.ours(b, OURS)
    caller = lab.ours(a, CALLER)
    caller.control.bring_up()
    await_child(caller, answering)
    ping(a)
    before = left(a)
    with pytest.raises(LabError, match="Address already in use"):
        lab.ours(a, CALLER)
    with pytest.raises(LabError, match="Address already in use"):
        OurGateway(a, caller.directory, CALLER)  # with the same control socket, too
    assert left(a) == before
    ping(a)
    caller.control.terminate(ike="peer")
    caller.control.bring_up()
    ping(a)


def left(node: Node) -> tuple[list[str], list[str], str, str]:
    return (
        [state.spi for state in states(node)],
        [policy.text for policy in policies(node)],
        node.run("ip", "route", "show", "table", "4500"),
        node.run("ip", "rule"),
    )
