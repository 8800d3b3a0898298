"""The messages that make interfaces, as iproute2 6.1 sends them; VTIs in a real kernel are in tests/kernel."""

from __future__ import annotations

import socket

from ikev1.core.records.settings import InterfaceKind
from ikev1.esp.netlink import attributes
from ikev1.esp.plane import RoutedInterface
from ikev1.esp.xfrm.interfaces import description

_NAME, _INFO, _KIND, _DATA = 3, 18, 1, 2


def parts(interface: RoutedInterface) -> tuple[bytes, bytes, dict[int, bytes]]:
    found = attributes(description(interface))
    info = attributes(found[_INFO])
    return (
        bytes(found[_NAME]),
        bytes(info[_KIND]),
        {kind: bytes(each) for kind, each in attributes(info[_DATA]).items()},
    )


def test_an_xfrm_interface() -> None:
    """``ip link add ipsec0 type xfrm dev lo if_id 42``"""
    interface = RoutedInterface("ipsec0", InterfaceKind.XFRM, 42, (), 1400, ())
    data = {2: bytes((42, 0, 0, 0)), 1: socket.if_nametoindex("lo").to_bytes(4, "little")}
    assert parts(interface) == (b"ipsec0\0", b"xfrm", data)


def test_a_vti() -> None:
    """``ip link add vti0 type vti local 192.0.2.1 remote 198.51.100.7 key 42``: keys are in network byte order."""
    interface = RoutedInterface("vti0", InterfaceKind.VTI, 42, (), 1400, (), "192.0.2.1", "198.51.100.7")
    key = bytes((0, 0, 0, 42))
    assert parts(interface) == (
        b"vti0\0",
        b"vti",
        {2: key, 3: key, 4: bytes((192, 0, 2, 1)), 5: bytes((198, 51, 100, 7))},
    )


def test_a_vti_for_any_peer() -> None:
    _, _, data = parts(RoutedInterface("vti0", InterfaceKind.VTI, 1, (), 1400, ()))
    assert set(data) == {2, 3}
