"""Inner packets: what `parse` makes of them, and which selectors match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esp_packets import ip, tcp, udp
from ikev1.core.records.selector import Selector
from ikev1.esp.inner import InnerPacketError, decode, matches, parse

TCP_HEADER = bytes.fromhex("04d20050") + bytes(16)


def chain(*headers: tuple[int, bytes], last: int, payload: bytes) -> bytes:
    """An IPv6 packet with extension headers: each its own number and its octets from the third on."""
    numbers = [number for number, _ in headers] + [last]
    body = b"".join(bytes((numbers[i + 1],)) + rest for i, (_, rest) in enumerate(headers))
    return ip("fd01::1", "fd02::1", numbers[0], body + payload)


def test_ipv4() -> None:
    packet = tcp("10.1.0.1", "10.2.0.1")
    flow, upper, length = parse(packet)
    assert (upper, length) == (20, len(packet))
    assert str(decode(flow)) == "10.1.0.1[1234] -> 10.2.0.1[80], protocol 6"


def test_ipv4_options_are_skipped() -> None:
    plain = udp("10.1.0.1", "10.2.0.1", 7, 9)
    packet = b"\x46" + plain[1:2] + (len(plain) + 4).to_bytes(2) + plain[4:20] + b"\1\1\1\0" + plain[20:]
    flow, upper, _ = parse(packet)
    assert upper == 24
    assert decode(flow)[3:] == (7, 9)


def test_later_fragments_show_no_ports() -> None:
    flow, upper, _ = parse(ip("10.1.0.1", "10.2.0.1", 17, bytes(24), offset=185))
    assert upper == 0
    assert decode(flow)[3:] == (None, None)


def test_first_fragment_shows_ports() -> None:
    flow, upper, _ = parse(ip("10.1.0.1", "10.2.0.1", 17, b"\0\1\0\2" + bytes(20), offset=0x2000))
    assert upper == 20
    assert decode(flow)[3:] == (1, 2)


def test_protocols_without_ports_show_none() -> None:
    flow, _, _ = parse(ip("10.1.0.1", "10.2.0.1", 1, b"\x08\0\0\0" + bytes(8)))
    assert str(decode(flow)) == "10.1.0.1 -> 10.2.0.1, protocol 1"


def test_ipv6_extension_headers_are_skipped() -> None:
    packet = chain((0, b"\0" + bytes(6)), (60, b"\1" + bytes(14)), (51, b"\4" + bytes(22)), last=6, payload=TCP_HEADER)
    flow, upper, length = parse(packet)
    assert (upper, length) == (40 + 8 + 16 + 24, len(packet))
    assert str(decode(flow)) == "fd01::1[1234] -> fd02::1[80], protocol 6"


def test_ipv6_fragments() -> None:
    first = chain((44, b"\0\0\1" + bytes(4)), last=6, payload=TCP_HEADER)
    later = chain((44, b"\0\0\x09" + bytes(4)), last=6, payload=TCP_HEADER)
    assert parse(first)[1] == 48
    flow, upper, _ = parse(later)
    assert upper == 0
    assert decode(flow).protocol == 6
    assert decode(flow).source_port is None


def test_endless_extension_headers_are_refused() -> None:
    with pytest.raises(InnerPacketError, match=" 8 "):
        parse(chain(*[(60, b"\0" + bytes(6))] * 9, last=6, payload=TCP_HEADER))


@pytest.mark.parametrize("packet", [tcp("10.1.0.1", "10.2.0.1"), udp("fd01::1", "fd02::1")], ids=["IPv4", "IPv6"])
def test_a_packet_cut_short_is_refused(packet: bytes) -> None:
    for size in range(len(packet)):
        with pytest.raises(InnerPacketError):
            parse(packet[:size])


@given(st.binary(max_size=100), st.sampled_from([b"", b"\x45", b"\x60\0\0\0\0\x20", b"\x60\0\0\0\0\x10\x2c"]))
def test_noise_parses_or_is_refused(noise: bytes, start: bytes) -> None:
    try:
        flow, upper, length = parse(start + noise)
    except InnerPacketError:
        return
    assert upper <= length <= len(start + noise)
    assert len(flow) in (9, 13, 33, 37)
    decode(flow)


@pytest.mark.parametrize(
    ("source", "destination", "fits"),
    [
        ("10.1.0.0/16", "10.2.0.0/16", True),
        ("10.1.0.1", "10.2.0.1", True),
        ("0.0.0.0/0", "0.0.0.0/0", True),
        ("10.1.0.1-10.1.0.9", "10.2.0.1[6]", True),
        ("10.1.0.0/16[tcp/1234]", "10.2.0.0/16[tcp/80]", True),
        ("10.1.0.0/16[tcp/80]", "10.2.0.0/16", False),
        ("10.1.0.0/16", "10.2.0.0/16[tcp/81]", False),
        ("10.1.0.0/16[udp]", "10.2.0.0/16", False),
        ("10.1.0.2-10.1.0.9", "10.2.0.1", False),
        ("10.2.0.0/16", "10.1.0.0/16", False),
        ("::/0", "::/0", False),
    ],
)
def test_selectors(source: str, destination: str, fits: bool) -> None:
    flow = decode(parse(tcp("10.1.0.1", "10.2.0.1"))[0])
    assert matches(flow, Selector.parse(source), Selector.parse(destination)) is fits
