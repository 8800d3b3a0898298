"""The routes of PPP links to one and two servers, with virtual Ethernet in place of PPP interfaces."""

from __future__ import annotations

import sys
from pathlib import Path

from lab.lab import Lab
from lab.network import Node

CALL = """
import sys
from ipaddress import IPv4Network
from pathlib import Path
from ikev1.daemon.l2tp import link_routes
folder, *rest = sys.argv[1:]
if rest:
    interface, gateway, *networks = rest
    link_routes.add(Path(folder), interface, gateway, [IPv4Network(network) for network in networks])
else:
    link_routes.forget(Path(folder))
"""
FIRST, SECOND, ELSEWHERE = "192.0.2.1", "192.0.2.2", "198.51.100.1"


def change(node: Node, folder: Path, *add: str) -> None:
    """Add routes to an interface but not to a gateway, for networks; or forget those in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    node.run(sys.executable, "-c", CALL, folder, *add)


def add_link(node: Node, name: str) -> None:
    node.run("ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}-end")
    for end in (name, f"{name}-end"):
        node.run("ip", "link", "set", end, "up")


def rules(node: Node) -> str:
    return node.run("ip", "rule")


def way(node: Node, address: str) -> str:
    """The interface to an address, empty without a route."""
    words = node.run("ip", "route", "get", address, check=False).split()
    return words[words.index("dev") + 1] if "dev" in words else ""


def test_all_traffic_but_that_of_the_gateway_and_of_more_specific_routes(lab: Lab) -> None:
    a, b = lab.direct()
    add_link(a, "link0")
    a.run("ip", "route", "add", "default", "via", b.address)
    before, folder = rules(a), lab.folder("link")
    change(a, folder, "link0", FIRST, "0.0.0.0/0")
    assert [way(a, host) for host in (ELSEWHERE, FIRST, b.address)] == ["link0", "eth0", "eth0"]
    change(a, folder)
    assert way(a, ELSEWHERE) == "eth0"
    assert rules(a) == before


def test_two_links_with_networks(lab: Lab) -> None:
    a, b = lab.direct()
    for link in ("link0", "link1"):
        add_link(a, link)
    a.run("ip", "route", "add", "default", "via", b.address)
    before, first, second = rules(a), lab.folder("first"), lab.folder("second")
    change(a, first, "link0", FIRST, "198.51.100.0/24", "192.0.2.0/24")
    change(a, second, "link1", SECOND, "203.0.113.0/24")
    assert [way(a, host) for host in (ELSEWHERE, FIRST, "203.0.113.1", "8.8.8.8")] == ["link0", "eth0", "link1", "eth0"]
    change(a, first)
    assert [way(a, host) for host in (ELSEWHERE, "203.0.113.1")] == ["eth0", "link1"], "the other one keeps its own"
    change(a, second)
    assert rules(a) == before


def test_rules_of_another_namespace_are_left_alone(lab: Lab) -> None:
    """The file of a process that was killed there."""
    a, b = lab.direct()
    folders = {node.name: lab.folder("link") for node in (a, b)}
    for node in (a, b):
        change(node, folders[node.name], "eth0", FIRST, "0.0.0.0/0")
    here = rules(b)
    change(b, folders["a"])
    assert rules(b) == here
