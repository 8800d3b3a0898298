"""Traffic selectors, and how Quick Mode carries them (RFC 2407 §4.6.2)."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.peer.selector_payload import payload_of, selector_of
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.selector import Selector
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import IdType, NotifyType


@st.composite
def selectors(draw: st.DrawFn) -> Selector:
    width = draw(st.sampled_from([4, 16]))
    first, last = sorted(draw(st.tuples(*[st.binary(min_size=width, max_size=width)] * 2)))
    return Selector(first, last, draw(st.sampled_from([0, 1, 6, 17, 99])), draw(st.sampled_from([0, 80, 65_535])))


@pytest.mark.parametrize(
    ("text", "first", "last", "protocol", "port", "shown"),
    [
        ("10.1.0.0/16", "10.1.0.0", "10.1.255.255", 0, 0, "10.1.0.0/16"),
        ("10.1.2.3/16", "10.1.0.0", "10.1.255.255", 0, 0, "10.1.0.0/16"),
        (" 10.1.2.3 ", "10.1.2.3", "10.1.2.3", 0, 0, "10.1.2.3/32"),
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255", 0, 0, "0.0.0.0/0"),
        ("10.0.0.1-10.0.0.9", "10.0.0.1", "10.0.0.9", 0, 0, "10.0.0.1..10.0.0.9"),
        ("10.0.0.8 - 10.0.0.15", "10.0.0.8", "10.0.0.15", 0, 0, "10.0.0.8/29"),
        ("2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", 0, 0, "2001:db8::/32"),
        ("10.0.0.1[tcp/80]", "10.0.0.1", "10.0.0.1", 6, 80, "10.0.0.1/32[tcp/80]"),
        ("10.0.0.1[UDP/any]", "10.0.0.1", "10.0.0.1", 17, 0, "10.0.0.1/32[udp]"),
        ("10.0.0.1[99]", "10.0.0.1", "10.0.0.1", 99, 0, "10.0.0.1/32[99]"),
        ("10.0.0.1[/1701]", "10.0.0.1", "10.0.0.1", 0, 1701, "10.0.0.1/32[0/1701]"),
    ],
)
def test_selectors_are_read_and_shown(text: str, first: str, last: str, protocol: int, port: int, shown: str) -> None:
    selector = Selector.parse(text)
    assert selector == Selector(ip_address(first).packed, ip_address(last).packed, protocol, port)
    assert str(selector) == shown
    assert selector.version == ip_address(first).version


def test_a_dynamic_selector_waits_for_its_address() -> None:
    l2tp = Selector.parse("dynamic[udp/1701]")
    assert (l2tp, str(l2tp), l2tp.dynamic) == (Selector(b"", b"", 17, 1701), "dynamic[udp/1701]", True)
    assert str(Selector.parse("dynamic")) == "dynamic"
    assert str(l2tp.at("192.0.2.1")) == "192.0.2.1/32[udp/1701]"
    assert str(l2tp.at("fe80::1%eth0")) == "fe80::1/128[udp/1701]"
    network = Selector.parse("10.0.0.0/8[tcp]")
    assert not network.dynamic
    assert network.at("192.0.2.1") is network
    assert str(network.with_address("192.0.2.1")) == "192.0.2.1/32[tcp]"


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ("10.0.0.0/8", "10.1.0.0/16", True),
        ("10.0.0.0-10.0.0.9", "10.0.0.9-10.0.0.12", True),
        ("10.0.0.0-10.0.0.9", "10.0.0.10-10.0.0.12", False),
        ("10.0.0.1[udp/1701]", "10.0.0.1[udp]", True),
        ("10.0.0.1[udp/1701]", "10.0.0.1[udp/1702]", False),
        ("10.0.0.1[udp]", "10.0.0.1[tcp]", False),
        ("10.0.0.1[udp]", "10.0.0.1", True),
        ("0.0.0.0/0", "::/0", False),
    ],
)
def test_selectors_overlap_where_one_packet_is_of_both(one: str, other: str, overlap: bool) -> None:
    first, second = Selector.parse(one), Selector.parse(other)
    assert first.overlaps(second) is second.overlaps(first) is overlap


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        "dynamic/32",
        "dynamic-dynamic",
        "10.0.0.0/33",
        "10.0.0.256",
        "10.0.0.9-10.0.0.1",
        "10.0.0.1-::1",
        "10.0.0.1-",
        "10.0.0.1[tcp/65536]",
        "10.0.0.1[256]",
        "10.0.0.1[xyz]",
        "10.0.0.1[tcp/80",
        "10.0.0.1[tcp/-1]",
    ],
)
def test_what_is_no_selector(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Selector.parse(text)


@given(selectors())
def test_a_selector_survives_the_wire(selector: Selector) -> None:
    identity = payload_of(selector)
    assert selector_of(identity) == selector
    if selector.first == selector.last:
        assert identity.id_type in (IdType.IPV4_ADDR, IdType.IPV6_ADDR)
    elif selector.network is not None:
        assert identity.id_type in (IdType.IPV4_ADDR_SUBNET, IdType.IPV6_ADDR_SUBNET)


@given(selectors(), selectors())
def test_holding_is_an_order(one: Selector, other: Selector) -> None:
    assert one.contains(one)
    if one.contains(other) and other.contains(one):
        assert one == other


@pytest.mark.parametrize(
    ("wide", "narrow", "holds"),
    [
        ("10.0.0.0/8", "10.1.0.0/16", True),
        ("10.1.0.0/16", "10.0.0.0/8", False),
        ("10.0.0.0/8", "10.1.0.0/16[tcp/80]", True),
        ("10.0.0.0/8[tcp]", "10.1.0.0/16", False),
        ("10.0.0.0/8[tcp]", "10.1.0.0/16[udp]", False),
        ("10.0.0.0/8[tcp]", "10.1.0.0/16[tcp/80]", True),
        ("10.0.0.0/8[tcp/80]", "10.1.0.0/16[tcp]", False),
        ("0.0.0.0/0", "::/0", False),
        ("::/0", "0.0.0.0/0", False),
        ("10.0.0.1-10.0.0.9", "10.0.0.9-10.0.0.9", True),
        ("10.0.0.1-10.0.0.9", "10.0.0.9-10.0.0.10", False),
    ],
)
def test_which_packets_a_selector_holds(wide: str, narrow: str, holds: bool) -> None:
    assert Selector.parse(wide).contains(Selector.parse(narrow)) is holds


def test_a_subnet_is_read_by_its_mask() -> None:
    identity = Identification(IdType.IPV4_ADDR_SUBNET, 0, 0, bytes([10, 1, 2, 3, 255, 255, 0, 0]))
    assert str(selector_of(identity)) == "10.1.0.0/16"


@pytest.mark.parametrize(
    ("id_type", "data"),
    [
        (IdType.FQDN, b"example.org"),
        (IdType.KEY_ID, b"key"),
        (IdType(99), bytes(4)),
        (IdType.IPV4_ADDR, bytes(3)),
        (IdType.IPV4_ADDR_SUBNET, bytes(4)),
        (IdType.IPV6_ADDR, bytes(4)),
        (IdType.IPV4_ADDR_SUBNET, bytes([10, 0, 0, 0, 255, 0, 255, 0])),
        (IdType.IPV4_ADDR_RANGE, bytes([10, 0, 0, 9, 10, 0, 0, 1])),
    ],
)
def test_what_selects_no_traffic_is_refused(id_type: IdType, data: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        selector_of(Identification(id_type, 0, 0, data))
    assert refused.value.notify is NotifyType.INVALID_ID_INFORMATION
