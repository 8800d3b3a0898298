"""Two gateways of ours while their network changes; the same with either data plane."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.capture import packets
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.pair import await_child
from lab.process import LabError, wait_until
from lab.traffic import answered, ping, reach

_CLEAR = "icmp"  # on the outer wire


def up(lab: Lab, nodes: tuple[Node, Node], plane: str, start: str = "none") -> tuple[OurGateway, OurGateway]:
    """The first node's gateway, which calls from whatever address it has, and the second's."""
    a, b = nodes
    answering = lab.ours(replace(b, address="%any"), OurOptions(data_plane=plane))
    caller = lab.ours(replace(a, address="%any"), OurOptions(data_plane=plane, calls=True, tunnel=f'start = "{start}"'))
    if start != "start":
        caller.control.bring_up()
    await_child(caller, answering)
    ping(a)
    return caller, answering


def a_new_address_calls_at_once(lab: Lab, plane: str, start: str) -> None:
    """The old pair is gone at both ends, and nothing leaves in the clear."""
    a, b = lab.direct()
    caller, answering = up(lab, (a, b), plane, start)
    witness = lab.capture(a, sent=True)
    # of another network, or it would go with the first one
    a.run("ip", "addr", "add", "10.77.0.51/25", "dev", "eth0")
    a.run("ip", "addr", "del", "10.77.0.1/24", "dev", "eth0")
    caller.wait_for(lambda: [sa["local-host"] for sa in caller.control.sas()] == ["10.77.0.51"], "another phase 1")
    wait_until(lambda: answered(a), "an answer through another tunnel")
    assert [sa["remote-host"] for sa in answering.control.sas()] == ["10.77.0.51"]
    assert [len(end.control.children()) for end in (caller, answering)] == [1, 1]
    assert not packets(witness.file, _CLEAR)


def an_address_that_comes_back_changes_nothing(lab: Lab, plane: str) -> None:
    """Nor does a link; routes and sources are those of before."""
    a, b = lab.direct()
    caller, _ = up(lab, (a, b), plane)
    before, way = caller.control.child()["spi-in"], a.run("ip", "route", "show", "table", "4500")
    witness = lab.capture(a, sent=True)
    a.run("ip", "addr", "del", "10.77.0.1/24", "dev", "eth0")
    a.run("ip", "addr", "add", "10.77.0.1/24", "dev", "eth0")
    a.run("ip", "link", "set", "eth0", "down")
    a.run("ip", "link", "set", "eth0", "up")
    a.run("ip", "addr", "del", f"{a.host}/32", "dev", "lo")
    wait_until(lambda: "src" not in a.run("ip", "route", "show", "table", "4500"), "the source to be gone")
    a.run("ip", "addr", "add", f"{a.host}/32", "dev", "lo")
    wait_until(lambda: a.run("ip", "route", "show", "table", "4500") == way, "the route to be back")
    reach(a, a.remote_host, count=1)  # from the address that the route names
    ping(a)
    assert caller.control.child()["spi-in"] == before
    assert not packets(witness.file, _CLEAR)


def a_tunnel_for_everything_does_not_decide_from_where_its_peer_is_called(lab: Lab, plane: str) -> None:
    """The trap's routes and policies are there before the first call."""
    a, b = lab.direct()
    answering = lab.ours(b, OurOptions(data_plane=plane, local="0.0.0.0/0"))
    trapped = OurOptions(data_plane=plane, calls=True, remote="0.0.0.0/0", tunnel='start = "trap"')
    caller = lab.ours(replace(a, address="%any"), trapped)
    assert f"src {a.host}" in a.run("ip", "route", "show", "table", "4500", "default")
    witness = lab.capture(a, sent=True)
    wait_until(lambda: answered(a), "an answer through the tunnel")
    await_child(caller, answering)
    caller.control.rekey()
    caller.control.terminate(ike="peer")
    caller.control.bring_up()
    ping(a)
    assert not packets(witness.file, f"udp and not src {a.address}")
    assert not packets(witness.file, _CLEAR)


def peers_with_link_local_addresses(lab: Lab, plane: str) -> None:
    """The caller's configuration names the interface; who answers learns it from the first message."""
    a, b = lab.direct(outside=6)
    for node, address in ((a, "fe80::a"), (b, "fe80::b")):
        node.run("ip", "addr", "add", f"{address}/64", "dev", "eth0", "nodad")
    caller, answering = up(lab, (replace(a, peer="fe80::b%eth0"), b), plane)
    caller.control.rekey()
    answering.wait_for(lambda: len(answering.control.children()) == 1, "one pair")
    ping(a)
    ping(b)
    assert [sa["remote-host"] for sa in caller.control.sas()] == ["fe80::b%eth0"]
    assert answering.control.sas()[0]["remote-host"].endswith("%eth0")


def a_gateway_that_is_started_by_mistake_touches_nothing(lab: Lab, plane: str) -> None:
    """Neither one with files of its own, nor one with those of the first."""
    a, b = lab.direct()
    caller, _ = up(lab, (a, b), plane)
    before = _left(a)
    with pytest.raises(LabError, match="Address already in use"):
        lab.ours(a, caller.options)
    with pytest.raises(LabError, match="Address already in use"):
        a.run(*caller.command_line)
    assert _left(a) == before
    ping(a)
    caller.control.terminate(ike="peer")
    caller.control.bring_up()
    ping(a)


def _left(node: Node) -> tuple[str, ...]:
    """What may be a gateway's in the kernel, without what changes by itself."""
    what = ("xfrm", "policy"), ("route", "show", "table", "4500"), ("rule",)
    shown = (node.run("ip", *words) for words in what)
    return tuple(shown)
