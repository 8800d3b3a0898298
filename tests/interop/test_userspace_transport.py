"""Transport mode in user space, for UDP port 1701 between two hosts, as L2TP uses it."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lab.capture import packets
from lab.charon import CLIENT_ID, GATEWAY_ID, PSK
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.pair import await_child, hosts
from lab.process import Program, run
from lab.traffic import reach

L2TP = OurOptions(
    data_plane="userspace",
    tunnel='mode = "transport"\nwhen_down = "drop"',
    local="dynamic[udp/1701]",
    remote="dynamic[udp]",
)
CALLER = replace(L2TP, calls=True, remote="dynamic[udp/1701]")
_ECHO_REPLIES = "icmp[icmptype] == icmp-echoreply or icmp6[0] == 129"
ECHO = Path(__file__).parents[1] / "support" / "lab" / "echo.py"
PORT = "1701"


def serve(lab: Lab, node: Node) -> Program:
    server = lab.started(
        Program(node.namespace, [sys.executable, ECHO, "serve", node.address, PORT], lab.folder("echo"))
    )
    server.wait_for_log("listening")
    return server


def ask(node: Node, *sizes: int, patience: float = 10) -> list[str]:
    asked = map(str, (patience, *sizes))
    return node.run(sys.executable, ECHO, "ask", node.peer, PORT, node.address, *asked).split()


def up(
    lab: Lab, a: Node, b: Node, ours: OurOptions = CALLER, theirs: OurOptions = L2TP
) -> tuple[OurGateway, OurGateway]:
    server, client = lab.ours(b, theirs), lab.ours(a, ours)
    client.control.bring_up()
    await_child(client, server)
    return client, server


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("udp", [False, True], ids=["esp", "esp in udp"])
def test_datagrams_of_any_size_pass_and_nothing_in_the_clear(lab: Lab, version: int, udp: bool) -> None:
    a, b = hosts(lab.direct(outside=version))
    extra = 'nat_traversal = "force"' if udp else ""
    client, server = up(lab, a, b, replace(CALLER, extra=extra), replace(L2TP, extra=extra))
    capture = lab.capture(a)
    serve(lab, b)
    sizes = [1, 1400, 1500, 20_000]
    assert ask(a, *sizes) == list(map(str, sizes))
    for control in (client.control, server.control):
        child = control.child()
        assert [int(child[f"packets-{way}"]) for way in ("in", "out")] == [4, 4]
    reach(a, b.address)  # that goes its own way
    carrier = "udp port 4500" if udp else "ip proto 50 or ip6 proto 50"
    file = capture.finish_with(3, _ECHO_REPLIES)  # the last packets, so all before them are there, too
    assert not packets(file, f"udp port {PORT}")
    assert len(packets(file, f"{carrier} or ip6[6] == 44")) >= 8


def test_neither_before_nor_after_does_anything_pass_unprotected(lab: Lab) -> None:
    a, b = hosts(lab.direct())
    server = lab.ours(b, L2TP)
    echo = serve(lab, b)
    assert ask(a, 10, patience=1) == ["nothing"], "a client without IPsec"
    client = lab.ours(a, CALLER)
    assert ask(a, 10, patience=1) == ["nothing"], "dropped here already"
    client.control.bring_up()
    await_child(client, server)
    assert ask(a, 10) == ["10"]
    capture = lab.capture(a, sent=True)
    client.control.terminate(child="net")
    server.wait_for(lambda: not server.control.children(), "the end of the pair")
    assert ask(a, 10, patience=1) == ["nothing"]
    reach(a, b.address, count=1)  # comes after whatever the client may have sent
    assert not packets(capture.finish_with(1, "icmp[icmptype] == icmp-echo"), f"udp port {PORT}")
    assert echo.log().count("heard") == 1


def test_the_port_of_a_client_is_closed_to_everybody_from_its_first_pair_on(lab: Lab) -> None:
    """No address of its own is configured, as for `ikev1 connect --l2tp`. xl2tpd would obey anybody, and go on sending
    when there is no pair.
    """
    a, b = hosts(lab.direct())
    server = lab.ours(b, L2TP)
    configuration = f"""
[gateway]
data_plane = "userspace"

[connection.peer]
remote_address = "{a.peer}"
local_id = "{CLIENT_ID}"
remote_id = "{GATEWAY_ID}"
secret = "{PSK}"
proposals = ["{L2TP.ike}"]

[connection.peer.tunnel.net]
mode = "transport"
local = "dynamic[udp/{PORT}]"
remote = "dynamic[udp/{PORT}]"
proposals = ["{L2TP.esp}"]
when_down = "drop"
"""
    client = lab.ours(a, OurOptions(configuration=configuration))
    client.control.bring_up()
    await_child(client, server)
    echo = serve(lab, a)
    other = "10.77.0.9"
    b.run("ip", "address", "add", f"{other}/24", "dev", "eth0")
    assert b.run(sys.executable, ECHO, "ask", a.address, PORT, other, "1", "10").split() == ["nothing"]
    assert ask(b, 20) == ["20"]
    heard = [line.split()[1:] for line in echo.log().splitlines() if line.startswith("heard")]
    assert heard == [[b.address, PORT, "20"]]
    echo.stop()
    capture = lab.capture(a, sent=True)
    client.control.terminate(child="net")
    server.wait_for(lambda: not server.control.children(), "the end of the pair")
    assert ask(a, 10, patience=1) == ["nothing"]
    reach(a, b.address, count=1)  # comes after whatever the client may have sent
    assert not packets(capture.finish_with(1, "icmp[icmptype] == icmp-echo"), f"udp port {PORT}")


def test_through_a_nat(lab: Lab) -> None:
    a, b = hosts(lab.behind_nat())
    up(lab, a, b)
    serve(lab, b)
    assert ask(a, 10, 3000) == ["10", "3000"]


def test_two_clients_of_one_address_and_port(lab: Lab) -> None:
    c1, c2, gw = lab.same_address_behind_nat()
    server = lab.ours(gw, replace(L2TP, remote_id=c1.address))
    echo = serve(lab, gw)
    for node in (c1, c2):
        client = lab.ours(node, replace(CALLER, own_id=node.address))
        client.control.bring_up()
    server.wait_for(lambda: len(server.control.children()) == 2, "a pair of IPsec SAs with each client")
    for _ in range(2):
        assert ask(c1, 10, 1000) == ["10", "1000"]
        assert ask(c2, 20, 2000) == ["20", "2000"]
    heard = {tuple(line.split()[1:3]) for line in echo.log().splitlines() if line.startswith("heard")}
    assert len(heard) == 2
    assert {host for host, _ in heard} == {gw.peer}
    assert PORT in {port for _, port in heard}


def rules(node: Node) -> list[str]:
    return [line for line in node.run("ip", "rule").splitlines() if line.startswith("4499:")]


def test_rules_are_removed_also_after_a_kill(lab: Lab) -> None:
    a, b = hosts(lab.direct())
    client, server = up(lab, a, b, replace(CALLER, gateway='when_stopped = "pass"'))
    assert len(rules(a)) == 1
    client.control.terminate(child="net")
    client.wait_for(lambda: not rules(a), "the rule's end with the last pair")
    client.control.bring_up()
    await_child(client, server)
    client.send_signal(signal.SIGKILL)
    client.wait()
    assert len(rules(a)) == 1
    again = lab.again(client)
    assert rules(a) == []
    again.stop(patience=30)
    assert again.status == 0
    assert run("ip", "netns", "exec", a.namespace, "nft", "list", "tables").strip() == ""
