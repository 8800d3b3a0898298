"""A gateway whose tunnels are down, in every way: what belongs to them leaves and comes in the clear only where it may.

``b`` is the WAN with the peer's network; the route to it is there. Only our gateway on ``a`` speaks IKE, unless a test
starts another one; a datagram "clear" goes from the host behind one node to the host behind the other, and one that no
tunnel protects follows.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.process import LabError
from lab.traffic import ping

CLEAR = Path(__file__).parents[1] / "support" / "clear.py"
PYTHON = (sys.executable, "-I", "-S")
IMPATIENT = "retransmit_tries = 1\nretransmit_timeout = 0.2\n"

Nodes = tuple[Node, Node]


@pytest.fixture(params=[4, 6], ids=["ipv4", "ipv6"])
def nodes(lab: Lab, request: pytest.FixtureRequest) -> Nodes:
    """Two nodes with routes to one another's networks, past any tunnel."""
    a, b = lab.direct(inside=request.param, outside=request.param)
    for node in (a, b):
        node.run("ip", f"-{request.param}", "route", "add", node.remote, "via", node.peer)
    return a, b


def passes(nodes: Nodes) -> bool:
    """Whether the traffic of the tunnel passes in the clear; out and in must agree."""
    a, b = nodes
    out, come_in = (_arrives(speaker, hearer) for speaker, hearer in ((a, b), (b, a)))
    assert out == come_in
    return out


def _arrives(speaker: Node, hearer: Node) -> bool:
    version = "6" if ":" in hearer.host else "4"
    ear = subprocess.Popen(
        ["ip", "netns", "exec", hearer.namespace, *PYTHON, CLEAR, "hear", version], stdout=subprocess.PIPE, text=True
    )
    assert ear.stdout is not None
    assert ear.stdout.readline() == "ready\n"
    speaker.run(*PYTHON, CLEAR, "say", speaker.host, hearer.host, "clear", speaker.address, hearer.address, "end")
    said, _ = ear.communicate(timeout=60)
    heard = json.loads(said)
    assert heard in (["clear", "end"], ["end"])
    return "clear" in heard


def ours(lab: Lab, node: Node, tunnel: str) -> OurGateway:
    """Our gateway, whose peer is not there unless the test starts it."""
    return lab.ours(node, OurOptions(calls=True, data_plane="userspace", gateway=IMPATIENT, tunnel=tunnel))


def kill(gateway: OurGateway) -> None:
    gateway.send_signal(signal.SIGKILL)
    gateway.wait()


@pytest.mark.parametrize("start", ["start", "trap"])
def test_what_comes_up_by_itself_never_passes(lab: Lab, nodes: Nodes, start: str) -> None:
    """Before it is up, with a peer that is silent, after an operator's down, a kill, and with the next gateway."""
    assert passes(nodes)
    gateway = ours(lab, nodes[0], f'start = "{start}"')
    assert not passes(nodes)
    gateway.command("up", "net", check=False)
    assert not passes(nodes)
    gateway.command("down", "net", check=False)
    assert not passes(nodes)
    kill(gateway)
    assert not passes(nodes)
    again = lab.again(gateway)
    assert not passes(nodes)
    again.stop()
    assert not passes(nodes)


def test_nor_does_it_after_its_peer_was_there_and_died(lab: Lab, nodes: Nodes) -> None:
    a, b = nodes
    peer = lab.ours(b, OurOptions(data_plane="userspace", tunnel='when_down = "pass"'))
    gateway = ours(lab, a, 'start = "start"')
    gateway.wait_for(gateway.control.children, "a pair of IPsec SAs")
    ping(a)
    kill(peer)
    # the peer's own filter must not be what keeps the datagrams away
    b.run(sys.executable, "-c", "from ikev1.esp.clear_traffic import forget; assert forget('ikev1')")
    assert not passes(nodes)
    gateway.command("down", "net")
    assert not gateway.control.children()
    assert not passes(nodes)


def test_what_comes_up_on_command_passes_before_its_first_up_and_after_a_down(lab: Lab, nodes: Nodes) -> None:
    gateway = ours(lab, nodes[0], 'start = "none"')
    assert passes(nodes)
    gateway.command("up", "net", check=False)  # nobody answers
    assert not gateway.control.children()
    assert not passes(nodes)
    gateway.command("down", "net", check=False)
    assert passes(nodes)


def test_it_does_not_pass_when_the_peer_ends_it(lab: Lab, nodes: Nodes) -> None:
    a, b = nodes
    peer = lab.ours(b, OurOptions(data_plane="userspace", tunnel='when_down = "pass"'))
    gateway = lab.ours(a, OurOptions(calls=True, data_plane="userspace", tunnel='start = "none"'))
    gateway.command("up", "net")
    ping(a)
    peer.command("down", "net")
    gateway.wait_for(lambda: not gateway.control.children(), "the end of the pair")
    assert not passes(nodes)
    gateway.command("down", "net", check=False)
    assert passes(nodes)


def test_the_operator_may_say_otherwise(lab: Lab, nodes: Nodes) -> None:
    gateway = ours(lab, nodes[0], 'start = "start"\nwhen_down = "pass"')
    assert passes(nodes)
    gateway.configure(OurOptions(calls=True, data_plane="userspace", tunnel='start = "none"\nwhen_down = "drop"'))
    gateway.command("reload")
    assert not passes(nodes)


def test_what_stop_leaves_is_the_operator_s_choice(lab: Lab, nodes: Nodes) -> None:
    options = OurOptions(calls=True, data_plane="userspace", gateway=IMPATIENT, tunnel='start = "trap"')
    gateway = lab.ours(nodes[0], options)
    with pytest.raises(LabError, match="is running"):
        gateway.release()
    gateway.stop()
    assert not passes(nodes)
    again = lab.again(gateway)
    assert not passes(nodes)
    again.stop()
    assert not passes(nodes)
    again.release()
    assert passes(nodes)
    open_at_the_end = replace(options, gateway=IMPATIENT + 'when_stopped = "pass"')
    last = lab.ours(nodes[0], open_at_the_end)
    assert not passes(nodes)
    last.stop()
    assert passes(nodes)
