"""RADIUS attributes: numbers, and values as octets. Values of the wrong length are ignored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address

from ikev1.core.records.remote_access import User, XauthAttempt
from ikev1.wire.words import printable

Attributes = Mapping[int, Sequence[bytes]]


class Attribute(IntEnum):
    """Types of attributes (RFC 2865 §5, RFC 2866 §5, RFC 2869 §5, RFC 3579 §3, RFC 3162 §2, RFC 6911 §3)."""

    USER_NAME = 1
    USER_PASSWORD = 2
    SERVICE_TYPE = 6
    FRAMED_IP_ADDRESS = 8
    FRAMED_IP_NETMASK = 9
    FILTER_ID = 11
    REPLY_MESSAGE = 18
    STATE = 24
    CLASS = 25
    VENDOR_SPECIFIC = 26
    SESSION_TIMEOUT = 27
    CALLING_STATION_ID = 31
    NAS_IDENTIFIER = 32
    ACCT_STATUS_TYPE = 40
    ACCT_DELAY_TIME = 41
    ACCT_INPUT_OCTETS = 42
    ACCT_OUTPUT_OCTETS = 43
    ACCT_SESSION_ID = 44
    ACCT_AUTHENTIC = 45
    ACCT_SESSION_TIME = 46
    ACCT_INPUT_PACKETS = 47
    ACCT_OUTPUT_PACKETS = 48
    ACCT_TERMINATE_CAUSE = 49
    ACCT_INPUT_GIGAWORDS = 52
    ACCT_OUTPUT_GIGAWORDS = 53
    EVENT_TIMESTAMP = 55
    NAS_PORT_TYPE = 61
    EAP_MESSAGE = 79
    MESSAGE_AUTHENTICATOR = 80
    ACCT_INTERIM_INTERVAL = 85
    NAS_PORT_ID = 87
    FRAMED_IPV6_ADDRESS = 168
    DNS_SERVER_IPV6_ADDRESS = 169


MICROSOFT = 311  # RFC 2548 §2.7
_MS_DNS, _MS_NBNS = (28, 29), (30, 31)
LONGEST_VALUE = 253  # octets (RFC 2865 §5)
FRAMED, VIRTUAL = 2, 5  # Service-Type, NAS-Port-Type
_SERVICES = {1, FRAMED, 8}  # Login, Framed, Authenticate Only
_UNASSIGNED = {IPv4Address("255.255.255.255"), IPv4Address("255.255.255.254")}  # the user or the NAS is to choose


def number(value: int) -> bytes:
    """A value of the type integer."""
    return min(value, 0xFFFF_FFFF).to_bytes(4)


def text(value: str) -> bytes:
    """A value of the type text, truncated to the maximum length."""
    return value.encode(errors="replace")[:LONGEST_VALUE]


def is_served(attributes: Attributes) -> bool:
    """Whether this gateway provides the Service-Type; any other counts as a rejection (RFC 2865 §5.6)."""
    return all(service in _SERVICES for service in _numbers(attributes, Attribute.SERVICE_TYPE))


def reply_message(attributes: Attributes) -> str:
    """The text for the user, in one piece (RFC 2865 §5.18)."""
    joined = b"".join(attributes.get(Attribute.REPLY_MESSAGE, ())).decode(errors="replace")
    return printable(joined, " ").strip()[:255]


def state(attributes: Attributes) -> bytes:
    """The State of a challenge; empty if there is none."""
    return next(iter(attributes.get(Attribute.STATE, ())), b"")


def user_of(attributes: Attributes, attempt: XauthAttempt, groups_from: Sequence[int]) -> User:
    """The user with the profile of an Access-Accept; the groups are the values of the attributes ``groups_from``."""
    vendor = _of_microsoft(attributes)
    dns = [each for kind in _MS_DNS for each in _ipv4(vendor, kind)]
    found = [value for kind in groups_from for value in attributes.get(kind, ())]
    framed = (each for each in _ipv4(attributes, Attribute.FRAMED_IP_ADDRESS) if each not in _UNASSIGNED)
    masks = (mask for mask in _ipv4(attributes, Attribute.FRAMED_IP_NETMASK) if _is_netmask(mask))
    intervals = (seconds for seconds in _numbers(attributes, Attribute.ACCT_INTERIM_INTERVAL) if seconds >= 60)
    return User(
        *attempt.known_as(_user_name(attributes)),
        groups=tuple(dict.fromkeys(_words(found))),
        backend="radius",
        address=next(map(str, framed), ""),
        netmask=next(map(str, masks), ""),
        address6=next(map(str, _ipv6(attributes, Attribute.FRAMED_IPV6_ADDRESS)), ""),
        dns=tuple(map(str, (*dns, *_ipv6(attributes, Attribute.DNS_SERVER_IPV6_ADDRESS)))),
        nbns=tuple(str(each) for kind in _MS_NBNS for each in _ipv4(vendor, kind)),
        session_timeout=next(iter(_numbers(attributes, Attribute.SESSION_TIMEOUT)), 0),
        class_=tuple(attributes.get(Attribute.CLASS, ())),
        interim_interval=next(intervals, 0),
    )


def _user_name(attributes: Attributes) -> str:
    """The name to use in accounting (RFC 2865 §5.1); empty if the server sent none."""
    return next(iter(attributes.get(Attribute.USER_NAME, ())), b"").decode(errors="replace")


def _words(values: Sequence[bytes]) -> list[str]:
    """The names of groups: text, perhaps as ``ou=group;``, as Cisco's gateways expect them."""
    found = []
    for value in values:
        try:
            word = value.decode()
        except UnicodeDecodeError:
            continue  # Class may be any octets
        word = word.removesuffix(";")
        if word[:3].lower() == "ou=":
            word = word[3:]
        if word and word.isprintable():
            found.append(word)
    return found


def _of_microsoft(attributes: Attributes) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    for value in attributes.get(Attribute.VENDOR_SPECIFIC, ()):
        if int.from_bytes(value[:4]) != MICROSOFT:
            continue
        rest = value[4:]
        while len(rest) > 2 and 2 < rest[1] <= len(rest):
            found.setdefault(rest[0], []).append(rest[2 : rest[1]])
            rest = rest[rest[1] :]
    return found


def _numbers(attributes: Attributes, kind: int) -> list[int]:
    return [int.from_bytes(value) for value in attributes.get(kind, ()) if len(value) == 4]


def _ipv4(attributes: Attributes, kind: int) -> list[IPv4Address]:
    return [IPv4Address(value) for value in attributes.get(kind, ()) if len(value) == 4 and any(value)]


def _ipv6(attributes: Attributes, kind: int) -> list[IPv6Address]:
    return [IPv6Address(value) for value in attributes.get(kind, ()) if len(value) == 16 and any(value)]


def _is_netmask(mask: IPv4Address) -> bool:
    inverted = ~int(mask) & 0xFFFF_FFFF
    return not inverted & (inverted + 1)


def address_attribute(address: str) -> tuple[Attribute, bytes]:
    """The attribute of a user's assigned address."""
    parsed = ip_address(address)
    return Attribute.FRAMED_IP_ADDRESS if parsed.version == 4 else Attribute.FRAMED_IPV6_ADDRESS, parsed.packed
