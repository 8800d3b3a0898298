"""The two ends of a conn of strongSwan: which of left and right is this end, and what is said about each."""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import NamedTuple

from ikev1.config.formats.ipsec_conf.aliases import one_of
from ikev1.config.formats.ipsec_conf.tree import Tree
from ikev1.config.formats.swanctl.options import Options, items, yes

_OF_ROUTE = "%defaultroute"
ANY = frozenset({"%any", "%any4", "%any6", _OF_ROUTE, "0.0.0.0", "::", "0::0"})  # noqa: S104


class End(NamedTuple):
    """An end: ``side`` is ``left`` or ``right``, ``local`` whether it is this one."""

    options: Options
    side: str
    local: bool

    def key(self, name: str) -> str:
        """The key of this end that is called ``name`` behind left and right."""
        return f"{self.side}{name}"

    def get(self, name: str, default: str = "") -> str:
        """The text of a key."""
        return self.options.take(self.key(name), str, default)

    @property
    def addresses(self) -> list[str]:
        """The addresses of the end, without those that stand for any; a name may be marked with ``%``."""
        return [each.removeprefix("%") for each in items(self.get("")) if each not in ANY]

    @property
    def allows_any(self) -> bool:
        """Whether the end may have another address than those, too."""
        marked = any(each.startswith("%") and each not in ANY for each in items(self.get("")))
        return marked or bool(self.options.take(self.key("allowany"), yes, False))

    @property
    def is_here(self) -> bool:
        """Whether this host has one of the addresses."""
        return self.get("") == _OF_ROUTE or any(map(_is_local, self.addresses))


def ends(options: Options) -> tuple[End, End]:
    """This end and the other: right is this one if the host has its address, otherwise left, as for strongSwan."""
    left, right = End(options, "left", True), End(options, "right", False)
    if right.is_here:
        return right._replace(local=True), left._replace(local=False)
    return left, right


def _is_local(address: str) -> bool:
    """Whether this host has the address, which a socket can then be bound to."""
    with suppress(ValueError, OSError):
        host = ip_address(address)
        family = socket.AF_INET if host.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(host), 0))
            return True
    return False


def write_addresses(local: End, remote: End, into: Tree) -> None:
    """Write the addresses and ports of both ends."""
    for end, key in ((local, "local_addrs"), (remote, "remote_addrs")):
        addresses = end.addresses
        if addresses and end.allows_any:
            addresses = [] if end.local else [*addresses, "%any"]
        if addresses:
            into.put(key, ", ".join(addresses), end.options.place(end.side))
    into.copy(local.options, local.key("ikeport"), "local_port")
    into.copy(remote.options, remote.key("ikeport"), "remote_port")
    into.copy(local.options, local.key("sendcert"), "send_cert", _send_cert)
    remote.get("sendcert")  # what the other end does


def _send_cert(value: object) -> str:
    return {"yes": "always", "no": "never"}.get(str(value).lower(), str(value))


def write_selectors(local: End, remote: End, child: Tree) -> None:
    """Write the networks of both ends."""
    for end, key in ((local, "local_ts"), (remote, "remote_ts")):
        name = one_of(end.options, end.key("subnet"), end.key("subnetwithin"))
        subnets = items(end.options.take(name, str, ""))
        for alias in ("subnet", "subnetwithin"):
            end.get(alias)
        port_key = end.key("protoport")
        behind = end.options.take(port_key, protocol_and_port, "")
        selectors = [_selector(subnet, behind) for subnet in subnets or ([""] if behind else [])]
        if selectors:
            child.put(key, ", ".join(selectors), end.options.place(name if subnets else port_key))


def protocol_and_port(value: object) -> str:
    """A protocol and a port, such as ``17/1701``, as they stand in a selector: ``[17/1701]``; empty for any."""
    protocol, _, port = (part.strip().lower() for part in str(value).partition("/"))
    protocol = "" if protocol in ("%any", "any", "0") else protocol
    port = "" if port in ("%any", "any", "0") else port
    if not protocol and not port:
        return ""
    return f"[{protocol}/{port}]" if port else f"[{protocol}]"


def _selector(subnet: str, behind: str) -> str:
    network, bracket, rest = subnet.partition("[")
    network = "dynamic" if network.strip() in ("", "%dynamic", "%any") else network.strip()
    return network + (protocol_and_port(rest.rstrip("] ")) if bracket else behind)
