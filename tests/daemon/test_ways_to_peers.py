"""From which address a peer is called, and how one with a link-local address is reached: in a network namespace."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import pytest

from esp_lab import Namespace

PREAMBLE = """
import select, subprocess
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.daemon.net.udp import UdpSocket, local_address_towards
from ikev1.esp.routes import Routes
"""


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """``wan`` leads to the peer, 192.0.2.2 and fd77::2, and ``lan`` to the local network."""
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed here")
    opened = Namespace()
    try:
        if not opened.works:
            pytest.skip("network namespaces are not permitted here (unshare -Urn)")
        opened.run("ip", "link", "set", "lo", "up")
        for device, addresses in {
            "wan": ["192.0.2.1/24", "fd77::1/64", "fe80::1/64"],
            "lan": ["10.1.0.1/24", "fd01::1/64"],
        }.items():
            opened.run("ip", "link", "add", device, "type", "veth", "peer", "name", f"{device}-far")
            for end in (device, f"{device}-far"):
                opened.run("ip", "link", "set", end, "up")
            opened.await_up(device)
            for address in addresses:
                opened.run("ip", "addr", "add", address, "dev", device, *(["nodad"] if ":" in address else []))
        opened.run("ip", "addr", "add", "fe80::2/64", "dev", "wan-far", "nodad")
        yield opened
    finally:
        opened.close()


def said(namespace: Namespace, code: str) -> list[str]:
    return namespace.run(sys.executable, "-c", PREAMBLE + code).splitlines()


@pytest.mark.parametrize(
    ("local", "everything", "peer", "address"),
    [
        ("10.1.0.0/24", "0.0.0.0/0", "192.0.2.2", "192.0.2.1"),
        ("fd01::/64", "::/0", "fd77::2", "fd77::1"),
        ("10.1.0.0/24", "192.0.2.0/24", "192.0.2.2", "192.0.2.1"),
    ],
)
def test_a_tunnel_that_holds_its_peer_does_not_decide_from_where_it_is_called(
    namespace: Namespace, local: str, everything: str, peer: str, address: str
) -> None:
    code = f"""
routes = Routes()
routes.hold("all", Selector.parse("{local}"), Selector.parse("{everything}"), "{peer}")
print(local_address_towards("{peer}"))
routes.close()
"""
    assert said(namespace, code) == [address]


def test_a_link_local_peer_is_called_on_its_interface(namespace: Namespace) -> None:
    code = """
print(local_address_towards("fe80::2%wan"))
for name in ("fe80::2%wan0", "fe80::2"):
    try:
        print(local_address_towards(name))
    except OSError as error:
        print(error.strerror)
"""
    assert said(namespace, code) == [
        "fe80::1",
        "Invalid argument",
        "Invalid argument",
    ]


@pytest.mark.parametrize(("ours", "theirs"), [("::", "::"), ("fe80::1%wan", "fe80::2%wan-far")])
def test_datagrams_between_link_local_addresses(namespace: Namespace, ours: str, theirs: str) -> None:
    """The peer's address has its interface, our own needs none."""
    code = f"""
ours, theirs = UdpSocket("{ours}", 4600), UdpSocket("{theirs}", 4700)
ours.send(b"question", UdpPath("fe80::1", 4600, "fe80::2%wan", 4700))
select.select([theirs.socket], [], [], 5)
(question,), path = theirs.receive()
print(bytes(question), path)
print(theirs.send_run([b"answer", b"answer"], path))
select.select([ours.socket], [], [], 5)
(answer,), path = ours.receive()
print(bytes(answer), path)
"""
    assert said(namespace, code) == [
        "b'question' fe80::2[4700] - fe80::1%wan-far[4600]",
        "0",
        "b'answer' fe80::1[4600] - fe80::2%wan[4700]",
    ]
