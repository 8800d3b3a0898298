"""What `ikev1 connect` routes into the tunnel, and what is left of it after its end or a kill."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from lab.charon import GATEWAY_ID, PSK
from lab.connect import assert_split, charon_gateway, connect, gateway, leads_to
from lab.lab import Lab
from lab.process import wait_until
from lab.socks import of_host
from lab.traffic import answered, ping
from lab.vpnc import GROUP

SPLIT = 'split_include = ["10.10.2.0/24", "127.0.0.0/8"]'


@pytest.mark.parametrize("killed", [False, True], ids=["interrupted", "killed"])
def test_split_networks(lab: Lab, killed: bool) -> None:
    """After a kill, the next start removes what was left."""
    a, b = lab.direct()
    ours = gateway(lab, b, SPLIT)
    a.run("ip", "route", "add", "default", "via", a.peer)
    before = of_host(a)
    client = connect(lab, a, "--group", GROUP)
    client.wait_for_log("connected")
    assert_split(a, "10.99.0.10")
    assert leads_to(a, "10.10.2.53") == "ikev1c"  # the name server
    ping(replace(a, host=a.address, remote_host=a.peer))  # as without a tunnel
    if killed:
        client.send_signal(signal.SIGKILL)
        client.wait()
        client = connect(lab, a, "--group", GROUP)
        client.wait_for_log("connected")
        assert_split(a, "10.99.0.10")
    client.send_signal(signal.SIGINT)
    assert client.wait() == 0
    ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")
    assert of_host(a) == before


def test_two_split_networks_with_a_tunnel_each(lab: Lab) -> None:
    a, b = lab.direct()
    b.run("ip", "addr", "add", "10.10.3.1/32", "dev", "lo")
    networks = ("10.10.2.0/24", "10.10.3.0/24")
    ours = gateway(lab, b, 'split_include = ["10.10.2.0/24", "10.10.3.0/24"]', networks=networks)
    client = connect(lab, a, "--group", GROUP)
    client.wait_for_log("connected")
    ours.wait_for(lambda: len(ours.control.children()) == 2, "a pair for each network")
    assert {network for child in ours.control.children() for network in child["local-ts"]} == set(networks)
    for there in ("10.10.2.1", "10.10.3.1"):
        ping(replace(a, host="10.99.0.10", remote_host=there))


def test_the_network_changes_under_a_tunnel_for_everything(lab: Lab) -> None:
    """As on a way from one network to the next, whose router and address are others. What the other network has brought
    is left as it is.
    """
    a, b = lab.direct()
    ours = gateway(lab, b)
    b.run("ip", "addr", "add", "10.77.0.254/24", "dev", "eth0")
    a.run("ip", "route", "add", "default", "via", a.peer)
    client = connect(lab, a, "--group", GROUP)
    client.wait_for_log("connected")
    ping(replace(a, host="10.99.0.10"))
    a.run("ip", "addr", "flush", "dev", "eth0", "scope", "global")
    a.run("ip", "addr", "add", "10.77.0.7/24", "dev", "eth0")
    a.run("ip", "route", "replace", "default", "via", "10.77.0.254", "metric", "600")
    client.wait_for(lambda: [sa["remote-host"] for sa in ours.control.sas()] == ["10.77.0.7"], "the new SA")
    wait_until(lambda: answered(replace(a, host="10.99.0.10")), "an answer through the tunnel")
    assert leads_to(a, "203.0.113.1") == "ikev1c"
    assert "10.77.0.254" in a.run("ip", "route", "get", "203.0.113.1", "mark", "4500")
    client.send_signal(signal.SIGINT)
    assert client.wait() == 0
    left = "\n".join(of_host(a))
    assert "default via 10.77.0.254 dev eth0 metric 600" in left
    assert "ikev1c" not in left


def test_a_gateway_that_names_itself(lab: Lab) -> None:
    """It stays reachable for IKE and ESP."""
    a, b = lab.direct()
    ours = gateway(lab, b, f'split_include = ["10.10.2.0/24", "{a.peer}/32"]')
    client = connect(lab, a, "--group", GROUP)
    client.wait_for_log("connected")
    ping(replace(a, host="10.99.0.10"))
    client.send_signal(signal.SIGINT)
    assert client.wait() == 0
    ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")


@pytest.mark.parametrize("wanted", [False, True])
def test_the_local_network(lab: Lab, wanted: bool) -> None:
    a, b = lab.direct()
    gateway(lab, b, "local_lan = true")
    client = connect(lab, a, "--group", GROUP, *(["--local-lan"] if wanted else []))
    client.wait_for_log("connected")
    ping(replace(a, host="10.99.0.10"))
    assert leads_to(a, a.peer) == ("eth0" if wanted else "ikev1c")
    if wanted:
        a.run("ip", "addr", "add", "192.168.5.1/24", "dev", "eth0")
        wait_until(lambda: leads_to(a, "192.168.5.7") == "eth0", "the other local network")


def test_charon_as_gateway_with_a_split_network(lab: Lab) -> None:
    """Its plugin unity sends the networks of the tunnel, and narrows the tunnel to them."""
    a, b = lab.direct()
    pool = "split_include = 10.10.2.0/24"
    charon = charon_gateway(lab, b, pool, aggressive=True, local_ts="10.10.2.0/24", settings="cisco_unity = yes")
    a.run("ip", "route", "add", "default", "via", a.peer)
    before = of_host(a)
    client = connect(lab, a, "--remote-id", GATEWAY_ID, secret=PSK)
    client.wait_for_log("connected")
    assert_split(a, "10.99.0.65")
    client.send_signal(signal.SIGINT)
    assert client.wait() == 0
    wait_until(lambda: not charon.control.sas(), "the end of its SA")
    assert of_host(a) == before


def test_two_connections_for_everything_at_once(lab: Lab) -> None:
    """One of them carries the traffic; the other one stays up, and carries it after the end of that one."""
    a, b = lab.direct()
    ours = gateway(lab, b)
    before = of_host(a)
    clients = {}
    for device, user, password in (("ikev1c", "carol", "the password of carol"), ("ikev1d", "dave", "dave-password")):
        clients[device] = connect(lab, a, "--group", GROUP, "--device", device, user=user, password=password)
        clients[device].wait_for_log("connected")
    addresses = {"ikev1c": "10.99.0.10", "ikev1d": "10.99.0.11"}
    used = leads_to(a, a.remote_host)
    (spare,) = set(clients) - {used}
    for now in (used, spare):
        assert leads_to(a, a.remote_host) == now
        assert leads_to(a, a.peer, "mark", "4500") == "eth0"
        ping(replace(a, host=addresses[now]))
        clients[now].send_signal(signal.SIGTERM)
        assert clients[now].wait() == 0
    ours.wait_for(lambda: not ours.control.sas(), "the end of both")
    assert of_host(a) == before
