"""The messages that make interfaces, as iproute2 6.1 sends them; VTIs in a real kernel are in tests/kernel."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from ikev1.core.records.settings import InterfaceKind
from ikev1.esp.netlink import NetlinkError, attributes
from ikev1.esp.plane import PlaneError, RoutedInterface
from ikev1.esp.xfrm import interfaces
from ikev1.esp.xfrm.interfaces import description
from ikev1.esp.xfrm.ownership_file import OwnershipFile

_NAME, _INFO, _KIND, _DATA = 3, 18, 1, 2
_NEW_LINK, _DELETE_LINK, _NEW_ADDRESS = 16, 17, 20


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


def test_an_interface_that_cannot_be_set_up_does_not_stay_and_others_are_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    links: list[str] = []

    def kernel(kind: int, flags: int, header: bytes, details: bytes) -> None:
        if kind == _DELETE_LINK:
            links.pop()
        elif kind == _NEW_LINK and flags:
            links.append(bytes(attributes(details)[_NAME]).rstrip(b"\0").decode())
        elif kind == _NEW_ADDRESS:
            raise NetlinkError(errno.EACCES, "no IPv6 here")

    monkeypatch.setattr(interfaces, "_command", kernel)
    monkeypatch.setattr(socket, "if_nametoindex", lambda name: 7)
    owner = OwnershipFile(tmp_path / "kernel-state")
    made = interfaces.TunnelInterfaces(owner, 100)
    for _ in range(2):  # it is tried again
        with pytest.raises(PlaneError):
            made.change(
                [
                    RoutedInterface("ipsec0", InterfaceKind.XFRM, 42, ("fd00::1/64",), 1400, ()),
                    RoutedInterface("ipsec1", InterfaceKind.XFRM, 43, (), 1400, ()),
                ]
            )
        assert links == ["ipsec1"]
    made.close(keep=False)


def test_a_vti_for_any_peer() -> None:
    _, _, data = parts(RoutedInterface("vti0", InterfaceKind.VTI, 1, (), 1400, ()))
    assert set(data) == {2, 3}
