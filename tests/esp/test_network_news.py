"""Which notifications of the kernel are news, as octets; and those of a real network namespace."""

from __future__ import annotations

import shutil
import socket
import struct
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esp_lab import Namespace
from ikev1.esp.network_news import NetworkNews, concerns

TABLE, PORT = 4711, 99
NEW_LINK, NEW_ADDRESS, DELETE_ADDRESS, NEW_ROUTE, DELETE_ROUTE = 16, 20, 21, 24, 25
NEW_NEIGHBOUR, NEW_RULE, DELETE_RULE = 28, 32, 33  # <linux/rtnetlink.h>
MAIN, CLONED = 254, 0x200


def message(kind: int, body: bytes = b"", port: int = 0) -> bytes:
    """struct nlmsghdr and what follows it, padded: <linux/netlink.h>."""
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, port) + body + bytes(-len(body) % 4)


def route(table: int, flags: int = 0) -> bytes:
    """The body of RTM_NEWROUTE: struct rtmsg, and RTA_TABLE."""
    header = struct.pack("=8BI", socket.AF_INET, 24, 0, 0, min(table, 252), 4, 0, 1, flags)
    return header + struct.pack("=HHI", 8, 15, table)


@pytest.mark.parametrize(
    ("octets", "news"),
    [
        (message(NEW_LINK), True),
        (message(NEW_ADDRESS), True),
        (message(DELETE_ADDRESS), True),
        (message(NEW_ROUTE, route(MAIN)), True),
        (message(DELETE_ROUTE, route(MAIN)), True),
        (message(NEW_ROUTE, route(MAIN, CLONED)), False),  # an entry of a cache
        (message(NEW_ROUTE, route(TABLE)), False),
        (message(DELETE_ROUTE, route(TABLE), PORT), False),  # we did that
        (message(DELETE_ROUTE, route(TABLE), PORT + 1), True),  # another program did
        (message(DELETE_ROUTE, route(TABLE)), True),  # the kernel did
        (message(DELETE_RULE), True),
        (message(NEW_RULE), False),
        (message(NEW_NEIGHBOUR), False),
        (message(NEW_RULE) + message(NEW_LINK), True),
        (b"", False),
        (message(NEW_RULE)[:-1], True),  # what cannot be parsed may be anything
        (message(NEW_ROUTE, b"short"), True),
    ],
)
def test_what_is_news(octets: bytes, news: bool) -> None:
    assert concerns(octets, TABLE, PORT) is news


@given(st.binary(max_size=200))
def test_any_octets_have_an_answer(octets: bytes) -> None:
    assert concerns(octets, TABLE, PORT) in (True, False)


PREAMBLE = f"""
import subprocess
from ikev1.esp.network_news import NetworkNews
news = NetworkNews({TABLE}, {PORT})
def after(command):
    news.read()
    subprocess.run(command.split(), stdout=subprocess.DEVNULL, check=True)
    print(news.read(), news.read())
"""


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed here")
    opened = Namespace()
    try:
        if not opened.works:
            pytest.skip("network namespaces are not permitted here (unshare -Urn)")
        opened.run("ip", "link", "add", "net0", "type", "veth", "peer", "name", "net1")
        for device in ("net0", "net1"):  # without addresses of their own, which become usable some time later
            opened.run("ip", "link", "set", device, "addrgenmode", "none")
            opened.run("ip", "link", "set", device, "up")
        opened.await_up("net0", "net1")
        opened.run("ip", "addr", "add", "10.1.0.1/24", "dev", "net0")
        opened.run("ip", "route", "add", "10.9.0.0/16", "dev", "net0", "table", str(TABLE))
        opened.run("ip", "rule", "add", "priority", "7", "table", str(TABLE))
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("command", "news"),
    [
        ("ip addr add 10.1.0.9/24 dev net0", True),
        ("ip addr del 10.1.0.1/24 dev net0", True),
        ("ip link set net0 down", True),
        ("ip link set net1 down", True),  # net0 loses its carrier
        ("ip route add 10.2.0.0/16 dev net0", True),
        (f"ip route add 10.2.0.0/16 dev net0 table {TABLE}", False),
        (f"ip route del 10.9.0.0/16 dev net0 table {TABLE}", True),
        ("ip rule del priority 7", True),
        ("ip route show", False),
    ],
)
def test_what_a_kernel_tells(namespace: Namespace, command: str, news: bool) -> None:
    """It is read once."""
    said = namespace.run(sys.executable, "-c", PREAMBLE + f"after({command!r})")
    assert said.strip() == f"{news} False"


def test_opening_and_closing_need_no_right() -> None:
    news = NetworkNews(TABLE, PORT)
    assert news.fileno() >= 0
    news.close()
