"""``pools``: virtual addresses and the attributes that clients get with them."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface, ip_network
from typing import Any

from ikev1.config.findings import Rule
from ikev1.config.formats.swanctl.attr_sql import KEY, SqlPools
from ikev1.config.formats.swanctl.options import Options, items
from ikev1.config.formats.written import Part, Place

# Attributes by strongSwan's names and their numbers (draft-dukes-ike-mode-cfg-02 §3.4, Cisco Unity)
ATTRIBUTES = {
    "dns": "dns",
    "nbns": "nbns",
    "netmask": "netmask",
    "subnet": "subnets",
    "split_include": "split_include",
    "split_exclude": "split_exclude",
    "28672": "banner",
    "28674": "default_domain",
    "28675": "split_dns",
}
_SINGLE = frozenset({"netmask", "banner", "default_domain"})

Attributes = Mapping[str, tuple[list[str], Options, str]]


def write_pools(top: Options, into: Part, attributes: Attributes, database: SqlPools | None) -> None:
    """Write all pools, also those in ``database``; ``attributes`` are those of the plugin attr, which clients of all
    pools get.
    """
    sections = top.table("pools")
    for name, pool in sections.sections():
        part = into.part("pools", top.place("pools")).part(name, pool.place())
        pool.copy("addrs", part, "addresses", _addresses)
        for key in pool.names():
            if key != "addrs":
                _write_attribute(pool, key, part)
        _write_common(part, name, attributes, database)
        pool.finish()
    for name, addresses in (database.addresses if database else {}).items():
        if database and name not in sections:
            part = into.part("pools", top.place("pools")).part(name, database.section.place(KEY))
            part.put("addresses", [addresses], database.section.place(KEY))
            _write_common(part, name, attributes, database)


def _write_common(part: Part, name: str, attributes: Attributes, database: SqlPools | None) -> None:
    """Write what clients of the pool ``name`` get unless the pool itself says it."""
    common = dict(attributes)
    if database:
        for ours, values in database.attributes_of(name).items():
            common.setdefault(ours, (values, database.section, KEY))
    for ours, (values, section, key) in common.items():
        if ours not in part.values:
            part.put(ours, values[0] if ours in _SINGLE and values else values, section.place(key))


def write_split_networks(into: Part, place: Place | None) -> None:
    """Have clients include the IPv4 networks behind this end, as charon's plugin unity does by ``cisco_unity``, which
    was written at ``place``: those of all connections with a pool, unless the pool names others.
    """
    networks: dict[str, dict[str, None]] = {}
    connections: dict[str, dict[str, Any]] = into.values.get("connection", {})
    for connection in connections.values():
        behind = dict.fromkeys(
            tunnel["local"] for tunnel in connection.get("tunnel", {}).values() if _is_split(tunnel.get("local", ""))
        )
        for name in connection.get("pools", ()):
            networks.setdefault(name, {}).update(behind)
    for name, found in networks.items():
        pool = into.part("pools").part(name)
        if found and "addresses" in pool.values and "split_include" not in pool.values:
            pool.put("split_include", list(found), place)


def _is_split(local: str) -> bool:
    try:
        return ip_network(local).version == 4 and ip_network(local).prefixlen > 0
    except ValueError:
        return False  # dynamic, a range, or one protocol only


def _write_attribute(pool: Options, key: str, part: Part) -> None:
    ours = ATTRIBUTES.get(key)
    if ours is None:
        pool.take(key, str, None)
        known = key.isdigit() or key in ("server", "dhcp")
        if known:
            pool.findings.warn(pool.key(key), Rule.NO_COUNTERPART, "clients do not get this attribute")
        else:
            pool.findings.error(pool.key(key), Rule.UNKNOWN_KEY, f"unknown attribute; allowed: {', '.join(ATTRIBUTES)}")
    elif ours in _SINGLE:
        pool.copy(key, part, ours)
    else:
        pool.copy(key, part, ours, items)


def _addresses(value: object) -> list[str]:
    """The addresses of a pool. A network that is written as an address in it begins with this address."""
    written = str(value).strip()
    if "-" in written or "/" not in written:
        return [written]
    interface = ip_interface(written)
    if interface.ip == interface.network.network_address:
        return [written]
    last = interface.network.broadcast_address - int(interface.version == 4)
    return [f"{interface.ip}-{last}"]
