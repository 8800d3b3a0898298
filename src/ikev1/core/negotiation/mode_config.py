"""The attributes of mode config: `ModeConfig` as attributes, and back (draft-dukes-ike-mode-cfg-02 §2, §3).

`mode_config_values` has the values of single attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Any, NamedTuple

from ikev1.core.negotiation.mode_config_values import (
    HOST4,
    HOST6,
    MASK,
    MOST_ITEMS,
    NAMES,
    NETWORK4,
    NETWORK6,
    SECONDS,
    SHORT,
    TEXT,
    UNITY_NETWORKS,
    Codec,
    malformed,
    text_of,
)
from ikev1.core.records.mode_config import ConfigRequest, ModeConfig
from ikev1.core.records.path import ip_version
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.wire.attributes import Attribute
from ikev1.wire.registry import ConfigAttribute

_MOST_TYPES = 64  # different types: of a request that are answered, and without a field that are reported


class _Field(NamedTuple):
    name: str
    codec: Codec
    version: int = 0  # only addresses and networks of this IP version; 0: the field has no IP version


_FIELDS: dict[int, _Field] = {
    ConfigAttribute.INTERNAL_IP4_ADDRESS: _Field("addresses", HOST4, 4),
    ConfigAttribute.INTERNAL_IP4_NETMASK: _Field("netmask", MASK),
    ConfigAttribute.INTERNAL_IP6_ADDRESS: _Field("addresses", HOST6, 6),
    ConfigAttribute.INTERNAL_ADDRESS_EXPIRY: _Field("expiry", SECONDS),
    ConfigAttribute.INTERNAL_IP4_DNS: _Field("dns", HOST4, 4),
    ConfigAttribute.INTERNAL_IP6_DNS: _Field("dns", HOST6, 6),
    ConfigAttribute.INTERNAL_IP4_NBNS: _Field("nbns", HOST4, 4),
    ConfigAttribute.INTERNAL_IP6_NBNS: _Field("nbns", HOST6, 6),
    ConfigAttribute.INTERNAL_IP4_SUBNET: _Field("subnets", NETWORK4, 4),
    ConfigAttribute.INTERNAL_IP6_SUBNET: _Field("subnets", NETWORK6, 6),
    ConfigAttribute.APPLICATION_VERSION: _Field("application_version", TEXT),
    ConfigAttribute.UNITY_BANNER: _Field("banner", TEXT),
    ConfigAttribute.UNITY_SAVE_PASSWD: _Field("save_password", SHORT),
    ConfigAttribute.UNITY_DEF_DOMAIN: _Field("default_domain", TEXT),
    ConfigAttribute.UNITY_SPLITDNS_NAME: _Field("split_dns", NAMES),
    ConfigAttribute.UNITY_SPLIT_INCLUDE: _Field("split_include", UNITY_NETWORKS),
    ConfigAttribute.UNITY_LOCAL_LAN: _Field("split_exclude", UNITY_NETWORKS),
    ConfigAttribute.UNITY_PFS: _Field("pfs", SHORT),
    ConfigAttribute.UNITY_BACKUP_SERVERS: _Field("backup_servers", NAMES),
}
_ADDRESSES = {4: ConfigAttribute.INTERNAL_IP4_ADDRESS, 6: ConfigAttribute.INTERNAL_IP6_ADDRESS}
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
            version = text_of(attribute.value)
        elif attribute.type in _ADDRESSES.values():
            try:
                addresses += _FIELDS[attribute.type].codec.read(attribute.value)
            except Refusal:
                continue
    return ConfigRequest(tuple(types), tuple(addresses[:MOST_ITEMS]), version)


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
        if kind == ConfigAttribute.APPLICATION_VERSION or (kind >= _FIRST_UNITY and not unity):
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
            if len(ignored) < _MOST_TYPES:
                ignored[attribute.type] = None
            continue
        if attribute.value == b"":
            continue
        items = (*found.get(field.name, ()), *field.codec.read(attribute.value))
        if len(items) > MOST_ITEMS:
            raise malformed(f"more than {MOST_ITEMS} values of {ConfigAttribute(attribute.type).name}")
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
