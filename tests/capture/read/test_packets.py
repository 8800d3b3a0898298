"""From frames to packets: link layers, IP with all that may stand before UDP and ESP, and what RFC 3948 tells apart."""

from __future__ import annotations

import io
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from capture_files import (
    AH,
    COOKED,
    COOKED_2,
    ESP,
    ETHERNET,
    ISAKMP,
    LOOP,
    MACS,
    NULL,
    PPP,
    PPP_ETHERNET,
    RAW,
    TCP,
    UDP,
    A,
    B,
    enhanced,
    ether_type,
    ethernet,
    interface,
    ipv4,
    ipv6,
    noted,
    pcap,
    section,
    udp,
)
from ikev1.capture.read import open_capture
from ikev1.capture.records.packets import Datagram, EspPacket, Packet
from shared import CAPTURES
from wire_oracle import needs_captures, needs_tshark

MARKER = bytes(4)
ESP_PACKET = struct.pack("!II", 0xC0FFEE00, 7) + bytes(40)
HOP_BY_HOP, ROUTING, DESTINATION = 0, 43, 60


def read(
    frame: bytes, link_type: int = ETHERNET, *, ports: tuple[int, ...] = (500, 4500), cut: int = 0xFFFF
) -> tuple[list[Packet], tuple[tuple[str, int, int], ...]]:
    with open_capture(io.BytesIO(pcap([frame], link_type, cut=cut)), ports) as capture:
        return list(capture), noted(capture)


def packet_in(frame: bytes, link_type: int = ETHERNET, *, ports: tuple[int, ...] = (500, 4500)) -> Packet:
    (packet,), notes = read(frame, link_type, ports=ports)
    assert notes == ()
    return packet


def nothing_in(frame: bytes, link_type: int = ETHERNET) -> bool:
    return read(frame, link_type) == ([], ())


def ppp(packet: bytes) -> bytes:
    return (b"\x00\x21" if packet[0] >> 4 == 4 else b"\x00\x57") + packet


def pppoe(packet: bytes) -> bytes:
    return struct.pack("!BBHH", 0x11, 0, 1, len(packet) + 2) + ppp(packet)


LINKS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "Ethernet": (ETHERNET, ethernet),
    "802.1Q": (ETHERNET, lambda packet: ethernet(packet, 0x8100)),
    "QinQ": (ETHERNET, lambda packet: ethernet(packet, 0x88A8, 0x8100)),
    "QinQ of old": (ETHERNET, lambda packet: ethernet(packet, 0x9100, 0x8100, 0x8100)),
    "PPPoE": (ETHERNET, lambda packet: MACS + b"\x88\x64" + pppoe(packet)),
    "PPPoE in a VLAN": (ETHERNET, lambda packet: MACS + b"\x81\x00\x00\x07\x88\x64" + pppoe(packet)),
    "cooked": (COOKED, lambda packet: bytes(14) + ether_type(packet) + packet),
    "cooked with 802.1Q": (COOKED, lambda packet: bytes(14) + b"\x81\x00\x00\x07" + ether_type(packet) + packet),
    "cooked 2": (COOKED_2, lambda packet: ether_type(packet) + bytes(18) + packet),
    "cooked 2 with 802.1Q": (
        COOKED_2,
        lambda packet: b"\x81\x00" + bytes(18) + b"\x00\x07" + ether_type(packet) + packet,
    ),
    "raw": (RAW, lambda packet: packet),
    "raw IPv4 or IPv6": (228, lambda packet: packet),
    "raw of BSD": (12, lambda packet: packet),
    "loopback, little-endian": (NULL, lambda packet: struct.pack("<I", 2 if packet[0] >> 4 == 4 else 30) + packet),
    "loopback, big-endian": (NULL, lambda packet: struct.pack(">I", 2 if packet[0] >> 4 == 4 else 24) + packet),
    "loopback of OpenBSD": (LOOP, lambda packet: struct.pack(">I", 2 if packet[0] >> 4 == 4 else 24) + packet),
    "PPP": (PPP, ppp),
    "PPP with address and control": (PPP, lambda packet: b"\xff\x03" + ppp(packet)),
    "PPP with a short protocol": (PPP, lambda packet: ppp(packet)[1:]),
    "PPPoE without Ethernet": (PPP_ETHERNET, pppoe),
}


@pytest.mark.parametrize("link", LINKS)
def test_link_layers(link: str) -> None:
    link_type, wrap = LINKS[link]
    for build, source in ((ipv4, A), (ipv6, "2001:db8::1")):
        packet = packet_in(wrap(build(udp(ISAKMP))), link_type)
        assert packet == Datagram((1,), packet.time, source, 500, packet.destination, 500, False, ISAKMP)
        assert nothing_in(wrap(build(udp(ISAKMP, 53, 53))), link_type)
        assert nothing_in(wrap(build(bytes(40), TCP)), link_type)


@needs_tshark
def test_link_layers_as_tshark_sees_them(tmp_path: Path) -> None:
    """The frames above are what we think that they are; a file may have them all."""
    octets = section() + b"".join([interface(link_type) for link_type, _ in LINKS.values()])
    for number, (_, wrap) in enumerate(LINKS.values()):
        octets += enhanced(wrap(ipv4(udp(ISAKMP))), number=number)
    file = tmp_path / "frames.pcapng"
    file.write_bytes(octets)
    command = ["tshark", "-r", str(file), "-Y", "isakmp", "-T", "fields", "-e", "frame.number", "-e", "ip.src"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == [word for number in range(1, len(LINKS) + 1) for word in (str(number), A)]
    with open_capture(file) as capture:
        assert [packet.frames for packet in capture] == [(number,) for number in range(1, len(LINKS) + 1)]


@pytest.mark.parametrize(
    "frame",
    [
        MACS + b"\x08\x06" + bytes(46),  # ARP
        MACS + b"\x00\x26" + bytes(38),  # IEEE 802.3 with a length
        MACS + b"\x88\x64" + struct.pack("!BBHH", 0x11, 0, 1, 48) + b"\xc0\x21" + bytes(46),  # LCP in PPPoE
        ethernet(b"\x45")[:12] + b"\x81\x00\x00\x07" * 5 + b"\x08\x00" + ipv4(udp(ISAKMP)),  # five tags
    ],
)
def test_frames_that_carry_something_else(frame: bytes) -> None:
    assert nothing_in(frame)


def test_padding_behind_ip_is_not_in_the_packet() -> None:
    assert packet_in(ethernet(ipv4(udp(b"\xff", 4500, 4500))) + bytes(20)).payload == b"\xff"
    assert packet_in(ethernet(ipv6(udp(b"\xff", 4500, 4500))) + bytes(20)).payload == b"\xff"


def test_options_of_ipv4() -> None:
    assert packet_in(ethernet(ipv4(udp(ISAKMP), options=bytes([1] * 40)))).payload == ISAKMP
    assert packet_in(ethernet(ipv4(ESP_PACKET, ESP, options=bytes([148, 4, 0, 0])))).payload == ESP_PACKET


def header6(following: int, size: int = 8) -> bytes:
    return bytes([following, size // 8 - 1]) + bytes(size - 2)


def test_extension_headers_of_ipv6() -> None:
    headers = header6(ROUTING, 16) + header6(DESTINATION, 24) + header6(UDP)
    packet = packet_in(ethernet(ipv6(headers + udp(ISAKMP), HOP_BY_HOP)))
    assert packet.payload == ISAKMP
    atomic = struct.pack("!BBHI", DESTINATION, 0, 0, 1) + header6(ESP)  # a fragment that is all of it (RFC 6946)
    assert packet_in(ethernet(ipv6(atomic + ESP_PACKET, 44))).payload == ESP_PACKET


def test_what_the_network_card_was_to_fill_in() -> None:
    assert packet_in(ethernet(ipv4(udp(ISAKMP, length=0), length=0))).payload == ISAKMP
    assert packet_in(ethernet(ipv6(udp(ISAKMP, length=0), length=0))).payload == ISAKMP


@pytest.mark.parametrize("icv", [12, 16, 32])
def test_ah_before_esp_is_passed_over(icv: int) -> None:
    ah = struct.pack("!BBHII", ESP, (12 + icv) // 4 - 2, 0, 1, 1) + bytes(icv)
    for packet in (
        ipv4(ah + ESP_PACKET, AH),
        ipv6(ah + ESP_PACKET, AH),
        ipv6(header6(AH) + ah + ESP_PACKET, DESTINATION),
    ):
        found = packet_in(ethernet(packet))
        assert isinstance(found, EspPacket)
        assert found.payload == ESP_PACKET
    assert nothing_in(ethernet(ipv4(bytes([TCP, 4]) + bytes(62), AH)))


def test_esp_as_a_protocol_of_its_own() -> None:
    packet = packet_in(ethernet(ipv4(ESP_PACKET, ESP)))
    assert packet == EspPacket((1,), packet.time, A, 0, B, 0, ESP_PACKET, len(ESP_PACKET))


MESSAGE = ISAKMP
OTHER_VERSION = ISAKMP[:17] + b"\x30" + ISAKMP[18:]
TOLD_APART: list[tuple[int, int, bytes, bytes, bool | None]] = [
    # ports, what UDP carries, what is in it, and whether it was marked: None for ESP
    (500, 500, MESSAGE, MESSAGE, False),
    (500, 500, MARKER + MESSAGE, MARKER + MESSAGE, False),  # a cookie may begin with zeros
    (1024, 500, MESSAGE, MESSAGE, False),
    (500, 1024, b"\xff", b"\xff", False),
    (500, 500, b"junk", b"junk", False),
    (4500, 4500, MARKER + MESSAGE, MESSAGE, True),
    (1024, 4500, MARKER + MESSAGE, MESSAGE, True),
    (4500, 61000, b"\xff", b"\xff", False),
    (4500, 4500, ESP_PACKET, ESP_PACKET, None),
    (4500, 4500, MESSAGE, MESSAGE, None),  # without marker this is what it must be (RFC 3948 §2.2)
    (7500, 7500, MESSAGE, MESSAGE, False),
    (7500, 1024, MARKER + MESSAGE, MESSAGE, True),
    (7500, 7500, ESP_PACKET, ESP_PACKET, None),
    (7500, 7500, OTHER_VERSION, OTHER_VERSION, None),
    (7500, 7500, b"\xff", b"\xff", False),
]


@pytest.mark.parametrize(("source", "destination", "carried", "payload", "marked"), TOLD_APART)
def test_isakmp_and_esp_are_told_apart(
    source: int, destination: int, carried: bytes, payload: bytes, marked: bool | None
) -> None:
    frame = ethernet(ipv4(udp(carried, source, destination)))
    packet = packet_in(frame, ports=(500, 4500, 7500))
    assert packet.payload == payload
    assert (packet.source_port, packet.destination_port) == (source, destination)
    assert isinstance(packet, EspPacket) if marked is None else isinstance(packet, Datagram)
    assert not isinstance(packet, Datagram) or packet.marked is marked


def test_ports_are_those_that_the_caller_names() -> None:
    frame = ethernet(ipv4(udp(ISAKMP, 7500, 7500)))
    assert nothing_in(frame)
    assert packet_in(frame, ports=(7500,)).payload == ISAKMP
    assert read(ethernet(ipv4(udp(ISAKMP))), ports=(7500,)) == ([], ())


UNREADABLE = {
    "IPv4 of fewer words than it has": (ethernet(b"\x44" + ipv4(udp(ISAKMP))[1:]), "malformed"),
    "IPv4 that ends before its header does": (ethernet(ipv4(udp(ISAKMP), length=19)), "malformed"),
    "IPv4 by its EtherType only": (ethernet(b"\x75" + ipv4(udp(ISAKMP))[1:]), "unsupported"),
    "UDP of less than its header": (ethernet(ipv4(udp(ISAKMP, length=7))), "malformed"),
    "UDP with nothing in it": (ethernet(ipv4(udp(b""))), "malformed"),
    "ESP without a sequence number": (ethernet(ipv4(bytes(7), ESP)), "malformed"),
    "UDP of no length at all": (ethernet(ipv4(bytes([1, 0xF4, 1, 0xF4, 0, 8]))), "truncated"),
    "more headers than anybody needs": (
        ethernet(ipv6(header6(DESTINATION) * 9 + header6(UDP) + udp(ISAKMP), DESTINATION)),
        "malformed",
    ),
    "a header that is longer than the packet": (
        ethernet(ipv6(bytes([UDP, 200]) + bytes(100), DESTINATION)),
        "truncated",
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_malformed_is_noted(name: str) -> None:
    frame, code = UNREADABLE[name]
    assert read(frame) == ([], ((code, 1, 1),))


@pytest.mark.parametrize(
    "frame", [ethernet(ipv4(udp(ISAKMP))), ethernet(ipv6(header6(UDP) + udp(ISAKMP), DESTINATION))]
)
def test_frames_that_the_capture_cut_short(frame: bytes) -> None:
    whole = packet_in(frame)
    assert isinstance(whole, Datagram)
    behind_udp = len(frame) - len(ISAKMP)
    for cut in range(len(frame)):
        packets, notes = read(frame, cut=cut)
        assert notes == (("truncated", 1, 1),)
        kept = cut - behind_udp
        if kept > 0:
            assert packets == [whole._replace(payload=ISAKMP[:kept], missing=len(ISAKMP) - kept)]
        else:
            assert packets == []


def test_esp_that_the_capture_cut_short_tells_its_length() -> None:
    frame = ethernet(ipv4(ESP_PACKET, ESP))
    (packet,), notes = read(frame, cut=14 + 20 + 8)
    assert notes == ()
    assert isinstance(packet, EspPacket)
    assert (packet.payload, packet.length) == (ESP_PACKET[:8], len(ESP_PACKET))


@needs_captures
@needs_tshark
@pytest.mark.parametrize(
    "name",
    [
        "aggressive-mode-psk",
        "esp-aes256-sha1",
        "esp-in-udp-3des",
        "main-mode-certs",
        "main-mode-psk",
        "nat-t-float-4500",
    ],
)
def test_captures_as_tshark_sees_them(name: str) -> None:
    file = CAPTURES / f"{name}.pcap"
    fields = (
        "frame.number",
        "ip.src",
        "udp.srcport",
        "ip.dst",
        "udp.dstport",
        "isakmp.length",
        "esp.spi",
        "frame.time_epoch",
    )
    command = ["tshark", "-r", str(file), "-Y", "isakmp || esp || udpencap", "-T", "fields"]
    done = subprocess.run(
        command + [part for field in fields for part in ("-e", field)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    expected = [line.split("\t") for line in done.stdout.splitlines()]
    with open_capture(file) as capture:
        packets = list(capture)
        assert capture.notes() == ()
    assert len(packets) == len(expected)
    for packet, (number, source, source_port, destination, destination_port, length, spi, time) in zip(
        packets, expected, strict=True
    ):
        assert packet.frames == (int(number),)
        assert (packet.source, packet.source_port) == (source, int(source_port or 0))
        assert (packet.destination, packet.destination_port) == (destination, int(destination_port or 0))
        assert packet.time == pytest.approx(float(time), abs=1e-6)
        if isinstance(packet, EspPacket):
            assert int.from_bytes(packet.payload[:4], "big") == int(spi, 0)
        else:
            assert (int(length) if length else 1) == len(packet.payload)
