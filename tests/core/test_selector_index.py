"""The index of selectors: a list that is looked through from end to end finds the same."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.core.records.selector import Selector
from ikev1.core.records.selector_index import SelectorIndex

_PORTS = [0, 0, 0, 7, 53]
_NONE: tuple[int | None, int | None] = (None, None)


class Filed(NamedTuple):
    local: Selector
    remote: Selector
    precedence: int
    value: int


@st.composite
def selectors(draw: st.DrawFn, octets: int) -> Selector:
    """In a few addresses around the middle of all of them, so that most overlap and many ranges cross blocks."""
    middle = 1 << (8 * octets - 1)
    kind = draw(st.sampled_from(["all", "network", "network", "network", "range", "address"]))
    if kind == "all":
        low, high = 0, 2 * middle - 1
    elif kind == "range":
        low, high = sorted(middle + draw(st.integers(-20, 20)) for _ in range(2))
    else:
        width = 0 if kind == "address" else draw(st.integers(0, 5))
        low = (middle + draw(st.integers(-20, 20))) >> width << width
        high = low + (1 << width) - 1
    protocol = draw(st.sampled_from([0, 0, 6, 17]))
    port = draw(st.sampled_from(_PORTS)) if protocol else 0
    return Selector(low.to_bytes(octets), high.to_bytes(octets), protocol, port)


_PAIRS = st.sampled_from([4, 16]).flatmap(lambda octets: st.tuples(selectors(octets), selectors(octets)))
_OFFSETS = st.integers(-20, 20)


def extent(selector: Selector) -> int:
    return int.from_bytes(selector.last) - int.from_bytes(selector.first)


def rank(entry: Filed) -> tuple[int, ...]:
    local, remote = entry.local, entry.remote
    left_open = (not remote.protocol, not remote.port, not local.port)
    return (extent(remote), extent(local), *left_open, -entry.precedence, -entry.value)


class Both:
    """An index, and the list that it is compared with; values are numbers that grow."""

    def __init__(self) -> None:
        self.index: SelectorIndex[int] = SelectorIndex()
        self.filed: list[Filed] = []
        self.added = 0

    def add(self, local: Selector, remote: Selector, precedence: int = 0) -> None:
        self.added += 1
        self.filed.append(Filed(local, remote, precedence, self.added))
        self.index.add(local, remote, self.added, precedence)

    def remove(self, position: int) -> None:
        if self.filed:
            entry = self.filed.pop(position % len(self.filed))
            self.index.remove(entry.local, entry.remote, entry.value)

    def compare(self, local: Selector, remote: Selector) -> None:
        overlapping = [entry for entry in self.filed if entry.local.overlaps(local) and entry.remote.overlaps(remote)]
        assert sorted(self.index.overlapping(local, remote)) == sorted(entry.value for entry in overlapping)
        wide = {entry.value for entry in overlapping if extent(entry.remote) >= extent(remote)}
        given_as_wide = list(self.index.at_least_as_wide(local, remote))
        assert wide <= set(given_as_wide) <= {entry.value for entry in overlapping}
        assert len(given_as_wide) == len(set(given_as_wide))
        equal = [entry.value for entry in self.filed if (entry.local, entry.remote) == (local, remote)]
        assert self.index.equal(local, remote) == equal
        assert len(self.index) == len(self.filed)

    def look_up(self, source: bytes, destination: bytes, protocol: int, ports: tuple[int | None, int | None]) -> None:
        def of_packet(selector: Selector, address: bytes, port: int | None) -> bool:
            return (
                len(selector.first) == len(address)
                and selector.first <= address <= selector.last
                and selector.protocol in (0, protocol)
                and selector.port in (0, port)
            )

        matching = [
            entry
            for entry in self.filed
            if of_packet(entry.local, source, ports[0]) and of_packet(entry.remote, destination, ports[1])
        ]
        found = min(matching, key=rank).value if matching else None
        assert self.index.find(source, destination, protocol, *ports) == found


@given(
    st.lists(st.tuples(_PAIRS, st.integers(0, 1)), max_size=40),
    st.lists(st.integers(0, 40), max_size=40),
    _PAIRS,
    st.lists(
        st.tuples(
            st.sampled_from([4, 16]),
            _OFFSETS,
            _OFFSETS,
            st.sampled_from([0, 1, 6, 17]),
            st.one_of(st.just(_NONE), st.tuples(st.sampled_from(_PORTS), st.sampled_from(_PORTS))),
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_it_finds_what_a_list_finds(
    pairs: list[tuple[tuple[Selector, Selector], int]],
    removed: list[int],
    asked: tuple[Selector, Selector],
    packets: list[tuple[int, int, int, int, tuple[int | None, int | None]]],
) -> None:
    both = Both()
    for (local, remote), precedence in pairs:
        both.add(local, remote, precedence)

    def compare() -> None:
        both.compare(*asked)
        for entry in both.filed[:3]:
            both.compare(entry.local, entry.remote)
        for octets, source, destination, protocol, ports in packets:
            middle = 1 << (8 * octets - 1)
            addresses = (middle + source).to_bytes(octets), (middle + destination).to_bytes(octets)
            both.look_up(*addresses, protocol, ports)

    compare()
    for position in removed:
        both.remove(position)
        compare()
    while both.filed:
        both.remove(0)
    compare()


def test_what_is_not_there_cannot_be_removed() -> None:
    both = Both()
    nets = [Selector.parse(f"10.{number}.0.0/16") for number in range(20)]
    for net in nets:
        both.index.remove(nets[0], net, 1)
        both.add(nets[0], net)
    both.index.remove(nets[0], nets[1], 1)  # is filed elsewhere
    both.index.remove(nets[1], nets[0], 1)
    both.index.remove(nets[0], Selector.parse("fd00::/64"), 1)
    for net in nets:
        both.compare(nets[0], net)


class Counting(Selector, frozen=True):
    """A selector that counts how often somebody compares it."""

    looked_at = 0

    def overlaps(self, other: Selector) -> bool:
        Counting.looked_at += 1
        return super().overlaps(other)


def counting(text: str) -> Counting:
    parsed = Selector.parse(text)
    return Counting(parsed.first, parsed.last, parsed.protocol, parsed.port)


@pytest.mark.parametrize(
    ("asked", "most"),
    [
        (("10.0.0.0/8", "172.16.4.0/24"), 2),
        (("10.0.0.0/8", "172.16.4.9"), 2),
        (("10.0.0.0/8", "172.16.4.100-172.16.5.20"), 4),
        (("10.0.0.1[udp/1701]", "203.0.113.1[udp/777]"), 2),
        (("10.9.0.0/16", "192.168.0.0/16"), 0),
    ],
)
def test_what_it_looks_at_does_not_grow_with_what_it_holds(asked: tuple[str, str], most: int) -> None:
    """Networks side by side, and thousands of clients behind one address, told apart by their ports."""
    index: SelectorIndex[int] = SelectorIndex()
    for number in range(2_000):
        index.add(counting("10.0.0.0/8"), counting(f"172.{16 + number // 256}.{number % 256}.0/24"), number)
        index.add(counting("10.0.0.1[udp/1701]"), counting(f"203.0.113.1[udp/{1 + number}]"), number)
    Counting.looked_at = 0
    list(index.overlapping(*map(Selector.parse, asked)))
    assert Counting.looked_at <= 2 * most


def test_a_wide_network_does_not_look_at_the_narrow_ones_that_it_holds() -> None:
    index: SelectorIndex[int] = SelectorIndex()
    ours = Selector.parse("10.0.0.0/8")
    for number in range(2_000):
        index.add(counting("10.0.0.0/8"), counting(f"172.{16 + number // 256}.{number % 256}.0/24"), number)
    Counting.looked_at = 0
    assert list(index.at_least_as_wide(ours, Selector.parse("172.0.0.0/8"))) == []
    assert index.equal(ours, Selector.parse("172.0.0.0/8")) == []
    assert Counting.looked_at == 0


@pytest.mark.parametrize("besides", [0, 20])
def test_selectors_of_two_ip_versions_are_for_no_packet(besides: int) -> None:
    both = Both()
    everything = Selector.parse("0.0.0.0/0"), Selector.parse("::/0")
    both.add(*everything)
    for number in range(besides):
        both.add(everything[0], Selector.parse(f"10.{number}.0.0/16"))
    both.look_up(bytes(4), bytes(4), 6, _NONE)
    assert both.index.find(bytes(4), bytes(4)) is None
    both.compare(*everything)
