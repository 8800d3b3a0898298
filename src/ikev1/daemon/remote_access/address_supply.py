"""The free addresses of one IP version in a pool.

An address is *new* until it is assigned for the first time, *taken* while it is assigned, and *returned* afterwards.
New addresses are assigned first, in ascending order, then the returned ones, the oldest first: so an address remains
available for its last owner as long as possible. The cost of finding one does not depend on the size of the pool; new
addresses that were assigned out of order are passed over once.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

_MOST_RETURNED = 65_536  # returned addresses that are kept for their owners, before new ones are used up

Range = tuple[bytes, bytes]


class AddressSupply:
    """The addresses in ``ranges``, packed addresses of the IP ``version`` in ascending order, without ``reserved``."""

    def __init__(self, version: int, ranges: Iterable[Range], reserved: Container[str] = frozenset()) -> None:
        self._kind = IPv4Address if version == 4 else IPv6Address
        self._ranges = tuple((int.from_bytes(first), int.from_bytes(last)) for first, last in ranges)
        self._reserved = reserved
        self._new = self._new_addresses()
        self._seen: set[str] = set()  # taken, or returned
        self._returned: dict[str, None] = {}  # the one that was returned first is first

    @property
    def size(self) -> int:
        """The number of addresses, with those that are reserved."""
        return sum(last - first + 1 for first, last in self._ranges)

    def __contains__(self, address: str) -> bool:
        packed = self._kind(address).packed if (":" in address) is (self._kind is IPv6Address) else b""
        number = int.from_bytes(packed)
        return bool(packed) and any(first <= number <= last for first, last in self._ranges)

    def is_new(self, address: str) -> bool:
        """Whether the address was never assigned and is not reserved: a client that suggests it may get it."""
        return address in self and address not in self._seen and address not in self._reserved

    def take(self, address: str) -> None:
        """Mark an address of the pool as assigned."""
        self._seen.add(address)
        self._returned.pop(address, None)

    def give_back(self, address: str) -> None:
        """Mark an address as returned; it is kept for its last owner as long as possible."""
        if address not in self._reserved:
            self._returned[address] = None

    def find(self) -> str | None:
        """A free address, None if there is none. The caller passes it to `take`."""
        if len(self._returned) < _MOST_RETURNED:
            for address in self._new:
                if address not in self._seen:
                    return address
        return next(iter(self._returned), None)

    def _new_addresses(self) -> Iterator[str]:
        for first, last in self._ranges:
            for number in range(first, last + 1):
                address = str(self._kind(number))
                if address not in self._reserved:
                    yield address
