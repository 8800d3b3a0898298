"""Peers of the kernel's data plane in transport mode that may share an address: marks, and a table of nf_tables.

The table has the rules that distinguish their packets (`ikev1.esp.nft.client_rules`), and drops unprotected traffic
between their addresses (`ikev1.esp.clear_traffic`). Policies cannot do that, because packets of local programs have no
mark at the first policy lookup. The table is created for the first such peer, or for the first protected traffic in
transport mode. Without nf_tables there are no marks, and only one of these peers is accepted.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Hashable, Sequence
from pathlib import Path
from zlib import crc32

from ikev1.core.records.child_sa import ChildSa, IpsecMode, PacketMarks
from ikev1.esp.clear_traffic import ClearTrafficFilter, Traffic, forget, traffic_of
from ikev1.esp.nft.client_rules import client_rules
from ikev1.esp.nft.ruleset import by_kernel
from ikev1.esp.plane import Listener, Protected, Reader
from ikev1.esp.routes import MARK
from ikev1.esp.xfrm.client_marks import ClientMarks


class SharedAddresses:
    """The marks and the table of the gateway with the file ``owner``."""

    def __init__(self, owner: Path, listener: Listener) -> None:
        self._name = f"kernel-{crc32(bytes(owner.resolve())):08x}"
        self._filter = ClearTrafficFilter(self._name, MARK, listener, by_kernel(), client_rules)
        self._marks = ClientMarks()
        # the zone in `client_rules` is the lower half of the mark only on little-endian machines
        self.possible = sys.byteorder == "little" and self._filter.possible()
        self._held: set[Hashable] = set()
        self._settled = False  # what an earlier process left is replaced or removed

    def allow_port(self, port: int) -> None:
        """As `ClearTrafficFilter.allow_port`."""
        self._filter.allow_port(port)

    def marked(self, child: ChildSa) -> ChildSa:
        """As `ClientMarks.marked`, where that is possible."""
        return self._marks.marked(child) if self.possible else child

    def guard(self, marked: ChildSa) -> None:
        """Drop the traffic of a pair with marks of ours unless IPsec protects it."""
        if self.possible and marked.shares_address and marked.marks != PacketMarks():
            self._hold({marked.inbound.spi: traffic_of(marked)})

    def moving(self, child: ChildSa) -> None:
        """As `ClientMarks.moving`."""
        self._marks.moving(child)

    def remove(self, child: ChildSa) -> None:
        """Forget a pair."""
        self._marks.remove(child)
        if child.inbound.spi in self._held:
            self._hold({child.inbound.spi: ()})

    def protect(self, traffic: Collection[Protected]) -> list[Protected]:
        """Drop the traffic of transport mode unless IPsec protects it. Return the rest, which policies must drop."""
        ours = {each for each in traffic if self.possible and _is_ours(each)}
        earlier = {key for key in self._held if isinstance(key, Protected)}
        if ours != earlier:
            gone: dict[Hashable, Collection[Traffic]] = dict.fromkeys(earlier - ours, ())
            self._hold(gone | {each: [(each.local, each.remote)] for each in ours - earlier})
        elif not self._settled:
            forget(self._name)
            self._settled = True
        return [each for each in traffic if each not in ours]

    def readers(self) -> Sequence[Reader]:
        """As `ClearTrafficFilter.readers`."""
        return self._filter.readers()

    def close(self, *, keep_protected: bool) -> None:
        """Remove the table or, with ``keep_protected``, only the entries of pairs.

        Raises:
            PlaneError: the kernel refused.
        """
        pairs: dict[Hashable, Collection[Traffic]] = {k: () for k in self._held if not isinstance(k, Protected)}
        if keep_protected and pairs:
            self._hold(pairs)
        self._filter.close(keep=keep_protected)

    def _hold(self, wanted: dict[Hashable, Collection[Traffic]]) -> None:
        self._settled = True
        for key, found in wanted.items():
            if found:
                self._held.add(key)
            else:
                self._held.discard(key)
        self._filter.change(wanted)


def _is_ours(each: Protected) -> bool:
    """Whether policies do not suffice, because packets of local programs get their marks after the first lookup."""
    return each.mode is IpsecMode.TRANSPORT and each.marks == PacketMarks()
