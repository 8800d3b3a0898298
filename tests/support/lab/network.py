"""Namespaces, wires and addresses: a pair of gateways side by side, or one of them behind a NAT."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from lab.namespaces import add_namespace, inside, remove_namespace
from lab.process import LabError, run

PREFIX = "ikev1-lab"
_WIRE = {4: ("10.77.0.1", "10.77.0.2"), 6: ("fd77::1", "fd77::2")}
_BEHIND = {4: ("10.10.1.0/24", "10.10.2.0/24"), 6: ("fd10:1::/64", "fd10:2::/64")}


@dataclass(frozen=True)
class Node:
    """A gateway's place: its namespace, its address on ``eth0``, and the network behind it.

    The network behind is an address on ``lo``, ``host``. ``peer`` is the address to call, ``remote`` the network
    behind that one. All in text, of either IP version.
    """

    name: str
    namespace: str
    address: str
    host: str
    network: str
    peer: str
    remote: str
    remote_host: str

    def run(self, *command: str | Path, timeout: float = 60, check: bool = True) -> str:
        """Run a command here and return its output (see `process.run`)."""
        with inside(self.namespace):
            return run(*command, timeout=timeout, check=check)


class Network:
    """The namespaces of one lab; ``close`` removes them."""

    def __init__(self, run_id: str) -> None:
        self._prefix = f"{PREFIX}-{run_id}-"
        self._namespaces: list[str] = []
        # what ip(8) has still to do in each namespace: it starts slowly in User-Mode Linux, and does all at once
        self._lines: dict[str, list[str]] = {}

    def direct(self, outside: int = 4, inside: int = 4) -> tuple[Node, Node]:
        """``a`` (10.77.0.1, behind it 10.10.1.0/24) and ``b`` (10.77.0.2, 10.10.2.0/24), joined by a wire.

        Their IPv6 counterparts are fd77::1 with fd10:1::/64 and fd77::2 with fd10:2::/64; ``outside`` and ``inside``
        are the IP versions of the wire and of the networks behind.
        """
        outer, inner = _WIRE[outside], _BEHIND[inside]
        a = self._node("a", outer[0], inner[0], peer=outer[1], remote=inner[1])
        b = self._node("b", outer[1], inner[1], peer=outer[0], remote=inner[0])
        self._wire(a.namespace, "eth0", b.namespace, "eth0")
        self._address(a)
        self._address(b)
        self._make()
        _wait_for_the_wire(a, b)
        return a, b

    def sites(self, a: tuple[str, str], b: tuple[str, str]) -> tuple[Node, Node]:
        """``a`` and ``b``, joined by a wire: the IPv4 address of each, and the network behind it."""
        nodes = self._node("a", *a, peer=b[0], remote=b[1]), self._node("b", *b, peer=a[0], remote=a[1])
        self._wire(nodes[0].namespace, "eth0", nodes[1].namespace, "eth0")
        for node in nodes:
            self._address(node)
            self._later(node.namespace, f"route add {node.peer} dev eth0", f"route add default via {node.peer}")
        self._make()
        return nodes

    def behind_nat(self) -> tuple[Node, Node]:
        """``c`` (192.168.77.11, behind it 10.10.1.0/24) and ``gw`` (10.77.1.2, 10.10.2.0/24), which sees 10.77.1.1.

        Between them is a masquerading router; ``gw`` has no route to 192.168.77.0/24.
        """
        c = self._node("c", "192.168.77.11", "10.10.1.0/24", peer="10.77.1.2", remote="10.10.2.0/24")
        gw = self._node("gw", "10.77.1.2", "10.10.2.0/24", peer="10.77.1.1", remote="10.10.1.0/24")
        self._masquerade([c], gw)
        self._make()
        return c, gw

    def two_behind_nat(self) -> tuple[Node, Node, Node]:
        """``c1`` and ``gw`` as the two of `behind_nat`, and ``c2`` (192.168.78.11, behind it 10.10.3.0/24), which
        ``gw`` sees at the same address as ``c1``.
        """
        c1 = self._node("c1", "192.168.77.11", "10.10.1.0/24", peer="10.77.1.2", remote="10.10.2.0/24")
        c2 = self._node("c2", "192.168.78.11", "10.10.3.0/24", peer="10.77.1.2", remote="10.10.2.0/24")
        gw = self._node("gw", "10.77.1.2", "10.10.2.0/24", peer="10.77.1.1", remote="10.10.1.0/24")
        self._masquerade([c1, c2], gw)
        self._make()
        return c1, c2, gw

    def two_routed(self) -> tuple[Node, Node, Node]:
        """The same without NAT: ``gw`` sees both at addresses of their own."""
        c1 = self._node("c1", "192.168.77.11", "10.10.1.0/24", peer="10.77.1.2", remote="10.10.2.0/24")
        c2 = self._node("c2", "192.168.78.11", "10.10.3.0/24", peer="10.77.1.2", remote="10.10.2.0/24")
        gw = self._node("gw", "10.77.1.2", "10.10.2.0/24", peer="10.77.1.1", remote="10.10.1.0/24")
        self._route([c1, c2], gw)
        self._later(gw.namespace, f"route add default via {gw.peer}")
        self._make()
        return c1, c2, gw

    def same_address_behind_nat(self) -> tuple[Node, Node, Node]:
        """``c1`` and ``c2``, both 192.168.77.11, each behind a router of its own, and ``gw``, which sees both at
        10.77.1.1: the routers are behind a carrier's NAT.
        """
        c1, c2 = (
            self._node(name, "192.168.77.11", "10.10.1.0/24", peer="10.77.1.2", remote="10.10.2.0/24")
            for name in ("c1", "c2")
        )
        gw = self._node("gw", "10.77.1.2", "10.10.2.0/24", peer="10.77.1.1", remote="10.10.1.0/24")
        carrier = self._router("nat", gw, gw.peer, "outside")
        self._address(gw)
        for number, client in enumerate((c1, c2)):
            home = self._router(f"home{number}", client, "192.168.77.1", "inside")
            self._address(client)
            self._later(client.namespace, "route add default via 192.168.77.1")
            self._wire(home, "outside", carrier, f"inside{number}")
            for namespace, address, device in (
                (home, f"10.88.{number}.2", "outside"),
                (carrier, f"10.88.{number}.1", f"inside{number}"),
            ):
                self._later(namespace, f"addr add {address}/24 dev {device}", f"link set {device} up")
            self._later(home, f"route add default via 10.88.{number}.1")
            iptables(home, "-t nat -A POSTROUTING -o outside -j MASQUERADE")
        iptables(carrier, "-t nat -A POSTROUTING -o outside -j MASQUERADE")
        self._make()
        return c1, c2, gw

    def _router(self, name: str, neighbour: Node, address: str, device: str) -> str:
        """A namespace that forwards, with ``address`` on a wire to ``neighbour``."""
        namespace = self._namespace(name)
        self._wire(neighbour.namespace, "eth0", namespace, device)
        self._later(namespace, f"addr add {address}/24 dev {device}", f"link set {device} up")
        set_in_kernel(namespace, "net.ipv4.ip_forward=1")
        return namespace

    def _masquerade(self, clients: Sequence[Node], gw: Node) -> None:
        """A router between, which hides each client's /24 behind 10.77.1.1."""
        iptables(self._route(clients, gw), "-t nat -A POSTROUTING -o outside -j MASQUERADE")

    def _route(self, clients: Sequence[Node], gw: Node) -> str:
        """A router between, and its namespace."""
        nat = self._namespace("nat")
        self._wire(gw.namespace, "eth0", nat, "outside")
        sides = {"outside": gw.peer}
        self._address(gw)
        for number, client in enumerate(clients):
            device, router = f"inside{number}", client.address.rpartition(".")[0] + ".1"
            self._wire(client.namespace, "eth0", nat, device)
            self._address(client)
            self._later(client.namespace, f"route add default via {router}")
            sides[device] = router
        self._later(nat, *(f"addr add {address}/24 dev {device}" for device, address in sides.items()))
        self._later(nat, *(f"link set {device} up" for device in sides))
        set_in_kernel(nat, "net.ipv4.ip_forward=1")
        return nat

    def close(self) -> None:
        """Remove every namespace made here, and with them their wires."""
        while self._namespaces:
            remove_namespace(self._namespaces.pop())

    def _wire(self, one: str, device: str, other: str, its_device: str) -> None:
        self._later(one, f"link add {device} type veth peer name {its_device} netns {other}")

    def _later(self, namespace: str, *lines: str) -> None:
        self._lines.setdefault(namespace, []).extend(lines)

    def _make(self) -> None:
        """A wire is made where its first end is, so that the router in the middle, to which they lead, comes last."""
        for namespace in sorted(self._lines, key=lambda each: each == f"{self._prefix}nat"):
            _ip_in(namespace, *self._lines[namespace])
        self._lines.clear()

    def _namespace(self, name: str) -> str:
        namespace = self._prefix + name
        add_namespace(namespace)
        self._namespaces.append(namespace)
        return namespace

    def _node(self, name: str, address: str, behind: str, *, peer: str, remote: str) -> Node:
        return Node(
            name=name,
            namespace=self._namespace(name),
            address=address,
            host=_host(behind),
            network=behind,
            peer=peer,
            remote=remote,
            remote_host=_host(remote),
        )

    def _address(self, node: Node) -> None:
        self._later(
            node.namespace,
            # without duplicate address detection, which takes seconds
            f"addr add {_on_the_wire(node.address)} dev eth0 {_nodad(node.address)}",
            f"addr add {node.host} dev lo {_nodad(node.host)}",
            "link set lo up",
            "link set eth0 up",
        )
        set_in_kernel(
            node.namespace,
            "net.ipv4.ip_forward=1",
            "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.default.rp_filter=0",
        )


def _wait_for_the_wire(*nodes: Node) -> None:
    """Until the kernel calls the wire up. An IPv6 packet that is sent before fails to find its neighbour, and the next
    ones wait a second for another try.
    """
    deadline = time.monotonic() + 60
    for node in nodes:
        while not _is_up(node):
            if time.monotonic() > deadline:
                raise LabError(f"eth0 of {node.name} does not come up")
            time.sleep(0.01)


def _is_up(node: Node) -> bool:
    """Whether the operational state of ``eth0`` is "up" (RFC 2863): an attribute of its link."""
    attribute = struct.pack("=HH8s", 9, _IFLA_IFNAME, b"eth0")  # which ends with a zero
    request = struct.pack("=IHHII16x", 32 + len(attribute), _RTM_GETLINK, _NLM_F_REQUEST, 1, 0) + attribute
    with inside(node.namespace), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.send(request)
        link = kernel.recv(1 << 16)
    at = 32
    while at < len(link):
        length, kind = struct.unpack_from("=HH", link, at)
        if kind == _IFLA_OPERSTATE:
            return link[at + 4] == _IF_OPER_UP
        at += (length + 3) & ~3
    raise LabError(f"no state of eth0 of {node.name}")


# <linux/netlink.h>, <linux/rtnetlink.h>, <linux/if_link.h>, <linux/if.h>
_NLM_F_REQUEST, _RTM_GETLINK, _IFLA_IFNAME, _IFLA_OPERSTATE, _IF_OPER_UP = 1, 18, 3, 16, 6


def drop_ip_fragments(*nodes: Node, mtu: int = 1280) -> None:
    """Let no fragment of an IPv4 packet but the first one arrive, on a link of this MTU."""
    for node in nodes:
        _ip_in(node.namespace, f"link set eth0 mtu {mtu}")
        iptables(node.namespace, "-t raw -A PREROUTING -f -j DROP")


def rebind(client: Node, port: int) -> None:
    """Have the router of `Network.behind_nat` forget the ports of ``client``, and give it some from ``port`` on."""
    router = client.namespace.removesuffix(client.name) + "nat"
    iptables(router, "-t nat -F POSTROUTING")
    iptables(router, f"-t nat -A POSTROUTING -o outside -p udp -j MASQUERADE --to-ports {port}-{port + 99}")
    with inside(router):
        run("conntrack", "-F")


def iptables(namespace: str, rule: str) -> None:
    """One rule more, of IPv4."""
    with inside(namespace):
        try:
            run(_iptables[0], *rule.split())
        except LabError:  # a kernel without nf_tables still has the older tables
            if len(_iptables) == 1:
                raise
            run(_iptables[1], *rule.split())
            del _iptables[0]


_iptables = ["iptables", "iptables-legacy"]  # without the first once only the second has worked


def remove_left_overs() -> None:
    """Remove the namespaces of test runs that were killed: those whose name has the pid of a process that is gone."""
    for line in run("ip", "netns", "list").splitlines():
        name = line.split()[0]
        if name.startswith(PREFIX) and not Path("/proc", name.split("-")[2]).exists():
            remove_namespace(name)


def _host(network: str) -> str:
    """The first address of ``network``."""
    return str(ip_network(network)[1])


def _on_the_wire(address: str) -> str:
    return f"{address}/64" if ":" in address else f"{address}/24"


def _nodad(address: str) -> str:
    return "nodad" if ":" in address else ""


def _ip_in(namespace: str, *lines: str) -> None:
    """Each line as an argument list of ``ip``, all in one process."""
    with inside(namespace):
        run("ip", "-batch", "-", given="\n".join(lines))


def set_in_kernel(namespace: str, *settings: str) -> None:
    """As sysctl(8) with ``-w``, each setting as there: ``net.ipv4.ip_forward=1``."""
    with inside(namespace):
        for setting in settings:
            name, _, value = setting.partition("=")
            Path("/proc/sys", *name.split(".")).write_text(value)
