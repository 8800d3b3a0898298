"""The SOCKS proxy of a client that is another user than root and has no capabilities."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from lab.charon import CharonOptions
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.paths import open_the_way
from lab.process import Program, run, wait_until
from lab.socks import AS_NOBODY, NOBODY, PAGE, PROXY, fetched, of_host, web_server

_CLIENT = Path(__file__).parents[1] / "support" / "lab" / "socks_client.py"

_CONFIGURATION = """
[gateway]
control = "control.vici"

[connection.peer]
local_address = "{node.address}"
remote_address = "{node.peer}"
local_id = "alice@lab"
remote_id = "gw.lab"
secret = "lab-psk-0123456789"
proposals = ["aes128-sha256-modp2048"]
vips = "0.0.0.0"

[connection.peer.tunnel.net]
local = "dynamic"
remote = "10.10.2.0/24"
proposals = ["aes128-sha256"]
start = "start"
"""


class SocksClient(Program):
    """The client, once its proxy listens."""

    def __init__(self, node: Node, directory: Path, *login: str, setup: str = ":") -> None:
        directory.mkdir(parents=True)
        directory.parent.chmod(0o755)
        config = directory / "ikev1.toml"
        node.run("sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=500")
        config.touch(0o600)
        config.write_text(_CONFIGURATION.format(node=node))
        for path in (directory, config):
            os.chown(path, NOBODY, NOBODY)
        command: list[str | Path] = [*AS_NOBODY, sys.executable, "-B", _CLIENT, config, PROXY, *login]
        super().__init__(node.namespace, command, directory, setup=f"{open_the_way(directory)}; {setup}")


# Answers every question with one IPv4 address: for A with it, for others with nothing
_NAME_SERVER = """
import socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((sys.argv[1], 53))
while True:
    query, client = udp.recvfrom(512)
    is_a = query[-4:-2] == bytes((0, 1))
    record = bytes((0xC0, 12)) + query[-4:] + bytes(4) + bytes((0, 4)) + socket.inet_aton(sys.argv[2])
    answer = query[:2] + bytes((0x81, 0x80, 0, 1, 0, is_a, 0, 0, 0, 0)) + query[12:] + record * is_a
    udp.sendto(answer, client)
    print("asked", query[12:-4], flush=True)
"""


def name_server(lab: Lab, node: Node) -> Program:
    command: list[str | Path] = [sys.executable, "-c", _NAME_SERVER, node.host, node.host]
    server = lab.started(Program(node.namespace, command, lab.folder("name-server")))
    server.wait_for(lambda: f"{node.host}:53" in node.run("ss", "-Hlun"), "the name server")
    return server


def test_pages_behind_our_own_gateway(lab: Lab) -> None:
    a, b = lab.direct()
    pool = '[pools.office]\naddresses = "10.99.0.10-10.99.0.20"\n'
    options = OurOptions(
        local="10.10.2.0/24", remote="dynamic", extra='pools = "office"', others=pool, data_plane="userspace"
    )
    ours = lab.ours(b, options)
    web_server(lab, b)
    before = of_host(a)
    client = lab.started(SocksClient(a, lab.folder("client")))
    client.wait_for(lambda: len(ours.control.children()) == 1, "the tunnel")
    wait_until(lambda: fetched(a, f"http://{b.host}/page") == PAGE, "the page")
    assert of_host(a) == before
    assert int(ours.control.child()["packets-in"]) > 0
    assert "(5)" in fetched(a, f"http://{b.host}:81/")
    children = run("pgrep", "-P", str(client.pid)).split()
    client.stop()
    assert [child for child in children if Path("/proc", child).exists()] == []


def test_names_behind_charon(lab: Lab) -> None:
    """By the name server that charon tells us of, through the tunnel; and clients must log in."""
    a, b = lab.direct()
    pools = f"pools {{ office {{ addrs = 10.99.0.64/29\n dns = {b.host} }} }}"
    options = CharonOptions(
        connection="pools = office", remote_ts="dynamic", local_ts="10.10.2.0/24", modules="attr", others=pools
    )
    charon = lab.charon(b, options)
    web_server(lab, b)
    names = name_server(lab, b)
    client = lab.started(SocksClient(a, lab.folder("client"), "alice", "wonderland"))
    client.wait_for(lambda: len(charon.control.children()) == 1, "the tunnel")
    login = ("--proxy-user", "alice:wonderland")
    wait_until(lambda: fetched(a, "http://www.lab.example/page", *login) == PAGE, "the page")
    names.wait_for_log("example")
    assert PAGE not in fetched(a, f"http://{b.host}/page")
    assert PAGE not in fetched(a, f"http://{b.host}/page", "--proxy-user", "alice:rose")
    assert "(3)" in fetched(a, "http://10.10.9.1/", *login), "not behind the tunnel: no route"
    child = run("pgrep", "-P", str(client.pid)).split()
    client.send_signal(signal.SIGKILL)
    client.wait()
    wait_until(lambda: not any(Path("/proc", each).exists() for each in child), "the end of the proxy")


def test_without_a_tun_device(lab: Lab) -> None:
    """The text names what is missing; nothing else is started."""
    a, _ = lab.direct()
    closed = "touch closed; chmod 0 closed; mount --bind closed /dev/net/tun"
    folder = lab.folder("client")
    client = lab.started(SocksClient(a, folder, setup=f"cd {folder}; {closed}"))
    assert client.wait() == 1
    assert "/dev/net/tun" in client.log()
    assert "Traceback" not in client.log()
