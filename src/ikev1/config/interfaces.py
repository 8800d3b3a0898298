"""The interface of a tunnel: ``interface`` and the keys that belong to it."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network
from zlib import crc32

from ikev1.config.findings import Findings, Rule
from ikev1.config.table import Table
from ikev1.config.values import each, integer, interface, member, text
from ikev1.core.records.child_sa import Mark, PacketMarks
from ikev1.core.records.record import replace
from ikev1.core.records.settings import InterfaceKind, Settings, TunnelInterface

_KEYS = ("interface_type", "interface_address", "interface_mtu", "routes")
_ALL_BITS = 0xFFFF_FFFF


def read_interface(table: Table, marks: PacketMarks) -> tuple[TunnelInterface | None, PacketMarks]:
    """The interface of a tunnel (None: it has none), and its marks and interface IDs, which bind it to the interface;
    one that is not configured is derived from the name.
    """
    name = table.take("interface", interface, None)
    kind = table.take("interface_type", member(InterfaceKind), InterfaceKind.XFRM)
    addresses = table.take("interface_address", each(_address), ())
    mtu = table.take("interface_mtu", integer(576, 65_535), 1400)
    routes = table.take("routes", each(_network), None)
    if name is None:
        for key in (key for key in _KEYS if key in table):
            table.findings.error(table.key(key), Rule.UNUSED_KEY, "has no effect without interface")
        return None, marks
    number = crc32(name.encode()) or 1
    if kind is InterfaceKind.XFRM:
        inbound, outbound = marks.if_id_in or marks.if_id_out or number, marks.if_id_out or marks.if_id_in or number
        bound: PacketMarks = replace(marks, if_id_in=inbound, if_id_out=outbound)
        same = inbound == outbound
    else:
        mark = Mark(number, _ALL_BITS)
        chosen = (marks.mark_in, marks.mark_out) if Mark() not in (marks.mark_in, marks.mark_out) else (mark, mark)
        bound = replace(marks, mark_in=chosen[0], mark_out=chosen[1])
        same = chosen[0] == chosen[1] and chosen[0].mask == _ALL_BITS and not marks.if_id_in and not marks.if_id_out
    if not same:
        text = "has one ID for both directions: set if_id_in and if_id_out to the same number, or neither"
        vti = "has one mark for both directions and no interface ID: set mark_in and mark_out to one number, or neither"
        table.findings.error(table.key("interface"), Rule.INVALID_VALUE, text if kind is InterfaceKind.XFRM else vti)
    return TunnelInterface(name, kind, addresses, mtu, routes), bound


def check_interfaces(settings: Settings, findings: Findings) -> None:
    """Report tunnels that share an interface and differ in what it is, and what a VTI is not."""
    first: dict[str, tuple[str, object]] = {}
    for connection in settings.connections:
        for tunnel in connection.tunnels:
            made = tunnel.interface
            if made is None:
                continue
            path = f"connection.{connection.name}.tunnel.{tunnel.name}"
            vti = made.kind is InterfaceKind.VTI
            ends = (connection.local_address, connection.remotes) if vti else ()
            what = replace(made, routes=None), tunnel.marks, ends
            place, other = first.setdefault(made.name, (path, what))
            if other != what:
                text = f"{made.name} is also the interface of {place}, with other addresses, numbers or peers"
                findings.error(f"{path}.interface", Rule.INVALID_VALUE, text)
            if vti and any(":" in end for end in (connection.local_address, *connection.remotes)):
                text = "a VTI is for peers with IPv4 addresses"
                findings.error(f"{path}.interface_type", Rule.INVALID_VALUE, text)


def _address(value: object) -> str:
    written = text(value)
    try:
        return str(ip_interface(written))
    except ValueError:
        raise ValueError(f"{value!r} is not allowed: expected an address such as 169.254.10.2/30") from None


def _network(value: object) -> str:
    try:
        return str(ip_network(text(value)))
    except ValueError:
        raise ValueError(f"{value!r} is not allowed: expected a network such as 10.2.0.0/16") from None
