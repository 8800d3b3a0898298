"""Peers in transport mode that may share an address, such as clients behind one NAT, by what their pairs have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from ikev1.core.records.child_sa import ChildSa


class SharedPeer:
    """One such peer: its names (`ChildSa.peer`), and the reqids and inbound SPIs of its pairs."""

    __slots__ = ("names", "reqids", "spis")

    def __init__(self) -> None:
        self.names: set[bytes] = set()
        self.reqids: set[int] = set()
        self.spis: set[int] = set()


Peer = TypeVar("Peer", bound=SharedPeer)


class SharedPeers(Generic[Peer]):
    """All such peers, by reqid and by name."""

    def __init__(self) -> None:
        self._by_reqid: dict[int, Peer] = {}
        self._by_name: dict[bytes, Peer] = {}

    def of(self, child: ChildSa) -> Peer | None:
        """The peer to which a pair was assigned, by its ``reqid``."""
        return self._by_reqid.get(child.reqid)

    def assign(self, child: ChildSa, new: Callable[[], Peer]) -> Peer:
        """Assign ``child`` to the peer that has its ``reqid``, else to the one with its name, else to a new one."""
        peer = self.of(child) or (self._by_name.get(child.peer) if child.peer else None) or new()
        if child.peer and child.peer not in self._by_name:
            self._by_name[child.peer] = peer
            peer.names.add(child.peer)
        self._by_reqid[child.reqid] = peer
        peer.reqids.add(child.reqid)
        peer.spis.add(child.inbound.spi)
        return peer

    def forget_names(self, peer: Peer) -> None:
        """Forget the names of a peer that moves: another peer may have its old address and port next."""
        for name in peer.names:
            self._by_name.pop(name, None)
        peer.names.clear()

    def forget(self, peer: Peer) -> None:
        """Forget a peer."""
        self.forget_names(peer)
        for reqid in peer.reqids:
            self._by_reqid.pop(reqid, None)
