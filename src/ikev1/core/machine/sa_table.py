"""The ISAKMP SAs of an engine, indexed by cookies, connection, peer, number, virtual address, SPI and deadline.

There may be many thousands of SAs, so the indexes are compact: the few SAs of a peer are a tuple, because a dictionary
would take four times the memory.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter, itemgetter
from typing import TypeVar

from ikev1.core.machine.child_table import ChildTable
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa, IkeState, PeerKey
from ikev1.core.records.record import Record
from ikev1.core.records.selector import Selector

T = TypeVar("T")
K = TypeVar("K")

# Looked up once, as in `ikev1.core.records.exchange`
_CONNECTING, _INITIATOR = IkeState.CONNECTING, Role.INITIATOR

# The fields that `_names` uses. They are compared first: they are the same in most changes, and no key is computed
_NAMED_BY = attrgetter("path", "nat", "anchor", "reached", "xauth", "user", "connection", "CKY_R", "IDii_b", "IDir_b")


class Kept(Record, frozen=True):
    """The entry of an SA before a transaction changes it, from which `SaTable.restore` restores it."""

    sa: IkeSa
    serial: int
    half_open: int | None
    aggressive: int | None


class SaTable:
    """SAs by cookies, connection, peer, SPI and deadline.

    Only `ikev1.core.machine.transaction` may call `replace`, `put`, `drop`, `enqueue`, `settle` and `restore`: every
    change is part of a transaction. Its changes are visible at once, except for what nobody looks up within a
    transaction: the requests, which `settle` updates once, when the transaction is committed, and the deadlines.
    """

    def __init__(self) -> None:
        self.by_cookies: dict[bytes, IkeSa] = {}
        # Serials of half-open SAs as responder, oldest first: those of Main Mode, whose peers proved that they receive
        # at their addresses, and those of Aggressive Mode, whose peers have not proved it yet
        self.half_open: dict[bytes, int] = {}
        self.aggressive_callers: dict[bytes, int] = {}
        self.own_cookies: set[bytes] = set()
        self._serial = 0  # of the SA that was added or re-indexed last: defines the order "oldest first"
        self._by_connection: dict[str, dict[bytes, int]] = {}  # serials, oldest first
        self._by_peer: dict[PeerKey, tuple[bytes, ...]] = {}  # SAs with an authenticated peer, oldest first
        self._by_claim: dict[PeerKey, tuple[bytes, ...]] = {}
        self._by_host: dict[str, dict[bytes, int]] = {}  # serials by the peer's address, oldest first
        self._by_number: dict[int, bytes] = {}
        self._by_address: dict[str, tuple[bytes, ...]] = {}  # SAs by the virtual addresses that we assigned
        self._pairs = ChildTable()
        self._coming_spis: set[int] = set()  # inbound SPIs that Quick Modes under way have allocated
        self._by_request: dict[int, bytes] = {}  # cookies of the SA whose exchange waits, by number of the question
        self._under_way: dict[bytes, tuple[tuple[int, int], ...]] = {}  # the SPIs and questions above, by cookies
        self._due: dict[bytes, float] = {}
        self._heap: list[tuple[float, bytes]] = []
        self._to_schedule: dict[bytes, IkeSa | None] = {}  # changed SAs: the records whose deadlines are in the heap
        self._is_torn = False  # a change has begun, and is not complete: it failed unless it is still running

    # --- changes

    def replace(self, old: IkeSa, new: IkeSa, cookies: bytes) -> bool:
        """Replace ``old``, which is in the table with these ``cookies``, by ``new`` if that changes no index, as most
        changes do not; return whether it did.
        """
        if old.children is not new.children or old.state is not new.state or old.assigned is not new.assigned:
            return False
        if _NAMED_BY(old) != _NAMED_BY(new):
            return False
        self.by_cookies[cookies] = new
        return True

    def put(self, old: IkeSa | None, new: IkeSa, cookies: bytes) -> None:
        """Add ``new``, which has these ``cookies``, or replace ``old``, which is in the table, by it."""
        self._is_torn = True
        self._put(old, new, cookies)
        self._is_torn = False

    def _put(self, old: IkeSa | None, new: IkeSa, cookies: bytes) -> None:
        before: tuple[ChildSa, ...] = ()
        same = old is not None and _NAMED_BY(old) == _NAMED_BY(new)
        names = None if same else _names(new)
        names_before = None if same or old is None else _names(old)
        if old is not None and names == names_before:
            if old.assigned is not new.assigned:
                self._disclaim(old, cookies)
                self._claim_addresses(new, cookies)
            before = old.children
        else:
            if old is not None:
                self._drop(old, names_before)
            self._serial += 1
            self._enter(new, self._serial, cookies, names)
        self.by_cookies[cookies] = new
        if new.state is not _CONNECTING:
            self._is_done(cookies)
        self._pairs.change(before, new.children, cookies)

    def _enter(self, sa: IkeSa, serial: int, cookies: bytes, names: _Names | None = None) -> None:
        _, connection, peer, claim, host = names or _names(sa)
        self.own_cookies.add(_own_cookie(sa))
        self._by_connection.setdefault(connection, {})[cookies] = serial
        for index, key in ((self._by_peer, peer), (self._by_claim, claim)):
            if key is not None:
                index[key] = (*index.get(key, ()), cookies)
        self._by_host.setdefault(host, {})[cookies] = serial
        self._by_number[sa.unique_id] = cookies
        self._claim_addresses(sa, cookies)

    def _claim_addresses(self, sa: IkeSa, cookies: bytes) -> None:
        for address in sa.assigned_addresses:
            self._by_address[address] = (*self._by_address.get(address, ()), cookies)

    def _disclaim(self, sa: IkeSa, cookies: bytes) -> None:
        for address in sa.assigned_addresses:
            _leave_out(self._by_address, address, cookies)

    def drop(self, sa: IkeSa) -> None:
        """Delete ``sa`` from the table."""
        self._is_torn = True
        self._drop(sa)
        self._is_torn = False

    def _drop(self, sa: IkeSa, names: _Names | None = None) -> None:
        cookies = sa.cookies
        kept = self.by_cookies.pop(cookies, None)
        if kept is None:
            return
        _, connection, peer, claim, host = names or _names(kept)
        self._is_done(cookies)
        self.own_cookies.discard(_own_cookie(kept))
        _forget(self._by_connection, connection, cookies)
        _forget(self._by_host, host, cookies)
        for index, key in ((self._by_peer, peer), (self._by_claim, claim)):
            if key is not None:
                _leave_out(index, key, cookies)
        self._by_number.pop(kept.unique_id, None)
        self._disclaim(kept, cookies)
        self._pairs.change(kept.children, (), cookies)

    def settle(self, cookies: bytes, before: IkeSa | None) -> None:
        """Update the exchanges of the SA with these cookies, which was ``before`` the transaction."""
        sa = self.by_cookies.get(cookies)
        if sa is before:
            return
        if before is not None:
            for spi, request in self._under_way.pop(cookies, ()):
                self._coming_spis.discard(spi)
                self._by_request.pop(request, None)
        if sa is None:
            self._due.pop(cookies, None)
            self._to_schedule.pop(cookies, None)
            return
        self._to_schedule.setdefault(cookies, before)
        under_way = sa.under_way
        if under_way:
            self._under_way[cookies] = under_way
            for spi, request in under_way:
                if spi:
                    self._coming_spis.add(spi)
                if request:
                    self._by_request[request] = cookies

    def enqueue(self, queue: dict[bytes, int], cookies: bytes) -> None:
        """Append an SA to ``queue``, which is `half_open` or `aggressive_callers`."""
        self._serial += 1
        queue[cookies] = self._serial

    def _is_done(self, cookies: bytes) -> None:
        self.half_open.pop(cookies, None)
        self.aggressive_callers.pop(cookies, None)

    def kept(self, sa: IkeSa, cookies: bytes) -> Kept:
        """Return the entry to restore with ``sa``, which is or was in the table, if the next change is undone."""
        half_open, aggressive = self.half_open.get(cookies), self.aggressive_callers.get(cookies)
        return Kept(sa, self._by_connection[sa.connection][cookies], half_open, aggressive)

    def load(self, sas: Iterable[IkeSa], half_open: Iterable[bytes], aggressive_callers: Iterable[bytes]) -> None:
        """Fill an empty table with the contents of another one."""
        for sa in sas:
            self.put(None, sa, sa.cookies)
            self.settle(sa.cookies, None)
        for queue, waiting in ((self.half_open, half_open), (self.aggressive_callers, aggressive_callers)):
            for cookies in waiting:
                self.enqueue(queue, cookies)

    def restore(
        self, records: Mapping[bytes, IkeSa | None], entries: Mapping[bytes, Kept | None], *, settled: bool
    ) -> None:
        """Undo all changes to the SAs with the cookies of ``records``, which are those to restore, None for a new SA.
        ``entries`` has what `kept` returned for those that not only `replace` has changed. ``settled`` is whether
        `settle` may have updated some of them. A change that failed halfway is undone as well.

        The time is proportional to the size of the table unless nothing has changed: this is for internal errors only.
        """
        if not records:
            return
        before = {
            cookies: entries[cookies] if cookies in entries or sa is None else self.kept(sa, cookies)
            for cookies, sa in records.items()
        }
        if settled or self._is_torn:
            self._rebuild(before)
            return
        for cookies in before:
            if cookies in self.by_cookies:
                self.drop(self.by_cookies[cookies])
        for cookies, kept in before.items():
            if kept is None:
                continue
            self._enter(kept.sa, kept.serial, cookies)
            self.by_cookies[cookies] = kept.sa
            self._pairs.change((), kept.sa.children, cookies)
            if kept.half_open is not None:
                self.half_open[cookies] = kept.half_open
            if kept.aggressive is not None:
                self.aggressive_callers[cookies] = kept.aggressive
        self._sort([kept.sa for kept in before.values() if kept is not None])

    def _rebuild(self, before: Mapping[bytes, Kept | None]) -> None:
        """Do the same from the SAs alone, because a change failed halfway and the indexes contradict each other."""
        kept = {cookies: (old.sa, old.serial) for cookies, old in before.items() if old is not None}
        for name, members in self._by_connection.items():
            for cookies, serial in members.items():
                sa = self.by_cookies.get(cookies)
                if cookies not in before and sa is not None and sa.connection == name:
                    kept[cookies] = sa, serial
        for cookies, old in before.items():
            self._is_done(cookies)
            if old is not None and old.half_open is not None:
                self.half_open[cookies] = old.half_open
            if old is not None and old.aggressive is not None:
                self.aggressive_callers[cookies] = old.aggressive
        for index in (self.own_cookies, self._by_connection, self._by_peer, self._by_claim, self._by_host):
            index.clear()
        for others in (self.by_cookies, self._by_number, self._coming_spis, self._by_request, self._under_way):
            others.clear()
        self._by_address.clear()
        self._due.clear()
        self._heap.clear()
        self._to_schedule.clear()
        self._pairs = ChildTable()
        for cookies, (sa, serial) in sorted(kept.items(), key=lambda item: item[1][1]):
            self._enter(sa, serial, cookies)
            self.by_cookies[cookies] = sa
            self._pairs.change((), sa.children, cookies)
            self.settle(cookies, None)
        for queue in (self.half_open, self.aggressive_callers):
            _reorder(queue, sorted(queue, key=queue.__getitem__))
        self._is_torn = False

    def _sort(self, restored: Iterable[IkeSa]) -> None:
        """Restore the order, oldest first, of all indexes that contain one of the SAs ``restored``."""
        for sa in restored:
            for index, name in ((self._by_connection, sa.connection), (self._by_host, sa.hosts[1])):
                index[name] = dict(sorted(index[name].items(), key=itemgetter(1)))
            for groups, key in ((self._by_peer, sa.peer), (self._by_claim, sa.claim)):
                if key is not None:
                    groups[key] = tuple(sorted(groups[key], key=self._serial_of))
            for address in sa.assigned_addresses:
                self._by_address[address] = tuple(sorted(self._by_address[address], key=self._serial_of))
        for members in (self.half_open, self.aggressive_callers):
            _reorder(members, sorted(members, key=members.__getitem__))
        _reorder(self.by_cookies, sorted(self.by_cookies, key=self._serial_of))

    def _serial_of(self, cookies: bytes) -> int:
        return self._by_connection[self.by_cookies[cookies].connection][cookies]

    # --- look-ups

    def of_connection(self, name: str) -> list[IkeSa]:
        """Return the SAs of a connection, oldest first."""
        return [self.by_cookies[cookies] for cookies in self._by_connection.get(name, ())]

    def of_peer(self, sa: IkeSa, *, apart: bool = False) -> list[IkeSa]:
        """Return the other SAs with the same peer, oldest first; none if the peer of ``sa`` is unauthenticated.

        With ``apart``, a peer with the same identity at another address counts as another peer, but not one whose SA
        replaces ``sa`` or is replaced by it.
        """
        others = self._others(sa, self._by_peer, sa.peer)
        return [each for each in others if _same_place(sa, each) or _is_heir(sa, each)] if apart else others

    def of_claimed_peer(self, sa: IkeSa) -> list[IkeSa]:
        """Return the other SAs with the peer that ``sa`` claims to be with, if the unproved claim is true."""
        return self._others(sa, self._by_peer, sa.claim)

    def of_claim(self, sa: IkeSa) -> list[IkeSa]:
        """Return the other SAs with the same unproved claim of a peer as ``sa``, oldest first."""
        return self._others(sa, self._by_claim, sa.claim)

    def is_alone(self, sa: IkeSa) -> bool:
        """Return whether `of_peer`, `of_claimed_peer` and `of_claim` find no other SA, as for most peers that come."""
        claim = sa.claim
        if claim is None:
            return True
        peer, found = sa.proved(claim), [self._by_claim.get(claim), self._by_peer.get(claim)]
        if peer is not None and peer is not claim:
            found.append(self._by_peer.get(peer))
        alone = None, (sa.cookies,)
        return not [cookies for cookies in found if cookies not in alone]

    def _others(self, sa: IkeSa, index: dict[PeerKey, tuple[bytes, ...]], key: PeerKey | None) -> list[IkeSa]:
        members = index.get(key, ()) if key is not None else ()
        return [self.by_cookies[cookies] for cookies in members if cookies != sa.cookies]

    def of_host(self, host: str) -> list[IkeSa]:
        """Return the SAs whose peers initiated from this address or were contacted at it, oldest first."""
        return [self.by_cookies[cookies] for cookies in self._by_host.get(host, ())]

    def of_spi(self, spi: int) -> IkeSa | None:
        """Return the SA that holds the pair with this inbound SPI."""
        cookies = self._pairs.of_spi(spi)
        return None if cookies is None else self.by_cookies[cookies]

    def has_spi(self, spi: int) -> bool:
        """Return whether a pair, or a Quick Mode under way, has this inbound SPI."""
        return spi in self._coming_spis or self._pairs.of_spi(spi) is not None

    def of_number(self, unique_id: int) -> IkeSa | None:
        """Return the SA with this number."""
        cookies = self._by_number.get(unique_id)
        return None if cookies is None else self.by_cookies[cookies]

    def of_address(self, address: str) -> list[IkeSa]:
        """Return the SAs whose peer has this virtual address, oldest first."""
        return [self.by_cookies[cookies] for cookies in self._by_address.get(address, ())]

    def of_pair(self, unique_id: int) -> tuple[IkeSa, ChildSa] | None:
        """Return the SA that holds the pair with this number, and the pair."""
        cookies = self._pairs.of_number(unique_id)
        return None if cookies is None else self._pair(cookies, unique_id)

    def of_request(self, request: int) -> tuple[IkeSa, Exchange | None] | None:
        """Return the exchange that waits for the answer to the question with this number, and its SA; the SA alone if
        the question is about its traffic.
        """
        cookies = self._by_request.get(request)
        if cookies is None:
            return None
        sa = self.by_cookies[cookies]
        for exchange in sa.exchanges if sa.phase1 is None else (*sa.exchanges, sa.phase1):
            if exchange.waiting is not None and exchange.waiting.request == request:
                return sa, exchange
        return sa, None

    def rivals(
        self, sa: IkeSa, local: Selector, remote: Selector, connection: str | None = None, *, apart: bool = False
    ) -> Iterator[ChildSa]:
        """Return the pairs that overlap this traffic, of all connections or one, with other peers than that of ``sa``.

        With ``apart``, a peer with the same identity at another address or port counts as another peer.
        """
        return self._of_others(sa, self._pairs.overlapping(local, remote, connection), apart)

    def equals(self, sa: IkeSa, local: Selector, remote: Selector, *, apart: bool = False) -> Iterator[ChildSa]:
        """Return the pairs with exactly this traffic and other peers than that of ``sa``; ``apart`` as in `rivals`."""
        return self._of_others(sa, self._pairs.equal(local, remote), apart)

    def own(self, sa: IkeSa, local: Selector, remote: Selector) -> Iterator[ChildSa]:
        """Return the pairs with exactly this traffic and the peer of ``sa``, under any of its ISAKMP SAs."""
        for cookies, number in self._pairs.equal(local, remote):
            if same_peer(sa, self.by_cookies[cookies]):
                yield self._pair(cookies, number)[1]

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

    # Several messages and answers may change an SA before anybody asks for the next deadline. A deadline that is
    # postponed keeps its old entry in the heap until that expires: only what has changed can be due earlier.

    def _schedule_changed(self) -> None:
        for cookies, before in self._to_schedule.items():
            self._schedule(cookies, deadline(self.by_cookies[cookies], before))
        self._to_schedule.clear()

    def _schedule(self, cookies: bytes, due: float) -> None:
        if due < self._due.get(cookies, math.inf):
            self._due[cookies] = due
            heapq.heappush(self._heap, (due, cookies))

    def next_deadline(self) -> float:
        """Return the time at which `due` may yield an SA; infinity if never."""
        self._schedule_changed()
        return self._heap[0][0] if self._heap else math.inf

    def due(self, now: float, most: int) -> Iterator[IkeSa]:
        """Yield the SAs with a timer due by ``now``, at most so many. The caller must `put` and `settle` the changed SA
        before it takes the next, and exhaust the iterator.
        """
        while most and self.next_deadline() <= now:
            at, cookies = heapq.heappop(self._heap)
            sa = self.by_cookies.get(cookies)
            if sa is None or self._due.get(cookies) != at:
                continue
            del self._due[cookies]
            if deadline(sa) <= now:
                most -= 1
                yield sa
                sa = self.by_cookies.get(cookies)
            if sa is not None:
                self._schedule(cookies, deadline(sa))


_Names = tuple[bytes, str, PeerKey | None, PeerKey | None, str]


def _names(sa: IkeSa) -> _Names:
    """Return the keys by which `SaTable` indexes an SA, except for the SPIs of its pairs."""
    claim = sa.claim
    return sa.CKY_R, sa.connection, sa.proved(claim), claim, sa.hosts[1]


def _own_cookie(sa: IkeSa) -> bytes:
    return sa.CKY_I if sa.role is _INITIATOR else sa.CKY_R


def _leave_out(index: dict[K, tuple[bytes, ...]], key: K, cookies: bytes) -> None:
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
    """Reorder ``members`` in place, because other objects refer to the dictionary."""
    ordered = {cookies: members[cookies] for cookies in order}
    members.clear()
    members.update(ordered)


def same_peer(one: IkeSa, other: IkeSa) -> bool:
    """Return whether two SAs are with the same peer, so that pairs of one may replace pairs of the other: the same
    identity and user, authenticated for the same connection, at any address.
    """
    return (
        one.connection == other.connection
        and one.peer_identity == other.peer_identity
        and one.user_name == other.user_name
    )


def _same_place(one: IkeSa, other: IkeSa) -> bool:
    """Return whether two SAs with one identity are with a peer at one address, and behind a NAT at one port."""
    return one.peer is not None and one.peer == other.peer and one.path.remote_host == other.path.remote_host


def _is_heir(one: IkeSa, other: IkeSa) -> bool:
    """Return whether one of two SAs replaces the other one."""
    return one.heir == other.unique_id or other.heir == one.unique_id


def deadline(sa: IkeSa, before: IkeSa | None = None) -> float:
    """Return the time of the next timer of ``sa``, or of its parts that ``before`` had not; infinity if none."""
    earliest = math.inf
    for part in sa.timed_parts if before is None else sa.new_timed_parts(before):
        for at, _ in part.timers():
            if at > 0.0 and at < earliest:
                earliest = at
    return earliest
