"""Routes as the kernel of a network namespace shows them, and answers of a kernel that has lost its senses."""

from __future__ import annotations

import errno
import json
import shutil
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esp_lab import Namespace
from ikev1.esp.netlink import GarbledAnswer, messages
from ikev1.esp.networks import Network
from ikev1.esp.rtnetlink import RoutingTable, table_of

TABLE = 4711
TABLE_ATTRIBUTE = 15  # RTA_TABLE, <linux/rtnetlink.h>
PREAMBLE = f"""
from ikev1.esp.networks import Network
from ikev1.esp.rtnetlink import Hop, Route, RoutingTable, bring_up
kernel = RoutingTable({TABLE})
"""


class Kernel:
    """What a namespace with a device ``net0`` and addresses on it does at the word of our `RoutingTable`."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self.device = self._ip("link", "show", "net0")[0]["ifindex"]

    def run(self, code: str) -> str:
        """What ``code`` prints; ``kernel`` is a `RoutingTable` there."""
        return self._namespace.run(sys.executable, "-c", PREAMBLE + code).strip()

    def obey(self, *calls: str) -> str:
        """Methods of one `RoutingTable`, one after the other; what the last one returned, as Python writes it."""
        return self.run("\n".join([*(f"result = kernel.{call}" for call in calls), "print(result)"]))

    def refuse(self, call: str) -> str:
        """The error that the kernel answers with."""
        return self.run(f"try: kernel.{call}\nexcept OSError as error: print(type(error).__name__, error.errno)")

    def routes(self, version: int) -> list[dict[str, Any]]:
        """Those of our table."""
        shown = self._ip(f"-{version}", "route", "show", "table", "all")
        return [route for route in shown if route.get("table") == str(TABLE)]

    def rules(self, version: int) -> list[dict[str, Any]]:
        """Those that have our table looked up."""
        return [rule for rule in self._ip(f"-{version}", "rule") if rule["table"] == str(TABLE)]

    def link(self, device: str) -> dict[str, Any]:
        """What the kernel says of a device, its addresses among it."""
        return self._ip("address", "show", device)[0] | self._ip("link", "show", device)[0]

    def _ip(self, *arguments: str) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = json.loads(self._namespace.run("ip", "-json", "-details", *arguments))
        return shown


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed here")
    namespace = Namespace()
    try:
        if not namespace.works:
            pytest.skip("network namespaces are not permitted here (unshare -Urn)")
        namespace.run("ip", "link", "add", "net0", "type", "veth", "peer", "name", "net1")
        for device in ("lo", "net0", "net1"):
            namespace.run("ip", "link", "set", device, "up")
        namespace.await_up("net0", "net1")
        for address in ("10.1.0.1/24", "fd01::1/64"):
            namespace.run("ip", "addr", "add", address, "dev", "net0", *(["nodad"] if ":" in address else []))
        yield Kernel(namespace)
    finally:
        namespace.close()


def named(network: str) -> str:
    """A `Network` as Python's notation has it."""
    parsed = ip_network(network)
    return repr(Network(parsed.network_address.packed, parsed.prefixlen))


def packed(address: str) -> bytes:
    return ip_address(address).packed


NETWORKS = pytest.mark.parametrize(
    ("network", "source"),
    [
        ("10.2.0.0/16", "10.1.0.1"),
        ("10.2.3.4/32", "10.1.0.1"),
        ("0.0.0.0/0", "10.1.0.1"),
        ("fd02::/48", "fd01::1"),
        ("fd02::4/128", "fd01::1"),
        ("::/0", "fd01::1"),
    ],
)


def shown_as(network: str) -> str:
    """As ip(8) writes it: without the prefix of a single host, and in one word if it is everything."""
    parsed = ip_network(network)
    if parsed.prefixlen == 0:
        return "default"
    return str(parsed.network_address) if parsed.num_addresses == 1 else network


@NETWORKS
def test_a_route_is_what_was_asked_for(kernel: Kernel, network: str, source: str) -> None:
    kernel.obey(f"route({named(network)}, Hop({kernel.device}), 1400, {packed(source)!r})")
    (route,) = kernel.routes(ip_network(network).version)
    assert route["dst"] == shown_as(network)
    assert (route["type"], route["dev"], route["prefsrc"]) == ("unicast", "net0", source)
    assert (route["protocol"], route["scope"]) == ("static", "global")
    assert route["metrics"] == [{"mtu": 1400}]


@NETWORKS
def test_a_route_without_a_source_leaves_the_choice_to_the_kernel(kernel: Kernel, network: str, source: str) -> None:
    kernel.obey(f"route({named(network)}, Hop({kernel.device}), 1400, None)")
    (route,) = kernel.routes(ip_network(network).version)
    assert route["dst"] == shown_as(network)
    assert "prefsrc" not in route


@NETWORKS
def test_the_later_route_replaces_the_earlier_one(kernel: Kernel, network: str, source: str) -> None:
    version, to_device = ip_network(network).version, f"route({named(network)}, Hop({kernel.device})"
    kernel.obey(f"{to_device}, 1400, None)", f"{to_device}, 1300, {packed(source)!r})")
    (route,) = kernel.routes(version)
    assert (route["metrics"], route["prefsrc"]) == ([{"mtu": 1300}], source)
    kernel.obey(f"throw({named(network)})")
    (route,) = kernel.routes(version)
    assert route["type"] == "throw"
    kernel.obey(f"{to_device}, 1200, None)")
    (route,) = kernel.routes(version)
    assert (route["type"], route["metrics"]) == ("unicast", [{"mtu": 1200}])


@NETWORKS
@pytest.mark.parametrize("how", ["route", "throw"])
def test_what_was_made_can_be_deleted(kernel: Kernel, network: str, source: str, how: str) -> None:
    details = f", Hop({kernel.device}), 1400, {packed(source)!r}" if how == "route" else ""
    kernel.obey(f"{how}({named(network)}{details})", f"delete({named(network)})")
    assert kernel.routes(ip_network(network).version) == []


@NETWORKS
def test_only_the_network_that_is_meant_is_deleted(kernel: Kernel, network: str, source: str) -> None:
    version = ip_network(network).version
    other = "10.7.0.0/16" if version == 4 else "fd07::/48"
    kernel.obey(f"throw({named(network)})", f"throw({named(other)})", f"delete({named(network)})")
    assert [route["dst"] for route in kernel.routes(version)] == [other]


@pytest.mark.parametrize("network", ["10.2.0.0/16", "fd02::/48"])
def test_what_the_kernel_refuses_is_an_error_with_its_number(kernel: Kernel, network: str) -> None:
    assert kernel.refuse(f"delete({named(network)})") == "NetlinkError 3"
    assert kernel.refuse(f"route({named(network)}, Hop(9999), 1400, None)") == "NetlinkError 19"
    assert kernel.refuse(f"route({named(network)}, Hop({kernel.device}), 1400, b'short')").startswith("NetlinkError")
    assert kernel.routes(ip_network(network).version) == []


@NETWORKS
def test_the_table_tells_what_it_holds(kernel: Kernel, network: str, source: str) -> None:
    version = ip_network(network).version
    other = "10.7.0.0/16" if version == 4 else "fd07::/48"
    kernel.obey(f"route({named(network)}, Hop({kernel.device}), 1400, {packed(source)!r})", f"throw({named(other)})")
    assert (
        kernel.obey(
            f"routes() == {{ {named(network)}: Route(Hop({kernel.device}), 1400, {packed(source)!r}),"
            f" {named(other)}: Route(None) }}"
        )
        == "True"
    )


def test_routes_of_other_tables_are_not_told(kernel: Kernel) -> None:
    kernel.run("import subprocess; subprocess.run('ip route add 10.8.0.0/16 dev net0 table 4712'.split(), check=True)")
    assert kernel.obey("routes()") == "{}"


@pytest.mark.parametrize(
    ("address", "gateway"), [("10.1.0.7", ""), ("10.3.0.1", "10.1.0.254"), ("fd03::1", "fd01::fe")]
)
def test_the_way_to_a_host(kernel: Kernel, address: str, gateway: str) -> None:
    if gateway:
        network = f"{address}/16"
        add = ["ip", "route", "add", str(ip_network(network, strict=False)), "via", gateway]
        kernel.run(f"import subprocess; subprocess.run({add!r}, check=True)")
    expected = f"Hop(device={kernel.device}, gateway={packed(gateway) if gateway else b''!r})"
    assert kernel.obey(f"hop_towards({packed(address)!r}, 42)") == expected


def test_a_link_local_address_is_reached_on_the_interface_that_is_named(kernel: Kernel) -> None:
    address = packed("fe80::9")
    other = kernel.link("net1")["ifindex"]
    for device in (kernel.device, other):
        assert kernel.obey(f"hop_towards({address!r}, 42, {device}).device") == str(device)


def test_where_no_route_leads_there_is_no_way(kernel: Kernel) -> None:
    assert kernel.obey(f"hop_towards({packed('192.0.2.1')!r}, 42)") == "None"


@pytest.mark.parametrize("version", [4, 6])
def test_a_rule_has_the_table_looked_up_unless_the_packet_bears_the_mark(kernel: Kernel, version: int) -> None:
    rule = f"({int(socket.AF_INET if version == 4 else socket.AF_INET6)}, 42, 4712)"
    kernel.obey(f"consult{rule}")
    (shown,) = kernel.rules(version)
    assert (shown["priority"], shown["fwmark"], shown["src"]) == (4712, hex(42), "all")
    assert "not" in shown
    assert kernel.rules(10 - version) == []
    assert kernel.refuse(f"consult{rule}") == f"NetlinkError {errno.EEXIST}"
    kernel.obey(f"ignore{rule}")
    assert kernel.rules(version) == []
    assert kernel.refuse(f"ignore{rule}") == f"NetlinkError {errno.ENOENT}"


def test_a_device_is_set_up_without_a_link_local_address(kernel: Kernel) -> None:
    kernel.run("import subprocess; subprocess.run(['ip', 'link', 'set', 'net0', 'down'], check=True)")
    assert "UP" not in kernel.link("net0")["flags"]
    assert kernel.run("print(bring_up('net0', 1400, 50_000))") == f"Hop(device={kernel.device}, gateway=b'')"
    link = kernel.link("net0")
    assert "UP" in link["flags"]
    assert (link["mtu"], link["gso_max_size"], link["inet6_addr_gen_mode"]) == (1400, 50_000, "none")
    assert [address for address in link["addr_info"] if address["scope"] == "link"] == []


def test_a_device_that_is_not_there(kernel: Kernel) -> None:
    said = kernel.run("try: bring_up('net7', 1400, 50_000)\nexcept OSError: print('refused')")
    assert said == "refused"


def test_the_answers_after_a_refusal_belong_to_the_next_request(kernel: Kernel) -> None:
    attempt = f"""
try:
    kernel.delete({named("10.2.0.0/16")})
except OSError:
    print(kernel.hop_towards({packed("10.1.0.2")!r}, 0))
"""
    assert kernel.run(attempt) == f"Hop(device={kernel.device}, gateway=b'')"


# ---------------------------------------------------------------------- octets


def message(kind: int, sequence: int, body: bytes) -> bytes:
    """struct nlmsghdr and what follows it, padded: <linux/netlink.h>."""
    return struct.pack("=IHHII", 16 + len(body), kind, 0, sequence, 0) + body + bytes(-len(body) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def test_several_messages_in_one_read() -> None:
    octets = message(20, 7, b"abcde") + message(3, 8, b"") + message(2, 9, bytes(4))
    assert [tuple(message) for message in messages(octets)] == [
        (20, 0, 7, b"abcde", 0),
        (3, 0, 8, b"", 0),
        (2, 0, 9, bytes(4), 0),
    ]


def test_the_last_message_need_not_be_padded() -> None:
    assert [tuple(told) for told in messages(message(20, 7, b"abcde").rstrip(b"\0"))] == [(20, 0, 7, b"abcde", 0)]


@pytest.mark.parametrize("length", [0, 1, 15, 21, 0xFFFFFFFF])
def test_a_message_that_lies_about_its_length(length: int) -> None:
    lying = struct.pack("=I", length) + message(20, 7, b"abcd")[4:]
    with pytest.raises(GarbledAnswer, match=f"is {length}"):
        list(messages(lying))


@pytest.mark.parametrize("size", range(1, 16))
def test_a_message_that_ends_in_its_header(size: int) -> None:
    with pytest.raises(GarbledAnswer):
        list(messages(message(3, 7, b"")[:size]))


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    with suppress(GarbledAnswer):
        list(messages(octets))
    with suppress(GarbledAnswer):
        table_of(octets)


def route_header(table: int) -> bytes:
    """struct rtmsg of an IPv4 /24."""
    return struct.pack("=8BI", socket.AF_INET, 24, 0, 0, table, 4, 0, 1, 0)


def test_the_table_of_a_route() -> None:
    """Numbers above 255 stand in an attribute."""
    assert table_of(route_header(254)) == 254
    assert table_of(route_header(252) + attribute(TABLE_ATTRIBUTE, struct.pack("=I", 4711))) == 4711


@pytest.mark.parametrize(
    "octets", [b"", bytes(11), bytes(12) + b"\1", bytes(12) + struct.pack("=HH", 9, TABLE_ATTRIBUTE)]
)
def test_a_route_that_cannot_be_read(octets: bytes) -> None:
    with pytest.raises(GarbledAnswer):
        table_of(octets)


def test_opening_and_closing_need_no_right() -> None:
    RoutingTable(TABLE).close()
