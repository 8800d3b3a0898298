"""What only tunnels may carry neither leaves nor comes in without one (RFC 4301 §5.1, §5.2): planes and a real kernel.

Clear packets are looked for on the wire, where no policy hides them, and in the sockets that they are for.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest

from ikev1.core.records.child_sa import IpsecMode, Mark, PacketMarks
from ikev1.core.records.selector import Selector
from ikev1.esp.netlink import Netlink, NetlinkError, Request
from ikev1.esp.plane import Acquire, PlaneError, Protected, Trap
from xfrm_lab import INNER, NETWORKS, OUTER, Namespace, Side, two_ends

HOST = {4: "10.1.0.9", 6: "fd01::9"}  # behind the gateway
ETHERTYPE = {4: 0x0800, 6: 0x86DD}
ESP = 50
DISCARD = 9

Found = TypeVar("Found")
FAMILIES = pytest.mark.parametrize("version", [4, 6])


class Network(NamedTuple):
    """Our gateway with a host behind it, and a stranger on the outer wire; routes lead everywhere in the clear."""

    gateway: Namespace
    stranger: Namespace
    host: Namespace


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with ExitStack() as opened:
        network = Network(Namespace(), Namespace(), Namespace())
        for namespace in network:
            opened.callback(namespace.close)
        gateway, stranger, host = network
        gateway.wire_to(stranger)
        for number, namespace in enumerate((gateway, stranger)):
            namespace.batch(
                *(
                    f"route add {NETWORKS[version][1 - number]} via {OUTER[version][1 - number]} "
                    f"src {INNER[version][number]}"
                    for version in (4, 6)
                )
            )
        host.wire(gateway, "lan0")
        gateway.batch("link set lan0 up", "addr add 10.1.0.254/24 dev lan0", "addr add fd01::fe/64 dev lan0 nodad")
        host.batch(
            "link set eth0 up",
            f"addr add {HOST[4]}/24 dev eth0",
            f"addr add {HOST[6]}/64 dev eth0 nodad",
            "route add default via 10.1.0.254",
            "route add default via fd01::fe",
        )
        gateway.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        yield network


@pytest.fixture
def ours(network: Network, tmp_path: Path) -> Iterator[Side]:
    """The data plane of the gateway; when it is closed nothing is left."""
    side = Side(network.gateway, tmp_path / "ours.owner")
    yield side
    side.close()
    shown = side.show("state"), side.show("policy")
    side.namespace.batch("xfrm state flush", "xfrm policy flush")
    assert shown[0].count("proto esp") == shown[0].count("spi 0x00000000")  # for these the kernel waits half a minute
    assert shown[1] == ""


@pytest.fixture
def counted(network: Network) -> Callable[[], dict[str, int]]:
    """What the gateway's kernel counts from now on."""
    before = network.gateway.troubles()

    def since() -> dict[str, int]:
        now = network.gateway.troubles()
        return {name: count - before.get(name, 0) for name, count in now.items() if count != before.get(name, 0)}

    return since


class Witness:
    """Sees what arrives on a wire, before any policy does."""

    def __init__(self, namespace: Namespace) -> None:
        with namespace.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
            self._socket.bind(("eth0", 3))  # ETH_P_ALL
        self._socket.setblocking(False)

    def protocols(self) -> list[int]:
        """Of the packets from or to our own network since the last time; each inner one in the clear is one of UDP."""
        found = []
        with suppress(BlockingIOError):
            while True:
                packet, (_, ethertype, direction, *_) = self._socket.recvfrom(2048)
                if direction == socket.PACKET_OUTGOING:
                    continue
                if ethertype == ETHERTYPE[4]:
                    found.append(packet[9])
                elif ethertype == ETHERTYPE[6]:
                    found.append(packet[6])
        return [protocol for protocol in found if protocol in (socket.IPPROTO_UDP, ESP)]

    def clear(self) -> int:
        """How many were in the clear."""
        return self.protocols().count(socket.IPPROTO_UDP)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def witness(network: Network) -> Iterator[Witness]:
    witness = Witness(network.stranger)
    yield witness
    witness.close()


class Sender:
    """Sends datagrams, whatever the kernel says to that."""

    def __init__(self, namespace: Namespace, source: str, destination: str) -> None:
        self._socket = namespace.socket(source)
        self._to = destination, DISCARD

    def send(self, count: int = 1, *, mark: int = 0) -> None:
        if mark:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        for _ in range(count):
            with suppress(OSError):
                self._socket.sendto(b"not for everybody", self._to)

    def close(self) -> None:
        self._socket.close()


def received(udp: socket.socket) -> int:
    """How many datagrams wait."""
    udp.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            udp.recv(100)
            count += 1
    return count


def protected(version: int = 4, **changes: Any) -> Protected:
    local, remote = map(Selector.parse, NETWORKS[version])
    return Protected("peer", "net", local, remote)._replace(**changes)


def everything(version: int) -> dict[str, Selector]:
    anybody = Selector.parse("0.0.0.0/0" if version == 4 else "::/0")
    return {"local": anybody, "remote": anybody}


# ---------------------------------------------------------------------- out, and in


@FAMILIES
def test_what_is_protected_does_not_leave_in_the_clear(
    network: Network, ours: Side, witness: Witness, counted: Callable[[], dict[str, int]], version: int
) -> None:
    """Neither the gateway's own packets, nor those that it forwards."""
    for namespace, here in ((network.gateway, INNER[version][0]), (network.host, HOST[version])):
        sender = Sender(namespace, here, INNER[version][1])
        sender.send()
        assert wait_for(witness.clear) == 1
        ours.plane.protect([protected(version)])
        sender.send(3)
        assert witness.clear() == 0
        ours.plane.protect([])
        sender.send()
        assert wait_for(witness.clear) == 1
        sender.close()
    assert counted() == {"XfrmOutPolBlock": 6}


@FAMILIES
def test_what_is_protected_does_not_come_in_in_the_clear(
    network: Network, ours: Side, counted: Callable[[], dict[str, int]], version: int
) -> None:
    """Neither to the gateway itself, nor to those behind it."""
    for namespace, here in ((network.gateway, INNER[version][0]), (network.host, HOST[version])):
        sender = Sender(network.stranger, INNER[version][1], here)
        with namespace.socket(here, DISCARD) as udp:
            sender.send()
            assert wait_for(partial(received, udp)) == 1
            ours.plane.protect([protected(version)])
            sender.send(3)
            assert received(udp) == 0
            ours.plane.protect([])
            sender.send()
            assert wait_for(partial(received, udp)) == 1
        sender.close()
    assert counted() == {"XfrmInPolBlock": 6}


@FAMILIES
@pytest.mark.parametrize("mode", [IpsecMode.TUNNEL, IpsecMode.TRANSPORT])
def test_a_clear_packet_does_not_come_in_beside_a_pair(
    network: Network, ours: Side, counted: Callable[[], dict[str, int]], version: int, mode: IpsecMode
) -> None:
    """Nor one to the hosts behind the gateway: by the policies of the pair alone."""
    ours.up(two_ends(outer=version, inner=version, mode=mode)[0])
    addresses = INNER if mode is IpsecMode.TUNNEL else OUTER
    targets = [(network.gateway, addresses[version][0])]
    if mode is IpsecMode.TUNNEL:
        targets.append((network.host, HOST[version]))
    for namespace, here in targets:
        sender = Sender(network.stranger, addresses[version][1], here)
        with namespace.socket(here, DISCARD) as udp:
            sender.send(3)
            assert received(udp) == 0
        sender.close()
    assert counted() == {"XfrmInTmplMismatch": 3 * len(targets)}


# ---------------------------------------------------------------------- through a tunnel's life


class Onlooker:
    """Packets from both ends before and after everything that our kernel is told, and what came of them."""

    def __init__(self, network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
        gateway, stranger, host = network
        self._witness = Witness(stranger)
        self._inside = host.socket(HOST[4], DISCARD)
        self._at_the_gateway = gateway.socket(INNER[4][0], DISCARD)
        self._senders = [
            Sender(gateway, INNER[4][0], INNER[4][1]),
            Sender(host, HOST[4], INNER[4][1]),
            Sender(stranger, INNER[4][1], INNER[4][0]),
            Sender(stranger, INNER[4][1], HOST[4]),
        ]
        self.encrypted = self.rounds = 0
        attempt = Netlink.attempt

        def amid_packets(netlink: Netlink, *requests: Request) -> list[NetlinkError | None]:
            refusals: list[NetlinkError | None] = []
            for request in requests:
                self.send()
                refusals += attempt(netlink, request)
            self.send()
            return refusals

        monkeypatch.setattr(Netlink, "attempt", amid_packets)

    def send(self) -> None:
        self.rounds += 1
        for sender in self._senders:
            sender.send()

    def leaks(self) -> tuple[int, int]:
        """How many packets left in the clear, and how many came in, since the last time."""
        protocols = self._witness.protocols()
        self.encrypted += protocols.count(ESP)
        return protocols.count(socket.IPPROTO_UDP), received(self._inside) + received(self._at_the_gateway)

    def close(self) -> None:
        for sender in self._senders:
            sender.close()
        for opened in (self._inside, self._at_the_gateway):
            opened.close()
        self._witness.close()


@pytest.fixture
def onlooker(network: Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[Onlooker]:
    onlooker = Onlooker(network, monkeypatch)
    yield onlooker
    onlooker.close()


def trap() -> Trap:
    local, remote = map(Selector.parse, NETWORKS[4])
    return Trap("peer", "net", local, remote, *OUTER[4])


def replaced_by_another_process(side: Side) -> None:
    side.die()
    side.open()


def stopped_and_started(side: Side) -> None:
    side.plane.close(keep_protected=True)
    side.open()


@pytest.mark.parametrize("trapped", [False, True], ids=["started", "trapped"])
def test_nothing_leaves_or_comes_in_the_clear_whatever_becomes_of_the_tunnel(
    ours: Side, onlooker: Onlooker, trapped: bool
) -> None:
    """Not before it is up, between two pairs, when it is gone, when the daemon is killed, stops or starts again."""
    side, old, new = ours, two_ends(number=1)[0], two_ends(number=2)[0]

    def protect() -> None:
        side.plane.protect([protected()])

    def put_trap() -> None:
        if trapped:
            side.plane.install_trap(trap())

    side.plane.adopt([])
    protect()
    onlooker.leaks()  # those before the first policy
    steps: list[Callable[[], object]] = [
        put_trap,
        lambda: side.plane.install_inbound(old),
        lambda: side.plane.install_outbound(old),
        lambda: side.up(new),
        lambda: side.plane.remove(old),
        lambda: side.namespace.run("ip", "xfrm", "state", "deleteall"),  # as if their time were over
        lambda: side.plane.remove(new),
        lambda: side.up(two_ends(number=3)[0]),
        # killed, and started again, without knowing of its pair
        *(lambda: replaced_by_another_process(side), lambda: side.plane.adopt([]), put_trap, protect),
        lambda: side.up(two_ends(number=4)[0]),
        # again, and the pair is gone on with
        lambda: replaced_by_another_process(side),
        lambda: side.plane.adopt([two_ends(number=4)[0]]),
        *(protect, put_trap),
        # killed while it has none
        lambda: side.plane.remove(two_ends(number=4)[0]),
        *(lambda: replaced_by_another_process(side), protect, lambda: side.plane.adopt([]), put_trap),
        lambda: side.up(two_ends(number=5)[0]),
        # told to stop
        *(lambda: stopped_and_started(side), lambda: side.plane.adopt([]), protect, put_trap),
    ]
    for number, step in enumerate(steps):
        step()
        onlooker.send()
        assert onlooker.leaks() == (0, 0), f"in step {number}"
    assert onlooker.encrypted > 20
    assert onlooker.rounds > 100
    side.plane.remove_trap("peer", "net")
    side.plane.protect([])
    onlooker.leaks()
    onlooker.send()
    assert onlooker.leaks() == (2, 2)
    assert side.show("policy") == ""


@pytest.mark.parametrize("drop", ["0", "1"])
def test_nothing_leaves_in_the_clear_while_a_trap_waits_for_its_tunnel(
    network: Network, ours: Side, witness: Witness, drop: str
) -> None:
    """Whether the kernel drops what waits for an SA, or keeps it."""
    side = ours
    side.namespace.run("sysctl", "-qw", f"net.core.xfrm_larval_drop={drop}")
    side.plane.install_trap(trap())
    host = Sender(network.host, HOST[4], INNER[4][1])
    host.send(3)
    side.hear(Acquire)
    host.send(3)
    side.plane.install_inbound(two_ends()[0])
    host.send(3)
    assert witness.protocols() == []
    side.plane.install_outbound(two_ends()[0])
    host.send(3)
    protocols = wait_for(witness.protocols)
    assert set(protocols) == {ESP}
    side.plane.remove(two_ends()[0])
    host.send(3)
    assert witness.clear() == 0
    host.close()
    side.namespace.run("sysctl", "-qw", "net.core.xfrm_larval_drop=1")


def test_a_trap_asks_at_once_where_a_killed_gateway_was_just_asking(ours: Side) -> None:
    """The kernel waits for an SA half a minute long, and asks nobody else for the same one."""
    side = ours
    side.plane.install_trap(trap())
    sender = Sender(side.namespace, INNER[4][0], INNER[4][1])
    sender.send()
    side.hear(Acquire)
    side.die()
    side.open()
    side.events.clear()
    side.plane.adopt([])
    side.plane.protect([protected()])
    side.plane.install_trap(trap())
    sender.send()
    side.hear(Acquire)
    sender.close()


# ---------------------------------------------------------------------- what is not protected


def test_a_tunnel_goes_before_what_is_protected_however_wide(ours: Side, witness: Witness) -> None:
    """A narrower pair carries its part, and a wider one all of it."""
    side = ours
    side.plane.protect([protected()])
    narrow, wide = (
        two_ends(number=number, remote=Selector.parse(remote))[0]
        for number, remote in ((1, "10.2.0.0/24"), (2, "10.0.0.0/8"))
    )
    near, far = (Sender(side.namespace, INNER[4][0], there) for there in (INNER[4][1], "10.2.1.1"))
    side.up(narrow)
    near.send()
    far.send()
    assert wait_for(witness.protocols) == [ESP]
    side.up(wide)
    far.send()
    assert wait_for(witness.protocols) == [ESP]
    side.plane.remove(wide)
    side.plane.remove(narrow)
    near.send()
    far.send()
    assert witness.protocols() == []
    near.close()
    far.close()


@FAMILIES
def test_ike_finds_its_way_where_everything_is_protected(
    network: Network, ours: Side, tmp_path: Path, version: int
) -> None:
    """Its sockets pass by all policies, and so do the messages by which IPv6 finds the peer at all."""
    peer = Side(network.stranger, tmp_path / "peer.owner")
    sockets = []
    for number, side in enumerate((ours, peer)):
        side.namespace.run("ip", "neigh", "flush", "dev", "eth0")
        side.plane.protect([protected(version, **everything(version))])
        sockets.append(side.namespace.socket(OUTER[version][number], 500))
        side.plane.prepare_socket(sockets[-1], encapsulates=False)
    sockets[0].sendto(b"ISAKMP", (OUTER[version][1], 500))
    assert sockets[1].recv(100) == b"ISAKMP"
    peer.close()
    sender = Sender(network.gateway, OUTER[version][0], OUTER[version][1])
    with network.stranger.socket(OUTER[version][1], DISCARD) as udp:
        sender.send()
        assert received(udp) == 0
    sender.close()
    for udp in sockets:
        udp.close()


@FAMILIES
def test_what_stays_in_the_local_network_passes(network: Network, ours: Side, version: int) -> None:
    """Though the remote network, which is protected, takes it in."""
    ours.plane.protect([protected(version, remote=everything(version)["remote"])])
    network.host.ping("10.1.0.254" if version == 4 else "fd01::fe", count=1)
    with pytest.raises(AssertionError):
        network.host.run("ping", "-c", "1", "-W", "1", OUTER[version][1])


def test_only_what_bears_the_mark_is_protected(ours: Side, witness: Witness) -> None:
    side, mark = ours, Mark(5, 0xFF)
    side.plane.protect([protected(marks=PacketMarks(mark, mark, 7, 8))])
    shown = side.show("policy")
    assert (shown.count("if_id 0x7"), shown.count("if_id 0x8"), shown.count("mark 0x5/0xff")) == (2, 1, 3)
    side.plane.protect([protected(marks=PacketMarks(mark, mark))])
    sender = Sender(side.namespace, INNER[4][0], INNER[4][1])
    sender.send(mark=0x105)
    assert witness.clear() == 0
    sender.send(mark=6)
    assert wait_for(witness.clear) == 1
    sender.close()


# ---------------------------------------------------------------------- who else is there, and what is left


def test_another_program_s_policy_stays_and_all_else_is_protected(ours: Side) -> None:
    side = ours
    theirs = ["src", NETWORKS[4][0], "dst", NETWORKS[4][1], "dir", "out"]
    side.namespace.run("ip", "xfrm", "policy", "add", *theirs, "priority", "5")
    before = side.show("policy")
    other = Selector.parse("10.3.0.0/16")
    with pytest.raises(PlaneError, match="another program"):
        side.plane.protect([protected(), protected(remote=other)])
    shown = side.show("policy")
    assert before in shown
    assert shown.count("action block") == 2 + 3
    side.namespace.run("ip", "xfrm", "policy", "delete", *theirs)
    side.plane.protect([protected(), protected(remote=other)])
    assert side.show("policy").count("action block") == 6
    side.namespace.run("ip", "xfrm", "policy", "delete", *theirs)
    side.namespace.run("ip", "xfrm", "policy", "add", *theirs, "action", "block", "priority", "5")
    theirs_again = [entry for entry in side.show("policy").split("src ") if "priority 5" in entry]
    side.die()  # whoever comes next knows its own from what another program made in its place
    side.open()
    side.plane.adopt([])
    side.plane.protect([])
    assert side.show("policy").split("src ")[1:] == theirs_again
    side.namespace.run("ip", "xfrm", "policy", "delete", *theirs)


def test_what_stays_when_a_gateway_stops_and_what_does_not(ours: Side) -> None:
    side = ours
    empty = side.show("policy")
    wide = protected(6, remote=Selector.parse("::/0"))
    for keep, left in ((False, 0), (True, 6)):
        side.plane.adopt([])
        side.plane.protect([protected(), wide])
        side.plane.install_trap(trap())
        side.up(two_ends()[0])
        side.plane.close(keep_protected=keep)
        assert side.show("policy").count("action block") == left
        assert "tmpl" not in side.show("policy")
        assert side.show("state") == ""
        assert side.owner.exists() == keep
        if keep:
            assert side.show("policy").count("proto ipv6-icmp") == 8
        side.open()
    side.plane.adopt([])
    assert side.show("policy").count("action block") == 6
    side.plane.protect([])
    assert side.show("policy") == empty
    side.plane.close()
    assert not side.owner.exists()
    side.open()


def test_a_gateway_that_does_not_get_to_its_start_takes_nothing_away(ours: Side) -> None:
    """Because its port was taken, say."""
    side = ours
    side.plane.protect([protected()])
    side.up(two_ends(number=1, inner=6)[0])
    before = side.show("policy"), side.show("state")
    side.die()
    side.open()
    side.plane.close()
    assert (side.show("policy"), side.show("state")) == before
    side.open()
    side.plane.adopt([])
    side.plane.protect([])


def wait_for(look: Callable[[], Found], seconds: float = 2.0) -> Found:
    """What ``look`` sees, once it sees anything."""
    for _ in range(int(seconds / 0.01)):
        if found := look():
            return found
        select.select([], [], [], 0.01)
    return look()
