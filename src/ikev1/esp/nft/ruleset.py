"""The packet filter's rules and sets for protected traffic (RFC 4301 §5.1, §5.2).

Packets pass three chains, ``input``, ``forward`` and ``output``. The chain ``in`` looks up whether packets that were
not received from the tunnels' device belong to protected traffic, the chain ``out`` those that are not sent to it. A
selector that is not a network is represented by several networks. All selectors of one `Shape` (the lengths of their
prefixes, and whether they name protocol and ports) share a set, so a packet costs one look-up for each shape,
independent of the number of tunnels. Exemptions are looked up first, then the narrowest shape; of equal ones, those
that drop.

Exempt are packets of our own sockets (marked) and those for them, the loopback device, neighbour discovery (RFC 4861),
link-local multicast, which no router forwards, fragments other than the first for this host, and, if the remote network
of a tunnel contains the local one, packets that stay inside the latter.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import product
from socket import IPPROTO_ESP, IPPROTO_ICMPV6, IPPROTO_UDP
from typing import NamedTuple

from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.esp.inner import WITH_PORTS
from ikev1.esp.networks import Network, encloses, networks
from ikev1.esp.nft import layout
from ikev1.esp.nft.layout import Compare, Hook, Message, Meta

PORTS = "our-ports"  # the set of UDP ports for ISAKMP and ESP in UDP
COUNTERS = ("in", "out")  # of dropped packets; the chains have the same names
_MOST_NETWORKS = 8  # of one selector
_PRIORITY = 10  # after destination NAT (-100) and after the usual filters (0)
_NFPROTO = {4: b"\x02", 6: b"\x0a"}
_WIDTH = {4: 4, 6: 16}
_SOURCE, _DESTINATION = {4: 12, 6: 8}, {4: 16, 6: 24}  # offsets in the IP header
_FRAGMENT_OFFSET_V4, _FRAGMENT_OFFSET_V6 = b"\x1f\xff", b"\xff\xf8"  # RFC 791 §3.1, RFC 8200 §4.5
_FIRST_DISCOVERY, _LAST_DISCOVERY = b"\x85", b"\x89"  # RFC 4861 §4: ICMPv6 types 133 to 137
_TYPE_ADDRESS, _TYPE_PROTOCOL, _TYPE_PORT, _TYPE_BITS = {4: 7, 6: 8}, 12, 13, 6  # as nft(8) numbers them
_LINK_LOCAL_MULTICAST = ("224.0.0.0/24", "255.255.255.255", "ff01::/16", "ff02::/16")
_Covering = Callable[[Selector], list[Network]]  # networks that contain the addresses of a selector
_ANYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


class Shape(NamedTuple):
    """The fields that a set of entries matches."""

    version: int
    local_prefix: int  # bits
    remote_prefix: int
    protocol: bool = False
    local_port: bool = False
    remote_port: bool = False
    fragments: bool = False  # only fragments other than the first, which have no ports
    passes: bool = False  # its traffic is not dropped, even if a wider shape matches
    first: bool = False  # even if a narrower shape matches

    @property
    def name(self) -> str:
        """The name of its set."""
        words = [f"ipv{self.version}-{self.local_prefix}-{self.remote_prefix}"]
        words += [
            name
            for name in ("protocol", "local_port", "remote_port", "fragments", "passes", "first")
            if getattr(self, name)
        ]
        return "-".join(words).replace("_", "-")

    @property
    def order(self) -> tuple[int, ...]:
        """The sort key of shapes: the narrowest is first."""
        return (
            self.version,
            not self.first,
            -self.remote_prefix,
            -self.local_prefix,
            -self.protocol,
            -self.remote_port,
            -self.local_port,
            self.fragments,
            self.passes,
        )


class Entry(NamedTuple):
    """One member of the set of ``shape``."""

    shape: Shape
    key: bytes


@lru_cache(maxsize=4096)
def entries(local: Selector, remote: Selector) -> tuple[Entry, ...]:
    """The entries that protect traffic between ``local`` and ``remote``, neither of them dynamic.

    There are none if no packet can match both.
    """
    if len(local.first) != len(remote.first):
        return ()
    found = list(_protected(local, remote, _networks))
    if encloses(remote, local):
        inside = replace(local, protocol=0, port=0)
        found += _entries(inside, inside, passes=True)
    return tuple(found)


def always() -> tuple[Entry, ...]:
    """Traffic that is never dropped: multicast that no router forwards."""
    found: list[Entry] = []
    for text in _LINK_LOCAL_MULTICAST:
        remote = Selector.parse(text)
        found += _entries(Selector.parse(_ANYWHERE[remote.version]), remote, passes=True)
    return tuple(found)


def exempt(local: Selector, remote: Selector) -> tuple[Entry, ...]:
    """The entries that accept traffic between ``local`` and ``remote`` before all others; of traffic with a port, only
    the first fragments, which show it.
    """
    found = (entry for entry in _protected(local, remote, networks) if not entry.shape.fragments)
    return tuple(Entry(entry.shape._replace(passes=True, first=True), entry.key) for entry in found)


def dropped(local: Selector, remote: Selector) -> tuple[Entry, ...]:
    """The entries that drop traffic between ``local`` and ``remote``, also that inside the local network."""
    return tuple(_protected(local, remote, networks))


def _protected(local: Selector, remote: Selector, covering: _Covering) -> Iterator[Entry]:
    named = {selector.protocol for selector in (local, remote)} - {0}
    if len(named) > 1:
        return
    ports = bool(local.port or remote.port)
    protocols: Iterable[int] = named or (WITH_PORTS if ports else (0,))
    for protocol in protocols:
        if not ports:
            yield from _entries(local, remote, protocol, covering=covering)
        elif protocol in WITH_PORTS:  # other protocols have no ports
            yield from _entries(local, remote, protocol, covering=covering, ports=True)
            yield from _entries(local, remote, protocol, covering=covering, fragments=True)


def _entries(
    local: Selector,
    remote: Selector,
    protocol: int = 0,
    *,
    covering: _Covering | None = None,
    ports: bool = False,
    fragments: bool = False,
    passes: bool = False,
) -> Iterator[Entry]:
    rest = struct.pack("!B3x", protocol) if protocol else b""
    if ports:
        rest += b"".join(struct.pack("!H2x", port) for port in (local.port, remote.port) if port)
    covering = covering or _networks
    for ours, theirs in product(covering(local), covering(remote)):
        shape = Shape(
            local.version,
            ours.prefix,
            theirs.prefix,
            bool(protocol),
            ports and bool(local.port),
            ports and bool(remote.port),
            fragments,
            passes,
        )
        yield Entry(shape, ours.address + theirs.address + rest)


def _networks(selector: Selector) -> list[Network]:
    """The networks of a selector or, if there are many, the smallest network that contains it. A peer may choose any
    range within those of its tunnel, but must not determine the cost of each packet.
    """
    found = networks(selector)
    if len(found) <= _MOST_NETWORKS:
        return found
    bits = 8 * len(selector.first)
    first, last = int.from_bytes(selector.first), int.from_bytes(selector.last)
    prefix = bits - (first ^ last).bit_length()
    return [Network((first & ~((1 << bits - prefix) - 1)).to_bytes(bits // 8), prefix)]


class Carrier(NamedTuple):
    """How packets of tunnels are recognized: the expressions that match packets that were received from a tunnel, that
    were not, that will be sent into one, and that will not.
    """

    arrives: tuple[bytes, ...]
    strange: tuple[bytes, ...]
    leaves: tuple[bytes, ...]
    bare: tuple[bytes, ...]


def by_device(name: str) -> Carrier:
    """The carrier if packets of tunnels pass a device."""
    come, go, other = Meta.INPUT_DEVICE, Meta.OUTPUT_DEVICE, Compare.UNEQUAL
    return Carrier(_device(come, name), _device(come, name, other), _device(go, name), _device(go, name, other))


def by_kernel() -> Carrier:
    """The carrier if the kernel encrypts and decrypts packets of tunnels."""
    opened, sealed = layout.meta(Meta.DECRYPTED), layout.will_be_encrypted()
    yes, no = layout.compare(b"\1"), layout.compare(b"\0")
    return Carrier((opened, yes), (opened, no), (sealed, yes), (sealed, no))


def frame(table: str, carrier: Carrier, mark: int, ports: Sequence[int]) -> list[Message]:
    """An empty table, which replaces one of its name."""
    messages = [layout.add_table(table), layout.delete_table(table), layout.add_table(table)]
    messages.append(layout.add_set(table, PORTS, 1, _TYPE_PORT, 2))
    messages += layout.add_elements(table, PORTS, [port.to_bytes(2) for port in ports])
    for name in COUNTERS:
        messages += [layout.add_counter(table, name), layout.add_chain(table, name)]
    for name, hook in (("input", Hook.INPUT), ("forward", Hook.FORWARD), ("output", Hook.OUTPUT)):
        messages.append(layout.add_chain(table, name, hook, _PRIORITY))
    accept = layout.accept()
    for chain, expressions in (
        ("input", (*carrier.arrives, accept)),
        ("input", (*_device(Meta.INPUT_DEVICE, "lo"), accept)),
        ("input", (*_protocol(IPPROTO_ESP), accept)),
        ("input", (*_protocol(IPPROTO_UDP), layout.header_field(2, 2, transport=True), layout.is_in(PORTS), accept)),
        ("input", (*_neighbour_discovery(), accept)),
        ("input", (*_later_fragments_v6(), accept)),
        ("input", (layout.jump("in"),)),
        ("forward", (*carrier.strange, layout.jump("in"))),
        ("forward", (*carrier.bare, layout.jump("out"))),
        ("output", (*carrier.leaves, accept)),
        ("output", (*_device(Meta.OUTPUT_DEVICE, "lo"), accept)),
        ("output", (layout.meta(Meta.MARK), layout.compare(struct.pack("=I", mark)), accept)),
        ("output", (*_neighbour_discovery(), accept)),
        ("output", (layout.jump("out"),)),
    ):
        messages.append(layout.add_rule(table, chain, *expressions))
    return messages


def sets(table: str, shapes: Iterable[Shape]) -> list[Message]:
    """The sets of ``shapes``, empty."""
    return [
        layout.add_set(table, shape.name, number, _key_type(shape), _key_length(shape))
        for number, shape in enumerate(shapes, start=2)
    ]


def rules(table: str, shapes: Iterable[Shape]) -> list[Message]:
    """The rules of the chains ``in`` and ``out`` for all ``shapes``, which replace the existing ones."""
    messages = [layout.flush_chain(table, chain) for chain in COUNTERS]
    for shape in sorted(shapes, key=lambda shape: shape.order):
        for chain in COUNTERS:
            end = [layout.return_()] if shape.passes else [layout.count(chain), layout.drop()]
            found = [*_loads(shape, inbound=chain == "in"), layout.is_in(shape.name), *end]
            messages.append(layout.add_rule(table, chain, *found))
    return messages


def _loads(shape: Shape, *, inbound: bool) -> Iterator[bytes]:
    """Load the fields of the shape into registers, in the order of a key."""
    version, register = shape.version, layout.FIRST_REGISTER
    yield layout.meta(Meta.VERSION)
    yield layout.compare(_NFPROTO[version])
    if shape.fragments and version == 4:
        yield layout.header_field(6, 2)
        yield layout.mask(_FRAGMENT_OFFSET_V4)
        yield layout.compare(bytes(2), Compare.UNEQUAL)
    elif shape.fragments:
        yield layout.later_fragment_v6()
        yield layout.mask(_FRAGMENT_OFFSET_V6)
        yield layout.compare(bytes(2), Compare.UNEQUAL)
    width = _WIDTH[version]
    ours, theirs = (_DESTINATION, _SOURCE) if inbound else (_SOURCE, _DESTINATION)
    for offset, prefix in ((ours[version], shape.local_prefix), (theirs[version], shape.remote_prefix)):
        yield layout.header_field(offset, width, register=register)
        if prefix < 8 * width:
            yield layout.mask(_netmask(prefix, width), register)
        register += width // 4
    if shape.protocol:
        yield layout.meta(Meta.PROTOCOL, register)
        register += 1
    ours_port, theirs_port = (2, 0) if inbound else (0, 2)
    for wanted, offset in ((shape.local_port, ours_port), (shape.remote_port, theirs_port)):
        if wanted:
            yield layout.header_field(offset, 2, transport=True, register=register)
            register += 1


def _netmask(prefix: int, width: int) -> bytes:
    bits = 8 * width
    return ((1 << bits) - (1 << bits - prefix)).to_bytes(width)


def _key_type(shape: Shape) -> int:
    address = _TYPE_ADDRESS[shape.version]
    kinds = [address, address, *[_TYPE_PROTOCOL] * shape.protocol]
    kinds += [_TYPE_PORT] * (shape.local_port + shape.remote_port)
    number = 0
    for kind in kinds:
        number = number << _TYPE_BITS | kind
    return number


def _key_length(shape: Shape) -> int:
    return 2 * _WIDTH[shape.version] + 4 * (shape.protocol + shape.local_port + shape.remote_port)


def _device(which: Meta, name: str, how: Compare = Compare.EQUAL) -> tuple[bytes, ...]:
    return layout.meta(which), layout.compare(name.encode().ljust(16, b"\0"), how)


def _protocol(number: int) -> tuple[bytes, ...]:
    return layout.meta(Meta.PROTOCOL), layout.compare(bytes((number,)))


def _later_fragments_v6() -> tuple[bytes, ...]:
    """Accept fragments other than the first for this host: ESP in UDP may be fragmented on the path, and later
    fragments have no ports. They are useless without the first one, which is looked up. IPv4 is reassembled before.
    """
    version = (layout.meta(Meta.VERSION), layout.compare(_NFPROTO[6]))
    offset = (layout.later_fragment_v6(), layout.mask(_FRAGMENT_OFFSET_V6), layout.compare(bytes(2), Compare.UNEQUAL))
    return (*version, *offset)


def _neighbour_discovery() -> tuple[bytes, ...]:
    """Accept neighbour discovery on the link; forwarded packets are not accepted by their type."""
    kind = layout.header_field(0, 1, transport=True)
    first = layout.compare(_FIRST_DISCOVERY, Compare.AT_LEAST)
    last = layout.compare(_LAST_DISCOVERY, Compare.AT_MOST)
    version = (layout.meta(Meta.VERSION), layout.compare(_NFPROTO[6]))
    return (*version, *_protocol(IPPROTO_ICMPV6), kind, first, last)
