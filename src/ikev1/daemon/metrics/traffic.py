"""The traffic of each tunnel over all its pairs of IPsec SAs, including those that have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.settings import Settings
from ikev1.esp.plane import Counters

_AT_ONCE = 32  # pairs whose counters are read before other work has its turn

Place = tuple[str, str]  # connection and tunnel


class Amount(NamedTuple):
    """Octets of the inner packets, and packets, in both directions."""

    bytes_in: int = 0
    packets_in: int = 0
    bytes_out: int = 0
    packets_out: int = 0

    def plus(self, counters: Counters | Amount) -> Amount:
        """The sum with ``counters``."""
        return Amount(
            self.bytes_in + counters.bytes_in,
            self.packets_in + counters.packets_in,
            self.bytes_out + counters.bytes_out,
            self.packets_out + counters.packets_out,
        )


class Traffic:
    """Reads the counters that the data plane has; ``counters_of`` gives those of a pair. Nothing is counted per packet.

    Memory is bounded by the tunnels that are configured or have SAs.
    """

    def __init__(self, counters_of: Callable[[ChildSa], Counters]) -> None:
        self._counters_of = counters_of
        self._ended: dict[Place, Amount] = {}
        self._ended_meanwhile: set[int] = set()  # the numbers of the pairs that ended while `totals` waited

    def removing(self, child: ChildSa) -> None:
        """Keep the counters of ``child``, which the data plane is about to remove."""
        place = child.connection, child.name
        self._ended[place] = self._ended.get(place, Amount()).plus(self._counters_of(child))
        self._ended_meanwhile.add(child.unique_id)

    async def totals(self, sas: tuple[IkeSa, ...], settings: Settings) -> dict[Place, Amount]:
        """The amounts of all tunnels that are configured or have SAs; those of other tunnels are forgotten. Only one
        such call may wait at a time.
        """
        places = {
            (connection.name, tunnel.name) for connection in settings.connections for tunnel in connection.tunnels
        }
        places |= {(child.connection, child.name) for sa in sas for child in sa.children}
        self._ended = {place: amount for place, amount in self._ended.items() if place in places}
        children = [child for sa in sas for child in sa.children]
        self._ended_meanwhile.clear()
        read: list[tuple[ChildSa, Counters]] = []
        for child in children:
            read.append((child, self._counters_of(child)))
            if len(read) % _AT_ONCE == 0:
                await asyncio.sleep(0)
        found = {place: self._ended.get(place, Amount()) for place in places}
        for child, counters in read:
            if child.unique_id not in self._ended_meanwhile:
                place = child.connection, child.name
                found[place] = found[place].plus(counters)
        return found
