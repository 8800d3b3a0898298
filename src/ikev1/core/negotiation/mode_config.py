"""The attributes of mode config: `ModeConfig` as attributes, and back (draft-dukes-ike-mode-cfg-02 §3.4).

Cisco's attributes (Unity) are documented by what implementations send: networks have 14 octets each, an address, a
mask and 6 octets for a protocol and ports that are 0; domains are separated by commas.

Received attributes are not trusted: a message with a wrong length, or with an address that no host can have, is
refused, and the size of texts and lists is limited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple

from ikev1.core.records.events import Code
from ikev1.core.records.mode_config import ConfigRequest, ModeConfig
from ikev1.core.records.path import ip_version
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.wire.attributes import Attribute
from ikev1.wire.registry import ConfigAttribute, NotifyType

_MOST_ITEMS = 256  # addresses, networks or names in one field
_LONGEST_TEXT = 4096  # characters
_UNITY_NETWORK = 14  # octets
_UNITY_PADDING = 6  # of them
_MOST_TYPES = 64  # different types of a request that are answered

Value = int | bytes


class _Codec(NamedTuple):
    """``write`` gives the values of the attributes for the items of a field, ``read`` the items in one attribute."""

    write: Callable[[tuple[Any, ...]], Iterable[Value]]
    read: Callable[[Value], Iterable[Any]]


class _Field(NamedTuple):
    name: str
    codec: _Codec
    version: int = 0  # only addresses and networks of this IP version; 0: the field has no IP version


# --- values ----------------------------------------------------------------------------------------------------------


def _octets(value: Value, lengths: tuple[int, ...], what: str) -> bytes:
    octets = value.to_bytes(2) if isinstance(value, int) else value
    if len(octets) not in lengths:
        expected = " or ".join(map(str, lengths))
        raise _malformed(f"{what} of {len(octets)} octets: expected {expected}")
    return octets


def _host(address: IPv4Address | IPv6Address) -> str:
    """The text of an address, which must be one that a host can have.

    Raises:
        Refusal: it is not.
    """
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    strange = address.is_unspecified or address.is_multicast or address.is_loopback or inner is not None
    if strange or any(address in network for network in _OF_NO_HOST):
        raise _malformed(f"{address} is not the address of a host")
    return str(address)


def _read_host4(value: Value) -> list[str]:
    return [_host(IPv4Address(_octets(value, (4,), "an IPv4 address")))]


def _read_host6(value: Value) -> list[str]:
    # strongSwan appends the length of a prefix in older versions, as IKEv2 does (RFC 7296 §3.15.1)
    return [_host(IPv6Address(_octets(value, (16, 17), "an IPv6 address")[:16]))]


def _read_mask(value: Value) -> list[str]:
    octets = _octets(value, (4,), "a netmask")
    return [str(IPv4Address(octets))] if _prefix_of(octets) else []


def _network4(address: bytes, mask: bytes) -> str:
    prefix = _prefix_of(mask)
    if prefix is None:
        raise _malformed(f"{IPv4Address(mask)} is not a netmask")
    return str(ip_network((IPv4Address(address), prefix), strict=False))


def _prefix_of(mask: bytes) -> int | None:
    host_bits = int.from_bytes(mask) ^ 0xFFFF_FFFF
    return None if host_bits & (host_bits + 1) else 32 - host_bits.bit_length()


def _read_network4(value: Value) -> list[str]:
    octets = _octets(value, (8,), "an IPv4 network")
    return [_network4(octets[:4], octets[4:])]


def _read_network6(value: Value) -> list[str]:
    octets = _octets(value, (17,), "an IPv6 network")
    if octets[16] > 128:
        raise _malformed(f"an IPv6 prefix of {octets[16]} bits")
    return [str(IPv6Network((octets[:16], octets[16]), strict=False))]


def _read_unity_networks(value: Value) -> list[str]:
    octets = value.to_bytes(2) if isinstance(value, int) else value
    if octets == b"\0\1":
        return ["0.0.0.0/32"]  # a flag in place of a list: the client may use its local network
    width = _UNITY_NETWORK
    padding = (octets[end - _UNITY_PADDING : end] for end in range(width, len(octets) + 1, width))
    if len(octets) % width or any(map(any, padding)):
        width -= _UNITY_PADDING  # as strongSwan's pools send them
    if len(octets) % width:
        raise _malformed(f"a list of networks of {len(octets)} octets: expected {_UNITY_NETWORK} for each")
    starts = range(0, len(octets), width)
    return [_network4(octets[start : start + 4], octets[start + 4 : start + 8]) for start in starts]


def _text(value: Value) -> str:
    octets = value.to_bytes(2) if isinstance(value, int) else value
    return octets.decode("utf-8", "replace").rstrip("\0")[:_LONGEST_TEXT]


def _number(value: Value) -> int:
    return value if isinstance(value, int) else int.from_bytes(_octets(value, (1, 2, 4), "a number"))


def _write_network4(networks: tuple[str, ...]) -> list[Value]:
    found = map(ip_network, networks)
    return [network.network_address.packed + network.netmask.packed for network in found]


def _write_network6(networks: tuple[str, ...]) -> list[Value]:
    return [network.network_address.packed + bytes([network.prefixlen]) for network in map(ip_network, networks)]


def _write_unity_networks(networks: tuple[str, ...]) -> list[Value]:
    padding = bytes(_UNITY_PADDING)
    joined = [bytes(octets) + padding for octets in _write_network4(networks)]
    return [b"".join(joined)] if joined else []


def _split(text: str) -> list[str]:
    return [name for name in re.split(r"[\s,\0]+", text) if name]


def _hosts(read: Callable[[Value], list[str]]) -> _Codec:
    return _Codec(lambda hosts: [ip_address(host).packed for host in hosts], read)


_OF_NO_HOST = ip_network("0.0.0.0/8"), ip_network("240.0.0.0/4")  # RFC 1122 §3.2.1.3, RFC 1112 §4
_HOST4, _HOST6, _MASK = _hosts(_read_host4), _hosts(_read_host6), _hosts(_read_mask)
_NETWORK4, _NETWORK6 = _Codec(_write_network4, _read_network4), _Codec(_write_network6, _read_network6)
_UNITY_NETWORKS = _Codec(_write_unity_networks, _read_unity_networks)
_TEXT = _Codec(lambda texts: [text.encode() for text in texts], lambda value: [_text(value)])
_NAMES = _Codec(lambda names: [",".join(names).encode()] if names else [], lambda value: _split(_text(value)))
_SECONDS = _Codec(lambda numbers: [number.to_bytes(4) for number in numbers], lambda value: [_number(value)])
_SHORT = _Codec(lambda numbers: list(map(int, numbers)), lambda value: [_number(value)])

_FIELDS: dict[int, _Field] = {
    ConfigAttribute.INTERNAL_IP4_ADDRESS: _Field("addresses", _HOST4, 4),
    ConfigAttribute.INTERNAL_IP4_NETMASK: _Field("netmask", _MASK),
    ConfigAttribute.INTERNAL_IP6_ADDRESS: _Field("addresses", _HOST6, 6),
    ConfigAttribute.INTERNAL_ADDRESS_EXPIRY: _Field("expiry", _SECONDS),
    ConfigAttribute.INTERNAL_IP4_DNS: _Field("dns", _HOST4, 4),
    ConfigAttribute.INTERNAL_IP6_DNS: _Field("dns", _HOST6, 6),
    ConfigAttribute.INTERNAL_IP4_NBNS: _Field("nbns", _HOST4, 4),
    ConfigAttribute.INTERNAL_IP6_NBNS: _Field("nbns", _HOST6, 6),
    ConfigAttribute.INTERNAL_IP4_SUBNET: _Field("subnets", _NETWORK4, 4),
    ConfigAttribute.INTERNAL_IP6_SUBNET: _Field("subnets", _NETWORK6, 6),
    ConfigAttribute.APPLICATION_VERSION: _Field("application_version", _TEXT),
    ConfigAttribute.UNITY_BANNER: _Field("banner", _TEXT),
    ConfigAttribute.UNITY_SAVE_PASSWD: _Field("save_password", _SHORT),
    ConfigAttribute.UNITY_DEF_DOMAIN: _Field("default_domain", _TEXT),
    ConfigAttribute.UNITY_SPLITDNS_NAME: _Field("split_dns", _NAMES),
    ConfigAttribute.UNITY_SPLIT_INCLUDE: _Field("split_include", _UNITY_NETWORKS),
    ConfigAttribute.UNITY_LOCAL_LAN: _Field("split_exclude", _UNITY_NETWORKS),
    ConfigAttribute.UNITY_PFS: _Field("pfs", _SHORT),
    ConfigAttribute.UNITY_BACKUP_SERVERS: _Field("backup_servers", _NAMES),
}
_ADDRESSES = {4: ConfigAttribute.INTERNAL_IP4_ADDRESS, 6: ConfigAttribute.INTERNAL_IP6_ADDRESS}
_NOT_REQUESTED = frozenset({ConfigAttribute.APPLICATION_VERSION, ConfigAttribute.INTERNAL_ADDRESS_EXPIRY})
_FIRST_UNITY = 28672


# --- as gateway ------------------------------------------------------------------------------------------------------


def requested(attributes: Iterable[Attribute]) -> ConfigRequest:
    """The content of an ISAKMP_CFG_REQUEST. Values are suggestions. Invalid addresses are ignored, as are types beyond
    the first `_MOST_TYPES`.
    """
    types: dict[int, None] = {}
    addresses: list[str] = []
    version = ""
    for attribute in attributes:
        if len(types) < _MOST_TYPES:
            types[attribute.type] = None
        if attribute.type == ConfigAttribute.APPLICATION_VERSION:
            version = _text(attribute.value)
        elif attribute.type in _ADDRESSES.values():
            try:
                addresses += _FIELDS[attribute.type].codec.read(attribute.value)
            except Refusal:
                continue
    return ConfigRequest(tuple(types), tuple(addresses[:_MOST_ITEMS]), version)


def requested_versions(request: ConfigRequest) -> tuple[int, ...]:
    """The IP versions, 4 and 6, of the virtual addresses that are requested."""
    return tuple([version for version, kind in _ADDRESSES.items() if kind in request.types])


def reply(config: ModeConfig, request: ConfigRequest) -> tuple[Attribute, ...]:
    """The attributes of an ISAKMP_CFG_REPLY: those requested that ``config`` has a value for, in the order of the
    request. The draft allows others as well, but clients treat them differently.
    """
    answer: list[Attribute] = []
    for kind in request.types:
        if kind == ConfigAttribute.SUPPORTED_ATTRIBUTES:
            answer.append(Attribute(kind, b"".join(supported.to_bytes(2) for supported in (*_FIELDS, kind))))
        else:
            answer += _written(config, kind)
    return tuple(answer)


def pushed(config: ModeConfig, *, unity: bool) -> tuple[Attribute, ...]:
    """All attributes of an ISAKMP_CFG_SET, Cisco's only if the client knows them (``unity``)."""
    kinds = [kind for kind in _FIELDS if kind < _FIRST_UNITY or unity]
    return tuple([attribute for kind in kinds for attribute in _written(config, kind)])


def _written(config: ModeConfig, kind: int) -> list[Attribute]:
    field = _FIELDS.get(kind)
    if field is None:
        return []
    items = _items(config, field)
    return [Attribute(int(kind), value) for value in field.codec.write(items)] if items else []


def _items(config: ModeConfig, field: _Field) -> tuple[Any, ...]:
    """The items of a field: all of a tuple, and a single value unless it is empty, 0 or False."""
    value = getattr(config, field.name)
    if not isinstance(value, tuple):
        return (value,) if value else ()
    if not field.version:
        return value
    return tuple([item for item in value if ip_version(item) == field.version])


# --- as client -------------------------------------------------------------------------------------------------------


def request(versions: Iterable[int], addresses: Iterable[str] = (), *, unity: bool) -> tuple[Attribute, ...]:
    """The attributes of an ISAKMP_CFG_REQUEST for virtual addresses of the IP ``versions``, with those that the client
    had before, and for everything that `ModeConfig` has a field for; Cisco's attributes only with ``unity``.

    Without a suggestion, an attribute has no value: "Zero length attribute values are usually sent in a Request"
    (draft-dukes-ike-mode-cfg-02 §3.4).
    """
    wanted = tuple(versions)
    had = {version: next((a for a in addresses if ip_version(a) == version), None) for version in wanted}
    asked: list[Attribute] = []
    for kind, field in _FIELDS.items():
        if kind in _NOT_REQUESTED or (kind >= _FIRST_UNITY and not unity):
            continue
        if field.version and field.version not in wanted:
            continue
        if kind == ConfigAttribute.INTERNAL_IP4_NETMASK and 4 not in wanted:
            continue
        suggestion = had[field.version] if field.name == "addresses" else None
        asked.append(Attribute(int(kind), b"" if suggestion is None else ip_address(suggestion).packed))
    return tuple(asked)


def received(attributes: Iterable[Attribute]) -> ModeConfig:
    """The configuration in an ISAKMP_CFG_REPLY or ISAKMP_CFG_SET. Attributes without a value are ignored: they "MUST
    NOT be sent in a Response", but some gateways send them for what they do not have.

    Raises:
        Refusal: an attribute has a wrong length or an unusable value, or there are too many.
    """
    found: dict[str, tuple[Any, ...]] = {}
    ignored: dict[int, None] = {}
    for attribute in attributes:
        field = _FIELDS.get(attribute.type)
        if field is None:
            ignored[attribute.type] = None
            continue
        if attribute.value == b"":
            continue
        items = (*found.get(field.name, ()), *field.codec.read(attribute.value))
        if len(items) > _MOST_ITEMS:
            raise _malformed(f"more than {_MOST_ITEMS} values of {ConfigAttribute(attribute.type).name}")
        found[field.name] = items
    config = ModeConfig(ignored=tuple(ignored))
    changes = {name: _value_of(getattr(config, name), items) for name, items in found.items() if items}
    changed: ModeConfig = replace(config, **changes)
    return _with_one_address_each(changed)


def _value_of(default: object, items: tuple[Any, ...]) -> object:
    """The value of a field with this default: all items, or the first one of a field with a single value."""
    if isinstance(default, tuple):
        return tuple(dict.fromkeys(items))
    return bool(items[0]) if isinstance(default, bool) else items[0]


def _with_one_address_each(config: ModeConfig) -> ModeConfig:
    first: Iterator[str | None] = (config.address(version) for version in (4, 6))
    one: ModeConfig = replace(config, addresses=tuple([address for address in first if address is not None]))
    return one


def acknowledged(attributes: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """The attributes of an ISAKMP_CFG_ACK: "The Acknowledge code MUST return the zero length attributes that it
    accepted" (draft-dukes-ike-mode-cfg-02 §2).
    """
    accepted = dict.fromkeys(attribute.type for attribute in attributes if attribute.type in _FIELDS)
    return tuple([Attribute(kind, b"") for kind in accepted])


def _malformed(text: str) -> Refusal:
    return Refusal(Code.MALFORMED, f"mode config: {text}", notify=NotifyType.PAYLOAD_MALFORMED)
