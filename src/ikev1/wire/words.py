"""Attributes, lifetimes, identities and addresses in words, for log lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from ikev1.wire import name_text
from ikev1.wire.attributes import Attribute, find
from ikev1.wire.payloads import Identification, Transform
from ikev1.wire.registry import (
    CONFIG_VALUES,
    PHASE1_VALUES,
    PHASE2_VALUES,
    SECRET_ATTRIBUTES,
    TRANSFORM_IDS,
    ConfigAttribute,
    IdType,
    LifeType,
    OpenEnum,
    Phase1Attribute,
    Phase2Attribute,
    ProtocolId,
)

LONGEST = 64
"""The maximum number of characters shown of a text from a peer."""

_LONGEST_NAME = 1024  # octets of a distinguished name; real ones have some hundred

TEXT_ATTRIBUTES = frozenset(
    {
        ConfigAttribute.APPLICATION_VERSION,
        ConfigAttribute.XAUTH_USER_NAME,
        ConfigAttribute.XAUTH_MESSAGE,
        ConfigAttribute.XAUTH_DOMAIN,
        ConfigAttribute.UNITY_BANNER,
        ConfigAttribute.UNITY_DEF_DOMAIN,
        ConfigAttribute.UNITY_SPLITDNS_NAME,
        ConfigAttribute.UNITY_DDNS_HOSTNAME,
    }
)


ADDRESS_ATTRIBUTES = frozenset(
    {
        ConfigAttribute.INTERNAL_IP4_ADDRESS,
        ConfigAttribute.INTERNAL_IP4_NETMASK,
        ConfigAttribute.INTERNAL_IP4_DNS,
        ConfigAttribute.INTERNAL_IP4_NBNS,
        ConfigAttribute.INTERNAL_IP4_DHCP,
        ConfigAttribute.INTERNAL_IP6_ADDRESS,
        ConfigAttribute.INTERNAL_IP6_NETMASK,
        ConfigAttribute.INTERNAL_IP6_DNS,
        ConfigAttribute.INTERNAL_IP6_NBNS,
        ConfigAttribute.INTERNAL_IP6_DHCP,
    }
)


def octets(data: bytes) -> str:
    """The number of octets, which is all that is shown of keys, nonces, hashes and signatures."""
    return f"{len(data)} octets"


def text(data: bytes) -> str:
    """Escape a text from a peer: quoted unless it is printable ASCII without blanks, and shortened if long."""
    shown = data[:LONGEST].decode("ascii", "backslashreplace")
    if not shown.isprintable() or " " in shown or not shown:
        shown = repr(shown)
    return shown if len(data) <= LONGEST else f"{shown}... ({octets(data)})"


def printable(text: str, replacement: str = "?") -> str:
    """``text`` with ``replacement`` for each character that is not printable, such as a newline."""
    return "".join(character if character.isprintable() else replacement for character in text)


def distinguished_name(data: bytes) -> str:
    """A distinguished name such as ``C=DE, O=lab``, harmless; the number of octets if it is empty, malformed or longer
    than any real one.
    """
    try:
        return (name_text.describe(data) if len(data) <= _LONGEST_NAME else "") or octets(data)
    except ValueError:
        return octets(data)


def spi_words(protocol: int, spi: bytes) -> str:
    """A protocol, and the SPI if there is one."""
    return f"{ProtocolId(protocol).name} {spi.hex()}" if spi else ProtocolId(protocol).name


def address(data: bytes) -> str:
    """An IP address, of 4 or 16 octets."""
    return str(ip_address(data))


def _subnet(first: bytes, mask: bytes) -> str:
    bits = int.from_bytes(mask, "big")
    length = bits.bit_count()
    contiguous = bits >> (8 * len(mask) - length) == (1 << length) - 1
    return f"{address(first)}/{length if contiguous else address(mask)}"


def identity(payload: Identification) -> str:
    """Type and value of an identity, with the protocol and port it is about, if any (RFC 2407 §4.6.2)."""
    data = payload.data
    half = len(data) // 2
    match payload.id_type:
        case IdType.IPV4_ADDR | IdType.IPV6_ADDR:
            value = address(data)
        case IdType.IPV4_ADDR_SUBNET | IdType.IPV6_ADDR_SUBNET:
            value = _subnet(data[:half], data[half:])
        case IdType.IPV4_ADDR_RANGE | IdType.IPV6_ADDR_RANGE:
            value = f"{address(data[:half])}-{address(data[half:])}"
        case IdType.FQDN | IdType.USER_FQDN | IdType.KEY_ID:
            value = text(data)
        case IdType.DER_ASN1_DN:
            value = distinguished_name(data)
        case _:
            value = octets(data)
    about = f" protocol {payload.protocol} port {payload.port}" if payload.protocol or payload.port else ""
    return f"{IdType(payload.id_type).name} {value}{about}"


class Vocabulary(NamedTuple):
    """The format of phase 1 or phase 2 transforms: the attributes of the name, in order."""

    names: type[OpenEnum]
    values: dict[int, type[OpenEnum]]
    algorithms: tuple[int, ...]
    key_length: int
    life_type: int
    life_duration: int


PHASE1 = Vocabulary(
    Phase1Attribute,
    PHASE1_VALUES,
    (
        Phase1Attribute.ENCRYPTION_ALGORITHM,
        Phase1Attribute.HASH_ALGORITHM,
        Phase1Attribute.GROUP_DESCRIPTION,
        Phase1Attribute.AUTHENTICATION_METHOD,
    ),
    Phase1Attribute.KEY_LENGTH,
    Phase1Attribute.LIFE_TYPE,
    Phase1Attribute.LIFE_DURATION,
)
PHASE2 = Vocabulary(
    Phase2Attribute,
    PHASE2_VALUES,
    (
        Phase2Attribute.AUTHENTICATION_ALGORITHM,
        Phase2Attribute.GROUP_DESCRIPTION,
        Phase2Attribute.ENCAPSULATION_MODE,
    ),
    Phase2Attribute.KEY_LENGTH,
    Phase2Attribute.SA_LIFE_TYPE,
    Phase2Attribute.SA_LIFE_DURATION,
)


def _vocabulary(protocol: int) -> Vocabulary:
    return PHASE1 if protocol == ProtocolId.ISAKMP else PHASE2


def plain_value(attribute: Attribute) -> str:
    """The value of an unknown attribute: a number, or the number of octets."""
    value = attribute.value
    return str(attribute.number) if isinstance(value, int) or 0 < len(value) <= 8 else octets(value)


def _value(attribute: Attribute, values: Mapping[int, type[OpenEnum]]) -> str:
    named = values.get(attribute.type)
    if named is None or not 0 <= attribute.number <= 0xFFFF:
        return plain_value(attribute)
    return named(attribute.number).name


def _duration(unit: int | None, duration: Attribute) -> str:
    number = duration.number if isinstance(duration.value, int) or len(duration.value) <= 8 else None
    if number is None or unit not in (LifeType.SECONDS, LifeType.KILOBYTES):
        return f"lifetime {plain_value(duration)}"
    if unit == LifeType.KILOBYTES:
        return f"{number}kB"
    for seconds, letter in ((3600, "h"), (60, "m")):
        if number and number % seconds == 0:
            return f"{number // seconds}{letter}"
    return f"{number}s"


def lifetimes(protocol: int, attributes: Iterable[Attribute]) -> list[str]:
    """The lifetimes, each a Life Duration after the Life Type that gives its unit (RFC 2407 §4.5)."""
    vocabulary = _vocabulary(protocol)
    found: list[str] = []
    unit: int | None = None
    for attribute in attributes:
        if attribute.type == vocabulary.life_type:
            unit = attribute.number
        elif attribute.type == vocabulary.life_duration:
            found.append(_duration(unit, attribute))
    return found


def transform_words(protocol: int, transform: Transform) -> str:
    """The algorithms, the lifetimes and the other attributes of a transform."""
    vocabulary = _vocabulary(protocol)
    attributes = transform.attributes
    algorithms = [
        _value(attribute, vocabulary.values)
        for type in vocabulary.algorithms
        if (attribute := find(attributes, type)) is not None
    ]
    if protocol != ProtocolId.ISAKMP:
        named = TRANSFORM_IDS.get(protocol)
        algorithms.insert(0, named(transform.id).name if named else f"TRANSFORM_{transform.id}")
    key_length = find(attributes, vocabulary.key_length)
    if key_length is not None and algorithms:
        algorithms[0] += f"-{plain_value(key_length)}"
    covered = {*vocabulary.algorithms, vocabulary.key_length, vocabulary.life_type, vocabulary.life_duration}
    others = [
        f"{vocabulary.names(attribute.type).name}={_value(attribute, vocabulary.values)}"
        for attribute in attributes
        if attribute.type not in covered
    ]
    return ", ".join(["/".join(algorithms) or "no algorithm", *lifetimes(protocol, attributes), *others])


def config_words(attribute: Attribute) -> str:
    """A mode config or XAUTH attribute: its name and, unless it is a secret, its value."""
    name = ConfigAttribute(attribute.type).name
    if attribute.value == b"":
        return name
    if attribute.type in SECRET_ATTRIBUTES:
        return f"{name}({config_value(attribute)})"
    return f"{name}={config_value(attribute)}"


def config_value(attribute: Attribute) -> str:
    """The value of a mode config or XAUTH attribute; for a secret, only its length."""
    value = attribute.value
    if attribute.type in SECRET_ATTRIBUTES:
        return octets(value if isinstance(value, bytes) else bytes(2))
    if isinstance(value, int):
        return _value(attribute, CONFIG_VALUES)
    if attribute.type in TEXT_ATTRIBUTES:
        return text(value)
    if attribute.type in ADDRESS_ATTRIBUTES and len(value) in (4, 16):
        return address(value)
    if attribute.type == ConfigAttribute.INTERNAL_IP4_SUBNET and len(value) == 8:
        return _subnet(value[:4], value[4:])
    return plain_value(attribute)
