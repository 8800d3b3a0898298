"""Two userspace data planes in two namespaces, with keys given by hand, and real traffic between them.

Needs no root where the kernel lets everybody make user namespaces and open /dev/net/tun. That traffic went through the
tunnel is told by the planes' counters and by what a witness saw on the wire, never by an answered ping alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from esp_lab import INNER, NETWORKS, OUTER, Namespace, Node, NotPermitted, two_namespaces
from ikev1.wire.registry import EspTransform, IntegrityAlgorithm
from lab.traffic import pings

TRANSFER = Path(__file__).parents[1] / "support" / "lab" / "transfer.py"
AES_CBC_SHA256 = ((EspTransform.AES_CBC, 256, IntegrityAlgorithm.HMAC_SHA2_256), (bytes(32).hex(), bytes(32).hex()))
TRIPLE_DES_MD5 = (
    (EspTransform.TRIPLE_DES, 0, IntegrityAlgorithm.HMAC_MD5),
    (bytes(range(24)).hex(), bytes(16).hex()),
)
SIZE = 300_000  # octets of a transfer

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def wire() -> Iterator[tuple[Namespace, Namespace]]:
    """Two namespaces joined by a wire."""
    try:
        with two_namespaces() as namespaces:
            yield namespaces
    except NotPermitted as error:
        pytest.skip(str(error))


Tunnel = Callable[..., tuple[Node, Node]]


@pytest.fixture
def tunnel(wire: tuple[Namespace, Namespace]) -> Iterator[Tunnel]:
    """Makes both ends of a tunnel: IP version outside and inside, and the options of `esp_node`."""
    nodes: list[Node] = []

    def make(outer: int = 4, inner: int = 4, **options: Any) -> tuple[Node, Node]:
        networks = options.pop("networks", NETWORKS[inner])
        for side, namespace in enumerate(wire):
            ends = {"here": OUTER[outer][side], "there": OUTER[outer][1 - side]}
            selectors = {"local": networks[side], "remote": networks[1 - side]}
            nodes.append(Node(namespace, {**options, **ends, **selectors}))
        return nodes[-2], nodes[-1]

    yield make
    for node in nodes:
        node.close()


def ping(
    node: Node, inner: int = 4, *, size: int = 56, source: Sequence[str] = (), to: str = "", patience: float = 10
) -> None:
    node.namespace.run(*pings("-s", str(size), *source, to or INNER[inner][1], patience=patience))


def transfer(sender: Node, receiver: Node, inner: int) -> None:
    """Octets over TCP, in which nothing may be missing or changed."""
    server = receiver.namespace.start(sys.executable, TRANSFER, "serve", INNER[inner][1], "7777")
    assert server.stdout is not None
    assert server.stdout.readline() == "listening\n"
    sent = sender.namespace.run(sys.executable, TRANSFER, "send", INNER[inner][1], "7777", INNER[inner][0], str(SIZE))
    received, _ = server.communicate(timeout=30)
    assert received == sent
    assert received.split()[1] == str(SIZE)


@pytest.mark.parametrize("encapsulation", [True, False], ids=["udp", "protocol-50"])
@pytest.mark.parametrize(("outer", "inner"), [(4, 4), (4, 6), (6, 4), (6, 6)], ids=lambda version: f"ipv{version}")
def test_carries_traffic_without_fragments(tunnel: Tunnel, outer: int, inner: int, encapsulation: bool) -> None:
    one, other = tunnel(outer, inner, encapsulation=encapsulation)
    fragments = one.counters()["fragments"] + other.counters()["fragments"]
    one.tell("up")
    other.tell("up")
    ping(one, inner)
    transfer(one, other, inner)
    for node in (one, other):
        counters = node.counters()
        assert set(counters["drops"].values()) == {0}
        assert counters["wire"]["other"] == 0
        assert counters["wire"]["esp"] > 0
        assert counters["events"] == []
    sent, received = one.counters()["pair"], other.counters()["pair"]
    assert sent["bytes_out"] >= SIZE
    assert received["bytes_in"] == sent["bytes_out"]
    assert received["packets_in"] == sent["packets_out"]
    assert {received[name] for name in ("replays", "integrity_failures", "malformed", "selector_drops")} == {0}
    assert one.counters()["fragments"] + other.counters()["fragments"] == fragments


@pytest.mark.parametrize(("suite", "keys"), [AES_CBC_SHA256, TRIPLE_DES_MD5], ids=["aes-sha256", "3des-md5"])
def test_other_suites(tunnel: Tunnel, suite: Any, keys: Any) -> None:
    one, other = tunnel(suite=suite, keys=keys)
    one.tell("up")
    other.tell("up")
    ping(one, size=1200)
    transfer(one, other, 4)
    assert other.counters()["pair"]["bytes_in"] >= SIZE
    assert other.counters()["wire"]["other"] == 0


@pytest.mark.parametrize(("encapsulation", "mtu"), [(True, 1438), (False, 1446)])
def test_mtu_is_what_the_path_takes(tunnel: Tunnel, encapsulation: bool, mtu: int) -> None:
    """AES-GCM over IPv4: 1500 less 20, UDP's 8, 8, 8 and 16, to a multiple of 4, less 2."""
    one, other = tunnel(encapsulation=encapsulation)
    fragments = one.counters()["fragments"] + other.counters()["fragments"]
    one.tell("up")
    other.tell("up")
    ping(one, size=mtu - 28, source=("-M", "do"))
    with pytest.raises(AssertionError, match=f"mtu.{mtu}"):
        ping(one, size=mtu - 27, source=("-M", "do"))
    assert other.counters()["pair"]["packets_in"] == 3
    assert one.counters()["fragments"] + other.counters()["fragments"] == fragments


def test_source_address_is_inside_the_local_network(tunnel: Tunnel) -> None:
    one, other = tunnel()
    one.tell("up")
    other.tell("up")
    ping(one)  # no source named: it comes with the route
    assert other.counters()["pair"]["packets_in"] == 3


def test_what_does_not_match_is_dropped_and_counted(tunnel: Tunnel) -> None:
    one, other = tunnel()
    one.tell("up")
    other.tell("up")
    with pytest.raises(AssertionError, match="100% packet loss"):
        ping(one, source=("-I", OUTER[4][0]), patience=1)
    assert one.counters()["drops"]["no_policy"] == 1
    assert one.counters()["pair"]["packets_out"] == 0


def test_peer_inside_the_remote_network(tunnel: Tunnel) -> None:
    """The whole Internet in the tunnel: ESP itself must not meet its own route."""
    one, other = tunnel(networks=("0.0.0.0/0", "0.0.0.0/0"))
    one.tell("up")
    other.tell("up")
    ping(one)
    ping(one, to=OUTER[4][1])
    for node in (one, other):
        assert node.counters()["pair"]["packets_in"] == node.counters()["pair"]["packets_out"] == 6
        assert node.counters()["wire"]["other"] == 0


@pytest.mark.parametrize("initiator", [True, False], ids=["initiator", "responder"])
def test_a_trap_holds_the_first_packets_until_the_pair_comes(tunnel: Tunnel, initiator: bool) -> None:
    one, other = tunnel(initiator=initiator)
    one.tell("trap")
    other.tell("up")
    echoes = [one.namespace.start(*pings(INNER[4][1], count=1)) for _ in range(2)]
    while one.counters()["events"] != ["Acquire"]:
        pass
    one.tell("up")
    if initiator:  # the peer may install the pair a moment later
        assert one.counters()["events"] == ["Acquire", "PacketsWait"]
        one.tell("release")
    assert [echo.wait(timeout=20) for echo in echoes] == [0, 0]
    assert other.counters()["pair"]["packets_in"] == 2
    assert one.counters()["events"].count("PacketsWait") == initiator


def test_routes_and_rules_go_when_the_plane_closes(wire: tuple[Namespace, Namespace]) -> None:
    one = wire[0]
    options = {"local": "10.1.0.0/16", "remote": "0.0.0.0/0", "here": OUTER[4][0], "there": OUTER[4][1]}
    before = [one.run("ip", family, "rule") for family in ("-4", "-6")]
    node = Node(one, options)
    node.tell("up")
    assert "default dev ikev1" in one.run("ip", "route", "show", "table", "4500")
    assert "throw 10.1.0.0/16" in one.run("ip", "route", "show", "table", "all")
    node.close()
    assert [one.run("ip", family, "rule") for family in ("-4", "-6")] == before
    assert "4500" not in one.run("ip", "route", "show", "table", "all")
