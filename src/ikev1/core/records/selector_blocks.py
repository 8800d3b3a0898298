"""The entries of `ikev1.core.records.selector_index` by local block, then by remote block, protocol and ports."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from ikev1.core.records.selector import Selector
from ikev1.core.records.selector_keys import PORTS, WIDTH_BITS, Block, blocks_of, key_of, mask_of, upper_of

T = TypeVar("T")


class Entry(NamedTuple, Generic[T]):
    """A value under a pair of selectors; the entry with the highest ``serial`` is the newest."""

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
        self.by_key: dict[int, tuple[Entry[T], ...]] = {}
        self.keys: list[int] = []  # sorted
        self._kinds: list[_Kind] = []  # those in use, sorted
        self._counts: dict[_Kind, int] = {}  # the number of keys of each kind

    def add(self, block: Block, entry: Entry[T]) -> None:
        first, width = block
        key = key_of(first, width, upper_of(entry.local, entry.remote))
        known = self.by_key.get(key)
        if known is None:
            insort(self.keys, key)
            kind = width, mask_of(entry.local, entry.remote)
            if _counted(self._counts, kind):
                insort(self._kinds, kind)
        self.by_key[key] = (*(known or ()), entry)

    def remove(self, block: Block, local: Selector, remote: Selector, value: T) -> bool:
        first, width = block
        key = key_of(first, width, upper_of(local, remote))
        known = self.by_key.get(key, ())
        left = _without(known, local, remote, value)
        if len(left) == len(known):
            return False
        if left:
            self.by_key[key] = left
            return True
        del self.by_key[key]
        del self.keys[bisect_left(self.keys, key)]
        kind = width, mask_of(local, remote)
        if _uncounted(self._counts, kind):
            self._kinds.remove(kind)
        return True

    def narrowest(
        self, source: bytes, destination: bytes, address: int, upper: int, shows_ports: bool
    ) -> list[Entry[T]]:
        """The entries that match a packet to ``address`` (``destination``), in the narrowest remote blocks with any."""
        found: list[Entry[T]] = []
        reached = 0
        for width, mask in self._kinds:
            if found and width > reached:
                break
            if mask & PORTS and not shows_ports:
                continue
            for entry in self.by_key.get(key_of(address >> width << width, width, upper & mask), ()):
                local, remote = entry.local, entry.remote
                if (
                    local.first <= source <= local.last
                    and remote.first <= destination <= remote.last
                    and len(remote.first) == len(destination)
                ):
                    found.append(entry)
                    reached = width
        return found

    def at(self, address: int, upper: int, mask: int, least: int = 0) -> Iterator[tuple[Entry[T], ...]]:
        """The entries of the remote blocks that contain ``address`` and have at least the width ``least``, whose
        protocols and ports may overlap ``upper``; some are repeated.
        """
        by_key = self.by_key
        for width, other in self._kinds:
            if width < least:
                continue
            first = address >> width << width
            if not other & ~mask:
                entries = by_key.get(key_of(first, width, upper & other))
                if entries is not None:
                    yield entries
            else:  # these specify a protocol or port where the query has any: all of them match
                yield from self.between(key_of(first, width, 0), key_of(first, width + 1, 0))

    def between(self, begin: int, end: int) -> Iterator[tuple[Entry[T], ...]]:
        """The entries with keys from ``begin`` to ``end``, exclusive."""
        keys = self.keys
        for position in range(bisect_left(keys, begin), bisect_left(keys, end)):
            yield self.by_key[keys[position]]


class Family(Generic[T]):
    """All entries of one IP version."""

    __slots__ = ("_counts", "_numbers", "_widths", "by_number")

    def __init__(self) -> None:
        self.by_number: dict[int, _Remotes[T]] = {}  # of local blocks
        self._numbers: list[int] = []  # sorted
        self._widths: list[int] = []  # of local blocks in use, sorted
        self._counts: dict[int, int] = {}  # the number of blocks of each width

    def add(self, entry: Entry[T]) -> None:
        """Add an entry."""
        for first, width in blocks_of(entry.local):
            number = first << WIDTH_BITS | width
            remotes = self.by_number.get(number)
            if remotes is None:
                remotes = self.by_number[number] = _Remotes()
                insort(self._numbers, number)
                if _counted(self._counts, width):
                    insort(self._widths, width)
            for block in blocks_of(entry.remote):
                remotes.add(block, entry)

    def remove(self, local: Selector, remote: Selector, value: T) -> bool:
        """Remove the entry of ``value``, and return whether there was one."""
        removed = False
        for first, width in blocks_of(local):
            number = first << WIDTH_BITS | width
            remotes = self.by_number.get(number)
            if remotes is None:
                return False
            for block in blocks_of(remote):
                removed = remotes.remove(block, local, remote, value)
            if not remotes.keys:
                del self.by_number[number]
                del self._numbers[bisect_left(self._numbers, number)]
                if _uncounted(self._counts, width):
                    self._widths.remove(width)
        return removed

    def equal(self, local: Selector, remote: Selector) -> tuple[Entry[T], ...]:
        """A superset of the entries of this pair of selectors."""
        first, width = blocks_of(local)[0]
        remotes = self.by_number.get(first << WIDTH_BITS | width)
        if remotes is None:
            return ()
        return remotes.by_key.get(key_of(*blocks_of(remote)[0], upper_of(local, remote)), ())

    def holding(self, source: bytes, destination: bytes, upper: int, shows_ports: bool) -> list[Entry[T]]:
        """The entries that match a packet: for each local block, those of the narrowest remote block."""
        ours, theirs = int.from_bytes(source), int.from_bytes(destination)
        found: list[Entry[T]] = []
        for width in self._widths:
            remotes = self.by_number.get((ours >> width << width) << WIDTH_BITS | width)
            if remotes is not None:
                found += remotes.narrowest(source, destination, theirs, upper, shows_ports)
        return found

    def around(self, local: Selector, remote: Selector, narrower: bool) -> Iterator[tuple[Entry[T], ...]]:
        """The entries whose blocks, protocols and ports overlap those of a pair of selectors; some are repeated. Unless
        ``narrower``, entries with a narrower remote range may be omitted.
        """
        upper, mask = upper_of(local, remote), mask_of(local, remote)
        low, high = int.from_bytes(remote.first), int.from_bytes(remote.last)
        width = (high - low).bit_length()
        least = 0 if narrower else width
        for remotes in self._at(int.from_bytes(local.first), int.from_bytes(local.last)):
            yield from remotes.at(low, upper, mask, least)
            if low == high:
                continue
            if narrower:
                yield from remotes.between(key_of(low + 1, 0, 0), key_of(high + 1, 0, 0))
            elif low >> width != high >> width:
                yield from remotes.at(high, upper, mask, least)

    def _at(self, low: int, high: int) -> Iterator[_Remotes[T]]:
        # blocks that contain the first address, then blocks that begin after it
        for width in self._widths:
            remotes = self.by_number.get((low >> width << width) << WIDTH_BITS | width)
            if remotes is not None:
                yield remotes
        if low != high:
            numbers = self._numbers
            begin = bisect_left(numbers, (low + 1) << WIDTH_BITS)
            for position in range(begin, bisect_left(numbers, (high + 1) << WIDTH_BITS)):
                yield self.by_number[numbers[position]]


def is_entry_of(entry: Entry[T], local: Selector, remote: Selector, value: T) -> bool:
    """Return whether ``entry`` is that of ``value`` under this pair of selectors."""
    return (entry.value is value or entry.value == value) and entry.local == local and entry.remote == remote


def _without(entries: tuple[Entry[T], ...], local: Selector, remote: Selector, value: T) -> tuple[Entry[T], ...]:
    for position, entry in enumerate(entries):
        if is_entry_of(entry, local, remote, value):
            return (*entries[:position], *entries[position + 1 :])
    return entries


def _counted(counts: dict[T, int], what: T) -> bool:
    """Count one more, and return whether it is the first."""
    counts[what] = counts.get(what, 0) + 1
    return counts[what] == 1


def _uncounted(counts: dict[T, int], what: T) -> bool:
    """Count one less, and return whether it was the last."""
    counts[what] -= 1
    if counts[what]:
        return False
    del counts[what]
    return True
