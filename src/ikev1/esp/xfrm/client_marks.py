"""Marks that distinguish peers in transport mode that share an address in the kernel: clients behind one NAT.

Each peer has a 16-bit number, from which its mark is made. Its policies and outbound SAs match the mark, and its
inbound SAs set it on decrypted packets (`ikev1.esp.nft.client_rules`). The number is derived from `ChildSa.peer`, so
that the next process finds the SAs of this one; if it is in use, the next free number is used.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ikev1.core.records.child_sa import ChildSa, Mark, PacketMarks
from ikev1.core.records.record import replace
from ikev1.esp.nft.client_rules import SIGNATURE
from ikev1.esp.plane import PlaneError
from ikev1.esp.shared_peers import SharedPeer, SharedPeers

_NUMBERS = 65_535  # from 1 on: 0 is the common zone of connection tracking
_ALL_BITS = 0xFFFF_FFFF
_FORGOTTEN = 300.0  # seconds for which a number is not given to another peer: connections outlive SAs


class _Peer(SharedPeer):
    """One peer, and its number."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class ClientMarks:
    """The numbers of all such peers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_number: dict[int, _Peer] = {}
        self._peers: SharedPeers[_Peer] = SharedPeers()
        self._released: dict[int, tuple[bytes, float]] = {}  # whose a number was, and until when

    def marked(self, child: ChildSa) -> ChildSa:
        """``child`` with the marks of its peer, if other peers may have the same address.

        Raises:
            PlaneError: there are too many peers.
        """
        if not child.shares_address or child.marks != PacketMarks():  # marks of the operator distinguish them
            return child
        peer = self._peers.assign(child, lambda: _Peer(self._free(child.peer)))
        self._by_number[peer.number] = peer
        mark = Mark(SIGNATURE | peer.number, _ALL_BITS)
        marked: ChildSa = replace(child, marks=PacketMarks(mark, mark))
        return marked

    def moving(self, child: ChildSa) -> None:
        """The peer of ``child`` is about to get another address or port."""
        peer = self._peers.of(child)
        if peer is not None:
            self._peers.forget_names(peer)

    def remove(self, child: ChildSa) -> None:
        """Forget a pair, and its peer with the last one."""
        peer = self._peers.of(child)
        if peer is None:
            return
        peer.spis.discard(child.inbound.spi)
        if peer.spis:
            return
        self._peers.forget(peer)
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
