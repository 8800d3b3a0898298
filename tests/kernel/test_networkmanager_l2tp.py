"""NetworkManager-l2tp connects through `ikev1 ipsec`, in both roles that it knows."""

from __future__ import annotations

import pytest

from lab.gateway import OurGateway, OurOptions
from lab.l2tp import SERVER, Xl2tpd, what_l2tp_lacks
from lab.lab import Lab
from lab.network import Node
from lab.network_manager import NAME, UUID, NetworkManager, what_network_manager_lacks
from lab.process import wait_until

PSK = "the secret of all clients"
USER, PASSWORD = "carol", "the password of carol"


@pytest.fixture(autouse=True)
def network_manager() -> None:
    """NetworkManager, xl2tpd, pppd, and a kernel with PPP."""
    if lacks := what_network_manager_lacks() or what_l2tp_lacks():
        pytest.skip(lacks)


def server(lab: Lab, node: Node) -> OurGateway:
    """A gateway with an L2TP server that knows the user."""
    configuration = f"""
[gateway]
data_plane = "kernel"

[connection.l2tp]
local_address = "{node.address}"
remote_address = "%any"
secret = "{PSK}"
proposals = ["aes256-sha256-modp2048"]

[connection.l2tp.tunnel.clients]
mode = "transport"
local = "dynamic[udp/1701]"
remote = "dynamic[udp]"
proposals = ["aes256-sha1"]
when_down = "drop"
"""
    ours = lab.ours(node, OurOptions(configuration=configuration))
    lab.started(Xl2tpd(node, lab.folder("server"), calls=False, users={USER: PASSWORD}))
    return ours


def answers(node: Node, address: str) -> bool:
    return " 1 received" in node.run("ping", "-c", "1", "-W", "3", address, check=False)


def manager_of(lab: Lab, node: Node, dialect: str) -> NetworkManager:
    """NetworkManager, with the connection to the node's peer."""
    manager = lab.started(
        NetworkManager(node, lab.folder("manager"), dialect, user=USER, password=PASSWORD, secret=PSK)
    )
    manager.take_the_wire()
    return manager


def test_a_connection_comes_up_and_goes_down(lab: Lab) -> None:
    a, b = lab.direct()
    ours = server(lab, b)
    manager = manager_of(lab, a, "strongswan")
    manager.connect()
    wait_until(lambda: answers(a, SERVER), "an answer through the PPP link")
    child = ours.control.child()
    assert child["mode"] == "TRANSPORT"
    assert int(child["packets-in"]) > 0
    assert any(UUID in words for words in manager.calls())
    manager.nmcli("connection", "down", NAME)
    ours.wait_for(lambda: not ours.control.sas(), "the end of the SAs")


def test_ipsec_comes_up_in_the_form_of_libreswan(lab: Lab) -> None:
    """It takes more of NetworkManager's 10 s than User-Mode Linux has for it, so the link may be given up then."""
    a, b = lab.direct()
    ours = server(lab, b)
    manager = manager_of(lab, a, "libreswan")
    manager.nmcli("connection", "up", NAME, check=False)
    manager.wait_for_log("Libreswan IPsec connection is up")
    assert any(UUID in words and "--up" in words for words in manager.calls())
    assert "IPsec SAs" in ours.log()
