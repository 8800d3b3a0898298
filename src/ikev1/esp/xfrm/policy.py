"""One policy of the kernel: which packets, and which states they must pass (RFC 4301 §4.4.1)."""

from __future__ import annotations

import socket
from enum import IntEnum
from typing import NamedTuple

from ikev1.core.records.child_sa import Mark
from ikev1.core.records.selector import Selector
from ikev1.esp.netlink import Buffer, attribute, attributes, unpack
from ikev1.esp.networks import Network, family_of, networks
from ikev1.esp.xfrm.layout import (
    LIFETIME_CONFIG,
    LIFETIME_CURRENT,
    NO_LIMIT,
    NUMBER,
    POLICY_ID,
    POLICY_INFO,
    SELECTOR,
    TEMPLATE,
    Attribute,
    mark_attribute,
    wide,
)
from ikev1.esp.xfrm.state import XfrmMode

_FOREVER = LIFETIME_CONFIG.pack(NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT, 0, 0, 0, 0)
_NOTHING_CARRIED = bytes(LIFETIME_CURRENT.size)
_ALLOW, _BLOCK = 0, 1  # XFRM_POLICY_...
_ANY_ALGORITHM = 2**32 - 1
_ALL_PORT_BITS = b"\xff\xff"
_FIRST_PRIORITY = 1
_LAST_PRIORITY = 0x4000_0000  # of the widest selectors; the lowest number goes first
_EXEMPT = 0x2000_0000  # by which the priorities of policies that exempt traffic are lower than those of all others
_ICMPV6 = 58
_NEIGHBOUR_DISCOVERY = range(133, 137)  # types of ICMPv6 (RFC 4861 §4.1-4.4)


class Direction(IntEnum):
    """XFRM_POLICY_...: packets received by this host, sent, and forwarded after they were received."""

    IN = 0
    OUT = 1
    FORWARD = 2


class Template(NamedTuple):
    """A state that a packet has to pass. ``spi`` 0 matches any SPI with the reqid; empty addresses match any."""

    source: bytes
    destination: bytes
    protocol: int
    mode: XfrmMode
    reqid: int
    spi: int = 0
    optional: bool = False


class PolicyId(NamedTuple):
    """The kernel's key of a policy; ``selector`` is a struct xfrm_selector."""

    direction: Direction
    selector: bytes
    mark: Mark = Mark()
    if_id: int = 0


class Rule(NamedTuple):
    """The action of a policy (RFC 4301 §4.4.1): PROTECT with templates, BYPASS without, or DISCARD. With ``exempts``,
    BYPASS precedes all policies that protect, whatever their selectors are.

    ``number`` identifies the policy in the kernel: the reqid of its templates, 0 if it has none. A policy that discards
    is identified by its priority, which must be lower than those of all others.
    """

    number: int = 0
    templates: tuple[Template, ...] = ()
    discards: bool = False
    exempts: bool = False


class _Endpoint(NamedTuple):
    network: Network
    port: int


def selectors(source: Selector, destination: Selector) -> list[bytes]:
    """The smallest set of struct xfrm_selector that covers the packets from ``source`` to ``destination``."""
    protocol = source.protocol or destination.protocol
    return [
        _selector(_Endpoint(one, source.port), _Endpoint(other, destination.port), protocol)
        for one in networks(source)
        for other in networks(destination)
    ]


def _selector(source: _Endpoint, destination: _Endpoint, protocol: int) -> bytes:
    return SELECTOR.pack(
        wide(destination.network.address),
        wide(source.network.address),
        destination.port.to_bytes(2),
        _ALL_PORT_BITS if destination.port else bytes(2),
        source.port.to_bytes(2),
        _ALL_PORT_BITS if source.port else bytes(2),
        family_of(source.network.address),
        destination.network.prefix,
        source.network.prefix,
        protocol,
        0,
        0,
    )


def neighbour_discovery() -> list[PolicyId]:
    """Policies for IPv6 neighbour discovery (RFC 4861).

    Its messages must not need an SA, because the peer of an SA is found by them.
    """
    anybody = bytes(16)
    packed = (
        SELECTOR.pack(
            *(anybody, anybody, bytes(2), bytes(2)),
            *(kind.to_bytes(2), _ALL_PORT_BITS),  # the kernel puts the ICMPv6 type where the source port is
            *(socket.AF_INET6, 0, 0, _ICMPV6, 0, 0),
        )
        for kind in _NEIGHBOUR_DISCOVERY
    )
    return [PolicyId(direction, selector) for selector in packed for direction in (Direction.IN, Direction.OUT)]


_NEIGHBOUR_POLICIES = frozenset(neighbour_discovery())  # whatever other policies say


def encode(id: PolicyId, rule: Rule) -> bytes:
    """The body of XFRM_MSG_NEWPOLICY or XFRM_MSG_UPDPOLICY."""
    if rule.discards:
        return _info(id.selector, id.direction, rule.number, _BLOCK) + _qualifiers(id)
    priority = _FIRST_PRIORITY if id in _NEIGHBOUR_POLICIES else _priority(id) - _EXEMPT * rule.exempts
    required = attribute(Attribute.TMPL, b"".join(map(_template, rule.templates))) if rule.templates else b""
    return _info(id.selector, id.direction, priority) + required + _qualifiers(id)


def encode_id(id: PolicyId) -> bytes:
    """The body of XFRM_MSG_GETPOLICY and XFRM_MSG_DELPOLICY."""
    return POLICY_ID.pack(id.selector, 0, id.direction) + _qualifiers(id)


def bypass(family: int, direction: Direction) -> bytes:
    """A struct xfrm_userpolicy_info that lets everything pass unprotected, for a single socket (`sockets`)."""
    return _info(SELECTOR.pack(bytes(16), bytes(16), *4 * (bytes(2),), family, 0, 0, 0, 0, 0), direction, 0)


def numbers(octets: memoryview) -> frozenset[int]:
    """The numbers that identify a policy (`Rule.number`), from the kernel's NEWPOLICY. Empty: it lets packets pass.

    Raises:
        GarbledAnswer: it is too short, or the length of an attribute is wrong.
    """
    _, _, _, priority, _, _, action, _, _ = unpack(POLICY_INFO, octets)
    return frozenset((priority,) if action == _BLOCK else reqids(octets[POLICY_INFO.size :]))


def reqids(octets: Buffer) -> tuple[int, ...]:
    """The reqids of the templates in the attributes of the kernel's NEWPOLICY or ACQUIRE.

    Raises:
        GarbledAnswer: the length of an attribute is wrong.
    """
    templates = attributes(octets).get(Attribute.TMPL, memoryview(b""))
    starts = range(0, len(templates), TEMPLATE.size)
    return tuple(unpack(TEMPLATE, templates[start:])[5] for start in starts)


def _info(selector: bytes, direction: Direction, priority: int, action: int = _ALLOW) -> bytes:
    return POLICY_INFO.pack(selector, _FOREVER, _NOTHING_CARRIED, priority, 0, direction, action, 0, 0)


def _template(template: Template) -> bytes:
    return TEMPLATE.pack(
        wide(template.destination),
        template.spi.to_bytes(4),
        template.protocol,
        family_of(template.destination),
        wide(template.source),
        template.reqid,
        template.mode,
        0,
        template.optional,
        *3 * (_ANY_ALGORITHM,),
    )


def _qualifiers(id: PolicyId) -> bytes:
    return mark_attribute(id.mark) + (attribute(Attribute.IF_ID, NUMBER.pack(id.if_id)) if id.if_id else b"")


def _priority(id: PolicyId) -> int:
    """The priority: the number is lower (preferred) the narrower the remote network is, then the local network, then
    protocol and ports, as in user space.
    """
    _, _, destination_port, _, source_port, _, family, to, origin, protocol, _, _ = SELECTOR.unpack(id.selector)
    remote, local = (to, origin) if id.direction is Direction.OUT else (origin, to)
    width = 32 if family == socket.AF_INET else 128
    narrowness: int = (remote * (width + 1) + local) << 3
    narrowness += 4 * (protocol != 0) + 2 * any(destination_port) + any(source_port)
    return _LAST_PRIORITY - narrowness
