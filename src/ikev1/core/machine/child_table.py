"""The pairs of IPsec SAs of all ISAKMP SAs, found by SPI, by number, and by the traffic that they carry."""

from __future__ import annotations

from collections.abc import Iterator

from ikev1.core.records.model import ChildSa, ChildState
from ikev1.core.records.selector import Selector
from ikev1.core.records.selector_index import SelectorIndex


class ChildTable:
    """Whose each pair is, as the cookies of an ISAKMP SA. A change costs what changed, not what is kept."""

    def __init__(self) -> None:
        self._by_spi: dict[int, bytes] = {}  # inbound
        self._by_number: dict[int, bytes] = {}
        # the numbers of the pairs that carry traffic, by that: of all, and of each connection
        self._carrying: SelectorIndex[int] = SelectorIndex()
        self._carrying_of: dict[str, SelectorIndex[int]] = {}

    def change(self, before: tuple[ChildSa, ...], after: tuple[ChildSa, ...], cookies: bytes) -> None:
        """Keeps the pairs ``after`` of an ISAKMP SA, in place of those that it had ``before``."""
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
        """The ISAKMP SA that holds the pair with this inbound SPI."""
        return self._by_spi.get(spi)

    def of_number(self, unique_id: int) -> bytes | None:
        """The ISAKMP SA that holds the pair of this number."""
        return self._by_number.get(unique_id)

    def overlapping(self, local: Selector, remote: Selector, connection: str | None) -> Iterator[tuple[bytes, int]]:
        """The pairs that carry some of this traffic, by ISAKMP SA and number; if a connection is given only its own."""
        index = self._carrying if connection is None else self._carrying_of.get(connection)
        if index is not None:
            for number in index.overlapping(local, remote):
                yield self._by_number[number], number

    def equal(self, local: Selector, remote: Selector) -> Iterator[tuple[bytes, int]]:
        """The pairs that carry exactly this traffic."""
        for number in self._carrying.equal(local, remote):
            yield self._by_number[number], number

    def _add(self, child: ChildSa, cookies: bytes) -> None:
        self._by_spi[child.inbound.spi] = cookies
        self._by_number[child.unique_id] = cookies
        if child.state is ChildState.INSTALLED:
            self._carrying.add(child.local, child.remote, child.unique_id)
            of_connection = self._carrying_of.setdefault(child.connection, SelectorIndex())
            of_connection.add(child.local, child.remote, child.unique_id)

    def _remove(self, child: ChildSa, cookies: bytes) -> None:
        if self._by_spi.get(child.inbound.spi) == cookies:
            del self._by_spi[child.inbound.spi]
        if self._by_number.get(child.unique_id) != cookies:
            return
        del self._by_number[child.unique_id]
        if child.state is ChildState.INSTALLED:
            self._carrying.remove(child.local, child.remote, child.unique_id)
            of_connection = self._carrying_of[child.connection]
            of_connection.remove(child.local, child.remote, child.unique_id)
            if not of_connection:
                del self._carrying_of[child.connection]


def _names(child: ChildSa) -> tuple[object, ...]:
    """What a pair is found by, its number apart."""
    return child.inbound.spi, child.local, child.remote, child.state, child.connection
