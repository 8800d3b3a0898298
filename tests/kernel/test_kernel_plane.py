"""Our data plane and a real kernel: two of them in two namespaces, with keys given by hand."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from ikev1.core.records.child_sa import ChildSa, Compression, IpsecKeys, IpsecMode, IpsecSuite, Mark, PacketMarks
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.esp.kernel import KernelPlane, probe
from ikev1.esp.netlink import Netlink, NetlinkError, Request
from ikev1.esp.plane import Acquire, Expired, PeerMoved, PeerSends, PlaneError, RekeyNeeded, Trap
from ikev1.esp.xfrm.requests import Xfrm
from ikev1.esp.xfrm.state import Limits, Protocol, State, StateId, XfrmMode
from ikev1.wire.registry import ProtocolId
from xfrm_lab import AES_GCM, INNER, NETWORKS, OUTER, Side, Stream, carried, two_ends, two_sides

AES_SHA256 = IpsecSuite(encryption=12, key_length=256, integrity=5)
AH_SHA256 = IpsecSuite(encryption=0, integrity=5, protocol=2)
DEFLATE = Compression(algorithm=2, inbound_cpi=0x1001, outbound_cpi=0x1002)

Sides = tuple[Side, Side]


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    with two_sides(tmp_path) as sides:
        yield sides


def up(sides: Sides, ends: tuple[ChildSa, ChildSa]) -> None:
    for side, child in zip(sides, ends, strict=True):
        side.up(child)


def assert_carried(sides: Sides, ends: tuple[ChildSa, ChildSa], count: int, *, octets: int = 0) -> None:
    """Both kernels say that each of ``count`` packets, and none else, came and went by the pair."""
    for side, child in zip(sides, ends, strict=True):
        counters = side.plane.counters(child)
        assert (counters.packets_in, counters.packets_out) == (count, count)
        if octets:
            assert (counters.bytes_in, counters.bytes_out) == (octets, octets)
        assert counters.idle_in is not None
        assert counters.idle_out is not None
        assert not side.namespace.troubles()


@pytest.mark.parametrize("encapsulated", [False, True], ids=["ESP", "UDP"])
@pytest.mark.parametrize("outer", [4, 6])
@pytest.mark.parametrize("inner", [4, 6])
def test_a_tunnel_carries_either_version_over_either(sides: Sides, inner: int, outer: int, encapsulated: bool) -> None:
    ends = two_ends(inner=inner, outer=outer, udp_encapsulation=encapsulated)
    sockets = [side.encapsulate(OUTER[outer][number]) for number, side in enumerate(sides)]
    up(sides, ends)
    sides[0].ping(INNER[inner][1], INNER[inner][0])
    assert_carried(sides, ends, 3, octets=3 * (84 if inner == 4 else 104))
    for udp in sockets:
        udp.close()


@pytest.mark.parametrize("suite", [AES_GCM, AH_SHA256, replace(AES_SHA256, esn=True)], ids=["gcm", "ah", "esn"])
@pytest.mark.parametrize("version", [4, 6])
def test_transport_mode(sides: Sides, suite: IpsecSuite, version: int) -> None:
    ends = two_ends(suite, outer=version, mode=IpsecMode.TRANSPORT, replay_window=512)
    up(sides, ends)
    sides[0].ping(OUTER[version][1], OUTER[version][0])
    assert_carried(sides, ends, 3)


SUITES = {
    "aes128-sha256": IpsecSuite(encryption=12, key_length=128, integrity=5),
    "aes192-sha384": IpsecSuite(encryption=12, key_length=192, integrity=6),
    "aes256-sha512": IpsecSuite(encryption=12, key_length=256, integrity=7),
    "3des-sha1": IpsecSuite(encryption=3, integrity=2),
    "des-md5": IpsecSuite(encryption=2, integrity=1),
    "null-sha1": IpsecSuite(encryption=11, integrity=2),
    "aes128ctr-sha1": IpsecSuite(encryption=13, key_length=128, integrity=2),
    "aes256gcm8": IpsecSuite(encryption=18, key_length=256),
    "aes192gcm12": IpsecSuite(encryption=19, key_length=192),
    "camellia256-sha256": IpsecSuite(encryption=22, key_length=256, integrity=5),
    "ah-md5": IpsecSuite(encryption=0, integrity=1, protocol=2),
    "ah-sha512-esn": IpsecSuite(encryption=0, integrity=7, protocol=2, esn=True),
    "aes128gcm16-esn": IpsecSuite(encryption=20, key_length=128, esn=True),
}


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES.keys())
def test_every_kind_of_suite(sides: Sides, suite: IpsecSuite) -> None:
    ends = two_ends(suite)
    up(sides, ends)
    sides[0].ping(INNER[4][1], INNER[4][0])
    assert_carried(sides, ends, 3, octets=252)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("mode", [IpsecMode.TUNNEL, IpsecMode.TRANSPORT])
def test_compression(sides: Sides, mode: IpsecMode, version: int) -> None:
    """A large packet of little variety shrinks, a small one goes without (RFC 3173 §2.2)."""
    ends = two_ends(outer=version, inner=version, mode=mode, compression=DEFLATE)
    up(sides, ends)
    here, there = INNER[version] if mode is IpsecMode.TUNNEL else OUTER[version]
    sides[0].ping(there, here, size=1200)
    shrunk = sides[0].plane.counters(ends[0])
    assert shrunk.packets_out == shrunk.packets_in == 3
    assert shrunk.bytes_out < 3 * 600
    sides[0].ping(there, here, size=16)
    assert_carried(sides, ends, 6)


def test_compression_over_another_version_is_refused(sides: Sides) -> None:
    with pytest.raises(PlaneError, match="same IP version"):
        sides[0].plane.install_inbound(two_ends(outer=6, inner=4, compression=DEFLATE)[0])
    assert sides[0].show("state") == ""
    assert sides[0].show("policy") == ""


@pytest.fixture
def traffic(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> list[Stream]:
    """Packets in both directions before and after everything that the kernel is told."""
    streams = [Stream(*sides), Stream(*sides[::-1], turned=True)]
    attempt = Netlink.attempt

    def amid_packets(netlink: Netlink, *requests: Request) -> list[NetlinkError | None]:
        for stream in streams:
            stream.send(3)
        answers = attempt(netlink, *requests)
        for stream in streams:
            stream.send(3)
        return answers

    monkeypatch.setattr(Netlink, "attempt", amid_packets)
    return streams


def test_a_rekey_under_traffic_loses_nothing(sides: Sides, request: pytest.FixtureRequest) -> None:
    """Inbound at both ends, then outbound, then the old pair goes: whatever the kernel is between two steps."""
    old = two_ends(number=1)
    up(sides, old)
    streams: list[Stream] = request.getfixturevalue("traffic")
    for number in range(2, 22):
        new = two_ends(number=number)
        for side, child in zip(sides, new, strict=True):
            side.plane.install_inbound(child)
        for side, child in zip(sides, new, strict=True):
            side.plane.install_outbound(child)
        for side, child in zip(sides, old, strict=True):
            side.plane.remove(child)
        old = new
    for stream in streams:
        assert stream.finish() == list(range(1, stream.sent + 1))
        assert stream.sent > 1000
    for side in sides:
        assert not side.namespace.troubles()
        assert side.show("state").count("proto esp") == 2


def test_a_rekey_in_the_wrong_order_would_lose(sides: Sides, request: pytest.FixtureRequest) -> None:
    """What the test before rests on."""
    old, new = two_ends(number=1), two_ends(number=2)
    up(sides, old)
    streams: list[Stream] = request.getfixturevalue("traffic")
    for side, child in zip(sides, old, strict=True):
        side.plane.remove(child)
    up(sides, new)
    assert any(len(stream.finish()) < stream.sent for stream in streams)


def test_an_older_pair_takes_over_when_the_newer_goes(sides: Sides) -> None:
    old, new = two_ends(number=1), two_ends(number=2)
    up(sides, old)
    up(sides, new)
    sides[0].ping(INNER[4][1], INNER[4][0])
    assert_carried(sides, new, 3)
    for side, child in zip(sides, new, strict=True):
        side.plane.remove(child)
    sides[0].ping(INNER[4][1], INNER[4][0])
    assert_carried(sides, old, 3)


def test_what_does_not_match_is_not_carried(sides: Sides) -> None:
    tcp = Selector.parse("10.2.0.0/16[tcp/80]")
    ends = two_ends(local=Selector.parse("10.1.0.1-10.1.0.6"), remote=tcp)
    up(sides, ends)
    policies = sides[0].show("policy")
    assert len(re.findall("dir out", policies)) == 4  # 10.1.0.1/32, .2/31, .4/31, .6/32
    assert "src 10.1.0.2/31 dst 10.2.0.0/16 proto tcp dport 80" in policies
    assert sides[0].plane.counters(ends[0]).packets_out == 0


def test_clear_packets_of_the_remote_network_are_dropped(sides: Sides) -> None:
    ends = two_ends()
    sides[0].up(ends[0])
    stranger = sides[1].namespace
    stranger.run("ip", "route", "add", "10.1.0.0/16", "via", OUTER[4][0], "src", INNER[4][1])
    with stranger.socket(INNER[4][1]) as udp, sides[0].namespace.socket(INNER[4][0], 9) as ours:
        udp.sendto(b"in the clear", (INNER[4][0], 9))
        ours.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ours.recv(100)
    assert sides[0].namespace.troubles() == {"XfrmInTmplMismatch": 1}


def test_ike_passes_by_a_tunnel_for_everything(sides: Sides) -> None:
    """The remote network holds the peer itself, and everybody else."""
    everything = Selector.parse("0.0.0.0/0")
    ends = two_ends(local=everything, remote=everything)
    sockets = [side.namespace.socket(OUTER[4][number], 500) for number, side in enumerate(sides)]
    for side, udp, child in zip(sides, sockets, ends, strict=True):
        side.plane.prepare_socket(udp, encapsulates=False)
        side.up(child)
    sockets[0].sendto(b"ISAKMP", (OUTER[4][1], 500))
    assert sockets[1].recv(100) == b"ISAKMP"
    assert sides[0].plane.counters(ends[0]).packets_out == 0
    sides[0].ping(INNER[4][1], INNER[4][0])
    assert_carried(sides, ends, 3)
    for udp in sockets:
        udp.close()


# ---------------------------------------------------------------------- what the kernel says


def test_a_soft_and_a_hard_limit_of_octets(sides: Sides) -> None:
    ends = two_ends(lifetime_kilobytes=10)
    up(sides, ends)
    sides[0].ping(INNER[4][1], INNER[4][0], count=8, size=1300)
    (soft,) = sides[0].hear(RekeyNeeded)
    assert soft.child == ends[0].without_keys()
    assert not [event for event in sides[0].events if isinstance(event, Expired)]
    with sides[0].namespace.socket(INNER[4][0]) as udp, suppress(OSError):  # the kernel refuses to send
        for _ in range(3):
            udp.sendto(bytes(1300), (INNER[4][1], 9))
    (hard,) = sides[0].hear(Expired)
    assert hard.child == ends[0].without_keys()
    assert len([event for event in sides[0].events if isinstance(event, RekeyNeeded)]) == 1


@pytest.mark.parametrize(
    "limits", [{}, {"lifetime_kilobytes": 10}, {"rekey_packets": 5}], ids=["", "octets", "packets"]
)
def test_the_kernel_says_when_the_peer_sends_with_a_new_pair(sides: Sides, limits: dict[str, Any]) -> None:
    """With the second packet, and once; afterwards the limits of the pair are in force."""
    old, new = two_ends(number=1), two_ends(number=2, **limits)
    up(sides, old)
    sides[0].plane.install_inbound(new[0])
    sides[1].up(new[1])
    sides[0].ping(INNER[4][1], INNER[4][0], count=4)  # the answers come with the new pair
    (sent,) = sides[0].hear(PeerSends)
    assert sent == PeerSends(new[0].without_keys())
    sides[0].plane.install_outbound(new[0])
    sides[0].ping(INNER[4][1], INNER[4][0], count=8, size=1300)
    if limits:
        assert sides[0].hear(RekeyNeeded)[0].child == new[0].without_keys()
    _read_the_rest(sides[0])
    kinds = [type(event) for event in sides[0].events]
    assert kinds == [PeerSends, *[RekeyNeeded] * bool(limits)]


def test_a_forged_packet_does_not_say_that_the_peer_sends(sides: Sides) -> None:
    old, new = two_ends(number=1), two_ends(number=2)
    up(sides, old)
    sides[0].plane.install_inbound(new[0])
    forged = replace(new[1], outbound=replace(new[1].outbound, encryption_key=bytes(16 + 4)))
    sides[1].up(forged)
    with sides[1].namespace.socket(INNER[4][1]) as udp:
        for _ in range(4):
            udp.sendto(b"with another key", (INNER[4][0], 9))
    assert sides[0].plane.counters(new[0]).integrity_failures == 4
    _read_the_rest(sides[0])
    assert not sides[0].events


def _read_the_rest(side: Side) -> None:
    """What the kernel has said by now."""
    (_, read), *_ = side.plane.readers()
    read()


def trap(**changes: Any) -> Trap:
    local, remote = map(Selector.parse, NETWORKS[4])
    return Trap("peer", "net", local, remote, *OUTER[4])._replace(**changes)


@pytest.mark.parametrize("local_host", ["", OUTER[4][0]])
def test_a_trap_asks_for_its_tunnel_and_is_back_afterwards(sides: Sides, local_host: str) -> None:
    ends = two_ends()
    sides[0].plane.install_trap(trap(local_host=local_host))
    trapped = sides[0].show("policy")
    sides[1].up(ends[1])
    with sides[0].namespace.socket(INNER[4][0], 5000) as udp:
        udp.sendto(b"wanted", (INNER[4][1], 9))
        (acquire,) = sides[0].hear(Acquire)
        assert acquire == Acquire("peer", "net", "10.1.0.1[5000] -> 10.2.0.1[9], protocol 17")
        sides[0].up(ends[0])
        sides[0].ping(INNER[4][1], INNER[4][0])
        assert sides[0].plane.counters(ends[0]).packets_in == 3
        sides[0].plane.remove(ends[0])
        assert sides[0].show("policy") == trapped
        udp.sendto(b"wanted again", (INNER[4][1], 9))
        sides[0].hear(Acquire, 2)
    sides[0].plane.remove_trap("peer", "net")
    assert sides[0].show("policy") == ""


def test_the_trap_of_another_program_with_the_same_reqid_is_not_ours(sides: Sides) -> None:
    side = sides[0]
    side.plane.install_trap(trap())
    assert "reqid 1 " in side.show("policy")
    theirs = f"dst 10.9.0.1 dir out tmpl src {OUTER[4][0]} dst 192.0.2.22 proto esp reqid 1 mode tunnel"
    side.namespace.run("ip", "xfrm", "policy", "add", *theirs.split())
    side.namespace.run("ip", "route", "add", "10.9.0.1", "dev", "eth0")
    with side.namespace.socket(INNER[4][0], 5000) as udp:
        udp.sendto(b"to them", ("10.9.0.1", 9))
        assert "reqid 1 " in side.show("state")
        udp.sendto(b"to us", (INNER[4][1], 9))
        (acquire,) = side.hear(Acquire)
    assert acquire == Acquire("peer", "net", "10.1.0.1[5000] -> 10.2.0.1[9], protocol 17")


def test_a_tunnel_for_everything_over_ipv6_finds_its_neighbours(sides: Sides) -> None:
    """No neighbour is known when the policies come, which would ask for SAs for the very question."""
    everything = Selector.parse("::/0")
    ends = two_ends(outer=6, inner=6, local=everything, remote=everything)
    for side in sides:
        side.namespace.run("ip", "-6", "neigh", "flush", "dev", "eth0")
    up(sides, ends)
    sides[0].ping(INNER[6][1], INNER[6][0])
    assert sides[0].plane.counters(ends[0]).packets_out >= 3  # multicast may be among them
    assert not sides[0].namespace.troubles()


def test_a_trap_for_nobody_knows_whom_is_refused(sides: Sides) -> None:
    with pytest.raises(PlaneError, match=r"."):
        sides[0].plane.install_trap(trap(remote_host=""))
    assert sides[0].show("policy") == ""


def test_a_peer_behind_a_nat_that_forgot_its_port(sides: Sides) -> None:
    """ESP comes from another port; we are told, follow, and both directions work again."""
    before = two_ends(udp_encapsulation=True)
    sockets = [side.encapsulate(OUTER[4][number]) for number, side in enumerate(sides)]
    up(sides, before)
    sides[0].ping(INNER[4][1], INNER[4][0])
    sockets.append(sides[1].encapsulate(OUTER[4][1], 4600))
    moved_child = replace(before[1], path=before[1].path._replace(local_port=4600))
    sides[1].plane.move(moved_child)
    with sides[1].namespace.socket(INNER[4][1]) as udp:
        udp.sendto(b"from another port", (INNER[4][0], 9))
    (moved,) = sides[0].hear(PeerMoved)
    assert moved == PeerMoved(before[0].without_keys(), UdpPath(OUTER[4][0], 4500, OUTER[4][1], 4600))
    after = (replace(before[0], path=moved.path), moved_child)
    sides[0].plane.move(after[0])
    sides[0].ping(INNER[4][1], INNER[4][0])
    counters = sides[0].plane.counters(after[0])
    assert (counters.packets_in, counters.packets_out) == (7, 7)  # the datagram was answered by ICMP
    for udp in sockets:
        udp.close()


def test_a_peer_behind_a_nat_with_a_new_address(sides: Sides) -> None:
    """Its packets tell, and both directions work again."""
    new_host = "192.0.2.22"
    before = two_ends(udp_encapsulation=True)
    sockets = [side.encapsulate(OUTER[4][number]) for number, side in enumerate(sides)]
    up(sides, before)
    sides[1].namespace.run("ip", "addr", "add", f"{new_host}/24", "dev", "eth0")
    sockets.append(sides[1].encapsulate(new_host))
    moved_child = replace(before[1], path=before[1].path._replace(local_host=new_host))
    sides[1].plane.move(moved_child)
    with sides[1].namespace.socket(INNER[4][1]) as udp:
        udp.sendto(b"from another address", (INNER[4][0], 9))
    (moved,) = sides[0].hear(PeerMoved)
    assert moved == PeerMoved(before[0].without_keys(), UdpPath(OUTER[4][0], 4500, new_host, 4500))
    after = (replace(before[0], path=moved.path), moved_child)
    sides[0].plane.move(after[0])
    sides[0].ping(INNER[4][1], INNER[4][0])
    assert sides[0].plane.counters(after[0]).packets_in == 4
    for udp in sockets:
        udp.close()


@pytest.mark.parametrize("suite", [AES_GCM, replace(AES_SHA256, esn=True)], ids=["32 bits", "64 bits"])
@pytest.mark.parametrize("mode", list(IpsecMode))
def test_a_peer_with_a_new_address(sides: Sides, mode: IpsecMode, suite: IpsecSuite) -> None:
    """Keys, counters and the window stay; no sequence number is used twice; no state is left behind."""
    new_host = "192.0.2.22"
    sides[1].namespace.run("ip", "addr", "add", f"{new_host}/24", "dev", "eth0")
    before = two_ends(suite, mode=mode, replay_window=128)
    up(sides, before)
    here, there = INNER[4] if mode is IpsecMode.TUNNEL else OUTER[4]
    sides[0].ping(there, here)
    counted = [carried(side, child) for side, child in zip(sides, before, strict=True)]
    after = (
        replace(before[0], path=before[0].path._replace(remote_host=new_host)),
        replace(before[1], path=before[1].path._replace(local_host=new_host)),
    )
    for side, child in zip(sides, after, strict=True):
        side.plane.move(child)
    assert [carried(side, child) for side, child in zip(sides, after, strict=True)] == counted
    sides[0].ping(there if mode is IpsecMode.TUNNEL else new_host, here)
    assert_carried(sides, after, 6)
    for side in sides:
        shown = side.show("state")
        assert shown.count("proto esp") == 2
        assert OUTER[4][1] + "\n" not in shown
        assert OUTER[4][1] not in side.show("policy").replace(new_host, "")
        sent = [int(number, 16) for number in re.findall(r"oseq 0x(\w+)", shown)]
        assert max(sent) >= (1 << 20) + 6


def test_a_move_of_an_older_pair_does_not_bring_it_back(sides: Sides) -> None:
    old, new = two_ends(number=1), two_ends(number=2)
    up(sides, old)
    up(sides, new)
    sides[0].namespace.run("ip", "addr", "add", "192.0.2.11/24", "dev", "eth0")
    moved = replace(old[0], path=old[0].path._replace(local_host="192.0.2.11"))
    sides[0].plane.move(moved)
    sides[0].ping(INNER[4][1], INNER[4][0])
    assert_carried(sides, new, 3)
    assert sides[0].plane.counters(moved).packets_out == 0


def test_an_sa_that_somebody_deleted(sides: Sides) -> None:
    ends = two_ends()
    up(sides, ends)
    sides[0].namespace.run("ip", "xfrm", "state", "deleteall")
    with sides[0].namespace.socket(INNER[4][0]) as udp:
        udp.sendto(b"a packet asks for it", (INNER[4][1], 9))
    (expired,) = sides[0].hear(Expired)
    assert expired.child == ends[0].without_keys()


def test_events_that_were_lost_are_made_up_for(sides: Sides) -> None:
    """Thousands of SAs of another program expire before we look; then two of ours are not as they should be."""
    side, gone, used = sides[0], two_ends()[0], two_ends(number=2, inner=6, lifetime_kilobytes=10)[0]
    side.up(gone)
    side.up(used)
    with side.namespace.entered():
        stranger = Xfrm()
    for spi in range(0x5000, 0x5000 + 4000):
        keys = IpsecKeys(spi, b"", bytes(20))
        id = StateId(ip_address("198.51.100.1").packed, spi, Protocol.ESP)
        limits = Limits(hard_seconds=1)
        stranger.add(State(id, id.destination, 1, XfrmMode.TUNNEL, SUITES["null-sha1"], keys, limits=limits))
    stranger.delete(StateId(ip_address(OUTER[4][1]).packed, gone.outbound.spi, Protocol.ESP))
    with side.namespace.socket(INNER[6][0]) as udp:
        for _ in range(9):
            udp.sendto(bytes(1000), (INNER[6][1], 9))
    while stranger.states()[4:]:
        pass
    (expired,) = side.hear(Expired)
    assert expired.child == gone.without_keys()
    assert [event.child for event in side.hear(RekeyNeeded)] == [used.without_keys()]
    stranger.close()


# ---------------------------------------------------------------------- who else is there


@dataclass
class Leftovers:
    """What is in a kernel."""

    states: str
    policies: str
    routes: str
    rules: str

    def __init__(self, side: Side) -> None:
        self.states = side.show("state")
        self.policies = side.show("policy")
        self.routes = side.namespace.run("ip", "route", "show", "table", "all", "type", "unicast")
        self.rules = side.namespace.run("ip", "rule")


def test_nothing_is_left_when_a_plane_closes(sides: Sides) -> None:
    side = sides[0]
    side.plane.close()
    before = Leftovers(side)
    side.open()
    side.up(two_ends(inner=4, compression=DEFLATE)[0])
    side.up(two_ends(number=2, inner=6)[0])
    side.plane.install_trap(trap(tunnel="other", remote=Selector.parse("10.9.0.0/16")))
    assert Leftovers(side) != before
    side.plane.close()
    assert Leftovers(side) == before
    assert not side.owner.exists()
    side.open()


def test_a_killed_gateway_is_gone_on_with(sides: Sides) -> None:
    """Of what it left, the pair that is known goes on, and all else goes; the peer notices nothing."""
    known, unknown = two_ends(), two_ends(number=2, inner=6, outer=6, compression=DEFLATE)
    side = sides[0]
    up(sides, known)
    up(sides, unknown)
    side.plane.install_trap(trap(tunnel="other", remote=Selector.parse("10.9.0.0/16")))
    sides[0].ping(INNER[4][1], INNER[4][0])
    side.die()
    side.open()
    assert side.plane.adopt([known[0], two_ends(number=3)[0]]) == {known[0].inbound.spi}
    side.plane.protect([])
    assert side.show("state").count("proto esp") == 2
    assert "fd02" not in side.show("policy")
    assert "10.9" not in side.show("policy")
    assert "10.9" not in side.namespace.run("ip", "route", "show", "table", "4500")
    sides[0].ping(INNER[4][1], INNER[4][0])
    assert_carried(sides, known, 6)
    side.plane.remove(known[0])
    assert (side.show("state"), side.show("policy")) == ("", "")


def test_half_a_pair_is_not_gone_on_with(sides: Sides) -> None:
    ends = two_ends()
    side = sides[0]
    side.up(ends[0])
    side.die()
    side.namespace.run("ip", "xfrm", "state", "delete", "dst", OUTER[4][1], "proto", "esp", "spi", "0x1002")
    side.open()
    assert side.plane.adopt([ends[0]]) == frozenset()
    side.plane.protect([])
    assert (side.show("state"), side.show("policy")) == ("", "")


def test_what_is_not_ours_is_never_touched(sides: Sides) -> None:
    """Even where a killed gateway had the same, and another program made it its own since."""
    side, (child, _) = sides[0], two_ends()
    side.up(child)
    side.die()
    for what in ("state", "policy"):
        side.namespace.run("ip", "xfrm", what, "deleteall")
    sa = ["src", OUTER[4][1], "dst", OUTER[4][0], "proto", "esp", "spi", "0x1001", "reqid", "7", "mode", "tunnel"]
    side.namespace.run("ip", "xfrm", "state", "add", *sa, "aead", "rfc4106(gcm(aes))", "0x" + "11" * 20, "128")
    template = ["tmpl", "src", OUTER[4][0], "dst", OUTER[4][1], "proto", "esp", "reqid", "7", "mode", "tunnel"]
    networks = ["src", NETWORKS[4][0], "dst", NETWORKS[4][1]]
    side.namespace.run("ip", "xfrm", "policy", "add", *networks, "dir", "out", *template)
    before = Leftovers(side)
    side.open()
    assert side.plane.adopt([child]) == frozenset()
    side.plane.protect([])
    foreign = Leftovers(side)
    assert (foreign.states, foreign.policies) == (before.states, before.policies)
    with pytest.raises(PlaneError, match="File exists"):
        side.plane.install_inbound(child)
    other = two_ends(number=2)[0]
    side.plane.install_inbound(other)
    with pytest.raises(PlaneError, match="another program"):
        side.plane.install_outbound(other)
    side.plane.remove(other)
    foreign = Leftovers(side)
    assert (foreign.states, foreign.policies) == (before.states, before.policies)


def test_a_tunnel_whose_range_takes_in_another_s_network(sides: Sides) -> None:
    side = sides[0]
    side.up(two_ends(remote=Selector.parse("10.2.0.0/24"))[0])
    before = Leftovers(side)
    wide = two_ends(number=2, remote=Selector.parse("10.2.0.0-10.2.1.127"))[0]
    with pytest.raises(PlaneError, match="another tunnel"):
        side.plane.install_inbound(wide)
    assert Leftovers(side) == before


def test_tunnels_of_one_network_share_its_route(sides: Sides) -> None:
    side = sides[0]
    web, mail = (
        two_ends(number=number, remote=Selector.parse(f"10.2.0.0/16[tcp/{port}]"))[0]
        for number, port in ((1, 80), (2, 25))
    )
    side.up(web)
    side.up(mail)
    side.plane.remove(web)
    assert "10.2.0.0/16" in side.namespace.run("ip", "route", "show", "table", "4500")
    side.die()
    side.open()
    side.plane.adopt([])
    side.plane.protect([])
    assert "10.2.0.0/16" not in side.namespace.run("ip", "route", "show", "table", "4500")


def test_two_gateways_of_one_machine(sides: Sides) -> None:
    side = sides[0]
    with side.namespace.entered():
        other = KernelPlane(side.events.append, side.owner.with_name("other.owner"))
        with pytest.raises(PlaneError, match="in use by another gateway"):
            KernelPlane(side.events.append, side.owner)
    other.adopt([])
    child = two_ends(number=2, inner=6)[0]
    other.install_inbound(child)
    other.install_outbound(child)
    side.up(two_ends()[0])
    side.plane.close()
    left = Leftovers(side)
    assert left.states.count("proto esp") == 2
    assert "fd02::/64" in left.policies
    assert "10.2.0.0" not in left.policies
    assert "4500" in left.rules
    other.close()
    assert Leftovers(side).rules.count("4500") == 0
    side.open()


def test_another_gateway_that_ends_takes_no_rule_away_that_is_needed(sides: Sides) -> None:
    """One that was started by mistake, say, while no tunnel of the first was up."""
    side = sides[0]
    with side.namespace.entered():
        KernelPlane(side.events.append, side.owner.with_name("other.owner")).close()
    side.up(two_ends()[0])
    assert (Leftovers(side).rules.count("4500"), "10.2.0.0" in Leftovers(side).routes) == (2, True)


# ---------------------------------------------------------------------- SPIs, marks


def test_spis_are_the_kernel_s_own(sides: Sides) -> None:
    side, (child, _) = sides[0], two_ends()
    spis = [side.plane.allocate_spi(child.path, ProtocolId.ESP) for _ in range(50)]
    assert len(set(spis)) == 50
    assert min(spis) > 255
    assert 255 < side.plane.allocate_spi(child.path, ProtocolId.IPCOMP) < 61440
    child = replace(child, inbound=replace(child.inbound, spi=spis[0]))
    side.up(child)
    assert f"spi 0x{spis[0]:08x} reqid" in side.show("state")
    assert "gcm" in side.show("state")


def test_marks_choose_between_tunnels_of_the_same_networks(sides: Sides) -> None:
    one, other = (
        two_ends(number=number, marks=PacketMarks(Mark(number, 0xFF), Mark(number, 0xFF))) for number in (1, 2)
    )
    for side, *children in zip(sides, one, other, strict=True):
        for child in children:
            side.plane.install_inbound(child)
            side.plane.install_outbound(child)
        remote = NETWORKS[4][1 if side is sides[0] else 0]
        side.namespace.run("ip", "route", "add", remote, "dev", "eth0")
    with sides[0].namespace.socket(INNER[4][0]) as udp:
        for mark in (1, 2, 2, 0x102):
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            udp.sendto(b"marked", (INNER[4][1], 9))
    assert sides[0].plane.counters(one[0]).packets_out == 1
    assert sides[0].plane.counters(other[0]).packets_out == 3


def test_a_tunnel_interface_has_its_own_policies(sides: Sides) -> None:
    """VTI: marks on both sides, routes are the operator's (here: everything by the interface)."""
    everything = Selector.parse("0.0.0.0/0")
    ends = two_ends(local=everything, remote=everything, marks=PacketMarks(Mark(42, 2**32 - 1), Mark(42, 2**32 - 1)))
    up(sides, ends)
    for number, side in enumerate(sides):
        local, remote = OUTER[4][number], OUTER[4][1 - number]
        vti = ["ip", "link", "add", "vti0", "type", "vti", "local", local, "remote", remote, "key", "42"]
        side.namespace.run(*vti)
        side.namespace.run("ip", "link", "set", "vti0", "up")
        side.namespace.run("ip", "route", "add", NETWORKS[4][1 - number], "dev", "vti0", "src", INNER[4][number])
    sides[0].ping(INNER[4][1], INNER[4][0])
    assert_carried(sides, ends, 3)


def test_an_interface_id_is_the_kernel_s(sides: Sides) -> None:
    side, (child, _) = sides[0], two_ends(marks=PacketMarks(if_id_in=5, if_id_out=6))
    side.up(child)
    assert side.show("state").count("if_id 0x5") == side.show("state").count("if_id 0x6") == 1
    assert side.show("policy").count("if_id 0x5") == 2
    assert side.show("policy").count("if_id 0x6") == 1
    side.plane.remove(child)
    assert (side.show("state"), side.show("policy")) == ("", "")


def test_the_probe_finds_a_kernel_with_esp(sides: Sides) -> None:
    with sides[0].namespace.entered():
        assert probe() == ""
    assert sides[0].show("state") == ""
