"""Updown hooks with a real peer, real traffic, and a firewall that drops everything else."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from lab.charon import PSK, CharonOptions
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.paths import CHECKOUT
from lab.process import LabError, run, wait_until
from lab.starter import StarterOptions
from lab.traffic import ping, pings

NFT_UPDOWN = CHECKOUT / "packaging" / "nft-updown"
FIREWALL = """
table inet filter {
    chain input {
        type filter hook input priority 0; policy drop;
        udp dport { 500, 4500 } accept
    }
    chain output {
        type filter hook output priority 0; policy drop;
        udp dport { 500, 4500 } accept
    }
    chain forward {
        type filter hook forward priority 0; policy drop;
    }
}
"""


@pytest.fixture
def nodes(lab: Lab, tmp_path: Path) -> tuple[Node, Node]:
    """``a`` has a firewall that lets nothing pass but IKE and ESP in UDP."""
    if shutil.which("nft") is None:
        pytest.skip("nft is missing: run `make peers`")
    a, b = lab.direct()
    rules = tmp_path / "rules"
    rules.write_text(FIREWALL)
    a.run("nft", "-f", rules)
    return a, b


def ours(lab: Lab, a: Node, b: Node, *words: str) -> OurGateway:
    lab.charon(b, CharonOptions())
    command = " ".join((str(NFT_UPDOWN), *words))
    return lab.ours(a, OurOptions(calls=True, encapsulation=True, tunnel=f'updown = "{command}"'))


def rules(node: Node) -> dict[str, int]:
    """The rules of the hook in each chain."""
    return {
        chain: node.run("nft", "list", "chain", "inet", "filter", chain).count('comment "ikev1 ')
        for chain in ("input", "output", "forward")
    }


def assert_blocked(node: Node) -> None:
    with pytest.raises(LabError):
        ping(node, count=1, patience=1)


NONE = {"input": 0, "output": 0, "forward": 0}


def test_the_firewall_lets_the_tunnel_pass_while_it_is_up(lab: Lab, nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    gateway = ours(lab, a, b, "inet", "filter", "hostaccess")
    assert rules(a) == NONE
    gateway.command("up", "peer")
    wait_until(lambda: rules(a) == {"input": 1, "output": 1, "forward": 2}, "the rules of the hook")
    ping(a)
    gateway.command("down", "peer")
    wait_until(lambda: rules(a) == NONE, "the end of the rules")


def test_without_hostaccess_only_what_is_forwarded_passes(lab: Lab, nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    host = a.namespace + "h"
    run("ip", "netns", "add", host)
    try:
        run(*f"ip link add inside netns {a.namespace} type veth peer name eth0 netns {host}".split())
        for command in ("addr add 10.10.1.254/24 dev inside", "link set inside up"):
            a.run("ip", *command.split())
        for command in ("addr add 10.10.1.50/24 dev eth0", "link set eth0 up", "route add default via 10.10.1.254"):
            run("ip", "-n", host, *command.split())
        gateway = ours(lab, a, b, "inet", "filter")
        gateway.command("up", "peer")
        wait_until(lambda: rules(a) == {"input": 0, "output": 0, "forward": 2}, "the rules of the hook")
        run("ip", "netns", "exec", host, *pings(b.host))
        assert_blocked(a)
    finally:
        run("ip", "netns", "del", host)


def test_a_killed_gateway_leaves_rules_that_the_next_one_removes(lab: Lab, nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    gateway = ours(lab, a, b, "inet", "filter", "hostaccess")
    gateway.command("up", "peer")
    wait_until(lambda: rules(a)["input"], "the rules of the hook")
    gateway.send_signal(signal.SIGKILL)
    gateway.wait()
    assert rules(a)["input"] == 1
    lab.again(gateway)
    wait_until(lambda: rules(a) == NONE, "the end of the rules")


def test_a_gateway_that_stops_runs_its_hooks_down(lab: Lab, nodes: tuple[Node, Node]) -> None:
    a, b = nodes
    gateway = ours(lab, a, b, "inet", "filter", "hostaccess")
    gateway.command("up", "peer")
    wait_until(lambda: rules(a)["input"], "the rules of the hook")
    gateway.stop()
    assert rules(a) == NONE


IPSEC_CONF = """
conn peer
    keyexchange=ikev1
    ike=aes128-sha256-modp2048!
    esp=aes128-sha256!
    left={0.address}
    leftid=alice@lab
    leftsubnet={0.network}
    leftfirewall=yes
    lefthostaccess=yes
    right={0.peer}
    rightid=gw.lab
    rightsubnet={0.remote}
    authby=secret
    auto=add
"""


def test_leftfirewall_is_the_script_of_strongswan(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, CharonOptions(plane="noesp"))
    gateway = lab.ours(a, OurOptions(ipsec=StarterOptions(IPSEC_CONF.format(a), f': PSK "{PSK}"\n')))

    def forwarded() -> list[str]:
        found = a.run("iptables", "-S").splitlines()
        return [line for line in found if line.startswith(("-A FORWARD", "-A INPUT")) and f"-d {a.network}" in line]

    assert forwarded() == []
    gateway.command("up", "peer")
    wait_until(lambda: len(forwarded()) == 2, "the rules of the script")
    assert all(f"-s {a.remote}" in line and "--pol ipsec" in line for line in forwarded())
    gateway.command("down", "peer")
    wait_until(lambda: forwarded() == [], "the end of the rules")


@pytest.mark.parametrize("words", [(), ("inet",), ("inet", "filter;reboot"), ("inet", "filter", "all")])
def test_wrong_arguments_are_refused(words: tuple[str, ...], nodes: tuple[Node, Node]) -> None:
    a, _ = nodes
    with pytest.raises(LabError, match="nft-updown: "):
        a.run("env", "PLUTO_VERB=up-client", NFT_UPDOWN, *words)
    assert rules(a) == NONE
