"""Which of the remote addresses of a connection each of several owners has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network, summarize_address_range
from typing import NamedTuple, TypeVar

from ikev1.core.peer.connection_lookup import ANY

Owner = TypeVar("Owner")
_BITS = {4: 32, 6: 128}


class _Range(NamedTuple):
    """A closed range of addresses."""

    version: int
    low: int
    high: int

    @property
    def has_all(self) -> bool:
        return self.high - self.low + 1 == 1 << _BITS[self.version]


def is_range(text: str) -> bool:
    """Whether ``text`` is an address, a network or a range of addresses."""
    return bool(_ranges(text))


def shares(remotes: Iterable[str], owners: Sequence[tuple[str, Owner]]) -> tuple[list[tuple[list[str], Owner]], bool]:
    """What of ``remotes`` belongs to the addresses, networks and ranges of ``owners``, as addresses and networks, and
    whether something is left. An address precedes all networks, of which the last one counts; all addresses come last.
    """
    left = [each for remote in remotes for each in _ranges(remote)]
    known = [(range_, owner) for text, owner in owners for range_ in _ranges(text)]
    single = [each for each in known if each[0].low == each[0].high]
    several = [each for each in reversed(known) if each not in single]
    found = []
    for wanted, owner in (*single, *sorted(several, key=lambda each: each[0].has_all)):
        taken, left = _divided(left, wanted)
        if taken:
            found.append(([text for each in taken for text in _texts(each)], owner))
    return found, bool(left)


def _ranges(text: str) -> list[_Range]:
    if text == ANY:
        return [_Range(version, 0, (1 << bits) - 1) for version, bits in _BITS.items()]
    low, dash, high = (part.strip() for part in text.partition("-"))
    try:
        network = ip_network(low, strict=False)
        ends = (ip_address(low), ip_address(high)) if dash else (network[0], network[-1])
    except ValueError:
        return []
    (version, last_version), (first, last) = (end.version for end in ends), map(int, ends)
    return [_Range(version, first, last)] if version == last_version and first <= last else []


def _divided(ranges: Iterable[_Range], wanted: _Range) -> tuple[list[_Range], list[_Range]]:
    """What of ``ranges`` is in ``wanted``, and what is not."""
    inside, outside = [], []
    for each in ranges:
        low, high = max(each.low, wanted.low), min(each.high, wanted.high)
        if each.version != wanted.version or low > high:
            outside.append(each)
            continue
        inside.append(each._replace(low=low, high=high))
        if each.low < low:
            outside.append(each._replace(high=low - 1))
        if high < each.high:
            outside.append(each._replace(low=high + 1))
    return inside, outside


def _texts(each: _Range) -> Iterable[str]:
    kind = IPv4Address if each.version == 4 else IPv6Address
    for network in summarize_address_range(kind(each.low), kind(each.high)):
        yield str(network[0]) if network.num_addresses == 1 else str(network)
