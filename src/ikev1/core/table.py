"""The ISAKMP SAs of an engine, found by what messages, people and clocks name them by.

There may be many thousands, so what is kept for each is small: a peer's few SAs are a tuple, where a dictionary would
take four times the room.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator

from ikev1.core.model import ChildSa, IkeSa, IkeState, Role

__all__ = ["SaTable"]

_Peer = tuple[str, bytes, str]  # connection, identity, address


class SaTable:
    """SAs by cookies, connection, peer, SPI and deadline. Every change goes through `put` and `drop`."""

    def __init__(self) -> None:
        self.by_cookies: dict[bytes, IkeSa] = {}
        self.own_cookies: set[bytes] = set()  # CKY-I of the SAs that we called for
        self.half_open: dict[bytes, None] = {}  # of peers that called us, the oldest first
        self._by_connection: dict[str, dict[bytes, None]] = {}  # the oldest first
        self._by_peer: dict[_Peer, tuple[bytes, ...]] = {}  # the oldest first
        self._by_spi: dict[int, bytes] = {}
        self._due: dict[bytes, float] = {}
        self._heap: list[tuple[float, bytes]] = []

    def put(self, old: IkeSa | None, new: IkeSa) -> None:
        """Keeps ``new``, in place of ``old`` if that was kept before."""
        cookies = new.cookies
        if old is None or _names(old) != _names(new):
            if old is not None:
                self.drop(old)
            self._by_connection.setdefault(new.connection, {})[cookies] = None
            peer = _peer(new)
            self._by_peer[peer] = (*self._by_peer.get(peer, ()), cookies)
            if new.role is Role.INITIATOR:
                self.own_cookies.add(new.CKY_I)
            old = None
        self.by_cookies[cookies] = new
        if self.half_open and new.state is not IkeState.CONNECTING:
            self.half_open.pop(cookies, None)
        if old is None or old.children is not new.children:
            self._index_spis(old, new, cookies)
        self._schedule(cookies, deadline(new))

    def drop(self, sa: IkeSa) -> None:
        """Forgets ``sa``."""
        cookies = sa.cookies
        if self.by_cookies.pop(cookies, None) is None:
            return
        if sa.role is Role.INITIATOR:
            self.own_cookies.discard(sa.CKY_I)
        self.half_open.pop(cookies, None)
        self._due.pop(cookies, None)
        self._forget_connection(sa.connection, cookies)
        self._forget_peer(_peer(sa), cookies)
        for child in sa.children:
            self._by_spi.pop(child.inbound.spi, None)

    def _forget_connection(self, name: str, cookies: bytes) -> None:
        members = self._by_connection[name]
        del members[cookies]
        if not members:
            del self._by_connection[name]

    def _forget_peer(self, peer: _Peer, cookies: bytes) -> None:
        others = tuple(other for other in self._by_peer[peer] if other != cookies)
        if others:
            self._by_peer[peer] = others
        else:
            del self._by_peer[peer]

    def _index_spis(self, old: IkeSa | None, new: IkeSa, cookies: bytes) -> None:
        for child in old.children if old is not None else ():
            self._by_spi.pop(child.inbound.spi, None)
        for child in new.children:
            self._by_spi[child.inbound.spi] = cookies

    def of_connection(self, name: str) -> list[IkeSa]:
        """The SAs of a connection, the oldest first."""
        return [self.by_cookies[cookies] for cookies in self._by_connection.get(name, ())]

    def of_peer(self, sa: IkeSa) -> list[IkeSa]:
        """The other SAs with the same peer: the same connection, identity and address."""
        return [self.by_cookies[cookies] for cookies in self._by_peer.get(_peer(sa), ()) if cookies != sa.cookies]

    def of_neighbours(self, sa: IkeSa) -> Iterator[ChildSa]:
        """The pairs with other peers that have the address of ``sa``'s peer, as all have that are behind one NAT."""
        identity, host = sa.peer_id_body, sa.path.remote_host
        for other in self.by_cookies.values():
            if other.children and other.path.remote_host == host and other.peer_id_body != identity:
                yield from other.children

    def of_spi(self, spi: int) -> IkeSa | None:
        """The SA that holds the pair with this inbound SPI."""
        cookies = self._by_spi.get(spi)
        return None if cookies is None else self.by_cookies[cookies]

    def __iter__(self) -> Iterator[IkeSa]:
        return iter(tuple(self.by_cookies.values()))

    # A deadline that moves later leaves its old place in the heap: it is looked at again when that comes up.

    def _schedule(self, cookies: bytes, due: float) -> None:
        if due < self._due.get(cookies, math.inf):
            self._due[cookies] = due
            heapq.heappush(self._heap, (due, cookies))

    def next_deadline(self) -> float:
        """The time at which `due` may have something, infinity if never."""
        return self._heap[0][0] if self._heap else math.inf

    def due(self, now: float) -> Iterator[IkeSa]:
        """The SAs that have something to do by now; what they did must have been `put` before the next is taken."""
        while self._heap and self._heap[0][0] <= now:
            at, cookies = heapq.heappop(self._heap)
            sa = self.by_cookies.get(cookies)
            if sa is None or self._due.get(cookies) != at:
                continue
            del self._due[cookies]
            if deadline(sa) <= now:
                yield sa
                sa = self.by_cookies.get(cookies)
            if sa is not None:
                self._schedule(cookies, deadline(sa))


def _names(sa: IkeSa) -> tuple[object, ...]:
    """What `SaTable` finds an SA by, the SPIs of its pairs apart."""
    return sa.CKY_R, sa.connection, sa.IDii_b, sa.IDir_b, sa.path.remote_host


def _peer(sa: IkeSa) -> _Peer:
    return sa.connection, sa.peer_id_body, sa.path.remote_host


def deadline(sa: IkeSa) -> float:
    """The next time at which something is to be done for ``sa`` even if no message comes."""
    earliest = math.inf
    exchanges = sa.exchanges if sa.phase1 is None else (sa.phase1, *sa.exchanges)
    for exchange in exchanges:
        for at in (exchange.resend_at, exchange.ends_at):
            if 0.0 < at < earliest:
                earliest = at
    for child in sa.children:
        for at in (child.rekey_at, child.expires_at):
            if 0.0 < at < earliest:
                earliest = at
    for at in (sa.rekey_at, sa.expires_at):
        if 0.0 < at < earliest:
            earliest = at
    return earliest
