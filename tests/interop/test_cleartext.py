"""What a tunnel protects neither comes in nor leaves in the clear (RFC 4301 §5.1, §5.2): the data plane in user space.

Three namespaces: the WAN, which has the peer's network as well; the gateway; a host in the LAN behind it. A listener at
one end hears datagrams from the other. The last of them, which no tunnel protects, says "end" on the same way, so what
was not heard before it was dropped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from esp_lab import INNER, NETWORKS, OUTER, Namespace, Node, NotPermitted, two_namespaces

CLEAR = Path(__file__).parents[1] / "support" / "clear.py"
PYTHON = (sys.executable, "-I", "-S")  # starts in a moment
LAN_HOST = {4: "10.1.0.9", 6: "fd01::9"}
SECOND_LAN = {4: ("10.9.0.1", "10.9.0.9"), 6: ("fd09::1", "fd09::9")}  # no tunnel has anything to do with it
SECOND_NETWORK = {4: "10.9.0.0/24", 6: "fd09::/64"}
REMOTE_HOST = {4: "10.2.0.1", 6: "fd02::1"}

pytestmark = pytest.mark.interop


@dataclass
class World:
    """The namespaces, and who speaks to whom: in or out, to the gateway itself or through it."""

    gateway: Namespace
    wan: Namespace
    lan: Namespace

    def heard(self, version: int, *, inbound: bool, forwarded: bool) -> list[str]:
        """What arrives of a datagram between the two protected networks, and of one that no tunnel protects."""
        here = self.lan if forwarded else self.gateway
        inside = LAN_HOST[version] if forwarded else INNER[version][0]
        other = SECOND_LAN[version][forwarded] if forwarded else OUTER[version][0]
        triples = [(REMOTE_HOST[version], inside, "clear"), (OUTER[version][1], other, "end")]
        if inbound:
            return exchange(self.wan, here, version, triples)
        return exchange(here, self.wan, version, [(here_, there, text) for there, here_, text in triples])


def exchange(speaker: Namespace, hearer: Namespace, version: int, triples: list[tuple[str, str, str]]) -> list[str]:
    ear = hearer.start(*PYTHON, CLEAR, "hear", str(version))
    assert ear.stdout is not None
    assert ear.stdout.readline() == "ready\n"
    speaker.run(*PYTHON, CLEAR, "say", *[word for triple in triples for word in triple])
    said, _ = ear.communicate(timeout=60)
    heard: list[str] = json.loads(said)
    return heard


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    try:
        with two_namespaces() as (gateway, wan):
            lan = Namespace(beside=gateway)
            try:
                _join_lan(gateway, wan, lan)
                yield World(gateway, wan, lan)
            finally:
                lan.close()
    except NotPermitted as error:
        pytest.skip(str(error))


def _join_lan(gateway: Namespace, wan: Namespace, lan: Namespace) -> None:
    gateway.run("ip", "link", "add", "lan", "type", "veth", "peer", "name", "eth0", "netns", str(lan.pid))
    gateway.run("ip", "link", "set", "lan", "up")
    for device in ("lo", "eth0"):
        lan.run("ip", "link", "set", device, "up")
    for setting in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
        gateway.run("sysctl", "-qw", setting)
    for namespace in (gateway, wan, lan):
        namespace.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")
    for device in ("lan", "eth0"):
        gateway.run("sysctl", "-qw", f"net.ipv4.conf.{device}.rp_filter=0")
    for version in (4, 6):
        width, nodad = (24, []) if version == 4 else (64, ["nodad"])
        router, host = SECOND_LAN[version]
        gateway.run("ip", "addr", "add", f"{router}/{width}", "dev", "lan", *nodad)
        lan.run("ip", "addr", "add", f"{host}/{width}", "dev", "eth0", *nodad)
        lan.run("ip", "addr", "add", LAN_HOST[version], "dev", "eth0", *nodad)
        lan.run("ip", f"-{version}", "route", "add", "default", "via", router)
        # the ways are there: nothing but the packet filter holds packets back
        gateway.run("ip", f"-{version}", "route", "add", LAN_HOST[version], "dev", "lan")
        gateway.run("ip", f"-{version}", "route", "add", NETWORKS[version][1], "via", OUTER[version][1])
        wan.run("ip", f"-{version}", "route", "add", NETWORKS[version][0], "via", OUTER[version][0])
        wan.run("ip", f"-{version}", "route", "add", SECOND_NETWORK[version], "via", OUTER[version][0])


Start = Callable[..., Node]


@pytest.fixture
def start(world: World) -> Iterator[Start]:
    """Starts the gateway's data plane for a tunnel between the two networks."""
    nodes: list[Node] = []

    def make(version: int = 4, **options: Any) -> Node:
        local, remote = NETWORKS[version]
        ends = {"here": OUTER[4][0], "there": OUTER[4][1], "local": local, "remote": remote}
        nodes.append(Node(world.gateway, ends | options))
        return nodes[-1]

    yield make
    for node in nodes:
        if node.alive:
            node.close()


WAYS = [(inbound, forwarded) for inbound in (True, False) for forwarded in (True, False)]
EVERYTHING = ["clear", "end"]
ONLY_THE_END = ["end"]
versions = pytest.mark.parametrize("version", [4, 6], ids=["ipv4", "ipv6"])


def passes(world: World, version: int) -> bool:
    """Whether protected traffic passes in the clear; all four ways must agree."""
    heard = [world.heard(version, inbound=inbound, forwarded=forwarded) for inbound, forwarded in WAYS]
    assert heard in ([EVERYTHING] * 4, [ONLY_THE_END] * 4)
    return heard[0] == EVERYTHING


@versions
def test_what_is_protected_does_not_pass_in_the_clear(world: World, start: Start, version: int) -> None:
    node = start(version)
    assert passes(world, version)  # so nothing else keeps it from passing
    node.tell("protect")
    before = node.counters()["drops"]
    assert not passes(world, version)
    after = node.counters()["drops"]
    # beside these the kernel says something of its own on a new device, such as router solicitations
    counted = {name: after[name] - before[name] for name in ("unprotected_in", "unprotected_out")}
    assert counted == {"unprotected_in": 2, "unprotected_out": 2}
    node.tell("unprotect")
    assert passes(world, version)


@versions
def test_nor_while_a_pair_carries_it(world: World, start: Start, version: int) -> None:
    """Out of the pair comes ESP instead, which nobody here opens."""
    node = start(version)
    node.tell("up")
    assert not passes(world, version)
    assert node.counters()["pair"]["packets_out"] == 2
    node.tell("down")
    assert passes(world, version)


@versions
def test_nor_after_the_process_is_killed_until_the_next_one_says_otherwise(
    world: World, start: Start, version: int
) -> None:
    killed = start(version)
    killed.tell("protect")
    killed.kill()
    assert not passes(world, version)
    following = start(version)
    assert not passes(world, version)
    following.tell("protect")
    assert not passes(world, version)
    following.tell("unprotect")
    assert passes(world, version)


@versions
def test_a_plane_that_closes_takes_it_away_or_leaves_it(world: World, start: Start, version: int) -> None:
    closed = start(version)
    closed.tell("protect")
    closed.tell("close-protected")
    assert not passes(world, version)
    following = start(version)
    following.tell("protect")
    following.close()
    assert passes(world, version)


def test_who_takes_the_table_away_is_told_of_and_it_is_made_again(world: World, start: Start) -> None:
    """As ``nft flush ruleset`` does, which many scripts begin with."""
    node = start()
    node.tell("protect")
    world.gateway.run(sys.executable, "-c", "from ikev1.esp.clear_traffic import forget; assert forget('ikev1')")
    assert any(node.counters()["events"] == ["Unguarded"] for _ in range(1000))
    assert not passes(world, 4)


def test_of_a_port_only_that_port(world: World, start: Start) -> None:
    node = start(local="10.1.0.0/16[udp/7777]", remote="10.2.0.0/16[udp]")
    node.tell("protect")
    assert world.heard(4, inbound=True, forwarded=True) == ONLY_THE_END
    assert world.heard(4, inbound=False, forwarded=True) == EVERYTHING  # from another port


@versions
def test_the_rest_of_a_fragmented_datagram_does_not_leave_either(world: World, start: Start, version: int) -> None:
    """Only the first fragment shows the port."""
    local, remote = NETWORKS[version]
    node = start(local=f"{local}[udp]", remote=f"{remote}[udp/7777]")
    node.tell("protect")
    before = node.counters()["drops"]["unprotected_out"]
    said = [(LAN_HOST[version], REMOTE_HOST[version], 3000 * "x"), (SECOND_LAN[version][1], OUTER[version][1], "end")]
    assert exchange(world.lan, world.wan, version, said) == ONLY_THE_END
    assert node.counters()["drops"]["unprotected_out"] - before == 3


def test_with_the_whole_internet_in_the_tunnel_the_lan_reaches_its_router(world: World, start: Start) -> None:
    node = start(local="10.1.0.0/16", remote="0.0.0.0/0")
    node.tell("protect")
    inside, router = LAN_HOST[4], INNER[4][0]
    up, down = (inside, router), (router, inside)
    assert exchange(world.lan, world.gateway, 4, [(*up, "clear"), (*up, "end")]) == EVERYTHING
    assert exchange(world.gateway, world.lan, 4, [(*down, "clear"), (*down, "end")]) == EVERYTHING
    assert world.heard(4, inbound=True, forwarded=True) == ONLY_THE_END
    assert world.heard(4, inbound=False, forwarded=True) == ONLY_THE_END


@pytest.mark.parametrize("family", [4, 6])
def test_protection_of_the_peer_itself_lets_ike_and_esp_pass(world: World, start: Start, family: int) -> None:
    """The two hosts alone, as `dynamic` has them; neighbour discovery must go on, too."""
    here, there = OUTER[family]
    node = start(here=here, there=there, local=here, remote=there)
    node.tell("protect")
    other = Node(world.wan, {"here": there, "there": here, "local": NETWORKS[4][1], "remote": NETWORKS[4][0]})
    try:
        for version in ("-4", "-6"):
            world.gateway.run("ip", version, "neigh", "flush", "all")
        said = [(there, here, "clear"), (there, INNER[family][0], "end")]
        assert exchange(world.wan, world.gateway, family, said) == ONLY_THE_END
        other.tell("up")
        other.namespace.start("ping", "-c", "1", "-W", "1", "-I", INNER[4][1], INNER[4][0]).communicate(timeout=60)
        assert other.counters()["pair"]["unsent"] == 0
        assert any(node.counters()["drops"]["unknown_spi"] for _ in range(1000))  # ESP in UDP arrived
    finally:
        other.close()


def test_kernel_without_the_packet_filter_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket family that is not there stands for a kernel without nf_tables."""
    from ikev1.esp import clear_traffic
    from ikev1.esp.nft import transaction

    monkeypatch.setattr(transaction, "_NETFILTER", 31)
    said: list[object] = []
    alone = clear_traffic.ClearTrafficFilter("ikev1", 4500, said.append)
    alone.change({})
    alone.change({})
    assert [type(event).__name__ for event in said] == ["Unguarded"]
    assert alone.dropped() == (0, 0)
    alone.close(keep=False)
