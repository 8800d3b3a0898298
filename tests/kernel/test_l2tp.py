"""L2TP over our transport mode: xl2tpd and pppd on both sides, which know nothing of IPsec (RFC 3193)."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lab.capture import ESP_IN_UDP, packets
from lab.gateway import OurGateway, OurOptions
from lab.l2tp import SERVER, Xl2tpd, what_l2tp_lacks
from lab.lab import Lab
from lab.network import Node, iptables
from lab.pair import await_child, hosts
from lab.traffic import reach
from lab.xfrm import states

L2TP = OurOptions(tunnel='mode = "transport"', local="dynamic[udp/1701]", remote="dynamic[udp]")
CALLER = replace(L2TP, calls=True, remote="dynamic[udp/1701]")
PLANES = ["kernel", "userspace"]


@pytest.fixture(autouse=True)
def l2tp() -> None:
    """xl2tpd, pppd and a kernel with PPP."""
    if lacks := what_l2tp_lacks():
        pytest.skip(lacks)


def brought_up(lab: Lab, caller: Node, gateway: Node, ours: OurOptions, theirs: OurOptions) -> list[OurGateway]:
    """Both ends with one pair of IPsec SAs."""
    server = lab.ours(gateway, theirs)
    client = lab.ours(caller, ours)
    client.control.bring_up()
    await_child(client, server)
    return [client, server]


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("udp", [False, True], ids=["esp", "esp in udp"])
def test_a_ppp_link_through_transport_mode(lab: Lab, plane: str, udp: bool) -> None:
    a, b = hosts(lab.direct())
    extra = 'nat_traversal = "force"' if udp else ""
    ends = brought_up(
        lab, a, b, replace(CALLER, data_plane=plane, extra=extra), replace(L2TP, data_plane=plane, extra=extra)
    )
    capture = lab.capture(a, sent=True)
    lab.started(Xl2tpd(b, lab.folder("server"), calls=False))
    client = lab.started(Xl2tpd(a, lab.folder("client"), calls=True))
    client.wait_for_link()
    before = int(ends[0].control.child()["packets-out"])
    reach(a, SERVER)
    assert int(ends[0].control.child()["packets-out"]) >= before + 3
    file = capture.finish_with(3, ESP_IN_UDP if udp else "ip proto 50")
    assert not packets(file, "udp port 1701"), "nothing left in the clear"


def octets(gateway: OurGateway) -> int:
    """What a client has received."""
    return int(gateway.control.child()["bytes-in"])


@pytest.mark.parametrize("plane", PLANES)
def test_two_clients_with_one_address_and_port_behind_one_nat(lab: Lab, plane: str) -> None:
    """As Windows does it: both are 192.168.77.11, say so as their identity, and use port 1701 (RFC 3948 §5.2)."""
    assert_both_work(lab, *lab.same_address_behind_nat(), plane=plane, of_server="userspace", second_port=1701)


def test_the_kernel_tells_clients_apart_by_marks(lab: Lab) -> None:
    """Local programs see the second client at a port that it does not have, as where its own one is taken.

    That rules of nf_tables choose such a port is tested where there is nf_tables: tests/interop/test_client_rules.py.
    """
    c1, c2, gw = lab.same_address_behind_nat()
    other = f"-p udp --sport 1702 --dport 1701 -j SNAT --to-source {gw.peer}:50000"
    iptables(gw.namespace, f"-t nat -A INPUT {other}")
    assert_both_work(lab, c1, c2, gw, plane="kernel", of_server="kernel with iptables", second_port=1702)
    marks = [re.findall(r"mark (0x4553[0-9a-f]{4})", state.text) for state in states(gw, "esp")]
    assert all(marks), "each SA has one, or gives one"
    assert len({mark for found in marks for mark in found}) == 2


def assert_both_work(lab: Lab, c1: Node, c2: Node, gw: Node, *, plane: str, of_server: str, second_port: int) -> None:
    """Both clients have a PPP link at once, and neither gets what is for the other."""
    server = lab.ours(gw, replace(L2TP, data_plane=of_server, remote_id=c1.address))
    xl2tpd = lab.started(Xl2tpd(gw, lab.folder("server"), calls=False))
    clients = []
    for node, port in ((c1, 1701), (c2, second_port)):
        options = replace(CALLER, data_plane=plane, own_id=node.address, local=f"dynamic[udp/{port}]")
        clients.append(lab.ours(node, options))
        clients[-1].control.bring_up()
    server.wait_for(lambda: len(server.control.children()) == 2, "a pair of IPsec SAs with each client")
    programs = [
        lab.started(Xl2tpd(node, lab.folder(node.name), calls=True, port=port))
        for node, port in ((c1, 1701), (c2, second_port))
    ]
    addresses = [program.wait_for_link() for program in programs]
    assert len(set(addresses)) == 2
    ports = re.findall(r"Connection established to [0-9.]+, (\d+)\.", xl2tpd.log())
    assert len(set(ports)) == 2, "in whichever order the clients connected"
    assert "1702" not in ports
    for node in (c1, c2):
        reach(node, SERVER)
    for one, other, address in ((0, 1, addresses[0]), (1, 0, addresses[1])):
        before = [octets(client) for client in clients]
        reach(gw, address, count=5, size=1000)
        after = [octets(client) for client in clients]
        assert after[one] - before[one] > 5000
        assert after[other] - before[other] < 1000, "the other client has got nothing of it"
