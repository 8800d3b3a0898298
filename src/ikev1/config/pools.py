"""Pools: ``[pools.NAME]``, virtual addresses for remote users and the configuration that comes with them."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from ikev1.config.findings import Invalid, Rule
from ikev1.config.table import Table
from ikev1.config.values import address, boolean, check_name, duration, each, text
from ikev1.core.records.mode_config import LOCAL_LAN, ModeConfig
from ikev1.core.records.path import ip_version
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Pool

_LONGEST_BANNER = 1000  # octets, so that the reply fits into a few packets
_LONGEST_NAME = 100
_LEAST_EXPIRY = 60  # seconds
ANY = "%any"  # instead of addresses: those that clients ask for
_MOST = 64  # networks, servers or domains

Range = tuple[bytes, bytes]


def read_pools(top: Table) -> tuple[Pool, ...]:
    """All ``[pools.NAME]`` tables; errors are reported."""
    return tuple(_read_pool(name, table) for name, table in top.tables("pools"))


def is_addresses(name: str) -> bool:
    """Whether the name of a pool is what strongSwan calls one in ipsec.conf: addresses."""
    try:
        return bool(_range(name)) and len(name) <= _LONGEST_NAME
    except ValueError:
        return False


def _read_pool(name: str, table: Table) -> Pool:
    if not is_addresses(name):
        table.whole(check_name, name)
    ranges = table.require("addresses", _ranges, 'a network or a range, such as "10.99.0.10-10.99.0.200"')
    config = ModeConfig(
        netmask=table.take("netmask", _netmask, ""),
        expiry=table.take("expiry", _expiry, 0),
        dns=table.take("dns", _some(_host), ()),
        nbns=table.take("nbns", _some(_host), ()),
        subnets=table.take("subnets", _some(_network), ()),
        banner=table.take("banner", _banner, ""),
        save_password=table.take("save_password", boolean, False),
        default_domain=table.take("default_domain", _domain, ""),
        split_dns=table.take("split_dns", _some(_domain), ()),
        split_include=table.take("split_include", _some(_network4), ()),
        split_exclude=table.take("split_exclude", _some(_network4), ()),
        pfs=int(table.take("pfs", boolean, False)),
        backup_servers=table.take("backup_servers", _some(_domain), ()),
        application_version=table.take("application_version", _version, "ikev1"),
    )
    if table.take("local_lan", boolean, False):
        config = replace(config, split_exclude=(*config.split_exclude, LOCAL_LAN))
    reserved = _read_reserved(table.table("reserved"))
    table.finish()
    in_order = tuple(sorted(ranges or (), key=lambda ends: (len(ends[0]), ends)))
    return Pool(name, in_order, config, reserved, any=table.take("addresses", _is_any, False))


def _read_reserved(table: Table) -> tuple[tuple[str, str], ...]:
    """The reserved addresses: a table by names of users or, with the prefix ``id:``, by identities of peers."""
    found = []
    for user in table.names():
        addresses = table.take(user, each(_host), ())
        found += [(user, address) for address in addresses]
        if len(set(map(ip_version, addresses))) < len(addresses):
            table.findings.error(table.key(user), Rule.INVALID_VALUE, "has two addresses of the same IP version")
    return tuple(found)


def _ranges(value: object) -> tuple[Range, ...]:
    return () if _is_any(value) else each(_range)(value)


def _is_any(value: object) -> bool:
    return value in (ANY, [ANY])


def _range(value: object) -> Range:
    """The first and the last address of a range or of a network. The address of the network itself is left out and,
    for IPv4, the broadcast address.
    """
    written = text(value).strip()
    low, dash, high = (part.strip() for part in written.partition("-"))
    if dash:
        first, last = _ip(low), _ip(high)
        if first.version != last.version or int(first) > int(last):
            raise ValueError(f"{value!r} is not a range: expected two addresses, the lower one first")
    else:
        try:
            network = ip_network(written)
        except ValueError:
            raise ValueError(
                f"{value!r} is not allowed: expected a network such as 10.99.0.0/24, or a range such as "
                "10.99.0.10-10.99.0.200"
            ) from None
        first, last = network[0], network[-1]
        if network.num_addresses > 2:
            first += 1
            last -= int(network.version == 4)
    for end in (first, last):
        if not _is_host(end):
            raise ValueError(f"{value!r} contains {end}, which no host can have")
    return first.packed, last.packed


def _ip(written: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(written)
    except ValueError:
        raise ValueError(f"{written!r} is not an IPv4 or IPv6 address") from None


def _is_host(ip: IPv4Address | IPv6Address) -> bool:
    return not (ip.is_multicast or ip.is_loopback or ip.is_unspecified)


def _expiry(value: object) -> int:
    seconds = duration(value)
    if seconds < _LEAST_EXPIRY:
        raise ValueError(f"{value!r} is too short: expected at least {_LEAST_EXPIRY} seconds")
    return seconds


def _host(value: object) -> str:
    host = address(value)
    if not _is_host(ip_address(host)):
        raise ValueError(f"{value!r} is not the address of a host")
    return host


def _network(value: object) -> str:
    try:
        return str(ip_network(text(value)))
    except ValueError:
        raise ValueError(f"{value!r} is not a network without host bits, such as 10.1.0.0/16") from None


def _network4(value: object) -> str:
    network = _network(value)
    if ip_version(network) != 4:
        raise ValueError(f"{value!r} is not allowed: clients know networks of IPv4 only here")
    return network


def _netmask(value: object) -> str:
    try:
        network = ip_network(f"0.0.0.0/{text(value)}")
    except ValueError:
        raise ValueError(f"{value!r} is not a netmask such as 255.255.255.0") from None
    return str(network.netmask)


def _domain(value: object) -> str:
    name = text(value)
    if len(name) > 255 or not name.isprintable() or any(each in name for each in " ,"):
        raise ValueError(f"{value!r} is not allowed: expected a name without blanks and commas")
    return name


def _banner(value: object) -> str:
    banner = text(value)
    if len(banner.encode()) > _LONGEST_BANNER:
        raise ValueError(f"has {len(banner.encode())} octets: expected at most {_LONGEST_BANNER}")
    return banner


def _version(value: object) -> str:
    version = text(value)
    if not (version.isascii() and version.isprintable()) or len(version) > 255:
        raise ValueError(f"{value!r} is not allowed: expected printable ASCII characters, at most 255")
    return version


def _some(convert: Callable[[object], str]) -> Callable[[object], tuple[str, ...]]:
    """A list of at most `_MOST` values without repetitions, or a single value."""

    def convert_all(value: object) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(each(convert)(value)))
        if len(found) > _MOST:
            raise Invalid(Rule.INVALID_VALUE, f"has {len(found)} values: expected at most {_MOST}")
        return found

    return convert_all


def virtual_addresses(value: object) -> tuple[str, ...]:
    """The virtual addresses that a client requests, at most one of each IP version: 0.0.0.0 and :: stand for any."""
    wanted = each(address)(value)
    if len(set(map(ip_version, wanted))) < len(wanted):
        raise ValueError("has two addresses of the same IP version: expected at most one of each")
    for one in wanted:
        found = ip_address(one)
        if not _is_host(found) and not found.is_unspecified:
            raise ValueError(f"{one!r} is not the address of a host")
    return wanted


def pool_names(value: object) -> tuple[str, ...]:
    """The names of pools, in the order in which they are used."""
    return tuple(dict.fromkeys(each(text)(value)))
