from __future__ import annotations

import re
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from hypothesis import given
from hypothesis import strategies as st

from ikev1.crypto import wildcard
from ikev1.crypto.distinguished_name import InvalidName, equal, from_text, matches, to_text
from ikev1.wire import name_text
from ikev1.wire.registry import NotifyType

ALICE = "C=XX, O=lab, CN=alice"


def name(*attributes: tuple[str, str], kind: _ASN1Type | None = None) -> bytes:
    """A name made by `cryptography` alone, its values written in one type of string."""
    return x509.Name(
        [x509.NameAttribute(x509.ObjectIdentifier(oid), value, kind) for oid, value in attributes]
    ).public_bytes()


def test_text_becomes_the_der_that_certificates_have() -> None:
    assert from_text(ALICE) == name(("2.5.4.6", "XX"), ("2.5.4.10", "lab"), ("2.5.4.3", "alice"))


@pytest.mark.parametrize(
    "text",
    [
        "/C=XX/O=lab/CN=alice",
        "c=XX,o=lab,cn=alice",
        " C = XX ,  O = lab ,CN= alice ",
        'C=XX, O="lab", CN=alice',
        "2.5.4.6=XX, O=l\\61b, CN=al\\ice",
    ],
)
def test_there_are_several_ways_to_write_a_name(text: str) -> None:
    assert to_text(from_text(text)) == ALICE


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("Ant, Bee / Co + Sons", "O=Ant\\, Bee \\/ Co \\+ Sons"),
        ('a "b" \\ c*', 'O=a \\"b\\" \\\\ c\\*'),
        (" space ", "O=\\ space\\ "),
        ("line\nfeed\x1b[0m", "O=line\\0afeed\\1b[0m"),
        ("Ämter", "O=Ämter"),
        ("zero\u200bwidth", "O=zero\\e2\\80\\8bwidth"),
    ],
)
def test_what_has_a_meaning_is_escaped(value: str, shown: str) -> None:
    der = name(("2.5.4.10", value))
    assert to_text(der) == shown
    assert from_text(shown) == der


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), min_size=1, max_size=5))
def test_text_says_everything_and_only_in_printable_characters(values: list[str]) -> None:
    der = name(*(("2.5.4.10", value) for value in values))
    assert to_text(der).isprintable()
    assert from_text(to_text(der)) == der
    assert name_text.describe(der) == to_text(der)


def test_attributes_that_share_a_part() -> None:
    der = from_text("C=XX, OU=a+CN=b")
    assert to_text(der) in ("C=XX, OU=a+CN=b", "C=XX, CN=b+OU=a")
    assert matches("C=XX, CN=*+OU=a", der)
    assert not matches("C=XX, OU=a", der)
    assert not equal(der, from_text("C=XX, OU=a, CN=b"))


def test_a_plus_sign_within_a_value() -> None:
    assert to_text(from_text("O=Ant + Bee")) == "O=Ant \\+ Bee"


def test_no_name_and_the_empty_name() -> None:
    assert from_text("") == b"\x30\x00"
    assert to_text(b"\x30\x00") == ""
    assert matches("", b"\x30\x00")
    assert matches("*", b"\x30\x00")


@pytest.mark.parametrize("text", ["alice", "C=XX, lab", "XY=1", "C=XXX", "=x", "C=XX,,O=lab", ","])
def test_text_that_is_no_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"=|Country"):
        from_text(text)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (ALICE, "C=xx, O=LAB, CN=Alice", True),
        ("O=the  lab", "O= the lab", True),
        ("O=Straße", "O=STRASSE", True),
        (ALICE, "O=lab, C=XX, CN=alice", False),
        (ALICE, "C=XX, O=lab", False),
        (ALICE, "C=XX, O=lab, OU=alice", False),
        (ALICE, "C=XX, O=lab, CN=alicf", False),
    ],
)
def test_equality(a: str, b: str, *, same: bool) -> None:
    assert equal(from_text(a), from_text(b)) is same


def test_the_type_of_string_does_not_matter() -> None:
    kinds = (
        _ASN1Type.UTF8String,
        _ASN1Type.PrintableString,
        _ASN1Type.T61String,
        _ASN1Type.BMPString,
        _ASN1Type.IA5String,
    )
    ways = [name(("2.5.4.3", "alice"), kind=kind) for kind in kinds]
    assert len(set(ways)) == len(ways)
    assert all(equal(ways[0], way) and matches("CN=ali*", way) for way in ways)


@pytest.mark.parametrize(
    "pattern",
    [
        ALICE,
        "C=XX, O=lab, CN=*",
        "C=*, O=*, CN=*",
        "C=XX, O=l*b, CN=a*c*",
        "*, CN=alice",
        "C=XX, *",
        "*, O=lab, *",
        "*",
        "*, *",
        "C=xx, O=Lab, CN=ALICE",
    ],
)
def test_patterns_that_match(pattern: str) -> None:
    assert matches(pattern, from_text(ALICE))


@pytest.mark.parametrize(
    "pattern",
    [
        "C=XX, O=lab",
        "O=lab",
        "C=XX, O=lab, CN=b*",
        "C=XX, O=lab, CN=\\*",
        "O=lab, *",
        "*, O=lab",
        "C=XX, CN=*, O=*",
        "C=XX, O=lab, CN=*, OU=*",
        "",
    ],
)
def test_patterns_that_do_not_match(pattern: str) -> None:
    assert not matches(pattern, from_text(ALICE))


def test_spaces_beside_an_asterisk_count() -> None:
    assert matches("O=the *", from_text("O=the lab"))
    assert not matches("O=the *", from_text("O=thelab"))


@given(st.binary(max_size=200))
def test_octets_that_are_no_name(octets: bytes) -> None:
    try:
        text = to_text(octets)
    except InvalidName:
        assert not matches("*", octets)
        assert equal(octets, octets)
        assert not equal(octets, b"\x30\x00")
    else:
        assert text.isprintable()


@given(st.data())
def test_a_damaged_name_is_read_or_refused(data: st.DataObject) -> None:
    der = bytearray(from_text(ALICE))
    der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    try:
        text = to_text(bytes(der))
    except InvalidName:
        assert not matches(ALICE, bytes(der))
    else:
        assert text.isprintable()
        assert name_text.describe(bytes(der)) == text


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x30\x0a\x31\x08\x30\x06\x06", b"\x30\x82"]))
def test_any_octets_have_a_harmless_description_or_none(octets: bytes, head: bytes) -> None:
    try:
        assert name_text.describe(head + octets).isprintable()
    except ValueError:
        with pytest.raises(InvalidName):
            to_text(head + octets)


@pytest.mark.parametrize("size", [100, 127, 128, 200, 255, 256, 300, 1_200])
def test_names_of_every_size(size: int) -> None:
    der = name(*(("2.5.4.10", "x" * 50) for _ in range(size // 60)))
    assert to_text(der).count("x" * 50) == size // 60


@pytest.mark.parametrize(
    "der",
    [
        name(*(("2.5.4.10", "x" * 200) for _ in range(30))),
        name(*(("2.5.4.10", "x") for _ in range(21))),
        x509.Name(
            [
                x509.RelativeDistinguishedName(
                    [x509.NameAttribute(x509.ObjectIdentifier("2.5.4.10"), str(number)) for number in range(33)]
                )
            ]
        ).public_bytes(),
    ],
    ids=["octets", "parts", "attributes"],
)
def test_a_name_with_too_much_in_it_is_refused_before_it_is_compared(der: bytes) -> None:
    with pytest.raises(InvalidName) as caught:
        to_text(der)
    assert caught.value.notify == NotifyType.INVALID_ID_INFORMATION
    assert not matches("*", der)


def test_no_value_makes_us_normalise_a_long_row_of_accents() -> None:
    short, long = (name(("2.5.4.41", "e" + "\u0301\u0323" * count)) for count in (100, 200))
    assert "#" not in to_text(short)
    assert to_text(long).startswith("N=#0c")
    assert matches("N=*", short)
    assert not matches("N=*", long)


@pytest.mark.parametrize("octet", [*range(0x20), 0x7F])
def test_a_character_that_cannot_be_printed_hides_in_no_value(octet: int) -> None:
    for text in (f"alice{chr(octet)}", f"{chr(octet)}alice", f"ali{chr(octet)}ce"):
        der = name(("2.5.4.3", text))
        assert not any(matches(pattern, der) for pattern in ("CN=alice", "CN=*", "CN=*e", "CN=a*", "CN=ali*ce"))
        assert not equal(der, from_text("CN=alice"))


class CountedText(str):
    """Text that counts how often something is looked for in it."""

    searches = 0

    def find(self, *arguments: Any) -> int:
        self.searches += 1
        return super().find(*arguments)


@given(
    st.lists(st.text(st.sampled_from("ab."), max_size=3), min_size=1, max_size=6),
    st.text(st.sampled_from("ab."), max_size=12),
)
def test_pieces_fit_as_a_regular_expression_says(pieces: list[str], text: str) -> None:
    by_regex = re.fullmatch(".*".join(map(re.escape, pieces)), text, re.DOTALL) is not None
    assert wildcard.fits(pieces, text) is by_regex


@given(st.lists(st.text(st.sampled_from("ab"), max_size=3), min_size=1, max_size=9), st.integers(0, 4000))
def test_each_piece_of_a_pattern_is_looked_for_once(pieces: list[str], length: int) -> None:
    hostile = CountedText("ab" * length)
    wildcard.fits(pieces, hostile)
    assert hostile.searches <= len(pieces)


def test_what_stops_a_regular_expression_for_seconds_is_nothing() -> None:
    value = "-gw--site" * 400
    der = name(("2.5.4.41", value))
    assert not matches("N=*-gw-*-site*.example", der)
    assert not matches("*, N=*-gw-*-site*-gw-*-site*.example, *", der)
    assert matches("*, N=*-gw-*-site*", der)


def test_what_a_router_with_two_attributes_in_one_part_is_called_matches_it() -> None:
    der = x509.Name(
        [
            x509.RelativeDistinguishedName([x509.NameAttribute(x509.ObjectIdentifier("2.5.4.10"), "lab")]),
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(
                        x509.ObjectIdentifier("1.2.840.113549.1.9.2"), "r1.example.org", _ASN1Type.IA5String
                    ),
                    x509.NameAttribute(x509.ObjectIdentifier("2.5.4.5"), "FTX1"),
                ]
            ),
        ]
    ).public_bytes()
    assert matches(to_text(der), der)
    assert matches("O=lab, serialNumber=FTX1+unstructuredName=*", der)
    assert not matches("O=lab, serialNumber=FTX1, unstructuredName=r1.example.org", der)


def test_a_value_that_is_no_text() -> None:
    der = bytes.fromhex("300f310d300b0603550403") + b"\x04\x04\xde\xad\xbe\xef"
    assert to_text(der) == "CN=#04deadbeef"
    assert matches("*", der)
    assert not matches("CN=*", der)
    assert not matches("CN=#04deadbeef", der)
