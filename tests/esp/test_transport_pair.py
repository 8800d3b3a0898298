"""A pair of IPsec SAs in transport mode: what it encrypts, and the packets that it makes of what comes in."""

from __future__ import annotations

import os
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esp_packets import PATH, all_suites, child, ip, ones_complement, pseudo_header, tcp, udp
from ikev1.core.records.child_sa import ChildSa, IpsecMode, IpsecSuite, OriginalAddresses
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.esp.overhead import inner_mtu
from ikev1.esp.plane import PlaneEvent
from ikev1.esp.transforms import sealer
from ikev1.esp.transport_pair import TransportPair

CLIENT, NAT, SERVER, BEHIND = "192.168.1.10", "203.0.113.1", "198.51.100.1", "10.0.0.5"
UDP, TCP, ICMP_V6 = 17, 6, 58
L2TP = b"an L2TP message"


def transport(
    local: str, remote: str, what: str = "", *, udp_encapsulation: bool = True, incoming: bool = False
) -> ChildSa:
    """A pair between two addresses; ``incoming`` is that of the other end."""
    spis = (0x2002, 0x1001) if incoming else (0x1001, 0x2002)
    made = child(
        local=local + what,
        remote=remote + what,
        path=UdpPath(local, 4500, remote, 4500),
        inbound_spi=spis[0],
        outbound_spi=spis[1],
        udp_encapsulation=udp_encapsulation,
    )
    moded: ChildSa = replace(made, mode=IpsecMode.TRANSPORT)
    return moded


def pair(record: ChildSa) -> TransportPair:
    events: list[PlaneEvent] = []
    made = TransportPair(record, 1400, os.urandom, events.append)
    made.sends = made.receives = True
    return made


def packed(host: str) -> bytes:
    return ip_address(host).packed


def with_checksum(packet: bytes) -> bytes:
    """A UDP packet as a host sends it."""
    start = 20 if packet[0] >> 4 == 4 else 40
    total = ones_complement(pseudo_header(packet, UDP, len(packet) - start) + packet[start:])
    return packet[: start + 6] + ((~total & 0xFFFF) or 0xFFFF).to_bytes(2) + packet[start + 8 :]


def checksum_is_right(packet: bytes, protocol: int = UDP) -> bool:
    start = 20 if packet[0] >> 4 == 4 else 40
    return ones_complement(pseudo_header(packet, protocol, len(packet) - start) + packet[start:]) == 0xFFFF


def carried(sender: TransportPair, receiver: TransportPair, packet: bytes) -> bytes | None:
    (sealed,) = sender.seal([packet], 1.0)
    path = receiver.child.path
    opened = receiver.open([sealed], path, 2.0)
    return opened[0] if opened else None


@pytest.mark.parametrize(("suite", "key_size", "mac_size"), all_suites(), ids=str)
@given(data=st.binary(max_size=1300))
def test_carries_what_stands_behind_the_ip_header(suite: IpsecSuite, key_size: int, mac_size: int, data: bytes) -> None:
    keys = bytes(i % 251 for i in range(key_size)), bytes(mac_size)
    made = child(suite, keys)
    ours = replace(transport(SERVER, CLIENT, udp_encapsulation=False), suite=suite)
    ours = replace(ours, inbound=made.inbound, outbound=made.outbound)
    theirs = replace(transport(CLIENT, SERVER, udp_encapsulation=False), suite=suite)
    theirs = replace(theirs, inbound=made.outbound, outbound=made.inbound)
    sent = with_checksum(udp(SERVER, CLIENT, 1701, 1701, data))
    got = carried(pair(ours), pair(theirs), sent)
    assert got is not None
    assert got[20:] == sent[20:]
    assert (got[12:16], got[16:20], got[9]) == (packed(SERVER), packed(CLIENT), UDP)
    assert ones_complement(got[:20]) == 0xFFFF


def test_carries_ipv6() -> None:
    one, other = transport("fd77::1", "fd77::2"), transport("fd77::2", "fd77::1", incoming=True)
    sent = with_checksum(udp("fd77::1", "fd77::2", 1701, 1701, L2TP))
    assert carried(pair(one), pair(other), sent) == sent


def test_the_header_that_is_made_has_the_addresses_of_the_path() -> None:
    """The NAT has another address than its client, and the checksum is right for it."""
    client = pair(transport(CLIENT, SERVER))
    server = pair(transport(SERVER, NAT, incoming=True))
    got = carried(client, server, with_checksum(udp(CLIENT, SERVER, 1701, 1701, L2TP)))
    assert got is not None
    assert (got[12:16], got[16:20]) == (packed(NAT), packed(SERVER))
    assert checksum_is_right(got)


def through_nat(packet: bytes, original: OriginalAddresses | None) -> bytes | None:
    server = replace(transport(BEHIND, NAT, incoming=True), original_addresses=original)
    return carried(pair(transport(CLIENT, SERVER)), pair(server), packet)


NAMED = OriginalAddresses(packed(CLIENT), packed(SERVER))


@pytest.mark.parametrize("original", [NAMED, None], ids=["NAT-OA", "no NAT-OA"])
@given(data=st.binary(max_size=64))
def test_checksums_are_right_behind_two_nats(original: OriginalAddresses | None, data: bytes) -> None:
    got = through_nat(with_checksum(udp(CLIENT, SERVER, 1701, 1701, data)), original)
    assert got is not None
    assert checksum_is_right(got)
    got = through_nat(tcp(CLIENT, SERVER, data=data), original)
    assert got is not None
    assert checksum_is_right(got, TCP)


@pytest.mark.parametrize("original", [NAMED, None], ids=["NAT-OA", "no NAT-OA"])
def test_no_checksum_stays_none(original: OriginalAddresses | None) -> None:
    sent = udp(CLIENT, SERVER, 1701, 1701, L2TP)
    got = through_nat(sent, original)
    assert got is not None
    assert got[20:] == sent[20:]


def test_a_wrong_checksum_stays_wrong_with_the_original_addresses() -> None:
    """What was damaged before it was encrypted is found by who receives it."""
    sent = bytearray(with_checksum(udp(CLIENT, SERVER, 1701, 1701, L2TP)))
    sent[-1] ^= 1
    got = through_nat(bytes(sent), NAMED)
    assert got is not None
    assert not checksum_is_right(got)


def test_icmp_of_ipv6_is_mended_too() -> None:
    body = struct.pack("!BBHHH", 128, 0, 0, 1, 1) + b"echo"
    head = ip("fd00::10", "fd77::1", ICMP_V6, b"")
    total = ones_complement(pseudo_header(head, ICMP_V6, len(body)) + body)
    packet = ip("fd00::10", "fd77::1", ICMP_V6, body[:2] + (~total & 0xFFFF).to_bytes(2) + body[4:])
    server = replace(
        transport("fd77::1", "fd99::1", incoming=True),
        original_addresses=OriginalAddresses(packed("fd00::10"), packed("fd77::1")),
    )
    got = carried(pair(transport("fd00::10", "fd77::1")), pair(server), packet)
    assert got is not None
    assert checksum_is_right(got, ICMP_V6)


def test_original_addresses_of_another_ip_version_are_not_used() -> None:
    got = through_nat(
        with_checksum(udp(CLIENT, SERVER, 1701, 1701, L2TP)), OriginalAddresses(packed("fd00::1"), packed("fd00::2"))
    )
    assert got is not None
    assert checksum_is_right(got)


def test_fragments_are_refused_and_counted() -> None:
    """RFC 4303 §3.3.4: transport mode carries whole datagrams."""
    sender = pair(transport(SERVER, CLIENT))
    whole = udp(SERVER, CLIENT)
    first = bytearray(whole)
    first[6] = 0x20
    later = ip(SERVER, CLIENT, UDP, b"rest of it", offset=185)
    assert len(sender.seal([whole, bytes(first), later], 1.0)) == 1
    counted = sender.counters(1.0)
    assert (counted.packets_out, counted.refused_out) == (1, 2)


@pytest.mark.parametrize("next_header", [0, 43, 44])
def test_ipv6_headers_for_routers_are_refused(next_header: int) -> None:
    sender = pair(transport("fd77::1", "fd77::2"))
    assert sender.seal([ip("fd77::1", "fd77::2", next_header, bytes(16))], 1.0) == []
    assert sender.counters(1.0).refused_out == 1


def test_options_of_the_ip_header_are_not_sent() -> None:
    sent = with_checksum(udp(SERVER, CLIENT, 1701, 1701, L2TP))
    longer = bytearray(sent[:20] + b"\x94\x04\0\0" + sent[20:])  # RFC 2113
    longer[0], longer[3] = 0x46, longer[3] + 4
    got = carried(pair(transport(SERVER, CLIENT)), pair(transport(CLIENT, SERVER, incoming=True)), bytes(longer))
    assert got is not None
    assert got[20:] == sent[20:]


def forged(payload: bytes, next_header: int, what: str = "") -> tuple[list[bytes], TransportPair]:
    """Open an authentic packet with this payload."""
    receiver = pair(transport(SERVER, CLIENT, what, incoming=True))
    keys = receiver.child.inbound
    pad = -(len(payload) + 2) % 4
    framed = payload + bytes(range(1, pad + 1)) + bytes((pad, next_header))
    packet = sealer(receiver.child.suite, keys, os.urandom)(keys.spi.to_bytes(4) + (1).to_bytes(4), framed)
    return receiver.open([packet], PATH, 2.0), receiver


@pytest.mark.parametrize("next_header", [4, 41])
def test_a_packet_of_tunnel_mode_is_malformed(next_header: int) -> None:
    opened, receiver = forged(udp("10.1.0.1", "10.2.0.1"), next_header)
    assert opened == []
    assert receiver.counters(2.0).malformed == 1


def test_what_the_selectors_do_not_name_is_dropped() -> None:
    opened, receiver = forged(struct.pack("!HHHH", 1701, 1702, 9, 0) + b"x", UDP, "[udp/1701]")
    assert opened == []
    assert receiver.counters(2.0).selector_drops == 1


def test_padding_behind_a_udp_datagram_goes() -> None:
    """Traffic flow confidentiality (RFC 4303 §2.7)."""
    (packet,), _ = forged(struct.pack("!HHHH", 1701, 1701, 9, 0) + b"x" + bytes(100), UDP)
    assert len(packet) == 20 + 9
    assert packet[2:4] == (29).to_bytes(2)


@given(st.binary(max_size=40), st.integers(0, 255))
def test_any_payload_is_a_packet_or_counted(payload: bytes, next_header: int) -> None:
    opened, receiver = forged(payload, next_header)
    counted = receiver.counters(2.0)
    assert len(opened) + counted.malformed + counted.selector_drops + counted.dummies == 1


def test_a_payload_that_no_ip_packet_holds_is_malformed() -> None:
    opened, receiver = forged(bytes(65_530), 50)
    assert opened == []
    assert receiver.counters(2.0).malformed == 1


def test_a_peer_that_moves_is_seen_at_its_new_address() -> None:
    server = pair(replace(transport(SERVER, NAT, "[udp/1701]", incoming=True), original_addresses=NAMED))
    client = pair(transport(CLIENT, SERVER))
    sent = with_checksum(udp(CLIENT, SERVER, 1701, 1701, L2TP))
    assert carried(client, server, sent) is not None
    moved = UdpPath(SERVER, 4500, "203.0.113.77", 4500)
    remote = Selector.parse("203.0.113.77[udp/1701]")
    server.move(replace(server.child, path=moved, remote=remote, original_addresses=None), 1400)
    got = carried(client, server, sent)
    assert got is not None
    assert got[12:16] == packed("203.0.113.77")
    assert checksum_is_right(got)


@pytest.mark.parametrize(("local", "remote", "header"), [(SERVER, NAT, 20), ("fd77::1", "fd77::2", 40)])
@pytest.mark.parametrize("encapsulated", [False, True])
def test_the_largest_packet_fits_the_path(local: str, remote: str, header: int, encapsulated: bool) -> None:
    record = transport(local, remote, udp_encapsulation=encapsulated)
    largest = inner_mtu(record, 1500)
    outer = header + 8 * encapsulated
    for size, fits in ((largest, True), (largest + 4, False)):
        (sealed,) = pair(record).seal([ip(local, remote, UDP, bytes(size - header))], 0.0)
        assert (outer + len(sealed) <= 1500) is fits
