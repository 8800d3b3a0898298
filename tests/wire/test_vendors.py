"""What vendor IDs tell of a peer."""

from __future__ import annotations

import pytest

from ikev1.wire.vendors import maker_of, vendor_name

UNITY, XAUTH = bytes.fromhex("12f5f28c457168a9702d9fe274cc0100"), bytes.fromhex("09002689dfd6b712")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("4a131c81070358455c5728f20e95452f", "NAT-T RFC 3947"),
        ("7d9419a65310ca6f2c179d9215529d56", "NAT-T draft-03"),
        ("90cb80913ebb696e086381b5ec427b1f", "NAT-T draft-02"),
        ("cd60464335df21f87cfdb2fc68b6a448", "NAT-T draft-02"),
        ("afcad71368a1f1c96b8696fc77570100", "DPD"),
        ("09002689dfd6b712", "XAUTH"),
        ("4048b7d56ebce88525e7de7f00d6c2d380000000", "FRAGMENTATION"),
        ("882fe56d6fd20dbc2251613b2ebe5beb", "strongSwan"),
        ("1e2b516905991c7d7c96fcbfb587e46100000009", "Windows"),
    ],
)
def test_a_name(data: str, name: str) -> None:
    assert vendor_name(bytes.fromhex(data)) == name


def test_what_is_not_known_has_no_name() -> None:
    assert vendor_name(bytes(16)) is None
    assert vendor_name(b"") is None
    assert maker_of((bytes(16),)) is None


def test_the_maker_is_told_by_any_of_the_vendor_ids() -> None:
    assert maker_of((XAUTH, bytes.fromhex("882fe56d6fd20dbc2251613b2ebe5beb"))) == "strongSwan"


def test_a_client_of_ciscos_kind_is_told_by_what_it_sends_together() -> None:
    assert maker_of((XAUTH, UNITY)) == "Cisco, or a client of its kind"
    assert maker_of((XAUTH,)) is None
