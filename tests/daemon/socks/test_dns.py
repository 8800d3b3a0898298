"""Questions to name servers, and hostile answers."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.daemon.socks import dns
from ikev1.daemon.socks.dns import AAAA, A, Answer, answer_to, question

NAME = "www.lab.example"


def asked(name: str = NAME, kind: int = A) -> bytes:
    query = question(0x1234, name, kind)
    assert query is not None
    return query


def record(owner: bytes, kind: int, data: bytes) -> bytes:
    return owner + kind.to_bytes(2) + (1).to_bytes(2) + bytes(4) + len(data).to_bytes(2) + data


def response(query: bytes, *records: bytes, flags: int = 0x8180) -> bytes:
    return (
        query[:2] + flags.to_bytes(2) + b"\0\1" + len(records).to_bytes(2) + bytes(4) + query[12:] + b"".join(records)
    )


QUESTIONED = b"\xc0\x0c"  # a pointer to the name in the question
ALIAS = b"\5other\0"


def address(text: str) -> bytes:
    return ip_address(text).packed


def test_a_question_is_that_of_the_rfc() -> None:
    assert asked("a.example") == bytes.fromhex("1234 0100 0001 0000 0000 0000 0161 076578616d706c65 00 0001 0001")


@pytest.mark.parametrize("name", ["", ".", "a..b", "x" * 64, ".".join(["x" * 63] * 4), "bücher.example"])
def test_no_question_about_a_name_that_no_host_has(name: str) -> None:
    assert question(1, name, A) is None


def test_addresses() -> None:
    query = asked()
    found = answer_to(
        query, response(query, record(QUESTIONED, A, address("10.0.0.1")), record(QUESTIONED, A, address("10.0.0.2")))
    )
    assert found == Answer(("10.0.0.1", "10.0.0.2"))
    query = asked(kind=AAAA)
    assert answer_to(query, response(query, record(QUESTIONED, AAAA, address("fd00::1")))) == Answer(("fd00::1",))


def test_the_addresses_of_an_alias_and_of_nobody_else() -> None:
    query = asked()
    octets = response(
        query,
        record(b"\7unasked\0", A, address("10.6.6.6")),
        record(QUESTIONED, 5, ALIAS),
        record(b"\5OTHER\0", A, address("10.0.0.3")),
    )
    assert answer_to(query, octets) == Answer(("10.0.0.3",))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (0x8183, Answer()),  # no such name: no other server knows more
        (0x8182, Answer(known=False)),
        (0x8185, Answer(known=False)),
        (0x8380, Answer(truncated=True)),
    ],
)
def test_what_a_server_says_without_addresses(flags: int, expected: Answer) -> None:
    query = asked()
    assert answer_to(query, response(query, flags=flags)) == expected


def test_what_is_no_answer_to_the_question() -> None:
    query = asked()
    right = response(query, record(QUESTIONED, A, address("10.0.0.1")))
    assert answer_to(query, b"\0\0" + right[2:]) is None  # another identifier
    assert answer_to(query, query) is None  # the question itself
    assert answer_to(query, response(asked("other.example"))[:2] + response(asked("other.example"))[2:]) is None
    assert answer_to(query, response(asked(kind=AAAA))) is None
    assert answer_to(query, b"") is None


@pytest.mark.parametrize(
    "owner", [b"\xc0\x23", b"\xc0\xff", b"\x40", b"\xc0", b"\5ab"], ids=["itself", "outside", "reserved", "half", "cut"]
)
def test_malformed_names(owner: bytes) -> None:
    query = asked()
    octets = response(query, owner)
    assert octets[12:].endswith(owner)
    assert len(query) + 2 == 0x23 or owner != b"\xc0\x23"
    assert answer_to(query, octets) == Answer(known=False)


@given(st.binary(max_size=200), st.integers(0, 65_535))
def test_any_octets_are_an_answer_or_none(octets: bytes, count: int) -> None:
    query = asked()
    header = query[:2] + b"\x81\x80\0\1" + count.to_bytes(2) + bytes(4)
    for answer in (octets, header + octets, header + query[12:] + octets):
        found = answer_to(query, answer)
        assert found is None or len(found.addresses) <= dns._MOST_RECORDS
