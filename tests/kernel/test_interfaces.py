"""Route-based tunnels: two from anywhere to anywhere at once, each behind an interface of its own; charon has VTIs."""

from __future__ import annotations

import signal

import pytest

from lab.charon import PSK, Charon, CharonOptions
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.pair import await_child
from lab.traffic import reach

SECOND = "10.77.0.3"  # of the peer
EVERYTHING = "0.0.0.0/0"


def ours(a: Node, gateway: str = "") -> OurOptions:
    connections = "".join(
        f"""
[connection.{name}]
local_address = "{a.address}"
remote_address = "{peer}"
secret = "{PSK}"
proposals = ["aes128-sha256-modp2048"]

[connection.{name}.tunnel.{name}]
local = "{EVERYTHING}"
remote = "{EVERYTHING}"
proposals = ["aes128-sha256"]
interface = "ipsec{number}"
interface_type = "vti"
interface_address = "169.254.{number}.1/30"
routes = ["10.20.{number}.0/24"]
start = "start"
"""
        for number, name, peer in ((1, "one", a.peer), (2, "two", SECOND))
    )
    return OurOptions(configuration=f'[gateway]\ndata_plane = "kernel"\n{gateway}{connections}')


def peer(b: Node) -> CharonOptions:
    connections = "".join(
        f"""
    {name} {{
        version = 1
        local_addrs = {address}
        remote_addrs = {b.peer}
        proposals = aes128-sha256-modp2048
        local {{ auth = psk }}
        remote {{ auth = psk }}
        children {{ {name} {{
            local_ts = {EVERYTHING}
            remote_ts = {EVERYTHING}
            esp_proposals = aes128-sha256
            mark_in = {number}
            mark_out = {number}
        }} }}
    }}
"""
        for number, name, address in ((1, "one", b.address), (2, "two", SECOND))
    )
    secret = f'secrets {{ ike {{ secret = "{PSK}" }} }}'
    configuration = f"connections {{ {connections} }}\n{secret}"
    return CharonOptions(configuration=configuration, plane="kernel", install_routes=False)


def prepare(b: Node) -> None:
    """The other address of the peer, and its VTIs, each with a network behind it."""
    b.run("ip", "addr", "add", f"{SECOND}/24", "dev", "eth0")
    for number, address in ((1, b.address), (2, SECOND)):
        name = f"vti{number}"
        b.run("ip", "link", "add", name, "type", "vti", *f"local {address} remote {b.peer} key {number}".split())
        b.run("ip", "addr", "add", f"169.254.{number}.2/30", "dev", name)
        b.run("ip", "addr", "add", f"10.20.{number}.1/32", "dev", "lo")
        b.run("ip", "link", "set", name, "up")


@pytest.fixture
def ends(lab: Lab) -> tuple[Node, OurGateway, Charon]:
    a, b = lab.direct()
    prepare(b)
    charon = lab.charon(b, peer(b))
    gateway = lab.ours(a, ours(a))
    gateway.wait_for(lambda: len(gateway.control.children()) == 2, "both tunnels")
    await_child(charon)
    charon.wait_for(lambda: len(charon.control.children()) == 2, "both tunnels")
    return a, gateway, charon


def sent(gateway: OurGateway) -> dict[str, int]:
    return {child["name"]: int(child["packets-out"]) for child in gateway.control.children()}


def interfaces(node: Node) -> set[str]:
    names = (line.split()[1].partition("@")[0] for line in node.run("ip", "-o", "link").splitlines())
    return {name.rstrip(":") for name in names if name.startswith("ipsec")}


def test_each_tunnel_carries_what_is_routed_to_its_interface(lab: Lab, ends: tuple[Node, OurGateway, Charon]) -> None:
    a, gateway, _ = ends
    reach(a, "169.254.1.2")
    assert sent(gateway) == {"one": 3, "two": 0}
    reach(a, "169.254.2.2")
    reach(a, "10.20.2.1")  # by the route that the gateway has set
    assert sent(gateway) == {"one": 3, "two": 6}
    assert "mtu 1400" in a.run("ip", "link", "show", "ipsec1")
    reach(a, a.peer)  # outside of both
    assert sent(gateway) == {"one": 3, "two": 6}


def test_interfaces_end_with_the_configuration_the_process_and_what_a_killed_one_left(
    lab: Lab, ends: tuple[Node, OurGateway, Charon]
) -> None:
    a, gateway, _ = ends
    assert interfaces(a) == {"ipsec1", "ipsec2"}
    gateway.send_signal(signal.SIGKILL)
    gateway.wait()
    assert interfaces(a) == {"ipsec1", "ipsec2"}
    one = ours(a, 'when_stopped = "pass"\n').configuration.partition("[connection.two]")[0]
    gateway.options = OurOptions(configuration=one)
    again = lab.again(gateway)
    assert interfaces(a) == {"ipsec1"}
    again.stop()
    assert interfaces(a) == set()
    assert "10.20" not in a.run("ip", "route", "show", "table", "all")
