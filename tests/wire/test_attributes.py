"""Data attributes: RFC 2408 §3.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.wire.attributes import MAX_ATTRIBUTES, Attribute, build_attributes, find, parse_attributes
from ikev1.wire.errors import WireError
from ikev1.wire.payloads import parse_body
from ikev1.wire.registry import PayloadType
from wire_values import attribute_lists


@given(attribute_lists)
def test_what_is_built_parses_to_the_same(attributes: tuple[Attribute, ...]) -> None:
    assert parse_attributes(build_attributes(attributes)) == attributes


def test_the_layout_is_that_of_the_rfc() -> None:
    """The AF bit says that the two octets after the type are the value itself."""
    short, long = Attribute(14, 256), Attribute(12, b"\x00\x01\x51\x80")
    assert build_attributes((short, long)) == bytes.fromhex("800e0100 000c0004 00015180")


@pytest.mark.parametrize("form", [3600, b"\x0e\x10", b"\x00\x00\x0e\x10"])
def test_a_number_is_the_same_in_every_form(form: int | bytes) -> None:
    """RFC 2409 Appendix A: what is offered as variable may come back as basic."""
    assert Attribute(12, form).number == 3600


@given(st.integers(0, 2**32 - 1))
def test_a_number_takes_the_short_form_if_it_fits(number: int) -> None:
    attribute = Attribute.of_number(12, number)
    assert attribute.number == number
    assert isinstance(attribute.value, int) == (number < 65536)


def test_the_first_of_a_type_is_found() -> None:
    attributes = (Attribute(11, 1), Attribute(12, 60), Attribute(11, 2))
    assert find(attributes, 11) == Attribute(11, 1)
    assert find(attributes, 13) is None


@pytest.mark.parametrize("octets", ["80", "800e01", "000c0004 000151", "800e0100 00"])
def test_what_is_cut_short_is_refused(octets: str) -> None:
    with pytest.raises(WireError):
        parse_attributes(bytes.fromhex(octets))


@pytest.mark.parametrize("padding", ["00", "0000", "000000"])
def test_zeros_behind_the_attributes_of_mode_config_are_padding(padding: str) -> None:
    """As libreswan sends them; nowhere else, and nothing but zeros."""
    octets = bytes.fromhex("03000007 00010004 0a63001e 7003 0005 68656c6c6f")
    assert parse_body(PayloadType.ATTRIBUTES, octets + bytes.fromhex(padding)) == parse_body(
        PayloadType.ATTRIBUTES, octets
    )
    with pytest.raises(WireError):
        parse_body(PayloadType.ATTRIBUTES, octets + b"\1")
    with pytest.raises(WireError):
        parse_attributes(octets[4:] + bytes.fromhex(padding))


def test_there_is_a_limit() -> None:
    most = (Attribute(1, 1),) * MAX_ATTRIBUTES
    assert parse_attributes(build_attributes(most)) == most
    with pytest.raises(WireError):
        parse_attributes(build_attributes((*most, Attribute(1, 1))))


def test_no_password_in_a_repr() -> None:
    assert repr(Attribute(16522, b"open sesame")) == "Attribute(type=16522, value=<secret>)"
    assert repr(Attribute(16521, b"alice")) == "Attribute(type=16521, value=b'alice')"
