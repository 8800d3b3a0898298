"""Two userspace data planes in two namespaces, with keys given by hand, and real traffic between them.

Needs no root where the kernel lets everybody make user namespaces and open /dev/net/tun. That traffic went through the
tunnel is told by the planes' counters and by what a witness saw on the wire, never by an answered ping alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ikev1.wire.registry import EspTransform, IntegrityAlgorithm

HERE = Path(__file__).parent
NODE, TRANSFER = HERE / "esp_node.py", HERE / "lab" / "transfer.py"
SOURCE = HERE.parents[1] / "src"
OUTER = {4: ("192.0.2.1", "192.0.2.2"), 6: ("fd77::1", "fd77::2")}
INNER = {4: ("10.1.0.1", "10.2.0.1"), 6: ("fd01::1", "fd02::1")}
NETWORKS = {4: ("10.1.0.0/16", "10.2.0.0/16"), 6: ("fd01::/64", "fd02::/64")}
AES_CBC_SHA256 = ((EspTransform.AES_CBC, 256, IntegrityAlgorithm.HMAC_SHA2_256), (bytes(32).hex(), bytes(32).hex()))
TRIPLE_DES_MD5 = (
    (EspTransform.TRIPLE_DES, 0, IntegrityAlgorithm.HMAC_MD5),
    (bytes(range(24)).hex(), bytes(16).hex()),
)
SIZE = 300_000  # octets of a transfer

pytestmark = pytest.mark.interop


class Namespace:
    """A network namespace; the first one has a user namespace around it, which the second one shares."""

    def __init__(self, beside: Namespace | None = None) -> None:
        self.enter: list[str]
        make = ["unshare", "-Urn"] if beside is None else [*beside.enter, "unshare", "-n"]
        self._holder = subprocess.Popen(
            [*make, "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._holder.stdout is not None
        self.works = self._holder.stdout.readline() == b"\n"
        self.pid = self._holder.pid
        self.enter = ["nsenter", "-t", str(self.pid), "-U", "-n", "--preserve-credentials"]

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(
            [*self.enter, *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stdout}"
        return done.stdout

    def start(self, *command: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.enter, *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
        )

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()


class Node:
    """A plane that runs in a namespace."""

    def __init__(self, namespace: Namespace, options: dict[str, Any]) -> None:
        self.namespace = namespace
        self._process = namespace.start(sys.executable, NODE, json.dumps(options))
        assert self._line() == "ready"

    def tell(self, command: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._line()

    def counters(self) -> dict[str, Any]:
        counters: dict[str, Any] = json.loads(self.tell("counters"))
        return counters

    def close(self) -> None:
        self._process.communicate("quit\n", timeout=20)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="module")
def wire() -> Iterator[tuple[Namespace, Namespace]]:
    """Two namespaces joined by a wire of 1,500 octets, with an address of each network on each ``lo``."""
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        pytest.skip("/dev/net/tun cannot be opened here")
    one = Namespace()
    if not one.works:
        one.close()
        pytest.skip("user namespaces are not permitted here (unshare -Urn)")
    other = Namespace(beside=one)
    try:
        one.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(other.pid))
        for side, namespace in enumerate((one, other)):
            for device in ("lo", "eth0"):
                namespace.run("ip", "link", "set", device, "up")
            for version in (4, 6):
                nodad = ["nodad"] if version == 6 else []
                outer, inner = OUTER[version][side], INNER[version][side]
                namespace.run("ip", "addr", "add", f"{outer}/{24 if version == 4 else 64}", "dev", "eth0", *nodad)
                namespace.run("ip", "addr", "add", inner, "dev", "lo", *nodad)
        yield one, other
    finally:
        other.close()
        one.close()


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


def ping(node: Node, inner: int = 4, *, size: int = 56, source: Sequence[str] = (), to: str = "") -> str:
    arguments = ["-c", "3", "-i", "0.05", "-W", "3", "-s", str(size), *source]
    return node.namespace.run("ping", *arguments, to or INNER[inner][1])


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
        assert counters["drops"] == {"unknown_spi": 0, "no_policy": 0, "trapped": 0}
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
        ping(one, source=("-I", OUTER[4][0]))
    assert one.counters()["drops"]["no_policy"] == 3
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


def test_a_trap_holds_the_first_packets_until_the_pair_comes(tunnel: Tunnel) -> None:
    one, other = tunnel()
    one.tell("trap")
    other.tell("up")
    echo = one.namespace.start("ping", "-c", "2", "-i", "0.2", "-W", "10", INNER[4][1])
    while one.counters()["events"] != ["Acquire"]:
        pass
    one.tell("up")
    said, _ = echo.communicate(timeout=20)
    assert "2 received" in said
    assert other.counters()["pair"]["packets_in"] == 2


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
