"""Identities in strongSwan's notation (RFC 2407 §4.6.2)."""

from __future__ import annotations

import re
from ipaddress import ip_address

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ikev1.core.peer.identity import identification, matches, text_of
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
        ("userfqdn:group", IdType.USER_FQDN, b"group"),
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
        ("*@example.org", "alice.smith@example.org", True),
        ("*@example.org", "@alice@example.org", False),
        ("*@example.org", "alice@x@example.org", False),
        ("*@example.org", "a/b@example.org", False),
        ("*@example.org", "a b@example.org", False),
        ("*@example.org", "userfqdn:@example.org", False),
        ("*@*.example.org", "alice@gw.example.org", True),
        ("*@*.example.org", "alice@b@gw.example.org", False),
        ("alice@*", "alice@example", True),
        ("alice@*", "alice@example.org", False),
        ("*.example.org", "gw.example.org", True),
        ("*.example.org", "GW.EXAMPLE.ORG", True),
        ("*.example.org", "a.gw.example.org", False),
        ("*.*.example.org", "a.gw.example.org", True),
        ("*.example.org", "@.example.org", False),
        ("*.example.org", "@evil.test/.example.org", False),
        ("*.example.org", "evil@gw.example.org", False),
        ("gw-*-1.*", "gw-north-1.example", True),
        ("gw-*.example", "gw-.example", True),
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


@pytest.mark.parametrize("octet", [*range(0x20), 0x7F])
def test_no_name_with_a_control_character_in_it_is_anybody_who_is_named(octet: int) -> None:
    """The one who wrote the name before a NUL may have meant another domain than the one who reads to the end."""
    evil = bytes([octet])
    for id_type, data in (
        (IdType.USER_FQDN, b"x@evil.test" + evil + b"@example.org"),
        (IdType.USER_FQDN, b"x" + evil + b"@example.org"),
        (IdType.USER_FQDN, b"alice@example.org" + evil),
        (IdType.FQDN, b"evil.test" + evil + b".example.org"),
        (IdType.FQDN, b"gw" + evil + b".example.org"),
        (IdType.FQDN, b"gw.example.org" + evil),
    ):
        identity = Identification(id_type, 0, 0, data)
        written = data.decode()
        for pattern in ("*@example.org", "*@*", "alice@example.org", "*.example.org", "*", "gw.example.org", written):
            assert not matches(pattern, identity)


@pytest.mark.parametrize("letter", ["\u212a", "\u017f", "\u0130"])
def test_only_ascii_letters_are_the_same_in_upper_and_lower_case(letter: str) -> None:
    """The Kelvin sign is a k to Unicode, the long s an s, the dotted capital I nearly an i."""
    for ascii_letter in "kKsSiI":
        claimed = Identification(IdType.FQDN, 0, 0, f"{letter}gw.example.org".encode())
        assert not matches(f"{ascii_letter}gw.example.org", claimed)
        assert not matches(f"{letter}gw.example.org", identification(f"{ascii_letter}gw.example.org"))
        assert not matches(f"{letter}*.example.org", identification(f"{ascii_letter}gw.example.org"))


def test_a_name_outside_ascii_is_whom_it_is_written_for_but_fits_no_asterisk() -> None:
    assert matches("gärtner.example", identification("gärtner.example"))
    assert not matches("gärtner.example", identification("GÄRTNER.example"))
    assert not matches("*.example", identification("gärtner.example"))


name_characters = st.text(st.sampled_from("aB.@*-"), max_size=10)


@given(name_characters, st.text(st.sampled_from("aB.@-/ \0\u212a"), max_size=12), st.sampled_from([2, 3]))
def test_an_asterisk_is_what_the_manual_says(pattern: str, name: str, kind: int) -> None:
    wanted = f"@{pattern}" if kind == IdType.FQDN else f"userfqdn:{pattern}"
    assume("*" in pattern)
    user, at, domain = pattern.rpartition("@")
    within_user, within_label = r"[^@/\s\0\u212a]*", r"[^@/.\s\0\u212a]*"
    regex = re.escape(user).replace(r"\*", within_user) + at + re.escape(domain).replace(r"\*", within_label)
    well_formed = name.count("@") == pattern.count("@") < 3 and all(re.split("[@.]", name.rpartition("@")[2]))
    well_formed = well_formed and ("@" not in name or all(name.rpartition("@")[0].split("@")))
    well_formed = well_formed and re.fullmatch(r"[!-.0-~]*", name) is not None
    expected = well_formed and re.fullmatch(regex, name, re.IGNORECASE) is not None
    assert matches(wanted, Identification(kind, 0, 0, name.encode())) is expected


def test_a_name_that_stops_a_regular_expression_for_seconds_is_nothing() -> None:
    assert not matches("*a*a*a*a*a*b", Identification(IdType.FQDN, 0, 0, b"a" * 60_000))
    assert not matches("*a*a*a*a*a*b@*", Identification(IdType.USER_FQDN, 0, 0, b"a" * 318 + b"@c"))


@given(st.sampled_from([IdType.FQDN, IdType.USER_FQDN, IdType.KEY_ID]), st.text(st.characters(codec="ascii")))
@example(IdType.FQDN, "198.51.100.2")
@example(IdType.FQDN, "2001:db8::1")
@example(IdType.FQDN, "10.0.0.1-10.0.0.9")
@example(IdType.FQDN, "10.0.0.0/8")
@example(IdType.FQDN, "CN=alice")
@example(IdType.FQDN, "%any")
@example(IdType.FQDN, "*.example.org")
@example(IdType.FQDN, "#01")
@example(IdType.FQDN, "keyid:one")
@example(IdType.USER_FQDN, "group")
@example(IdType.USER_FQDN, "@192.0.2.1")
@example(IdType.USER_FQDN, "*@example.org")
def test_what_is_shown_names_the_same_peer_when_it_is_configured(id_type: IdType, text: str) -> None:
    claimed = Identification(id_type, 0, 0, text.encode())
    shown = text_of(claimed)
    assert shown.startswith(f"{id_type.name}:") or identification(shown) == claimed


def test_an_address_sent_as_a_name_is_shown_as_a_name() -> None:
    claimed = Identification(IdType.FQDN, 0, 0, b"198.51.100.2")
    assert text_of(claimed) == "@198.51.100.2"
    assert not matches("198.51.100.2", claimed)
    assert matches("@198.51.100.2", claimed)


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
