"""Index of the pairs of IPsec SAs of all ISAKMP SAs, by inbound SPI, by number and by traffic selectors."""

from __future__ import annotations

from collections.abc import Iterator

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.selector import Selector
from ikev1.core.records.selector_index import SelectorIndex


class ChildTable:
    """Maps pairs of IPsec SAs to the cookies of their ISAKMP SA.

    The cost of an update depends on the number of changed pairs, not on the size of the table.
    """

    def __init__(self) -> None:
        self._by_spi: dict[int, bytes] = {}  # inbound
        self._by_number: dict[int, bytes] = {}
        # numbers of the pairs that carry traffic, by its selectors: of all connections, and of each connection
        self._carrying: SelectorIndex[int] = SelectorIndex()
        self._carrying_of: dict[str, SelectorIndex[int]] = {}

    def change(self, before: tuple[ChildSa, ...], after: tuple[ChildSa, ...], cookies: bytes) -> None:
        """Replace the pairs ``before`` of an ISAKMP SA by the pairs ``after``."""
        gone = {child.unique_id: child for child in before}
        for child in after:
            known = gone.pop(child.unique_id, None)
            if known is child:
                continue
            if known is None or _names(known) != _names(child):
                if known is not None:
                    self._remove(known, cookies)
                self._add(child, cookies)
        for child in gone.values():
            self._remove(child, cookies)

    def of_spi(self, spi: int) -> bytes | None:
        """Return the cookies of the ISAKMP SA that owns the pair with this inbound SPI."""
        return self._by_spi.get(spi)

    def of_number(self, unique_id: int) -> bytes | None:
        """Return the cookies of the ISAKMP SA that owns the pair with this number."""
        return self._by_number.get(unique_id)

    def overlapping(self, local: Selector, remote: Selector, connection: str | None) -> Iterator[tuple[bytes, int]]:
        """Yield the pairs that carry traffic whose selectors overlap these, as cookies of the ISAKMP SA and number.

        ``connection`` restricts the search to the pairs of one connection.
        """
        index = self._carrying if connection is None else self._carrying_of.get(connection)
        if index is not None:
            for number in index.overlapping(local, remote):
                yield self._by_number[number], number

    def equal(self, local: Selector, remote: Selector) -> Iterator[tuple[bytes, int]]:
        """Yield the pairs that carry traffic and have exactly these selectors, as in `overlapping`."""
        for number in self._carrying.equal(local, remote):
            yield self._by_number[number], number

    def _add(self, child: ChildSa, cookies: bytes) -> None:
        self._by_spi[child.inbound.spi] = cookies
        self._by_number[child.unique_id] = cookies
        if child.carries:
            of_connection = self._carrying_of.setdefault(child.connection, SelectorIndex())
            for local in child.locals:
                self._carrying.add(local, child.remote, child.unique_id)
                of_connection.add(local, child.remote, child.unique_id)

    def _remove(self, child: ChildSa, cookies: bytes) -> None:
        if self._by_spi.get(child.inbound.spi) == cookies:
            del self._by_spi[child.inbound.spi]
        if self._by_number.get(child.unique_id) != cookies:
            return
        del self._by_number[child.unique_id]
        if child.carries:
            of_connection = self._carrying_of[child.connection]
            for local in child.locals:
                self._carrying.remove(local, child.remote, child.unique_id)
                of_connection.remove(local, child.remote, child.unique_id)
            if not of_connection:
                del self._carrying_of[child.connection]


def _names(child: ChildSa) -> tuple[object, ...]:
    """Return the attributes of a pair that the index uses, except its number."""
    return child.inbound.spi, child.locals, child.remote, child.carries, child.connection
