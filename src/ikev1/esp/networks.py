"""Ranges of addresses as networks of the kernel: an address and the length of a prefix."""

from __future__ import annotations

import socket
from functools import lru_cache
from ipaddress import ip_address, summarize_address_range
from typing import Any, NamedTuple

from ikev1.core.records.selector import Selector


class Network(NamedTuple):
    """A network by its packed address, of 4 or 16 octets, and the length of its prefix in bits."""

    address: bytes
    prefix: int


@lru_cache
def packed(host: str) -> bytes:
    """An address in text as 4 or 16 octets, without the scope of a link-local one."""
    return ip_address(host.partition("%")[0]).packed


def family_of(address: bytes) -> int:
    """AF_INET or AF_INET6, of a packed address."""
    return socket.AF_INET if len(address) == 4 else socket.AF_INET6


def scope(host: str) -> int:
    """The index of the interface that a scoped address in text names, as in ``fe80::1%eth0`` (RFC 4007 §11); 0 if it
    names none, or one that does not exist.
    """
    _, _, name = host.partition("%")
    if not name:
        return 0
    try:
        return int(name) if name.isdigit() else socket.if_nametoindex(name)
    except OSError:
        return 0


def socket_address(host: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """The address of a peer for the calls of `socket`, which ignore a scope in text."""
    if "%" not in host:
        return host, port
    return host.partition("%")[0], port, 0, scope(host)


def host_of(address: tuple[Any, ...]) -> str:
    """The host of an address that a call of `socket` returned, with the interface if it is link-local."""
    host: str = address[0]
    if len(address) < 4 or not address[3] or "%" in host:
        return host
    try:
        return f"{host}%{socket.if_indextoname(address[3])}"
    except OSError:  # the interface was just removed
        return f"{host}%{address[3]}"


def networks(selector: Selector) -> list[Network]:
    """The smallest set of networks that covers the addresses of ``selector``."""
    first, last = int.from_bytes(selector.first), int.from_bytes(selector.last)
    size = last - first + 1
    if not size & (size - 1) and not first & (size - 1):  # one network, as most are
        return [Network(selector.first, 8 * len(selector.first) - size.bit_length() + 1)]
    summary = summarize_address_range(ip_address(selector.first), ip_address(selector.last))
    return [Network(network.network_address.packed, network.prefixlen) for network in summary]


def encloses(outer: Selector, inner: Selector) -> bool:
    """Whether ``inner``'s addresses are some, but not all of ``outer``'s."""
    within = len(outer.first) == len(inner.first) and outer.first <= inner.first and inner.last <= outer.last
    return within and (outer.first, outer.last) != (inner.first, inner.last)
