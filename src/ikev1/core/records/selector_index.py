"""An index of pairs of selectors that finds a pair by a packet or by another pair without comparing all of them.

A pair of selectors is stored under the *blocks* of its local and then of its remote range. Blocks are the networks, of
the smallest size that is not smaller than the range, which contain the range. A network is its own block; any other
range lies in one or two blocks and fills at least a quarter of them. Most gateways have few local blocks.

- A packet is looked up once for each size of block, and combination of protocol and ports, that is in use: at most 33
  sizes (IPv4) or 129 (IPv6) on either side, and usually one or two. Ranges in wider blocks are wider themselves.
- Blocks that overlap a range either contain its first address and are found in the same way, or begin within the range
  and are consecutive in a sorted list.

Adding or removing a pair of selectors changes only its own blocks.

`selector_keys` computes blocks and keys, `selector_blocks` has the entries by them. A short list of entries is not
indexed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from ikev1.core.records.selector import Selector
from ikev1.core.records.selector_blocks import Entry, Family, is_entry_of

_MOST_LISTED = 8  # pairs of selectors that are kept in a list: indexing so few would cost more

T = TypeVar("T")


class SelectorIndex(Generic[T]):
    """A map from pairs of selectors, local and remote, to values; neither may be dynamic. A pair of different IP
    versions matches no packet.

    If several values match a packet, the one with the narrowest selectors is used: the smallest remote range, then the
    smallest local one, then one with a protocol, a remote port, a local port. Among equals, the highest ``precedence``
    is used, then the newest value.
    """

    __slots__ = ("_families", "_listed", "_serial", "_size")

    def __init__(self) -> None:
        self._listed: list[Entry[T]] = []
        self._families: dict[
            int, Family[T]
        ] = {}  # by the length of an address in octets; empty while all entries are in the list
        self._serial = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, local: Selector, remote: Selector, value: T, precedence: int = 0) -> None:
        """Add ``value`` under a pair of selectors."""
        self._serial += 1
        self._size += 1
        self._listed.append(Entry(local, remote, value, precedence, self._serial))
        if self._families or len(self._listed) > _MOST_LISTED:
            for entry in self._listed:
                self._family(entry.local).add(entry)
            self._listed.clear()

    def remove(self, local: Selector, remote: Selector, value: T) -> None:
        """Remove ``value``, or a value equal to it, from a pair of selectors if it is there."""
        for position, entry in enumerate(self._listed):
            if is_entry_of(entry, local, remote, value):
                del self._listed[position]
                self._size -= 1
                return
        family = self._families.get(len(local.first))
        if family is not None and family.remove(local, remote, value):
            self._size -= 1
            if not family.by_number:
                del self._families[len(local.first)]

    def find(
        self,
        source: bytes,
        destination: bytes,
        protocol: int = 0,
        source_port: int | None = None,
        destination_port: int | None = None,
    ) -> T | None:
        """The value for a packet from the local to the remote side; addresses are packed.

        Ports are None if the packet has none; a selector with a port does not match it then (RFC 4301 §7.1).
        """
        family = self._families.get(len(source))
        if family is not None:
            upper = protocol << 40 | (source_port or 0) << 24 | protocol << 16 | (destination_port or 0)
            found = family.holding(source, destination, upper, source_port is not None)
        else:
            packet = source, destination, protocol, source_port, destination_port
            found = [entry for entry in self._listed if _holds(entry, *packet)]
        if len(found) < 2:
            return found[0].value if found else None
        return min(found, key=_rank).value

    def equal(self, local: Selector, remote: Selector) -> list[T]:
        """The values of exactly this pair of selectors, the oldest first."""
        family = self._families.get(len(local.first))
        found = self._listed if family is None else family.equal(local, remote)
        return [entry.value for entry in found if entry.local == local and entry.remote == remote]

    def overlapping(self, local: Selector, remote: Selector) -> Iterator[T]:
        """The values of all pairs of selectors that match a packet which this pair also matches.

        The index must not be changed during the iteration.
        """
        return self._overlapping(local, remote, narrower=True)

    def at_least_as_wide(self, local: Selector, remote: Selector) -> Iterator[T]:
        """The values of `overlapping` whose remote range is not smaller; others may be included.

        These are few if one network contains thousands of others. The index must not be changed during the iteration.
        """
        return self._overlapping(local, remote, narrower=False)

    def _overlapping(self, local: Selector, remote: Selector, narrower: bool) -> Iterator[T]:
        family = self._families.get(len(local.first))
        seen: set[int] = set()
        for entries in (self._listed,) if family is None else family.around(local, remote, narrower):
            for entry in entries:
                if entry.serial not in seen and entry.local.overlaps(local) and entry.remote.overlaps(remote):
                    seen.add(entry.serial)
                    yield entry.value

    def _family(self, selector: Selector) -> Family[T]:
        octets = len(selector.first)
        family = self._families.get(octets)
        if family is None:
            family = self._families[octets] = Family()
        return family


def _holds(
    entry: Entry[T],
    source: bytes,
    destination: bytes,
    protocol: int,
    source_port: int | None,
    destination_port: int | None,
) -> bool:
    local, remote = entry.local, entry.remote
    return (
        len(local.first) == len(source)
        and local.first <= source <= local.last
        and remote.first <= destination <= remote.last
        and len(remote.first) == len(destination)
        and local.protocol in (0, protocol)
        and remote.protocol in (0, protocol)
        and local.port in (0, source_port)
        and remote.port in (0, destination_port)
    )


def _rank(entry: Entry[T]) -> tuple[int, ...]:
    local, remote = entry.local, entry.remote
    return (
        _extent(remote),
        _extent(local),
        not remote.protocol,
        not remote.port,
        not local.port,
        -entry.precedence,
        -entry.serial,
    )


def _extent(selector: Selector) -> int:
    return int.from_bytes(selector.last) - int.from_bytes(selector.first)
