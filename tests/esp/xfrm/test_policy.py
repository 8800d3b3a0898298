"""Messages about policies, field by field against the structures of <linux/xfrm.h>."""

from __future__ import annotations

import ctypes
import struct
from contextlib import suppress
from ipaddress import ip_address
from socket import AF_INET, AF_INET6

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.records.child_sa import Mark
from ikev1.core.records.selector import Selector
from ikev1.esp.netlink import GarbledAnswer, attributes
from ikev1.esp.xfrm.policy import (
    Direction,
    PolicyId,
    Rule,
    Template,
    bypass,
    encode,
    encode_id,
    neighbour_discovery,
    numbers,
    reqids,
    selectors,
)
from ikev1.esp.xfrm.state import Protocol, XfrmMode
from xfrm_structures import Policy
from xfrm_structures import PolicyId as IdStructure
from xfrm_structures import Selector as SelectorStructure
from xfrm_structures import Template as TemplateStructure

TMPL, MARK, IF_ID = 5, 21, 31
HERE, THERE = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
ESP = Template(HERE, THERE, Protocol.ESP, XfrmMode.TUNNEL, 77, 0x1234)
PROTECT, BYPASS, DISCARD = Rule(77, (ESP,)), Rule(), Rule(0xC000_0000, discards=True)


def policy_id(source: str, destination: str, direction: Direction = Direction.OUT, if_id: int = 0) -> PolicyId:
    (selector,) = selectors(Selector.parse(source), Selector.parse(destination))
    return PolicyId(direction, selector, if_id=if_id)


def priority(source: str, destination: str, direction: Direction = Direction.OUT) -> int:
    return int(Policy.from_buffer_copy(encode(policy_id(source, destination, direction), PROTECT)).priority)


def text(selector: SelectorStructure) -> tuple[str, str]:
    """Source and destination."""
    width = 4 if selector.family == AF_INET else 16
    addresses = (
        f"{ip_address(bytes(address)[:width])}/{prefix}"
        for address, prefix in ((selector.saddr, selector.prefixlen_s), (selector.daddr, selector.prefixlen_d))
    )
    return next(addresses), next(addresses)


def test_a_selector_of_networks() -> None:
    (octets,) = selectors(Selector.parse("10.1.0.0/16"), Selector.parse("10.2.3.4"))
    selector = SelectorStructure.from_buffer_copy(octets)
    assert len(octets) == ctypes.sizeof(SelectorStructure)
    assert text(selector) == ("10.1.0.0/16", "10.2.3.4/32")
    assert (selector.family, selector.proto, selector.sport_mask.value, selector.dport_mask.value) == (AF_INET, 0, 0, 0)
    assert (selector.ifindex, selector.user) == (0, 0)


def test_a_selector_of_protocol_and_ports() -> None:
    (octets,) = selectors(Selector.parse("fd01::/64[tcp/80]"), Selector.parse("fd02::/48[tcp]"))
    selector = SelectorStructure.from_buffer_copy(octets)
    assert text(selector) == ("fd01::/64", "fd02::/48")
    assert (selector.family, selector.proto) == (AF_INET6, 6)
    assert (selector.sport.value, selector.sport_mask.value) == (80, 0xFFFF)
    assert (selector.dport.value, selector.dport_mask.value) == (0, 0)


def test_a_range_becomes_the_fewest_networks() -> None:
    found = selectors(Selector.parse("10.1.0.1-10.1.0.6"), Selector.parse("10.2.0.0-10.2.2.255"))
    texts = [text(SelectorStructure.from_buffer_copy(octets)) for octets in found]
    assert texts == [
        (source, destination)
        for source in ("10.1.0.1/32", "10.1.0.2/31", "10.1.0.4/31", "10.1.0.6/32")
        for destination in ("10.2.0.0/23", "10.2.2.0/24")
    ]


def test_a_policy_requires_its_templates_in_order() -> None:
    compressed = Template(HERE, THERE, Protocol.COMP, XfrmMode.TUNNEL, 77, 0x99, optional=True)
    inner = Template(b"\0\0\0\0", THERE, Protocol.AH, XfrmMode.TRANSPORT, 77)
    octets = encode(policy_id("10.1.0.0/16", "10.2.0.0/16", Direction.FORWARD), Rule(77, (compressed, inner)))
    policy = Policy.from_buffer_copy(octets)
    assert (policy.dir, policy.action, policy.flags, policy.index) == (2, 0, 0, 0)
    assert policy.lft.hard_byte_limit == policy.lft.hard_packet_limit == 2**64 - 1
    assert policy.lft.hard_add_expires_seconds == policy.lft.hard_use_expires_seconds == 0
    required = bytes(attributes(octets[ctypes.sizeof(Policy) :])[TMPL])
    first, second = (TemplateStructure.from_buffer_copy(required, start) for start in (0, 64))
    assert len(required) == 2 * ctypes.sizeof(TemplateStructure)
    assert (first.id.proto, first.id.spi.value, first.mode, first.optional, first.reqid) == (108, 0x99, 1, 1, 77)
    assert (bytes(first.saddr)[:4], bytes(first.id.daddr)[:4], first.family) == (HERE, THERE, AF_INET)
    assert (second.id.proto, second.id.spi.value, second.mode, second.optional) == (51, 0, 0, 0)
    assert not any(bytes(second.saddr))
    assert first.aalgos == first.ealgos == first.calgos == 2**32 - 1


def test_marks_and_interface_are_part_of_the_name() -> None:
    id = policy_id("10.1.0.0/16", "10.2.0.0/16", if_id=9)._replace(mark=Mark(5, 0xFF))
    for octets, size in ((encode(id, PROTECT), ctypes.sizeof(Policy)), (encode_id(id), ctypes.sizeof(IdStructure))):
        found = attributes(octets[size:])
        assert (bytes(found[MARK]), bytes(found[IF_ID])) == (struct.pack("=II", 5, 0xFF), struct.pack("=I", 9))
    named = IdStructure.from_buffer_copy(encode_id(id))
    assert (bytes(named.sel), named.dir, named.index) == (id.selector, 1, 0)


def test_the_narrower_goes_first() -> None:
    by_width = [
        ("10.1.0.0/16[tcp/80]", "10.2.3.4"),
        ("10.1.0.0/16[tcp]", "10.2.3.4"),
        ("10.1.0.0/16", "10.2.3.4"),
        ("10.1.0.0/24", "10.2.0.0/16"),
        ("10.1.0.0/16", "10.2.0.0/16"),
        ("10.1.0.0/16", "0.0.0.0/0"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ]
    priorities = [priority(*pair) for pair in by_width]
    assert priorities == sorted(set(priorities))
    assert priorities[0] > 1


def test_both_directions_rank_alike() -> None:
    assert priority("10.1.0.0/24", "10.2.0.0/16") == priority("10.2.0.0/16", "10.1.0.0/24", Direction.IN)


def test_neighbours_are_found_before_all_else() -> None:
    policies = [Policy.from_buffer_copy(encode(id, BYPASS)) for id in neighbour_discovery()]
    assert {(policy.sel.proto, policy.sel.sport.value, policy.dir) for policy in policies} == {
        (58, kind, direction) for kind in (133, 134, 135, 136) for direction in (0, 1)
    }
    assert {policy.priority for policy in policies} == {1}
    assert all(len(encode(id, BYPASS)) == ctypes.sizeof(Policy) for id in neighbour_discovery())


@pytest.mark.parametrize("family", [AF_INET, AF_INET6])
def test_a_socket_s_bypass(family: int) -> None:
    policy = Policy.from_buffer_copy(bypass(family, Direction.IN))
    assert (policy.sel.family, policy.dir, policy.action) == (family, 0, 0)
    assert text(policy.sel)[0].endswith("/0")


def test_reqids_of_templates() -> None:
    octets = encode(policy_id("10.1.0.0/16", "10.2.0.0/16"), Rule(77, (ESP, ESP._replace(reqid=78))))
    assert reqids(octets[ctypes.sizeof(Policy) :]) == (77, 78)
    assert reqids(b"") == ()


def test_a_policy_that_discards_goes_behind_all_that_do_not() -> None:
    id = policy_id("0.0.0.0/0", "0.0.0.0/0", if_id=9)
    octets = encode(id, DISCARD)
    policy = Policy.from_buffer_copy(octets)
    assert (policy.action, policy.dir, policy.priority) == (1, 1, 0xC000_0000)
    assert policy.priority > priority("0.0.0.0/0", "0.0.0.0/0")
    assert policy.lft.hard_add_expires_seconds == policy.lft.hard_use_expires_seconds == 0
    assert attributes(octets[ctypes.sizeof(Policy) :]).keys() == {IF_ID}


@pytest.mark.parametrize(("rule", "known_by"), [(PROTECT, {77}), (BYPASS, set()), (DISCARD, {0xC000_0000})])
def test_a_policy_is_known_by_its_number(rule: Rule, known_by: set[int]) -> None:
    assert numbers(memoryview(encode(policy_id("10.1.0.0/16", "10.2.0.0/16"), rule))) == known_by


def test_half_a_template_cannot_be_read() -> None:
    with pytest.raises(GarbledAnswer):
        reqids(struct.pack("=HH", 67, TMPL) + bytes(63 + 1))


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    for read in (reqids, numbers):
        with suppress(GarbledAnswer):
            read(memoryview(octets))
