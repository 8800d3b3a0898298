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
from ikev1.esp.rtnetlink import RoutingTable, universal_address

TABLE = 4711
UNIVERSE, LINK, HOST = 0, 253, 254  # scopes, <linux/rtnetlink.h>
ADDRESS, LOCAL, LABEL = 1, 2, 3  # IFA_..., <linux/if_addr.h>
PREAMBLE = f"""
from ikev1.esp.networks import Network
from ikev1.esp.rtnetlink import Hop, RoutingTable, bring_up
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


def test_addresses_are_those_that_the_world_can_reach(kernel: Kernel) -> None:
    """Neither loopback's nor net0's own fe80:: are among them."""
    assert kernel.obey(f"addresses({int(socket.AF_INET)})") == repr((packed("10.1.0.1"),))
    assert kernel.obey(f"addresses({int(socket.AF_INET6)})") == repr((packed("fd01::1"),))


@pytest.mark.parametrize(("version", "address"), [(4, "10.1.0.9/24"), (6, "fd01::9/64")])
def test_an_address_that_comes_or_goes_is_noticed(kernel: Kernel, version: int, address: str) -> None:
    family = int(socket.AF_INET if version == 4 else socket.AF_INET6)
    said = kernel.run(f"""
import subprocess
known = [kernel.addresses({family})]
for change in ("add", "del"):
    subprocess.run(["ip", "addr", change, "{address}", "dev", "net0"], check=True)
    known.append(kernel.addresses({family}))
before, between, after = known
print(set(between) - set(before), set(before) - set(between), before == after)
""")
    assert said == f"{ {packed(address.partition('/')[0])} } set() True"


def test_addresses_that_do_not_change_are_asked_for_once(kernel: Kernel) -> None:
    family = int(socket.AF_INET)
    assert kernel.run(f"print(kernel.addresses({family}) is kernel.addresses({family}))") == "True"


def test_the_answers_after_a_refusal_belong_to_the_next_request(kernel: Kernel) -> None:
    attempt = f"""
try:
    kernel.delete({named("10.2.0.0/16")})
except OSError:
    print(kernel.addresses({int(socket.AF_INET)}))
"""
    assert kernel.run(attempt) == repr((packed("10.1.0.1"),))


# ---------------------------------------------------------------------- octets


def message(kind: int, sequence: int, body: bytes) -> bytes:
    """struct nlmsghdr and what follows it, padded: <linux/netlink.h>."""
    return struct.pack("=IHHII", 16 + len(body), kind, 0, sequence, 0) + body + bytes(-len(body) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def told(scope: int, *attributes: bytes) -> bytes:
    """The body of RTM_NEWADDR: struct ifaddrmsg of an IPv4 /24 on interface 1, and its attributes."""
    return struct.pack("=4BI", socket.AF_INET, 24, 0, scope, 1) + b"".join(attributes)


def test_several_messages_in_one_read() -> None:
    octets = message(20, 7, b"abcde") + message(3, 8, b"") + message(2, 9, bytes(4))
    assert [tuple(message) for message in messages(octets)] == [
        (20, 0, 7, b"abcde"),
        (3, 0, 8, b""),
        (2, 0, 9, bytes(4)),
    ]


def test_the_last_message_need_not_be_padded() -> None:
    assert [tuple(told) for told in messages(message(20, 7, b"abcde").rstrip(b"\0"))] == [(20, 0, 7, b"abcde")]


@pytest.mark.parametrize("length", [0, 1, 15, 21, 0xFFFFFFFF])
def test_a_message_that_lies_about_its_length(length: int) -> None:
    lying = struct.pack("=I", length) + message(20, 7, b"abcd")[4:]
    with pytest.raises(GarbledAnswer, match=f"is {length}"):
        list(messages(lying))


@pytest.mark.parametrize("size", range(1, 16))
def test_a_message_that_ends_in_its_header(size: int) -> None:
    with pytest.raises(GarbledAnswer):
        list(messages(message(3, 7, b"")[:size]))


def test_an_address_of_ours_is_told_from_the_peer_s() -> None:
    """On a point-to-point device IFA_ADDRESS is the other end's."""
    ours, peers = packed("10.1.0.1"), packed("10.1.0.2")
    body = told(UNIVERSE, attribute(ADDRESS, peers), attribute(LABEL, b"ppp0\0"), attribute(LOCAL, ours))
    assert universal_address(body) == ours


def test_an_address_without_ifa_local() -> None:
    """IPv6 addresses have IFA_ADDRESS alone."""
    assert universal_address(told(UNIVERSE, attribute(ADDRESS, packed("fd01::1")))) == packed("fd01::1")


@pytest.mark.parametrize("scope", [LINK, HOST])
def test_an_address_of_a_smaller_scope_is_none(scope: int) -> None:
    assert universal_address(told(scope, attribute(LOCAL, bytes([127, 0, 0, 1])))) is None


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
        universal_address(body)


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    with suppress(GarbledAnswer):
        list(messages(octets))
    with suppress(GarbledAnswer):
        universal_address(octets)


def test_opening_and_closing_need_no_right() -> None:
    RoutingTable(TABLE).close()
