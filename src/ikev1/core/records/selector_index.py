"""An index of pairs of selectors that finds a pair by a packet or by another pair without comparing all of them.

A pair of selectors is stored under the *blocks* of its local and then of its remote range. Blocks are the networks, of
the smallest size that is not smaller than the range, which contain the range. A network is its own block; any other
range lies in one or two blocks and fills at least a quarter of them. Most gateways have few local blocks.

- A packet is looked up once for each size of block, and combination of protocol and ports, that is in use: at most 33
  sizes (IPv4) or 129 (IPv6) on either side, and usually one or two. Ranges in wider blocks are wider themselves.
- Blocks that overlap a range either contain its first address and are found in the same way, or begin within the range
  and are consecutive in a sorted list.

Adding or removing a pair of selectors changes only its own blocks.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from ikev1.core.records.selector import Selector

_MOST_LISTED = 8  # pairs of selectors that are kept in a list: indexing so few would cost more
_WIDTH_BITS = 8  # bits of a block's number for its width, below those of its first address
_UPPER_BITS = 48  # of protocol and port, local and remote: 8 + 16 + 8 + 16 bits
_PORTS = 0xFFFF << 24 | 0xFFFF

T = TypeVar("T")


_Block = tuple[int, int]  # a network: its first address, and its width, the number of bits after its prefix


class _Entry(NamedTuple, Generic[T]):
    local: Selector
    remote: Selector
    value: T
    precedence: int
    serial: int


# A property that keys share: the width of the remote block, and a mask of the bits of protocol and ports that are
# specified. Sorted, the narrowest come first.
_Kind = tuple[int, int]


class _Remotes(Generic[T]):
    """The entries of one local block by remote block, protocol and ports."""

    __slots__ = ("_counts", "_kinds", "by_key", "keys")

    def __init__(self) -> None:
        self.by_key: dict[int, tuple[_Entry[T], ...]] = {}
        self.keys: list[int] = []  # sorted
        self._kinds: list[_Kind] = []  # those in use, sorted
        self._counts: dict[_Kind, int] = {}  # the number of keys of each kind

    def add(self, block: _Block, entry: _Entry[T]) -> None:
        first, width = block
        key = _key(first, width, _upper(entry.local, entry.remote))
        known = self.by_key.get(key)
        if known is None:
            insort(self.keys, key)
            kind = width, _mask(entry.local, entry.remote)
            if _counted(self._counts, kind):
                insort(self._kinds, kind)
        self.by_key[key] = (*(known or ()), entry)

    def remove(self, block: _Block, local: Selector, remote: Selector, value: T) -> bool:
        first, width = block
        key = _key(first, width, _upper(local, remote))
        known = self.by_key.get(key, ())
        left = _without(known, local, remote, value)
        if len(left) == len(known):
            return False
        if left:
            self.by_key[key] = left
            return True
        del self.by_key[key]
        del self.keys[bisect_left(self.keys, key)]
        kind = width, _mask(local, remote)
        if _uncounted(self._counts, kind):
            self._kinds.remove(kind)
        return True

    def narrowest(
        self, source: bytes, destination: bytes, address: int, upper: int, shows_ports: bool
    ) -> list[_Entry[T]]:
        """The entries that match a packet to ``address`` (``destination``), in the narrowest remote blocks with any."""
        found: list[_Entry[T]] = []
        reached = 0
        for width, mask in self._kinds:
            if found and width > reached:
                break
            if mask & _PORTS and not shows_ports:
                continue
            for entry in self.by_key.get(_key(address >> width << width, width, upper & mask), ()):
                local, remote = entry.local, entry.remote
                if (
                    local.first <= source <= local.last
                    and remote.first <= destination <= remote.last
                    and len(remote.first) == len(destination)
                ):
                    found.append(entry)
                    reached = width
        return found

    def at(self, address: int, upper: int, mask: int, least: int = 0) -> Iterator[tuple[_Entry[T], ...]]:
        """The entries of the remote blocks that contain ``address`` and have at least the width ``least``, whose
        protocols and ports may overlap ``upper``; some are repeated.
        """
        by_key = self.by_key
        for width, other in self._kinds:
            if width < least:
                continue
            first = address >> width << width
            if not other & ~mask:
                entries = by_key.get(_key(first, width, upper & other))
                if entries is not None:
                    yield entries
            else:  # these specify a protocol or port where the query has any: all of them match
                yield from self.between(_key(first, width, 0), _key(first, width + 1, 0))

    def between(self, begin: int, end: int) -> Iterator[tuple[_Entry[T], ...]]:
        """The entries with keys from ``begin`` to ``end``, exclusive."""
        keys = self.keys
        for position in range(bisect_left(keys, begin), bisect_left(keys, end)):
            yield self.by_key[keys[position]]


class _Family(Generic[T]):
    """All entries of one IP version."""

    __slots__ = ("_counts", "_numbers", "_widths", "by_number")

    def __init__(self) -> None:
        self.by_number: dict[int, _Remotes[T]] = {}  # of local blocks
        self._numbers: list[int] = []  # sorted
        self._widths: list[int] = []  # of local blocks in use, sorted
        self._counts: dict[int, int] = {}  # the number of blocks of each width

    def add(self, entry: _Entry[T]) -> None:
        for first, width in _blocks(entry.local):
            number = first << _WIDTH_BITS | width
            remotes = self.by_number.get(number)
            if remotes is None:
                remotes = self.by_number[number] = _Remotes()
                insort(self._numbers, number)
                if _counted(self._counts, width):
                    insort(self._widths, width)
            for block in _blocks(entry.remote):
                remotes.add(block, entry)

    def remove(self, local: Selector, remote: Selector, value: T) -> bool:
        removed = False
        for first, width in _blocks(local):
            number = first << _WIDTH_BITS | width
            remotes = self.by_number.get(number)
            if remotes is None:
                return False
            for block in _blocks(remote):
                removed = remotes.remove(block, local, remote, value)
            if not remotes.keys:
                del self.by_number[number]
                del self._numbers[bisect_left(self._numbers, number)]
                if _uncounted(self._counts, width):
                    self._widths.remove(width)
        return removed

    def equal(self, local: Selector, remote: Selector) -> tuple[_Entry[T], ...]:
        """A superset of the entries of this pair of selectors."""
        first, width = _blocks(local)[0]
        remotes = self.by_number.get(first << _WIDTH_BITS | width)
        if remotes is None:
            return ()
        return remotes.by_key.get(_key(*_blocks(remote)[0], _upper(local, remote)), ())

    def holding(self, source: bytes, destination: bytes, upper: int, shows_ports: bool) -> list[_Entry[T]]:
        """The entries that match a packet: for each local block, those of the narrowest remote block."""
        ours, theirs = int.from_bytes(source), int.from_bytes(destination)
        found: list[_Entry[T]] = []
        for width in self._widths:
            remotes = self.by_number.get((ours >> width << width) << _WIDTH_BITS | width)
            if remotes is not None:
                found += remotes.narrowest(source, destination, theirs, upper, shows_ports)
        return found

    def around(self, local: Selector, remote: Selector, narrower: bool) -> Iterator[tuple[_Entry[T], ...]]:
        """The entries whose blocks, protocols and ports overlap those of a pair of selectors; some are repeated. Unless
        ``narrower``, entries with a narrower remote range may be omitted.
        """
        upper, mask = _upper(local, remote), _mask(local, remote)
        low, high = int.from_bytes(remote.first), int.from_bytes(remote.last)
        width = (high - low).bit_length()
        least = 0 if narrower else width
        for remotes in self._at(int.from_bytes(local.first), int.from_bytes(local.last)):
            yield from remotes.at(low, upper, mask, least)
            if low == high:
                continue
            if narrower:
                yield from remotes.between(_key(low + 1, 0, 0), _key(high + 1, 0, 0))
            elif low >> width != high >> width:
                yield from remotes.at(high, upper, mask, least)

    def _at(self, low: int, high: int) -> Iterator[_Remotes[T]]:
        # blocks that contain the first address, then blocks that begin after it
        for width in self._widths:
            remotes = self.by_number.get((low >> width << width) << _WIDTH_BITS | width)
            if remotes is not None:
                yield remotes
        if low != high:
            numbers = self._numbers
            begin = bisect_left(numbers, (low + 1) << _WIDTH_BITS)
            for position in range(begin, bisect_left(numbers, (high + 1) << _WIDTH_BITS)):
                yield self.by_number[numbers[position]]


class SelectorIndex(Generic[T]):
    """A map from pairs of selectors, local and remote, to values; neither may be dynamic. A pair of different IP
    versions matches no packet.

    If several values match a packet, the one with the narrowest selectors is used: the smallest remote range, then the
    smallest local one, then one with a protocol, a remote port, a local port. Among equals, the highest ``precedence``
    is used, then the newest value.
    """

    __slots__ = ("_families", "_listed", "_serial", "_size")

    def __init__(self) -> None:
        self._listed: list[_Entry[T]] = []
        self._families: dict[
            int, _Family[T]
        ] = {}  # by the length of an address in octets; empty while all entries are in the list
        self._serial = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, local: Selector, remote: Selector, value: T, precedence: int = 0) -> None:
        """Add ``value`` under a pair of selectors."""
        self._serial += 1
        self._size += 1
        self._listed.append(_Entry(local, remote, value, precedence, self._serial))
        if self._families or len(self._listed) > _MOST_LISTED:
            for entry in self._listed:
                self._family(entry.local).add(entry)
            self._listed.clear()

    def remove(self, local: Selector, remote: Selector, value: T) -> None:
        """Remove ``value``, or a value equal to it, from a pair of selectors if it is there."""
        for position, entry in enumerate(self._listed):
            if _is(entry, local, remote, value):
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

    def _family(self, selector: Selector) -> _Family[T]:
        octets = len(selector.first)
        family = self._families.get(octets)
        if family is None:
            family = self._families[octets] = _Family()
        return family


def _is(entry: _Entry[T], local: Selector, remote: Selector, value: T) -> bool:
    return (entry.value is value or entry.value == value) and entry.local == local and entry.remote == remote


def _without(entries: tuple[_Entry[T], ...], local: Selector, remote: Selector, value: T) -> tuple[_Entry[T], ...]:
    for position, entry in enumerate(entries):
        if _is(entry, local, remote, value):
            return (*entries[:position], *entries[position + 1 :])
    return entries


def _blocks(selector: Selector) -> tuple[_Block, ...]:
    first, last = int.from_bytes(selector.first), int.from_bytes(selector.last)
    width = (last - first).bit_length()
    low, high = first >> width << width, last >> width << width
    return ((low, width),) if low == high else ((low, width), (high, width))


def _upper(local: Selector, remote: Selector) -> int:
    return local.protocol << 40 | local.port << 24 | remote.protocol << 16 | remote.port


def _mask(local: Selector, remote: Selector) -> int:
    """Ones where a bit of `_upper` counts."""
    mask = 0xFF << 40 if local.protocol else 0
    if local.port:
        mask |= 0xFFFF << 24
    if remote.protocol:
        mask |= 0xFF << 16
    return mask | 0xFFFF if remote.port else mask


def _key(first: int, width: int, upper: int) -> int:
    return (first << _WIDTH_BITS | width) << _UPPER_BITS | upper


def _counted(counts: dict[T, int], what: T) -> bool:
    """Counts one more; whether it is the first."""
    counts[what] = counts.get(what, 0) + 1
    return counts[what] == 1


def _uncounted(counts: dict[T, int], what: T) -> bool:
    """Counts one less; whether it was the last."""
    counts[what] -= 1
    if counts[what]:
        return False
    del counts[what]
    return True


def _holds(
    entry: _Entry[T],
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


def _rank(entry: _Entry[T]) -> tuple[int, ...]:
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
