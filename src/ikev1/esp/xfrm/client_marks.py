"""Marks by which the kernel tells peers in transport mode apart that share an address: clients behind one NAT.

Each peer has a number of 16 bits, and a mark with it, which its policies and its outbound SAs name, and which its
inbound SAs give to what they have opened; `ikev1.esp.nft.client_rules` does the rest. The number follows from the
peer's name (`ChildSa.peer`), so the next process finds the SAs of this one; where it is taken, it is the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ikev1.core.records.child_sa import ChildSa, Mark, PacketMarks
from ikev1.core.records.record import replace
from ikev1.esp.nft.client_rules import SIGNATURE
from ikev1.esp.plane import PlaneError

_NUMBERS = 65_535  # from 1 on: 0 is the common zone of connection tracking
_ALL_BITS = 0xFFFF_FFFF
_FORGOTTEN = 300.0  # seconds for which a number is not given to another peer: connections outlive SAs


class _Peer:
    """One peer: its number, and what it is known by."""

    __slots__ = ("names", "number", "reqids", "spis")

    def __init__(self, number: int) -> None:
        self.number = number
        self.names: set[bytes] = set()
        self.reqids: set[int] = set()
        self.spis: set[int] = set()  # of its pairs


class ClientMarks:
    """The numbers of all such peers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_number: dict[int, _Peer] = {}
        self._by_name: dict[bytes, _Peer] = {}
        self._by_reqid: dict[int, _Peer] = {}
        self._released: dict[int, tuple[bytes, float]] = {}  # whose a number was, and until when

    def marked(self, child: ChildSa) -> ChildSa:
        """``child`` with the marks of its peer, if others may have the address of that.

        Raises:
            PlaneError: there are too many peers.
        """
        if not child.shares_address or child.marks != PacketMarks():  # with marks, the operator tells them apart
            return child
        peer = self._by_reqid.get(child.reqid) or self._by_name.get(child.peer)
        if peer is None:
            peer = _Peer(self._free(child.peer))
            self._by_number[peer.number] = peer
        if child.peer not in self._by_name:
            self._by_name[child.peer] = peer
            peer.names.add(child.peer)
        self._by_reqid[child.reqid] = peer
        peer.reqids.add(child.reqid)
        peer.spis.add(child.inbound.spi)
        mark = Mark(SIGNATURE | peer.number, _ALL_BITS)
        marked: ChildSa = replace(child, marks=PacketMarks(mark, mark))
        return marked

    def moving(self, child: ChildSa) -> None:
        """Note that the peer of ``child`` gets another address or port: who comes from there next is unknown."""
        peer = self._by_reqid.get(child.reqid)
        if peer is not None:
            for name in peer.names:
                del self._by_name[name]
            peer.names.clear()

    def remove(self, child: ChildSa) -> None:
        """Forget a pair, and its peer with the last one."""
        peer = self._by_reqid.get(child.reqid)
        if peer is None:
            return
        peer.spis.discard(child.inbound.spi)
        if peer.spis:
            return
        for name in peer.names:
            del self._by_name[name]
        for reqid in peer.reqids:
            del self._by_reqid[reqid]
        del self._by_number[peer.number]
        self._released[peer.number] = child.peer, self._clock() + _FORGOTTEN

    def _free(self, name: bytes) -> int:
        now = self._clock()
        self._released = {number: held for number, held in self._released.items() if held[1] > now}
        first = int.from_bytes(name)
        for step in range(_NUMBERS):
            number = (first + step) % _NUMBERS + 1
            held = self._released.get(number)
            if number not in self._by_number and (held is None or held[0] == name):
                return number
        raise PlaneError(f"more than {_NUMBERS} peers in transport mode behind NATs")
