"""What clients see over VICI is what the kernel has: reqids, SPIs and counters; also of what swanctl has loaded."""

from __future__ import annotations

from typing import Any

from lab.charon import CharonOptions, swanctl_folder
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.traffic import ping
from lab.xfrm import route_to_peer, states

NETS = ("net", "more")


def written(node: Node) -> str:
    """Two tunnels for one pair of networks, apart by their protocols."""
    children = "\n".join(
        f"{name} {{ local_ts = {node.network}[{protocol}]\n remote_ts = {node.remote}[{protocol}]\n"
        " esp_proposals = aes128-sha256 }"
        for name, protocol in zip(NETS, ("icmp", "udp"), strict=True)
    )
    return f"""
connections {{ site {{
    version = 1
    local_addrs = {node.address}
    remote_addrs = {node.peer}
    proposals = aes128-sha256-modp2048
    local {{ auth = psk\n id = {node.address} }}
    remote {{ auth = psk\n id = {node.peer} }}
    children {{ {children} }}
}} }}
secrets {{ ike-site {{ secret = "a secret of both" }} }}
"""


def test_reqids_are_those_of_the_kernel(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, CharonOptions(configuration=written(b), plane="kernel"))
    ours = lab.ours(a, OurOptions(configuration="[gateway]\n"))
    folder = swanctl_folder(lab.folder("swanctl"), written(a))
    assert ours.control.swanctl("--load-all", "--noprompt", directory=folder).returncode == 0
    for name in NETS:
        ours.control.bring_up(name)
    for node in (a, b):
        route_to_peer(node)
    ping(a)

    def shown() -> dict[str, dict[str, Any]]:
        return {child["name"]: child for child in ours.control.children()}

    def in_kernel(pairs: dict[str, dict[str, Any]]) -> dict[str, int]:
        reqids = {state.spi: state.reqid for state in states(a)}
        assert all(reqids[pair["spi-in"]] == reqids[pair["spi-out"]] for pair in pairs.values())
        return {name: reqids[pair["spi-in"]] for name, pair in pairs.items()}

    first = shown()
    reqids = in_kernel(first)
    assert {name: int(pair["reqid"]) for name, pair in first.items()} == reqids
    assert (reqids["net"], reqids["more"]) == (1, 2)
    assert (first["net"]["packets-in"], first["more"]["packets-in"]) == ("3", "0")
    (sent,) = (state for state in states(a) if state.spi == first["net"]["spi-out"])
    assert (str(sent.octets), str(sent.packets)) == (first["net"]["bytes-out"], first["net"]["packets-out"])

    ours.control.rekey("net")
    ours.wait_for(lambda: shown()["net"]["spi-in"] != first["net"]["spi-in"], "another pair")
    again = shown()
    assert int(again["net"]["reqid"]) == in_kernel(again)["net"] == reqids["net"]
