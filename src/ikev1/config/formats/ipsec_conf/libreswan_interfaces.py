"""The interfaces of libreswan's tunnels, ipsec-interface and vti-interface, as ``interface`` of `ikev1.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ikev1.config.findings import Rule
from ikev1.config.formats.ipsec_conf.ends import End
from ikev1.config.formats.swanctl.options import Lost, Options, count, items, yes
from ikev1.config.formats.written import Part, Place

_OF_ZERO = 16_384  # the interface ID of ipsec0, because 0 is none
_NOT_ROUTED = "there is no such interface, and nothing is routed into the tunnel by it"
# Routes for all traffic that precede the default route without replacing it
_EVERYTHING = {"0.0.0.0/0": ["0.0.0.0/1", "128.0.0.0/1"], "::/0": ["2000::/3"]}


class Interface(NamedTuple):
    """The interface of a conn: keys of a tunnel of `ikev1.toml` with their values and places. ``routed``: the network
    of the peer is routed to it.
    """

    values: Mapping[str, tuple[object, Place | None]]
    routed: bool


def read_interface(conn: Options, local: End, remote: End) -> Interface | None:
    """The interface of a conn, None if it has none."""
    number = conn.take("ipsec-interface", _number, None)
    name = conn.take("vti-interface", str, "")
    routed = conn.take("vti-routing", yes, True)
    conn.take("vti-shared", yes, False)
    address_key = next((key for key in (local.key("interface-ip"), "interface-ip") if key in conn), local.key("vti"))
    addresses = [
        *((each, conn.place(address_key)) for each in items(conn.take(address_key, str, ""))),
        *((each, conn.place(local.key("sourceip"))) for each in items(local.get("sourceip"))),
    ]
    conn.take(local.key("vti"), str, "")
    for key in (remote.key("vti"), remote.key("interface-ip")):
        conn.take(key, str, "")
    if number is not None:
        place = conn.place("ipsec-interface")
        values: dict[str, tuple[object, Place | None]] = {"interface": (f"ipsec{number}", place)}
        for key in ("if_id_in", "if_id_out"):
            values[key] = (number or _OF_ZERO, place)
    elif name and any(key in conn for key in ("mark", "mark-in", "mark-out")):
        place = conn.place("vti-interface")
        values = {"interface": (name, place), "interface_type": ("vti", place)}
    else:
        if name:
            text = "is ignored, as by libreswan, because no mark is set"
            conn.findings.warn(conn.key("vti-interface"), Rule.NO_COUNTERPART, text)
        conn.lose(Lost(address_key, _NOT_ROUTED, ("",)), Lost("mtu", "routes into the tunnel have no MTU of their own"))
        return None
    if addresses:
        values["interface_address"] = ([each for each, _ in addresses], addresses[0][1])
    if "mtu" in conn:
        values["interface_mtu"] = (conn.take("mtu", count, 0), conn.place("mtu"))
    return Interface(values, routed or number is not None)


def write_interfaces(ours: Part, interfaces: Mapping[str, Interface]) -> None:
    """Write the interface of each tunnel that was made of one of these conns, by their paths."""
    connections: dict[str, dict[str, Any]] = ours.values.get("connection", {})
    for name, connection in connections.items():
        for tunnel, table in connection.get("tunnel", {}).items():
            path = f"connection.{name}.tunnel.{tunnel}"
            place = ours.places.of(path)
            found = None if place is None else interfaces.get(place.key)
            if found is not None:
                into = Part(ours.places, path, table)
                for key, (value, of_value) in found.values.items():
                    into.put(key, value, of_value)
                _write_routes(into, found, place)


def _write_routes(into: Part, interface: Interface, place: Place | None) -> None:
    local, remote = into.values.get("local"), into.values.get("remote")
    if not interface.routed or local == remote:
        into.put("routes", [], place)
    elif remote in _EVERYTHING:
        into.put("routes", _EVERYTHING[remote], place)


def _number(value: object) -> int | None:
    """The number of the interface; ``yes`` is 1, ``no`` none."""
    if value in ("yes", "no"):
        return 1 if value == "yes" else None
    return count(value)
