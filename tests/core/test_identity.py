"""Identities in strongSwan's notation (RFC 2407 §4.6.2)."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.identity import identification, matches, text_of
from ikev1.wire.payloads import Identification
from ikev1.wire.registry import IdType


@pytest.mark.parametrize(
    ("text", "id_type", "data"),
    [
        ("192.0.2.1", IdType.IPV4_ADDR, ip_address("192.0.2.1").packed),
        ("2001:db8::1", IdType.IPV6_ADDR, ip_address("2001:db8::1").packed),
        ("gw.example.org", IdType.FQDN, b"gw.example.org"),
        ("@192.0.2.1", IdType.FQDN, b"192.0.2.1"),
        ("alice@example.org", IdType.USER_FQDN, b"alice@example.org"),
        ("@#0102ff", IdType.KEY_ID, b"\x01\x02\xff"),
        ("keyid:group name", IdType.KEY_ID, b"group name"),
    ],
)
def test_an_identity_as_people_write_it(text: str, id_type: IdType, data: bytes) -> None:
    assert identification(text) == Identification(id_type, 0, 0, data)


@pytest.mark.parametrize("text", ["192.0.2.1", "::1", "gw.example.org", "alice@example.org", "keyid:one", "@#0102ff"])
def test_it_is_shown_as_it_is_read(text: str) -> None:
    assert text_of(identification(text)) == text
    assert identification(text_of(identification(text))) == identification(text)


@given(st.integers(0, 255), st.binary(max_size=40))
def test_what_a_peer_chose_is_shown_harmlessly(id_type: int, data: bytes) -> None:
    shown = text_of(Identification(id_type, 0, 0, data))
    assert shown.isascii()
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("pattern", "text", "is_it"),
    [
        (None, "192.0.2.1", True),
        ("%any", "keyid:whoever", True),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "@192.0.2.1", False),
        ("gw.example.org", "GW.Example.ORG", True),
        ("gw.example.org", "gw.example.org@x", False),
        ("*@example.org", "alice@example.org", True),
        ("*@example.org", "alice@example.com", False),
        ("*.example.org", "gw.example.org", True),
        ("*.example.org", "example.org", False),
        ("gw?.example.org", "gw1.example.org", False),
        ("gw[1].example.org", "gw1.example.org", False),
        ("gw[1].example.org", "gw[1].example.org", True),
        ("keyid:one", "keyid:one", True),
        ("keyid:one", "keyid:ONE", False),
        ("keyid:*", "keyid:one", False),
        ("keyid:one", "one", False),
        ("@#0102", "@#0102", True),
    ],
)
def test_which_identity_is_expected(pattern: str | None, text: str, is_it: bool) -> None:
    assert matches(pattern, identification(text)) is is_it


@given(st.integers(0, 255), st.binary(max_size=30))
def test_no_identity_breaks_a_comparison(id_type: int, data: bytes) -> None:
    identity = Identification(id_type, 0, 0, data)
    for pattern in ("192.0.2.1", "gw.example.org", "*@example.org", "keyid:one"):
        assert matches(pattern, identity) in (True, False)


@pytest.mark.parametrize("text", ["@#xyz", "@#123"])
def test_hexadecimal_must_be_that(text: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        identification(text)


@pytest.mark.parametrize(
    ("written", "kind", "shown"),
    [
        ("10.0.0.0/8", IdType.IPV4_ADDR_SUBNET, "10.0.0.0/8"),
        ("2001:db8::/32", IdType.IPV6_ADDR_SUBNET, "2001:db8::/32"),
        ("10.0.0.1-10.0.0.9", IdType.IPV4_ADDR_RANGE, "10.0.0.1..10.0.0.9"),
        ("branch-1.example.org", IdType.FQDN, "branch-1.example.org"),
    ],
)
def test_networks_and_ranges_are_identities_too(written: str, kind: IdType, shown: str) -> None:
    assert identification(written).id_type == kind
    assert text_of(identification(written)) == shown


@pytest.mark.parametrize(
    ("who", "fits"),
    [
        ("10.1.2.3", True),
        ("10.2.0.0/16", True),
        ("10.0.0.1-10.0.0.9", True),
        ("192.0.2.1", False),
        ("a.example", False),
    ],
)
def test_a_network_as_pattern_is_anybody_in_it(who: str, fits: bool) -> None:
    assert matches("10.0.0.0/8", identification(who)) is fits


def test_a_network_with_a_broken_mask_is_shown_as_octets() -> None:
    broken = Identification(IdType.IPV4_ADDR_SUBNET, 0, 0, bytes.fromhex("0a000000ff00ff00"))
    assert text_of(broken) == "IPV4_ADDR_SUBNET:0a000000ff00ff00"
    assert not matches("10.0.0.0/8", broken)
