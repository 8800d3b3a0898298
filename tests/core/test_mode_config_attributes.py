"""Mode config: the record and its attributes, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.negotiation.mode_config import (
    acknowledged,
    pushed,
    received,
    reply,
    request,
    requested,
    requested_versions,
)
from ikev1.core.records.events import Code
from ikev1.core.records.mode_config import ConfigRequest, ModeConfig
from ikev1.core.records.refusal import Refusal
from ikev1.wire.attributes import Attribute, build_attributes, parse_attributes
from ikev1.wire.registry import ConfigAttribute as A
from ikev1.wire.registry import NotifyType

EVERYTHING = ModeConfig(
    addresses=("10.99.0.10", "fd00:99::10"),
    netmask="255.255.255.0",
    dns=("10.1.0.53", "10.1.0.54", "fd00::53"),
    nbns=("10.1.0.137", "fd00::137"),
    subnets=("10.1.0.0/16", "fd00:1::/64"),
    expiry=86_400,
    application_version="ikev1",
    banner="Welcome.\nBe good.",
    save_password=True,
    default_domain="corp.example",
    split_dns=("corp.example", "lab.example"),
    split_include=("10.1.0.0/16", "10.2.3.4/32"),
    split_exclude=("192.0.2.0/24", "0.0.0.0/32"),
    pfs=1,
    backup_servers=("gw2.example", "192.0.2.7"),
)
ALL_TYPES = tuple(attribute.type for attribute in pushed(EVERYTHING, unity=True))

# the request of vpnc, in the order in which it sends it
VPNC = (
    Attribute(A.INTERNAL_IP4_ADDRESS, b""),
    Attribute(A.INTERNAL_IP4_NETMASK, b""),
    Attribute(A.INTERNAL_IP4_DNS, b""),
    Attribute(A.INTERNAL_IP4_NBNS, b""),
    Attribute(A.UNITY_DEF_DOMAIN, b""),
    Attribute(A.UNITY_FW_TYPE, bytes(6)),
    Attribute(A.UNITY_PFS, b""),
    Attribute(A.UNITY_BANNER, b""),
    Attribute(A.UNITY_SAVE_PASSWD, b""),
    Attribute(A.UNITY_SPLIT_INCLUDE, b""),
    Attribute(A.UNITY_SPLITDNS_NAME, b""),
    Attribute(A.UNITY_DDNS_HOSTNAME, b"laptop"),
    Attribute(A.APPLICATION_VERSION, b"Cisco Systems VPN Client 0.5.3:Linux"),
)


def test_everything_survives_the_wire() -> None:
    octets = build_attributes(pushed(EVERYTHING, unity=True))
    assert received(parse_attributes(octets)) == EVERYTHING


def test_unity_is_left_out_for_others() -> None:
    config = received(pushed(EVERYTHING, unity=False))
    assert (config.addresses, config.dns) == (EVERYTHING.addresses, EVERYTHING.dns)
    assert (config.banner, config.split_include, config.pfs) == ("", (), 0)


def test_octets_of_each_form() -> None:
    written = {attribute.type: attribute.value for attribute in pushed(EVERYTHING, unity=True)}
    assert written[A.INTERNAL_IP4_ADDRESS] == bytes([10, 99, 0, 10])
    assert written[A.INTERNAL_IP4_NETMASK] == bytes([255, 255, 255, 0])
    assert written[A.INTERNAL_IP4_SUBNET] == bytes([10, 1, 0, 0, 255, 255, 0, 0])
    assert written[A.INTERNAL_IP6_SUBNET] == bytes.fromhex("fd000001" + 24 * "0" + "40")
    assert written[A.INTERNAL_ADDRESS_EXPIRY] == (86_400).to_bytes(4)
    assert written[A.UNITY_SAVE_PASSWD] == 1
    assert written[A.UNITY_PFS] == 1
    assert written[A.UNITY_SPLITDNS_NAME] == b"corp.example,lab.example"
    assert written[A.UNITY_SPLIT_INCLUDE] == bytes(
        [10, 1, 0, 0, 255, 255, 0, 0, *6 * [0], 10, 2, 3, 4, 255, 255, 255, 255, *6 * [0]]
    )


def test_the_answer_to_vpnc() -> None:
    asked = requested(VPNC)
    assert asked.application_version == "Cisco Systems VPN Client 0.5.3:Linux"
    assert requested_versions(asked) == (4,)
    config = ModeConfig(addresses=("10.99.0.10",), dns=("10.1.0.53", "10.1.0.54"), banner="hello", save_password=True)
    assert reply(config, asked) == (
        Attribute(A.INTERNAL_IP4_ADDRESS, bytes([10, 99, 0, 10])),
        Attribute(A.INTERNAL_IP4_DNS, bytes([10, 1, 0, 53])),
        Attribute(A.INTERNAL_IP4_DNS, bytes([10, 1, 0, 54])),
        Attribute(A.UNITY_BANNER, b"hello"),
        Attribute(A.UNITY_SAVE_PASSWD, 1),
    )


def test_only_what_is_requested_is_answered() -> None:
    asked = ConfigRequest((A.INTERNAL_IP6_ADDRESS, A.INTERNAL_IP4_DHCP, 30_000))
    assert reply(EVERYTHING, asked) == (Attribute(A.INTERNAL_IP6_ADDRESS, bytes.fromhex("fd000099" + 22 * "0" + "10")),)
    assert reply(ModeConfig(), ConfigRequest(ALL_TYPES)) == ()


def test_supported_attributes_are_told() -> None:
    (answer,) = reply(ModeConfig(), ConfigRequest((A.SUPPORTED_ATTRIBUTES,)))
    assert isinstance(answer.value, bytes)
    told = {int.from_bytes(answer.value[at : at + 2]) for at in range(0, len(answer.value), 2)}
    assert told == {*ALL_TYPES, A.SUPPORTED_ATTRIBUTES}


def test_a_type_is_answered_once_however_often_it_is_requested() -> None:
    asked = requested([Attribute(A.INTERNAL_IP4_DNS, b"")] * 3)
    assert len(reply(EVERYTHING, asked)) == 2


def test_suggested_addresses() -> None:
    asked = requested(
        [
            Attribute(A.INTERNAL_IP4_ADDRESS, bytes([10, 99, 0, 77])),
            Attribute(A.INTERNAL_IP6_ADDRESS, bytes.fromhex("fd000099" + 22 * "0" + "77" + "40")),
            Attribute(A.INTERNAL_IP4_ADDRESS, bytes(4)),
            Attribute(A.INTERNAL_IP4_ADDRESS, bytes(5)),
        ]
    )
    assert asked.addresses == ("10.99.0.77", "fd00:99::77")
    assert requested_versions(asked) == (4, 6)


def test_a_client_requests_what_it_understands() -> None:
    plain = request((4,), unity=False)
    assert [attribute.type for attribute in plain] == [
        A.INTERNAL_IP4_ADDRESS,
        A.INTERNAL_IP4_NETMASK,
        A.INTERNAL_ADDRESS_EXPIRY,
        A.INTERNAL_IP4_DNS,
        A.INTERNAL_IP4_NBNS,
        A.INTERNAL_IP4_SUBNET,
    ]
    assert {attribute.value for attribute in plain} == {b""}
    both = request((4, 6), ("10.99.0.10", "fd00::1"), unity=True)
    assert both[0] == Attribute(A.INTERNAL_IP4_ADDRESS, bytes([10, 99, 0, 10]))
    assert requested(both).addresses == ("10.99.0.10", "fd00::1")
    assert A.UNITY_SPLIT_INCLUDE in {attribute.type for attribute in both}


def test_unknown_and_empty_attributes_are_ignored() -> None:
    config = received(
        [
            Attribute(A.INTERNAL_IP4_ADDRESS, bytes([10, 0, 0, 1])),
            Attribute(A.INTERNAL_IP4_DNS, b""),
            Attribute(A.UNITY_DDNS_HOSTNAME, b"laptop"),
            Attribute(31_000, 7),
        ]
    )
    assert config == ModeConfig(addresses=("10.0.0.1",), ignored=(A.UNITY_DDNS_HOSTNAME, 31_000))


def test_one_address_of_each_version() -> None:
    config = received(Attribute(A.INTERNAL_IP4_ADDRESS, bytes([10, 0, 0, number])) for number in (1, 2, 3))
    assert config.addresses == ("10.0.0.1",)


@pytest.mark.parametrize("value", [1, b"\0\1"], ids=["short", "long"])
def test_local_lan_as_a_flag(value: int | bytes) -> None:
    assert received([Attribute(A.UNITY_LOCAL_LAN, value)]).local_lan


@pytest.mark.parametrize("count", [1, 2, 7])
def test_networks_without_padding(count: int) -> None:
    networks = b"".join(bytes([10, number, 0, 0, 255, 255, 0, 0]) for number in range(count))
    config = received([Attribute(A.UNITY_SPLIT_INCLUDE, networks)])
    assert config.split_include == tuple(f"10.{number}.0.0/16" for number in range(count))


def test_a_network_without_padding_and_names_between_blanks() -> None:
    config = received(
        [
            Attribute(A.UNITY_SPLIT_INCLUDE, bytes([10, 1, 2, 3, 255, 255, 0, 0])),
            Attribute(A.UNITY_SPLITDNS_NAME, b"a.example b.example,c.example\0"),
        ]
    )
    assert config.split_include == ("10.1.0.0/16",)
    assert config.split_dns == ("a.example", "b.example", "c.example")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (A.INTERNAL_IP4_ADDRESS, bytes(5)),
        (A.INTERNAL_IP4_ADDRESS, 5),
        (A.INTERNAL_IP4_ADDRESS, bytes([127, 0, 0, 1])),
        (A.INTERNAL_IP4_ADDRESS, bytes(4)),
        (A.INTERNAL_IP4_ADDRESS, bytes([224, 0, 0, 1])),
        (A.INTERNAL_IP4_ADDRESS, bytes(4 * [255])),
        (A.INTERNAL_IP4_ADDRESS, bytes([0, 1, 2, 3])),
        (A.INTERNAL_IP4_ADDRESS, bytes([240, 0, 0, 1])),
        (A.INTERNAL_IP6_ADDRESS, bytes(10) + bytes([255, 255, 127, 0, 0, 1])),
        (A.INTERNAL_IP6_ADDRESS, bytes(10) + bytes([255, 255, 10, 0, 0, 1])),
        (A.INTERNAL_IP6_ADDRESS, bytes(4)),
        (A.INTERNAL_IP4_DNS, bytes(16)),
        (A.INTERNAL_IP4_SUBNET, bytes([10, 0, 0, 0, 255, 0, 255, 0])),
        (A.INTERNAL_IP6_SUBNET, bytes(16) + b"\x81"),
        (A.INTERNAL_ADDRESS_EXPIRY, bytes(3)),
        (A.UNITY_SPLIT_INCLUDE, bytes(13)),
    ],
)
def test_a_wrong_value_is_refused(kind: int, value: int | bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        received([Attribute(kind, value)])
    assert (refusal.value.code, refusal.value.notify) == (Code.MALFORMED, NotifyType.PAYLOAD_MALFORMED)


def test_lists_and_texts_are_bounded() -> None:
    with pytest.raises(Refusal):
        received([Attribute(A.UNITY_SPLIT_INCLUDE, bytes(14 * 257))])
    assert len(received([Attribute(A.UNITY_BANNER, b"x" * 60_000)]).banner) == 4096
    assert len(requested([Attribute(number, b"") for number in range(100, 228)]).types) == 64


def test_an_acknowledgement_has_no_values() -> None:
    pushed_now = [*pushed(EVERYTHING, unity=True), Attribute(31_000, 7)]
    assert acknowledged(pushed_now) == tuple(Attribute(kind, b"") for kind in dict.fromkeys(ALL_TYPES))


@given(
    st.lists(
        st.tuples(st.sampled_from(ALL_TYPES) | st.integers(0, 32_767), st.binary(max_size=60) | st.integers(0, 65_535))
    )
)
def test_nothing_but_a_refusal_leaves(raw: list[tuple[int, int | bytes]]) -> None:
    attributes = [Attribute(kind, value) for kind, value in raw]
    requested(attributes)
    try:
        config = received(attributes)
    except Refusal:
        return
    assert received(pushed(config, unity=True)) == ModeConfig(
        **{name: getattr(config, name) for name in config.__struct_fields__ if name != "ignored"}
    )


def test_the_types_that_are_ignored_are_limited() -> None:
    found = received([Attribute(16_384 + number, b"x") for number in range(10_000)])
    assert found.ignored == tuple(range(16_384, 16_384 + 64))
