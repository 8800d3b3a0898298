"""The ISAKMP SAs of an engine, found by what messages, people and clocks name them by.

There may be many thousands, so what is kept for each is small: a peer's few SAs are a tuple, where a dictionary would
take four times the room.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import NamedTuple, TypeVar

from ikev1.core.machine.child_table import ChildTable
from ikev1.core.records.model import ChildSa, Exchange, IkeSa, IkeState, PeerKey, Role
from ikev1.core.records.record import present
from ikev1.core.records.selector import Selector

T = TypeVar("T")


class Kept(NamedTuple):
    """All that the table keeps of an SA, so that `SaTable.restore` can put it back."""

    sa: IkeSa
    serial: int
    due: float | None
    half_open: int | None
    aggressive: int | None


class SaTable:
    """SAs by cookies, connection, peer, SPI and deadline.

    `put`, `drop`, `enqueue` and `restore` are for `ikev1.core.machine.transaction` alone: every change goes through
    one.
    """

    def __init__(self) -> None:
        self.by_cookies: dict[bytes, IkeSa] = {}
        # Of peers that called us and are not done, the oldest first: those that showed that they receive what we send,
        # and those that Aggressive Mode makes us keep before they did; serials
        self.half_open: dict[bytes, int] = {}
        self.aggressive_callers: dict[bytes, int] = {}
        self.own_cookies: set[bytes] = set()
        self._serial = 0  # of the last SA that came, or got another name: the order of all that is the oldest first
        self._by_connection: dict[str, dict[bytes, int]] = {}  # serials, the oldest first
        self._by_peer: dict[PeerKey, tuple[bytes, ...]] = {}  # those that are proved, the oldest first
        self._by_claim: dict[PeerKey, tuple[bytes, ...]] = {}
        self._by_host: dict[str, dict[bytes, int]] = {}  # by the peer's address: serials, the oldest first
        self._by_number: dict[int, bytes] = {}
        self._pairs = ChildTable()
        self._by_request: dict[int, bytes] = {}  # whose exchange waits for the answer to which question
        self._due: dict[bytes, float] = {}
        self._heap: list[tuple[float, bytes]] = []

    # --- changes

    def put(self, old: IkeSa | None, new: IkeSa) -> None:
        """Keeps ``new``, in place of ``old`` if that was kept before."""
        cookies = new.cookies
        known = None if old is None else self.by_cookies.get(old.cookies)
        if known is None or (not _is_named_as(known, new) and _names(known) != _names(new)):
            if known is not None:
                self.drop(known)
            self._serial += 1
            self._enter(new, self._serial)
        kept = self.by_cookies.get(cookies)
        self.by_cookies[cookies] = new
        if new.state is not IkeState.CONNECTING:
            self._is_done(cookies)
        before = () if kept is None else kept.children
        if before is not new.children:
            self._pairs.change(before, new.children, cookies)
        if kept is None or kept.exchanges is not new.exchanges or kept.phase1 is not new.phase1:
            self._note_requests(kept, new)
        self._schedule(cookies, deadline(new))

    def _enter(self, sa: IkeSa, serial: int) -> None:
        cookies = sa.cookies
        self.own_cookies.add(_own_cookie(sa))
        self._by_connection.setdefault(sa.connection, {})[cookies] = serial
        for index, key in ((self._by_peer, sa.peer), (self._by_claim, sa.claim)):
            if key is not None:
                index[key] = (*index.get(key, ()), cookies)
        self._by_host.setdefault(sa.hosts[1], {})[cookies] = serial
        self._by_number[sa.unique_id] = cookies

    def drop(self, sa: IkeSa) -> None:
        """Forgets ``sa``."""
        cookies = sa.cookies
        kept = self.by_cookies.pop(cookies, None)
        if kept is None:
            return
        self._is_done(cookies)
        self.own_cookies.discard(_own_cookie(kept))
        self._due.pop(cookies, None)
        _forget(self._by_connection, kept.connection, cookies)
        _forget(self._by_host, kept.hosts[1], cookies)
        for index, key in ((self._by_peer, kept.peer), (self._by_claim, kept.claim)):
            if key is not None:
                _leave_out(index, key, cookies)
        self._by_number.pop(kept.unique_id, None)
        self._pairs.change(kept.children, (), cookies)
        self._note_requests(kept, None)

    def _note_requests(self, old: IkeSa | None, new: IkeSa | None) -> None:
        for exchange in () if old is None else old.waiting:
            self._by_request.pop(present(exchange.waiting).request, None)
        for exchange in () if new is None else new.waiting:
            self._by_request[present(exchange.waiting).request] = present(new).cookies

    def enqueue(self, queue: dict[bytes, int], cookies: bytes) -> None:
        """Puts an SA at the end of `half_open` or `aggressive_callers`."""
        self._serial += 1
        queue[cookies] = self._serial

    def _is_done(self, cookies: bytes) -> None:
        if self.half_open:
            self.half_open.pop(cookies, None)
        if self.aggressive_callers:
            self.aggressive_callers.pop(cookies, None)

    def kept(self, cookies: bytes) -> Kept | None:
        """What is to be put back should the change that comes be undone."""
        sa = self.by_cookies.get(cookies)
        if sa is None:
            return None
        half_open, aggressive = self.half_open.get(cookies), self.aggressive_callers.get(cookies)
        return Kept(sa, self._by_connection[sa.connection][cookies], self._due.get(cookies), half_open, aggressive)

    def load(self, sas: Iterable[IkeSa], half_open: Iterable[bytes], aggressive_callers: Iterable[bytes]) -> None:
        """Fills an empty table with what another one held."""
        for sa in sas:
            self.put(None, sa)
        for queue, waiting in ((self.half_open, half_open), (self.aggressive_callers, aggressive_callers)):
            for cookies in waiting:
                self.enqueue(queue, cookies)

    def restore(self, before: Mapping[bytes, Kept | None]) -> None:
        """Undoes all changes to the SAs of these cookies since `kept` gave what there was ``before`` of each.

        This takes time that grows with the whole table: it is for what must not happen.
        """
        for cookies in before:
            if cookies in self.by_cookies:
                self.drop(self.by_cookies[cookies])
        self._heap = [entry for entry in self._heap if entry[1] not in before]
        for cookies, kept in before.items():
            if kept is None:
                continue
            self._enter(kept.sa, kept.serial)
            self.by_cookies[cookies] = kept.sa
            self._pairs.change((), kept.sa.children, cookies)
            self._note_requests(None, kept.sa)
            if kept.half_open is not None:
                self.half_open[cookies] = kept.half_open
            if kept.aggressive is not None:
                self.aggressive_callers[cookies] = kept.aggressive
            if kept.due is not None:
                self._due[cookies] = kept.due
                self._heap.append((kept.due, cookies))
        heapq.heapify(self._heap)
        self._sort([kept.sa for kept in before.values() if kept is not None])

    def _sort(self, restored: Iterable[IkeSa]) -> None:
        """Has the oldest come first again wherever one of the SAs ``restored`` stands."""
        for sa in restored:
            for index, name in ((self._by_connection, sa.connection), (self._by_host, sa.hosts[1])):
                index[name] = dict(sorted(index[name].items(), key=itemgetter(1)))
            for groups, key in ((self._by_peer, sa.peer), (self._by_claim, sa.claim)):
                if key is not None:
                    groups[key] = tuple(sorted(groups[key], key=self._serial_of))
        for members in (self.half_open, self.aggressive_callers):
            _reorder(members, sorted(members, key=members.__getitem__))
        _reorder(self.by_cookies, sorted(self.by_cookies, key=self._serial_of))

    def _serial_of(self, cookies: bytes) -> int:
        return self._by_connection[self.by_cookies[cookies].connection][cookies]

    # --- look-ups

    def of_connection(self, name: str) -> list[IkeSa]:
        """The SAs of a connection, the oldest first."""
        return [self.by_cookies[cookies] for cookies in self._by_connection.get(name, ())]

    def of_peer(self, sa: IkeSa) -> list[IkeSa]:
        """The other SAs with the same peer, the oldest first; none where the peer of ``sa`` has proved nothing."""
        return self._others(sa, self._by_peer, sa.peer)

    def of_claimed_peer(self, sa: IkeSa) -> list[IkeSa]:
        """The other SAs that would be with the same peer if that of ``sa`` is where it seems to be."""
        return self._others(sa, self._by_peer, sa.claim)

    def of_claim(self, sa: IkeSa) -> list[IkeSa]:
        """The other SAs whose peers seem to be the same and at the same place, the oldest first."""
        return self._others(sa, self._by_claim, sa.claim)

    def _others(self, sa: IkeSa, index: dict[PeerKey, tuple[bytes, ...]], key: PeerKey | None) -> list[IkeSa]:
        members = index.get(key, ()) if key is not None else ()
        return [self.by_cookies[cookies] for cookies in members if cookies != sa.cookies]

    def of_host(self, host: str) -> list[IkeSa]:
        """The SAs with whoever called from this address, or was called there; the oldest first."""
        return [self.by_cookies[cookies] for cookies in self._by_host.get(host, ())]

    def of_spi(self, spi: int) -> IkeSa | None:
        """The SA that holds the pair with this inbound SPI."""
        cookies = self._pairs.of_spi(spi)
        return None if cookies is None else self.by_cookies[cookies]

    def of_number(self, unique_id: int) -> IkeSa | None:
        """The SA of this number."""
        cookies = self._by_number.get(unique_id)
        return None if cookies is None else self.by_cookies[cookies]

    def of_pair(self, unique_id: int) -> tuple[IkeSa, ChildSa] | None:
        """The pair of this number, and the SA that holds it."""
        cookies = self._pairs.of_number(unique_id)
        return None if cookies is None else self._pair(cookies, unique_id)

    def of_request(self, request: int) -> tuple[IkeSa, Exchange] | None:
        """The exchange that waits for the answer to the question of this number, and the SA that it is under."""
        cookies = self._by_request.get(request)
        if cookies is None:
            return None
        sa = self.by_cookies[cookies]
        return sa, next(each for each in sa.waiting if present(each.waiting).request == request)

    def rivals(
        self, sa: IkeSa, local: Selector, remote: Selector, connection: str | None = None, *, apart: bool = False
    ) -> Iterator[ChildSa]:
        """The pairs with other peers than ``sa``'s that carry some of this traffic: all, or those of a connection.

        With ``apart`` one of the same identity elsewhere is another peer.
        """
        return self._of_others(sa, self._pairs.overlapping(local, remote, connection), apart)

    def equals(self, sa: IkeSa, local: Selector, remote: Selector, *, apart: bool = False) -> Iterator[ChildSa]:
        """The pairs with other peers than ``sa``'s that carry exactly this traffic; ``apart`` as in `rivals`."""
        return self._of_others(sa, self._pairs.equal(local, remote), apart)

    def _of_others(self, sa: IkeSa, pairs: Iterator[tuple[bytes, int]], apart: bool) -> Iterator[ChildSa]:
        for cookies, number in pairs:
            other = self.by_cookies[cookies]
            if not same_peer(sa, other) or (apart and not _same_place(sa, other)):
                yield self._pair(cookies, number)[1]

    def _pair(self, cookies: bytes, number: int) -> tuple[IkeSa, ChildSa]:
        sa = self.by_cookies[cookies]
        return sa, next(child for child in sa.children if child.unique_id == number)

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


def _is_named_as(known: IkeSa, new: IkeSa) -> bool:
    """Whether all that `_names` is made of is the very same, as in most changes: then no key needs to be made."""
    return (
        known.path is new.path
        and known.nat is new.nat
        and known.anchor is new.anchor
        and known.reached is new.reached
        and known.awaits_user is new.awaits_user
        and known.connection is new.connection
        and known.CKY_R is new.CKY_R
        and known.IDii_b is new.IDii_b
        and known.IDir_b is new.IDir_b
    )


def _names(sa: IkeSa) -> tuple[object, ...]:
    """What `SaTable` finds an SA by, the SPIs of its pairs apart."""
    return sa.CKY_R, sa.connection, sa.peer, sa.claim, sa.hosts[1]


def _own_cookie(sa: IkeSa) -> bytes:
    return sa.CKY_I if sa.role is Role.INITIATOR else sa.CKY_R


def _leave_out(index: dict[PeerKey, tuple[bytes, ...]], key: PeerKey, cookies: bytes) -> None:
    others = tuple(other for other in index[key] if other != cookies)
    if others:
        index[key] = others
    else:
        del index[key]


def _forget(index: dict[str, dict[bytes, int]], key: str, cookies: bytes) -> None:
    members = index[key]
    del members[cookies]
    if not members:
        del index[key]


def _reorder(members: dict[bytes, T], order: Iterable[bytes]) -> None:
    """Puts what ``members`` holds in this order; the dictionary stays the same, for others look at it, too."""
    ordered = {cookies: members[cookies] for cookies in order}
    members.clear()
    members.update(ordered)


def same_peer(one: IkeSa, other: IkeSa) -> bool:
    """Whether two SAs are with the same peer, so that the pairs of the one may take the place of the other's: the same
    identity, proved to the same connection, wherever it is now.
    """
    return one.connection == other.connection and one.peer_id_body == other.peer_id_body


def _same_place(one: IkeSa, other: IkeSa) -> bool:
    """Whether two SAs of one identity are with a peer at one place: behind a NAT its port says so, too."""
    return one.peer is not None and one.peer == other.peer and one.path.remote_host == other.path.remote_host


def deadline(sa: IkeSa) -> float:
    """The next time at which something is to be done for ``sa`` even if no message comes; infinity if never."""
    earliest = math.inf
    for part in sa.timed_parts:
        for at, _ in part.timers():
            if 0.0 < at < earliest:
                earliest = at
    return earliest
