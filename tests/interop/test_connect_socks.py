"""The SOCKS proxy of `ikev1 connect` under use: both IP versions, name servers by TCP, rekeying, many connections."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from lab.connect import Connect, connect
from lab.control import Control
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.process import Program, wait_until
from lab.socks import PAGE, PROXY, fetched, web_server
from lab.users import check_user
from lab.vpnc import GROUP, GROUP_SECRET

_HOST6 = "fd10:2::80"

# By UDP, every answer is truncated (RFC 7766 §5); by TCP, the addresses of the command line
_NAME_SERVER = """
import ipaddress, socket, sys, threading
here, *addresses = sys.argv[1:]
def answer(query, truncated):
    kind = 1 if query[-4:-2] == bytes((0, 1)) else 28
    packed = [ipaddress.ip_address(each).packed for each in addresses if (":" in each) == (kind == 28)]
    if truncated:
        packed = []
    record = lambda data: bytes((0xC0, 12)) + query[-4:] + bytes(4) + len(data).to_bytes(2, "big") + data
    flags = bytes((0x83 if truncated else 0x81, 0x80))
    return query[:2] + flags + bytes((0, 1, 0, len(packed), 0, 0, 0, 0)) + query[12:] + b"".join(map(record, packed))
def by_udp():
    while True:
        query, client = udp.recvfrom(512)
        udp.sendto(answer(query, True), client)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((here, 53))
tcp = socket.create_server((here, 53))
threading.Thread(target=by_udp, daemon=True).start()
while True:
    client, _ = tcp.accept()
    query = client.recv(514)[2:]
    said = answer(query, False)
    client.sendall(len(said).to_bytes(2, "big") + said)
    client.close()
    print("by TCP", flush=True)
"""

# Waits until the given number of clients is connected, then sends each of them as many octets as it asks for
_CROWD = """
import socket, sys
server = socket.create_server((sys.argv[1], 7000), backlog=512)
clients = [server.accept()[0] for _ in range(int(sys.argv[2]))]
for client in clients:
    client.sendall(b"x" * int(sys.argv[3]))
    client.close()
"""
_MANY_CLIENTS = """
import socket, sys
number, octets, host = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
clients = []
for _ in range(number):
    client = socket.create_connection(("127.0.0.1", 1080), 60)
    client.sendall(bytes((5, 1, 0)) + bytes((5, 1, 0, 1)) + socket.inet_aton(host) + (7000).to_bytes(2, "big"))
    clients.append(client)
for client in clients:
    got = 0
    while data := client.recv(65536):
        got += len(data)
    assert got == 12 + octets, got
print("all", flush=True)
"""


def gateway(lab: Lab, node: Node, host6: str = "") -> OurGateway:
    pool6, net6 = (
        ("", "")
        if not host6
        else (
            '[pools.six]\naddresses = "fd99::10-fd99::20"\n',
            f'[connection.peer.tunnel.six]\nlocal = "{host6}/128"\nproposals = ["aes256-sha256"]\n',
        )
    )
    configuration = f"""
[gateway]
data_plane = "userspace"

[command]
run = "{check_user(lab)}"

[pools.office]
addresses = "10.99.0.10-10.99.0.20"
dns = "{node.host}"
{pool6}
[connection.peer]
local_address = "{node.address}"
remote_id = "keyid:{GROUP}"
secret = "{GROUP_SECRET}"
aggressive = "accept-psk"
xauth = "server"
xauth_backend = "command"
pools = ["office"{', "six"' if host6 else ""}]

[connection.peer.tunnel.net]
local = "10.10.2.0/24"
proposals = ["aes256-sha256"]
{net6}
"""
    return lab.ours(node, OurOptions(configuration=configuration))


def client_control(client: Connect) -> Control:
    (file,) = client.folder.glob("ikev1-connect-*/control.vici")
    return Control(file)


def test_both_ip_versions_and_a_name_server_that_truncates(lab: Lab) -> None:
    a, b = lab.direct()
    b.run("ip", "addr", "add", f"{_HOST6}/128", "dev", "lo", "nodad")
    gateway(lab, b, _HOST6)
    web_server(lab, b, _HOST6)
    names = lab.started(
        Program(b.namespace, [sys.executable, "-c", _NAME_SERVER, b.host, _HOST6], lab.folder("name-server"))
    )
    names.wait_for(lambda: f"{b.host}:53" in b.run("ss", "-Hltn"), "the name server")
    client = connect(
        lab,
        a,
        "--group",
        GROUP,
        "--socks",
        PROXY,
        "--network",
        "10.10.2.0/24",
        "--network",
        f"{_HOST6}/128",
        nobody=True,
    )
    client.wait_for_log("connected")
    wait_until(lambda: fetched(a, f"http://[{_HOST6}]/page") == PAGE, "the page")
    wait_until(lambda: fetched(a, "http://www.lab.example/page") == PAGE, "the page by name")
    names.wait_for_log("by TCP")
    assert "(3)" in fetched(a, "http://[fd11::1]/"), "not behind the tunnel: no route"


def test_the_address_of_the_client_changes(lab: Lab) -> None:
    """As on a way from one network to the next: the gateway is called from the new address."""
    a, b = lab.direct()
    ours = gateway(lab, b)
    web_server(lab, b)
    client = connect(lab, a, "--group", GROUP, "--socks", PROXY, "--network", "10.10.2.0/24", nobody=True)
    client.wait_for_log("connected")
    wait_until(lambda: fetched(a, f"http://{b.host}/page") == PAGE, "the page")
    a.run("ip", "addr", "del", f"{a.address}/24", "dev", "eth0")
    a.run("ip", "addr", "add", "10.77.0.3/24", "dev", "eth0")
    client.wait_for(lambda: [sa["remote-host"] for sa in ours.control.sas()] == ["10.77.0.3"], "the new SA")
    wait_until(lambda: fetched(a, f"http://{b.host}/page") == PAGE, "the page")
    client.send_signal(signal.SIGINT)
    assert client.wait() == 0


@pytest.mark.slow
def test_both_phases_are_renewed_during_transfers_of_many_clients(lab: Lab) -> None:
    a, b = lab.direct()
    ours = gateway(lab, b)
    client = connect(lab, a, "--group", GROUP, "--socks", PROXY, "--network", "10.10.2.0/24", nobody=True)
    client.wait_for_log("connected")
    number, octets = 200, 20_000
    crowd: list[str | Path] = [sys.executable, "-c", _CROWD, b.host, str(number), str(octets)]
    server = lab.started(Program(b.namespace, crowd, lab.folder("crowd")))
    server.wait_for(lambda: ":7000" in b.run("ss", "-Hltn"), "the server")
    many: list[str | Path] = [sys.executable, "-c", _MANY_CLIENTS, str(number), str(octets), b.host]
    clients = lab.started(Program(a.namespace, many, lab.folder("clients")))
    control, before = client_control(client), ours.control.sas()[0]
    control.rekey("net-1")
    control.rekey_ike("connect")
    assert clients.wait() == 0, clients.log()
    assert server.wait() == 0, server.log()
    assert client.alive

    def renewed() -> bool:
        sas = ours.control.sas()
        return len(sas) == 1 and sas[0]["initiator-spi"] != before["initiator-spi"]

    wait_until(renewed, "the end of the older SA")
    assert ours.control.child()["spi-in"] not in (child["spi-in"] for child in before["child-sas"].values())
