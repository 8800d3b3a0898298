"""The rules by which the kernel tells clients behind one NAT apart, without IPsec: the service field gives the marks.

What an inbound SA would mark is marked by a rule of this test, and what leaves shows its mark in the service field.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lab.lab import Lab
from lab.network import Node
from lab.process import Program

ECHO = Path(__file__).parents[1] / "support" / "lab" / "echo.py"
# the marks of clients 1 to 3, by the service field's upper six bits
MARKING = """
table inet test {
    map marks { typeof ip dscp : meta mark; elements = { 1 : 0x45530001, 2 : 0x45530002, 3 : 0x45530003 } }
    chain come { type filter hook prerouting priority -400; meta mark set ip dscp map @marks; }
    chain go {
        type filter hook postrouting priority 0;
        meta mark 0x45530001 ip dscp set 1
        meta mark 0x45530002 ip dscp set 2
        meta mark 0x45530003 ip dscp set 3
    }
}
"""
RULES = """
from ikev1.esp.clear_traffic import ClearTrafficFilter
from ikev1.esp.nft.client_rules import client_rules
from ikev1.esp.nft.ruleset import by_kernel
guard = ClearTrafficFilter("kernel", 4500, print, by_kernel(), client_rules)
guard.change({})
"""
# Sends to port 1701 from port 1701 with each service field, and prints field and content of what comes back
ASK = """
import socket, sys
own, server = sys.argv[1:]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((own, 1701))
udp.settimeout(10)
udp.setsockopt(socket.IPPROTO_IP, 13, 1)  # IP_RECVTOS
for dscp in map(int, "12312233"):
    udp.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
    udp.sendto(b"client %d" % dscp, (server, 1701))
    data, ancillary, _, address = udp.recvmsg(100, 100)
    print(ancillary[0][2][0] >> 2, data.decode(), address[1])
"""


def in_(node: Node, program: str) -> str:
    return node.run(sys.executable, "-c", program)


def test_answers_go_back_to_the_client_that_asked(lab: Lab) -> None:
    a, b = lab.direct()
    subprocess.run(["ip", "netns", "exec", b.namespace, "nft", "-f", "-"], input=MARKING, text=True, check=True)
    assert in_(b, RULES) == ""
    echo = lab.started(Program(b.namespace, [sys.executable, ECHO, "serve", b.address, "1701"], lab.folder("echo")))
    echo.wait_for_log("listening")
    said = a.run(sys.executable, "-c", ASK, a.address, b.address).splitlines()
    assert said == [f"{client} client {client} 1701" for client in (1, 2, 3, 1, 2, 2, 3, 3)]
    ports = [line.split()[2] for line in echo.log().splitlines() if line.startswith("heard")]
    assert ports[0] == "1701"
    assert len(set(ports)) == 3, "a port for each client"
    assert ports[3] == ports[0]
    assert ports[4] == ports[5] == ports[1]


def test_the_rules_are_removed(lab: Lab) -> None:
    _, b = lab.direct()
    in_(b, RULES)
    assert "ikev1-kernel" in b.run("nft", "list", "tables")
    in_(b, "from ikev1.esp.clear_traffic import forget\nassert forget('kernel')")
    assert b.run("nft", "list", "tables") == ""


PROTECT = """
import os, sys
from pathlib import Path
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.selector import Selector
from ikev1.esp.plane import Protected
from ikev1.esp.xfrm.shared_addresses import SharedAddresses
owner, own, what = sys.argv[1:]
shared = SharedAddresses(Path(owner), print)
assert shared.possible
ends = Selector.parse(f"{own}[udp/1701]"), Selector.parse("0.0.0.0/0[udp]")
l2tp = Protected("c", "t", *ends, mode=IpsecMode.TRANSPORT)
net = Protected("c", "net", Selector.parse("10.10.2.0/24"), Selector.parse("10.10.1.0/24"))
assert shared.protect([l2tp, net] if what == "protect" else [net]) == [net]
if what == "close":
    shared.close(keep_protected=False)
os._exit(0)
"""


def test_a_port_is_closed_to_packets_that_the_kernel_has_not_decrypted(lab: Lab, tmp_path: Path) -> None:
    a, b = lab.direct()

    def protect(what: str) -> None:
        assert b.run(sys.executable, "-c", PROTECT, tmp_path / "owner", b.address, what) == ""

    def answered(patience: int = 10) -> bool:
        return "10" in a.run(sys.executable, ECHO, "ask", b.address, "1701", a.address, str(patience), "10").split()

    echo = lab.started(Program(b.namespace, [sys.executable, ECHO, "serve", b.address, "1701"], lab.folder("echo")))
    echo.wait_for_log("listening")
    assert answered()
    protect("protect")  # and is killed
    assert not answered(patience=1)
    assert "drop" in b.run("nft", "list", "ruleset")
    protect("nothing more")
    assert b.run("nft", "list", "tables") == ""
    protect("protect")
    protect("close")
    assert answered()
    assert b.run("nft", "list", "tables") == ""
