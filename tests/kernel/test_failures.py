"""What fails half way changes nothing, and what others send to our sockets is not believed."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from ikev1.config import GatewayOptions
from ikev1.core.records.child_sa import Compression, IpsecMode, IpsecSuite
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.daemon.host.data_plane_choice import forget_kernel
from ikev1.esp.netlink import NetlinkError
from ikev1.esp.plane import PlaneError
from ikev1.esp.xfrm import algorithms
from ikev1.esp.xfrm.ownership_file import OwnershipFile
from ikev1.esp.xfrm.probe import probe
from xfrm_lab import INNER, OUTER, Side, carried, two_ends, two_sides

Sides = tuple[Side, Side]
NEW_HOST = "192.0.2.22"
NETLINK_XFRM = 6
ERROR, EXPIRE = 2, 0x18
KEY = "0x" + "22" * 20


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    with two_sides(tmp_path) as sides:
        yield sides


def kernel_has(side: Side) -> tuple[list[str], str, str]:
    """States by their names and numbers, policies, routes."""
    states = re.findall(r"(?m)^src .*\n\s+proto .* reqid \d+.*", side.show("state"))
    return (
        sorted(states),
        side.show("policy"),
        side.namespace.run("ip", "route", "show", "table", "all", "type", "unicast"),
    )


@pytest.mark.parametrize("mode", list(IpsecMode))
def test_a_move_that_the_kernel_refuses_half_way_changes_nothing(sides: Sides, mode: IpsecMode) -> None:
    """Another program has the SA that the outbound one would become; the inbound one was replaced before."""
    ends = two_ends(mode=mode)
    here, there = INNER[4] if mode is IpsecMode.TUNNEL else OUTER[4]
    for side, child in zip(sides, ends, strict=True):
        side.up(child)
    sides[0].ping(there, here)
    side = sides[0]
    sa = f"src {OUTER[4][0]} dst {NEW_HOST} proto esp spi 0x1002 reqid 7 mode tunnel aead rfc4106(gcm(aes)) {KEY} 128"
    side.namespace.run("ip", "xfrm", "state", "add", *sa.split())
    before, noted = kernel_has(side), set(side.plane._owner._read())
    counted = carried(side, ends[0])
    with pytest.raises(PlaneError):
        side.plane.move(replace(ends[0], path=ends[0].path._replace(remote_host=NEW_HOST)))
    assert kernel_has(side) == before
    assert set(side.plane._owner._read()) == noted
    assert carried(side, ends[0]) == counted
    side.ping(there, here)
    assert side.plane.counters(ends[0]).packets_in == 6
    assert not sides[1].namespace.troubles()


def test_a_move_to_where_another_program_has_policies_changes_nothing(sides: Sides) -> None:
    ends = two_ends(mode=IpsecMode.TRANSPORT)
    for side, child in zip(sides, ends, strict=True):
        side.up(child)
    side = sides[0]
    policy = f"src {OUTER[4][0]} dst {NEW_HOST} dir out tmpl proto esp reqid 7 mode transport"
    side.namespace.run("ip", "xfrm", "policy", "add", *policy.split())
    before, noted = kernel_has(side), set(side.plane._owner._read())
    with pytest.raises(PlaneError, match="another program"):
        side.plane.move(replace(ends[0], path=ends[0].path._replace(remote_host=NEW_HOST)))
    assert kernel_has(side) == before
    assert set(side.plane._owner._read()) == noted
    side.ping(OUTER[4][1], OUTER[4][0])
    assert side.plane.counters(ends[0]).packets_in == 3


def test_ranges_that_make_up_hundreds_of_policies(sides: Sides) -> None:
    ranges = (Selector.parse("10.1.0.1-10.1.255.254"), Selector.parse("10.2.0.1-10.2.255.254"))
    ends = two_ends(local=ranges[0], remote=ranges[1])
    for side, child in zip(sides, ends, strict=True):
        side.up(child)
    assert sides[0].show("policy").count("dir out") == 30 * 30
    sides[0].ping(INNER[4][1], INNER[4][0])
    sides[0].plane.remove(ends[0])
    assert sides[0].show("policy") == ""


def test_what_another_process_sends_is_not_the_kernel_s_word(sides: Sides) -> None:
    """One with CAP_NET_ADMIN can send to our sockets: a refusal, or that an SA expired."""
    side, (child, _) = sides[0], two_ends()
    side.up(child)
    with side.namespace.entered():
        liar = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_XFRM)
    liar.bind((0, 0))
    asked, told = side.plane._xfrm._netlink._socket, side.plane._events._notifications._socket
    sequence = next(side.plane._xfrm._netlink._sequence) + 1
    refusal = struct.pack("=IHHIIi16x", 36, ERROR, 0, sequence, 0, -1)
    liar.sendto(refusal, (asked.getsockname()[0], 0))
    assert side.plane.counters(child).packets_in == 0
    liar.sendto(struct.pack("=IHHII", 16, EXPIRE, 0, 0, 0), (told.getsockname()[0], 0))
    for _, read in side.plane.readers():
        read()
    assert not side.events
    liar.close()


def test_a_gateway_in_user_space_takes_away_what_one_in_the_kernel_left(sides: Sides, tmp_path: Path) -> None:
    """Else its policies would swallow what the other is to carry."""
    side = sides[0]
    options = GatewayOptions(control=str(tmp_path / "control.vici"), data_plane="userspace")
    with side.namespace.entered():
        assert not forget_kernel(options)
    side.plane.close()
    before = kernel_has(side)
    side.owner = tmp_path / "control.vici.kernel"
    side.open()
    side.up(two_ends()[0])
    side.die()
    with side.namespace.entered():
        assert forget_kernel(options)
    assert kernel_has(side) == before
    assert not side.owner.exists()
    side.owner = tmp_path / "a.owner"
    side.open()


def test_user_space_says_so_if_what_is_left_cannot_be_taken_away(sides: Sides, tmp_path: Path) -> None:
    options = GatewayOptions(control=str(tmp_path / "control.vici"), data_plane="userspace")
    owner = OwnershipFile(tmp_path / "control.vici.kernel")
    with sides[0].namespace.entered(), pytest.raises(PlaneError, match="in use by another gateway"):
        forget_kernel(options)
    owner.close()


@pytest.mark.parametrize("suite", [IpsecSuite(encryption=20, key_length=256), IpsecSuite(0, integrity=5, protocol=2)])
def test_any_suite_can_be_tried(sides: Sides, suite: IpsecSuite) -> None:
    with sides[0].namespace.entered():
        assert probe(suite) == ""
    assert sides[0].show("state") == ""


def test_a_suite_that_the_kernel_lacks_is_named(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(algorithms._CIPHERS, 12, b"cbc(rot13)")
    with sides[0].namespace.entered():
        lacks = probe(IpsecSuite(encryption=12, key_length=128, integrity=5))
    assert lacks == "the kernel lacks an algorithm of aes128-sha256 (CONFIG_CRYPTO_...)"


def test_a_refusal_is_still_heard(sides: Sides) -> None:
    """What the tests before rest on."""
    with pytest.raises(NetlinkError):
        sides[0].plane._xfrm.allocate(bytes(4), bytes(4), 17)  # type: ignore[arg-type]


@pytest.mark.parametrize("compression", [None, Compression(algorithm=2, inbound_cpi=0x1001, outbound_cpi=0x1002)])
@pytest.mark.parametrize("suite", [IpsecSuite(12, 256, 5), IpsecSuite(20, 128, esn=True), IpsecSuite(0, 0, 5, 2)])
def test_a_peer_moves_although_nobody_but_the_kernel_has_the_keys(
    sides: Sides, suite: IpsecSuite, compression: Compression | None
) -> None:
    ends = two_ends(suite, compression=compression)
    for side, child in zip(sides, ends, strict=True):
        side.up(child)
        assert all(entry.child == child.without_keys() for entry in side.plane._pairs)
    sides[1].namespace.run("ip", "addr", "add", f"{NEW_HOST}/24", "dev", "eth0")
    bare = [child.without_keys() for child in ends]
    sides[0].plane.move(replace(bare[0], path=bare[0].path._replace(remote_host=NEW_HOST)))
    sides[1].plane.move(replace(bare[1], path=bare[1].path._replace(local_host=NEW_HOST)))
    sides[0].ping(INNER[4][1], INNER[4][0])
    assert sides[0].plane.counters(ends[0]).packets_in == 3
    assert not sides[1].namespace.troubles()


def test_a_tunnel_for_everything_leaves_the_local_network_alone(sides: Sides) -> None:
    """Else nobody there reaches the gateway any more. A narrower tunnel inside that network still has its packets."""
    everything, wide = Selector.parse("0.0.0.0/0"), Selector.parse("10.0.0.0/8")
    side, stranger = sides[0], sides[1].namespace
    before = kernel_has(side)
    whole = two_ends(local=wide, remote=everything)[0]
    side.up(whole)
    stranger.run("ip", "route", "add", "10.1.0.0/16", "via", OUTER[4][0], "src", INNER[4][1])
    side.namespace.run("ip", "route", "add", "10.2.0.0/16", "via", OUTER[4][1], "src", INNER[4][0])
    side.ping(INNER[4][1], INNER[4][0])
    assert side.plane.counters(whole).packets_out == 0
    assert not side.namespace.troubles()
    ends = two_ends(number=2)
    for each, child in zip(sides, ends, strict=True):
        each.up(child)
    side.ping(INNER[4][1], INNER[4][0])
    assert side.plane.counters(ends[0]).packets_out == 3
    side.die()
    side.open()
    side.plane.adopt([whole])
    side.plane.protect(())  # what nobody went on with was held until now
    side.namespace.run("ip", "route", "del", "10.2.0.0/16")
    side.plane.remove(whole)
    assert kernel_has(side) == before
    assert not set(side.plane._owner._read())


@pytest.mark.parametrize("networks", [("10.0.0.0/8", "0.0.0.0/0"), ("fd01::/64", "::/0")])
def test_what_passes_by_a_tunnel_passes_by_it_after_a_kill(sides: Sides, networks: tuple[str, str]) -> None:
    local, remote = map(Selector.parse, networks)
    side, child = sides[0], two_ends(local=local, remote=remote)[0]
    empty = kernel_has(side)
    side.up(child)
    policies = sorted(side.show("policy").splitlines())
    side.die()
    side.open()
    assert side.plane.adopt([child]) == {child.inbound.spi}
    assert sorted(side.show("policy").splitlines()) == policies
    side.plane.close()
    assert kernel_has(side) == empty
    side.open()


def test_a_passage_that_another_program_made_stays(sides: Sides) -> None:
    side = sides[0]
    side.namespace.batch("xfrm policy add src 10.0.0.0/8 dst 10.0.0.0/8 dir out priority 5")
    before = kernel_has(side)
    child = two_ends(local=Selector.parse("10.0.0.0/8"), remote=Selector.parse("0.0.0.0/0"))[0]
    side.up(child)
    side.plane.remove(child)
    assert kernel_has(side) == before
