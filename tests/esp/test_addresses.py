"""The addresses that packets can leave from: in a network namespace, and as octets of the kernel."""

from __future__ import annotations

import shutil
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esp_lab import Namespace
from ikev1.esp.addresses import Address, Addresses, running, usable_address
from ikev1.esp.netlink import GarbledAnswer

UNIVERSE, LINK, HOST = 0, 253, 254  # scopes, <linux/rtnetlink.h>
ADDRESS, LOCAL, LABEL = 1, 2, 3  # IFA_..., <linux/if_addr.h>
OPTIMISTIC, DUPLICATE, TENTATIVE, PERMANENT = 0x04, 0x08, 0x40, 0x80
UP, LOOPBACK, RUNNING = 0x1, 0x8, 0x40  # IFF_..., <linux/if.h>
NEW_LINK, DELETE_LINK = 16, 17
PREAMBLE = """
import socket, subprocess, time
from ikev1.esp.addresses import Addresses
known = Addresses()
def ip(command):
    subprocess.run(["ip", *command.split()], check=True)
def names(version):
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    return sorted(socket.inet_ntop(family, address) for address in known.universal(family))
def become(version, *wanted):
    # the kernel tells of carriers and of IPv6 addresses some time after they came or went
    ends = time.monotonic() + 60
    while names(version) != list(wanted) and time.monotonic() < ends:
        pass
    print(names(version))
"""


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """Two devices that are joined, with addresses on ``net0``."""
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed here")
    opened = Namespace()
    try:
        if not opened.works:
            pytest.skip("network namespaces are not permitted here (unshare -Urn)")
        opened.run("ip", "link", "add", "net0", "type", "veth", "peer", "name", "net1")
        for device in ("lo", "net0", "net1"):
            opened.run("ip", "link", "set", device, "up")
        opened.await_up("net0", "net1")
        for address in ("10.1.0.1/24", "fd01::1/64"):
            opened.run("ip", "addr", "add", address, "dev", "net0", *(["nodad"] if ":" in address else []))
        yield opened
    finally:
        opened.close()


def said(namespace: Namespace, code: str) -> list[str]:
    """The lines that ``code`` prints in the namespace; ``known`` are `Addresses` there."""
    return namespace.run(sys.executable, "-c", PREAMBLE + code).splitlines()


def test_universal_addresses_are_those_that_the_world_can_reach(namespace: Namespace) -> None:
    """Neither loopback's nor net0's own fe80:: are among them."""
    assert said(namespace, "print(names(4)); print(names(6))") == ["['10.1.0.1']", "['fd01::1']"]


@pytest.mark.parametrize(("version", "address"), [(4, "10.1.0.9/24"), (6, "fd01::9/64")])
def test_an_address_that_comes_or_goes_is_noticed(namespace: Namespace, version: int, address: str) -> None:
    host, base = address.partition("/")[0], "10.1.0.1" if version == 4 else "fd01::1"
    nodad = "nodad" if version == 6 else ""
    code = f"""
become({version}, "{base}")
ip("addr add {address} dev net0 {nodad}")
become({version}, "{base}", "{host}")
ip("addr del {address} dev net0")
become({version}, "{base}")
"""
    assert said(namespace, code) == [str([base]), str([base, host]), str([base])]


def test_a_device_that_is_down_or_has_no_carrier_has_no_usable_address(namespace: Namespace) -> None:
    code = """
become(4, "10.1.0.1")
ip("link set net1 down")
become(4)
ip("link set net1 up")
become(4, "10.1.0.1")
ip("link set net0 down")
become(4)
"""
    assert said(namespace, code) == ["['10.1.0.1']", "[]", "['10.1.0.1']", "[]"]


def test_addresses_that_do_not_change_are_asked_for_once(namespace: Namespace) -> None:
    assert said(namespace, "print(known.all() is known.all())") == ["True"]


# ---------------------------------------------------------------------- octets


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def told(scope: int, *attributes: bytes, flags: int = 0) -> bytes:
    """The body of RTM_NEWADDR: struct ifaddrmsg of an IPv4 /24 on interface 7, and its attributes."""
    return struct.pack("=4BI", socket.AF_INET, 24, flags, scope, 7) + b"".join(attributes)


def packed(address: str) -> bytes:
    return ip_address(address).packed


def test_an_address_of_ours_is_told_from_the_peer_s() -> None:
    """On a point-to-point device IFA_ADDRESS is the other end's."""
    ours, peers = packed("10.1.0.1"), packed("10.1.0.2")
    body = told(UNIVERSE, attribute(ADDRESS, peers), attribute(LABEL, b"ppp0\0"), attribute(LOCAL, ours))
    assert usable_address(body) == Address(ours, 7)


def test_an_address_without_ifa_local() -> None:
    """IPv6 addresses have IFA_ADDRESS alone."""
    assert usable_address(told(UNIVERSE, attribute(ADDRESS, packed("fd01::1")))) == Address(packed("fd01::1"), 7)


def test_an_address_of_the_loopback_scope_is_none() -> None:
    assert usable_address(told(HOST, attribute(LOCAL, bytes([127, 0, 0, 1])))) is None


def test_a_link_local_address_is_not_universal() -> None:
    body = told(LINK, attribute(ADDRESS, packed("fe80::1")))
    assert usable_address(body) == Address(packed("fe80::1"), 7, universal=False)


@pytest.mark.parametrize(
    ("flags", "usable"),
    [
        (PERMANENT, True),
        (TENTATIVE, False),
        (PERMANENT | TENTATIVE, False),
        (TENTATIVE | OPTIMISTIC, True),
        (TENTATIVE | DUPLICATE, False),
        (DUPLICATE, False),
    ],
)
def test_an_address_that_is_not_known_to_be_unique_is_not_usable(flags: int, usable: bool) -> None:
    body = told(UNIVERSE, attribute(ADDRESS, packed("fd01::1")), flags=flags)
    assert (usable_address(body) is not None) is usable


@pytest.mark.parametrize(
    "body",
    [
        b"",
        told(UNIVERSE)[:-1],
        told(UNIVERSE),
        told(UNIVERSE, attribute(LABEL, b"net0\0")),
        told(UNIVERSE, attribute(LOCAL, b"")),
        told(UNIVERSE, attribute(LOCAL, b"\x0a\1\0\1")[:-1]),
        told(UNIVERSE, attribute(LOCAL, b"\x0a\1\0\1"), b"\0"),
        told(UNIVERSE, struct.pack("=HH", 3, LOCAL)),
        told(UNIVERSE, struct.pack("=HH", 0, LOCAL)),
        told(UNIVERSE, struct.pack("=HH", 9, LOCAL) + bytes(4)),
    ],
)
def test_an_address_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(GarbledAnswer):
        usable_address(body)


@pytest.mark.parametrize(
    ("kind", "flags", "index"),
    [
        (NEW_LINK, UP | RUNNING, 7),
        (NEW_LINK, UP | RUNNING | LOOPBACK, 7),
        (NEW_LINK, UP, 0),  # no carrier
        (NEW_LINK, RUNNING, 0),
        (DELETE_LINK, UP | RUNNING, 0),
    ],
)
def test_an_interface_is_running_with_both_flags(kind: int, flags: int, index: int) -> None:
    assert running(kind, struct.pack("=BxHiII", 0, 1, 7, flags, 0)) == index


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    with suppress(GarbledAnswer):
        usable_address(octets)
    with suppress(GarbledAnswer):
        running(NEW_LINK, octets)


def test_opening_and_closing_need_no_right() -> None:
    Addresses().close()
