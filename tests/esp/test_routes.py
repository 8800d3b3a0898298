"""The tunnels' routes in a network namespace whose links, addresses and routes come and go."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator

import pytest

from esp_lab import Namespace
from ikev1.esp.routes import metric_of

PREAMBLE = """
import contextlib, json, select, subprocess
from ikev1.core.records.selector import Selector
from ikev1.esp.plane import PlaneError
from ikev1.esp.reach import EVERYTHING, Reach
from ikev1.esp.routes import Routes
routes = Routes()
def ip(command):
    subprocess.run(["ip", *command.split()], check=True)
def shown(version=4):
    told = subprocess.run(["ip", "-json", f"-{version}", "route", "show", "table", "4500"], capture_output=True)
    found = json.loads(told.stdout) if told.returncode == 0 else []
    lines = (f"{r['dst']} {r.get('type', 'unicast')} {r['dev'] if r.get('type') != 'throw' else '-'}"
             f" {r.get('gateway', '-')} {r.get('prefsrc', '-')}" for r in found)
    return "; ".join(sorted(lines)) or "-"
def show(version=4):
    print(shown(version))
def follow_until(wanted):
    # the kernel tells that a device has a carrier some time after it is up
    routes.follow()
    while shown() != wanted and select.select([routes.fileno()], [], [], 5)[0]:
        routes.changed()
        routes.follow()
    show()
def rules():
    print(subprocess.run(["ip", "rule"], capture_output=True, text=True).stdout.count("4500:"))
def hold(key, local, remote, towards="192.0.2.2"):
    routes.hold(key, Selector.parse(local), Selector.parse(remote), towards)
"""


def settle(namespace: Namespace) -> None:
    """Wait for what the kernel does some time after a link is up, and tells: its carrier, its own IPv6 addresses."""
    while (
        "tentative" in namespace.run("ip", "-o", "addr")
        or "lowerlayerdown" in namespace.run("ip", "-o", "link").lower()
    ):
        pass


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """``wan0`` leads to the peer 192.0.2.2, ``wan1`` past it, and ``lan0`` to the local network, without an address."""
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed here")
    opened = Namespace()
    try:
        if not opened.works:
            pytest.skip("network namespaces are not permitted here (unshare -Urn)")
        opened.run("ip", "link", "set", "lo", "up")
        for device in ("wan0", "wan1", "lan0"):
            opened.run("ip", "link", "add", device, "type", "veth", "peer", "name", f"{device}-far")
            opened.run("ip", "link", "set", device, "up")
            opened.run("ip", "link", "set", f"{device}-far", "up")
            opened.await_up(device)
        for address, device in (("192.0.2.1/24", "wan0"), ("198.51.100.1/24", "wan1"), ("fd77::1/64", "wan0")):
            opened.run("ip", "addr", "add", address, "dev", device, *(["nodad"] if ":" in address else []))
        settle(opened)
        yield opened
    finally:
        opened.close()


def said(namespace: Namespace, code: str) -> list[str]:
    return namespace.run(sys.executable, "-c", PREAMBLE + code).splitlines()


TUNNEL = '"10.1.0.0/24", "10.2.0.0/24"'


def test_a_route_that_went_with_its_link_is_back(namespace: Namespace) -> None:
    code = f"""
hold("net", {TUNNEL})
show()
ip("link set wan0 down")
ip("link set wan0 up")
show()
print(routes.changed())
routes.follow()
show()
"""
    there = "10.2.0.0/24 unicast wan0 - -"
    assert said(namespace, code) == [there, "-", "True", there]


def test_a_local_address_that_comes_later_becomes_the_source(namespace: Namespace) -> None:
    code = f"""
hold("net", {TUNNEL})
show()
ip("addr add 10.1.0.254/24 dev lan0")
routes.follow()
show()
ip("addr del 10.1.0.254/24 dev lan0")
routes.follow()
show()
"""
    sourced, plain = "10.2.0.0/24 unicast wan0 - 10.1.0.254", "10.2.0.0/24 unicast wan0 - -"
    assert said(namespace, code) == [plain, sourced, plain]


def test_an_address_of_a_link_that_is_down_is_no_source(namespace: Namespace) -> None:
    code = f"""
ip("addr add 10.1.0.254/24 dev lan0")
ip("link set lan0 down")
hold("net", {TUNNEL})
show()
ip("link set lan0 up")
follow_until("10.2.0.0/24 unicast wan0 - 10.1.0.254")
"""
    assert said(namespace, code) == ["10.2.0.0/24 unicast wan0 - -", "10.2.0.0/24 unicast wan0 - 10.1.0.254"]


def test_a_route_follows_the_way_to_the_peer(namespace: Namespace) -> None:
    code = f"""
hold("net", {TUNNEL})
ip("link set wan0 down")
routes.follow()
show()
ip("route add 192.0.2.2 via 198.51.100.254 dev wan1")
routes.follow()
show()
ip("link set wan0 up")
ip("route del 192.0.2.2 via 198.51.100.254 dev wan1")
routes.follow()
show()
"""
    assert said(namespace, code) == [
        "-",  # no way
        "10.2.0.0/24 unicast wan1 198.51.100.254 -",
        "10.2.0.0/24 unicast wan0 - -",
    ]


def test_there_may_be_no_way_at_first(namespace: Namespace) -> None:
    code = """
hold("net", "10.1.0.0/24", "10.2.0.0/24", "203.0.113.9")
show()
ip("route add default via 192.0.2.254")
routes.follow()
show()
routes.release("net")
show()
"""
    assert said(namespace, code) == ["-", "10.2.0.0/24 unicast wan0 192.0.2.254 -", "-"]


def test_a_tunnel_for_everything_does_not_lead_to_its_own_peer(namespace: Namespace) -> None:
    """The way to the peer is looked up past our own routes, and the local network keeps to itself."""
    code = """
ip("addr add 10.1.0.254/24 dev lan0")
hold("all", "10.1.0.0/24", "0.0.0.0/0")
routes.follow()
show()
"""
    assert said(namespace, code) == ["10.1.0.0/24 throw - - -; default unicast wan0 - 10.1.0.254"]


def test_what_another_program_removed_is_back(namespace: Namespace) -> None:
    code = f"""
hold("net", {TUNNEL})
routes.changed()
ip("route flush table 4500")
ip("rule del priority 4500")
print(routes.changed())
show()
rules()
routes.follow()
show()
rules()
print(routes.changed())
"""
    assert said(namespace, code) == ["True", "-", "0", "10.2.0.0/24 unicast wan0 - -", "1", "False"]


def test_nothing_changes_where_nothing_changed(namespace: Namespace) -> None:
    code = f"""
hold("net", {TUNNEL})
hold("six", "fd01::/64", "fd02::/64", "fd77::2")
monitor = Routes()
routes.follow()
print(monitor.changed())
show(4)
show(6)
"""
    assert said(namespace, code) == ["False", "10.2.0.0/24 unicast wan0 - -", "fd02::/64 unicast wan0 - -"]


def test_opening_and_closing_touch_nothing_of_another_gateway(namespace: Namespace) -> None:
    """One that was started by mistake, say."""
    code = f"""
rules()
second = Routes()
rules()
hold("net", {TUNNEL})
rules()
second.follow()
second.close()
show()
rules()
routes.close()
show()
rules()
"""
    there = "10.2.0.0/24 unicast wan0 - -"
    assert said(namespace, code) == ["0", "0", "1", there, "1", "-", "0"]


@pytest.mark.parametrize("version", [4, 6])
def test_two_clients_with_routes_to_the_same_network(namespace: Namespace, version: int) -> None:
    """Neither replaces or removes the other's, also when it compares them; with the last one, the rules are removed."""
    everything, own, peer = ("0.0.0.0/0", "192.0.2.0/24", "192.0.2.2")
    if version == 6:
        everything, own, peer = ("::/0", "fd77::/64", "fd77::2")
    code = f"""
from ikev1.esp.routes import metric_of
one, other = Routes(metric_of("ikev1c")), Routes(metric_of("ikev1d"))
for each in (one, other):
    each.hold("all", Selector.parse("{own}"), Selector.parse("{everything}"), "{peer}")
def count():
    print(shown({version}).count("default"))
count()
for _ in range(2):
    for each in (one, other):
        each.changed()
        each.follow()
    print(one.changed(), other.changed())
other.sweep()
count()
one.release("all")
count()
one.close()
count()
rules()
other.close()
count()
rules()
"""
    assert said(namespace, code) == ["2", *2 * ["False False"], "2", "1", "1", "1", "0", "0"]


def test_the_metric_of_the_default_device_is_the_default() -> None:
    metrics = [metric_of(device) for device in ("ikev1", "ikev1c", "ikev1d", "vpn0")]
    assert metrics[0] == 0
    assert len(set(metrics)) == 4
    assert all(0 <= metric < 1 << 32 for metric in metrics)


def test_the_addresses_of_the_host(namespace: Namespace) -> None:
    (line,) = said(namespace, "print(json.dumps(sorted(a for a in routes.addresses() if 'fe80' not in a)))")
    assert json.loads(line) == ["192.0.2.1", "198.51.100.1", "fd77::1"]


def test_a_peer_with_a_link_local_address_is_reached_on_its_interface(namespace: Namespace) -> None:
    code = """
for device in ("wan0", "wan1"):
    hold("net", "10.1.0.0/24", "10.2.0.0/24", f"fe80::9%{device}")
    show()
"""
    assert said(namespace, code) == [f"10.2.0.0/24 unicast {device} - -" for device in ("wan0", "wan1")]


CONFINED = """
def confine(*include, exclude=()):
    reach = Reach(tuple(map(Selector.parse, include)), tuple(map(Selector.parse, exclude)))
    routes.confine("10.99.0.10", reach)
ip("addr add 10.99.0.10/32 dev wan0")
confine("10.2.0.0/24")
hold("all", "10.99.0.10", "0.0.0.0/0")
show()
"""
ONE_NETWORK = "10.2.0.0/24 unicast wan0 - 10.99.0.10; 10.99.0.10 throw - - -"


def test_what_a_client_sends_through_its_tunnels(namespace: Namespace) -> None:
    """It may change while the tunnels are up; other tunnels are not concerned."""
    code = """
hold("other", "10.1.0.0/24", "10.4.0.0/24")
confine("10.2.0.0/24", "10.3.0.0/24", exclude=["10.3.0.128/25"])
show()
routes.confine("10.99.0.10", None)
show()
routes.release("all")
show()
"""
    other, own = "10.4.0.0/24 unicast wan0 - -", "10.99.0.10 throw - - -"
    sourced = [f"10.{number}.0.0/24 unicast wan0 - 10.99.0.10" for number in (2, 3)]
    assert said(namespace, CONFINED + code) == [
        ONE_NETWORK,
        "; ".join(sorted([*sourced, "10.3.0.128/25 throw - - -", other, own])),
        "; ".join(sorted(["default unicast wan0 - 10.99.0.10", other, own])),
        other,
    ]


def test_a_gateway_takes_no_part_of_the_network_of_another_tunnel(namespace: Namespace) -> None:
    """Its tunnel carries everything, so that the other one is narrower, whatever parts the gateway names."""
    code = """
def between():
    print("; ".join(line for line in shown().split("; ") if line.startswith("10.4.")))
confine("10.4.1.0/24", "10.5.0.0/24")
hold("other", "10.1.0.0/24", "10.4.0.0/16", "198.51.100.2")
between()
routes.confine("10.99.0.10", Reach(None, (Selector.parse("10.4.0.0/17"), Selector.parse("10.4.128.0/17"))))
between()
hold("part", "10.4.128.0/24", "10.4.128.0/20", "198.51.100.2")
between()
routes.release("other")
between()
routes.release("part")
routes.confine("10.99.0.10", None)
between()
"""
    whole, halves = "10.4.0.0/16 unicast wan1 - -", ["10.4.0.0/17 unicast wan1 - -", "10.4.128.0/17 unicast wan1 - -"]
    part = ["10.4.128.0/20 unicast wan1 - -", "10.4.128.0/24 throw - - -"]
    thrown = ["10.4.0.0/17 throw - - -", "10.4.128.0/17 throw - - -"]
    assert said(namespace, CONFINED + code) == [
        ONE_NETWORK,
        "; ".join([whole, "10.4.1.0/24 unicast wan1 - -"]),
        "; ".join([whole, *halves]),
        "; ".join(sorted([whole, *halves, *part])),
        "; ".join(sorted([*thrown, *part])),
        "",
    ]


def test_a_gateway_takes_no_part_of_the_local_network_of_another_tunnel(namespace: Namespace) -> None:
    code = """
hold("lan", "10.6.0.0/24", "10.6.0.0/16", "198.51.100.2")
confine("10.2.0.0/24", "10.6.0.128/25")
show()
"""
    expected = "10.6.0.0/16 unicast wan1 - -; 10.6.0.0/24 throw - - -; 10.6.0.128/25 throw - - -"
    assert said(namespace, CONFINED + code) == [
        ONE_NETWORK,
        "; ".join(sorted([*ONE_NETWORK.split("; "), *expected.split("; ")])),
    ]


def test_a_change_that_the_kernel_refuses_changes_nothing(namespace: Namespace) -> None:
    code = """
route, calls = routes._kernel.route, []
def refuse(network, *rest):
    calls.append(network)
    if len(calls) == 2:
        raise OSError(12, "out of memory")
    route(network, *rest)
routes._kernel.route = refuse
try:
    confine("10.3.0.0/24", "10.4.0.0/24")
except PlaneError as error:
    print(error.code)
show()
hold("again", "10.99.0.10", "0.0.0.0/0")
show()
routes.close()
ip("rule show")
"""
    shown = said(namespace, CONFINED + code)
    assert shown[:4] == [ONE_NETWORK, "data-plane", ONE_NETWORK, ONE_NETWORK]
    assert not any("4500" in rule for rule in shown[4:])


def test_the_next_process_sweeps_what_a_killed_one_left(namespace: Namespace) -> None:
    """With the TUN device, its routes are gone, but not the throw routes and the rules."""
    left = (
        CONFINED
        + """
ip("addr del 10.99.0.10/32 dev wan0")
ip("route del 10.2.0.0/24 table 4500")
show()
rules()
import os, sys
sys.stdout.flush()
os._exit(0)
"""
    )
    assert said(namespace, left) == [ONE_NETWORK, "10.99.0.10 throw - - -", "1"]
    assert said(namespace, "routes.sweep()\nshow()\nrules()\n") == ["-", "0"]


def test_a_sweep_leaves_another_gateway_alone(namespace: Namespace) -> None:
    code = """
other = Routes()
other.sweep()
show()
rules()
"""
    assert said(namespace, CONFINED + code) == [ONE_NETWORK, ONE_NETWORK, "1"]
