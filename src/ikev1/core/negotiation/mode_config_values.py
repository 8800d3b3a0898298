"""Values of the attributes of mode config: items of a field as octets, and back (draft-dukes-ike-mode-cfg-02 §3.4).

Cisco's attributes (Unity) are documented by what implementations send: networks have 14 octets each, an address, a
mask and 6 octets for a protocol and ports that are 0; domains are separated by commas.

Received attributes are not trusted: a value with a wrong length, or with an address that no host can have, is refused,
and the size of texts and lists is limited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple

from ikev1.core.records.events import Code
from ikev1.core.records.refusal import Refusal
from ikev1.wire.registry import NotifyType

MOST_ITEMS = 256  # addresses, networks or names in one field
_LONGEST_TEXT = 4096  # characters
_UNITY_NETWORK = 14  # octets
_UNITY_PADDING = 6  # of them

Value = int | bytes


class Codec(NamedTuple):
    """``write`` gives the values of the attributes for the items of a field, ``read`` the items in one attribute."""

    write: Callable[[tuple[Any, ...]], Iterable[Value]]
    read: Callable[[Value], Iterable[Any]]


def malformed(text: str) -> Refusal:
    """The refusal of a value, or of all of them."""
    return Refusal(Code.MALFORMED, f"mode config: {text}", notify=NotifyType.PAYLOAD_MALFORMED)


def _octets(value: Value, lengths: tuple[int, ...], what: str) -> bytes:
    octets = value.to_bytes(2) if isinstance(value, int) else value
    if len(octets) not in lengths:
        expected = " or ".join(map(str, lengths))
        raise malformed(f"{what} of {len(octets)} octets: expected {expected}")
    return octets


def _host(address: IPv4Address | IPv6Address) -> str:
    """The text of an address, which must be one that a host can have.

    Raises:
        Refusal: it is not.
    """
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    strange = address.is_unspecified or address.is_multicast or address.is_loopback or inner is not None
    if strange or any(address in network for network in _OF_NO_HOST):
        raise malformed(f"{address} is not the address of a host")
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
        raise malformed(f"{IPv4Address(mask)} is not a netmask")
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
        raise malformed(f"an IPv6 prefix of {octets[16]} bits")
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
        raise malformed(f"a list of networks of {len(octets)} octets: expected {_UNITY_NETWORK} for each")
    if len(octets) // width > MOST_ITEMS:
        raise malformed(f"a list of {len(octets) // width} networks: more than {MOST_ITEMS}")
    starts = range(0, len(octets), width)
    return [_network4(octets[start : start + 4], octets[start + 4 : start + 8]) for start in starts]


def text_of(value: Value) -> str:
    """A text, without the octets that end it, of limited length."""
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


def _hosts(read: Callable[[Value], list[str]]) -> Codec:
    return Codec(lambda hosts: [ip_address(host).packed for host in hosts], read)


_OF_NO_HOST = ip_network("0.0.0.0/8"), ip_network("240.0.0.0/4")  # RFC 1122 §3.2.1.3, RFC 1112 §4
HOST4, HOST6, MASK = _hosts(_read_host4), _hosts(_read_host6), _hosts(_read_mask)
NETWORK4, NETWORK6 = Codec(_write_network4, _read_network4), Codec(_write_network6, _read_network6)
UNITY_NETWORKS = Codec(_write_unity_networks, _read_unity_networks)
TEXT = Codec(lambda texts: [text.encode() for text in texts], lambda value: [text_of(value)])
NAMES = Codec(lambda names: [",".join(names).encode()] if names else [], lambda value: _split(text_of(value)))
SECONDS = Codec(lambda numbers: [number.to_bytes(4) for number in numbers], lambda value: [_number(value)])
SHORT = Codec(lambda numbers: list(map(int, numbers)), lambda value: [_number(value)])
