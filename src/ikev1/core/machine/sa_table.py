"""The ISAKMP SAs of an engine, found by what messages, people and clocks name them by.

There may be many thousands, so what is kept for each is small: a peer's few SAs are a tuple, where a dictionary would
take four times the room.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator

from ikev1.core.machine.child_table import ChildTable
from ikev1.core.records.model import ChildSa, IkeSa, IkeState, PeerKey, Role
from ikev1.core.records.selector import Selector

_MOST_ACKNOWLEDGEMENTS = 20  # in one second, to one peer
_MOST_ENDED = 1024  # SAs that are remembered after their end
_LATE_MESSAGES = 4  # for each of them


class SaTable:
    """SAs by cookies, connection, peer, SPI and deadline. Every change goes through `put` and `drop`."""

    def __init__(self) -> None:
        self.by_cookies: dict[bytes, IkeSa] = {}
        # Of peers that called us and are not done, the oldest first: those that showed that they receive what we send,
        # and those that Aggressive Mode makes us keep before they did
        self.half_open: dict[bytes, None] = {}
        self.aggressive_callers: dict[bytes, None] = {}
        self.own_cookies: set[bytes] = set()
        self._by_connection: dict[str, dict[bytes, None]] = {}  # the oldest first
        self._by_peer: dict[PeerKey, tuple[bytes, ...]] = {}  # those that are proved, the oldest first
        self._by_claim: dict[PeerKey, tuple[bytes, ...]] = {}
        self._by_host: dict[str, dict[bytes, None]] = {}  # by the peer's address, the oldest first
        self._by_number: dict[int, bytes] = {}
        self._pairs = ChildTable()
        self._said: dict[bytes, set[str]] = {}  # what was said once of an SA
        self._acknowledged: dict[bytes, tuple[int, int]] = {}  # a second, and how often something was in it
        # how many late messages for an SA that was up mean nothing, the oldest first
        self._ended: dict[bytes, int] = {}
        self._due: dict[bytes, float] = {}
        self._heap: list[tuple[float, bytes]] = []

    def put(self, old: IkeSa | None, new: IkeSa) -> None:
        """Keeps ``new``, in place of ``old`` if that was kept before."""
        cookies = new.cookies
        known = None if old is None else self.by_cookies.get(old.cookies)
        if known is None or (not _is_named_as(known, new) and _names(known) != _names(new)):
            if known is not None:
                said = self._said.get(known.cookies)
                self.drop(known)
                if said is not None:
                    self._said[cookies] = said
            self.own_cookies.add(_own_cookie(new))
            self._by_connection.setdefault(new.connection, {})[cookies] = None
            for index, key in ((self._by_peer, new.peer), (self._by_claim, new.claim)):
                if key is not None:
                    index[key] = (*index.get(key, ()), cookies)
            self._by_host.setdefault(new.hosts[1], {})[cookies] = None
            self._by_number[new.unique_id] = cookies
        kept = self.by_cookies.get(cookies)
        self.by_cookies[cookies] = new
        if new.state is not IkeState.CONNECTING:
            self._is_done(cookies)
        before = () if kept is None else kept.children
        if before is not new.children:
            self._pairs.change(before, new.children, cookies)
        self._schedule(cookies, deadline(new))

    def drop(self, sa: IkeSa) -> None:
        """Forgets ``sa``."""
        cookies = sa.cookies
        kept = self.by_cookies.pop(cookies, None)
        if kept is None:
            return
        self._is_done(cookies)
        self.own_cookies.discard(_own_cookie(kept))
        self._said.pop(cookies, None)
        self._acknowledged.pop(cookies, None)
        self._due.pop(cookies, None)
        _forget(self._by_connection, kept.connection, cookies)
        _forget(self._by_host, kept.hosts[1], cookies)
        for index, key in ((self._by_peer, kept.peer), (self._by_claim, kept.claim)):
            if key is not None:
                _leave_out(index, key, cookies)
        self._by_number.pop(kept.unique_id, None)
        self._pairs.change(kept.children, (), cookies)

    def _is_done(self, cookies: bytes) -> None:
        if self.half_open:
            self.half_open.pop(cookies, None)
        if self.aggressive_callers:
            self.aggressive_callers.pop(cookies, None)

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

    # What follows is no part of a record: a message that proves nothing must not change one.

    def is_news(self, sa: IkeSa, what: str) -> bool:
        """Whether ``what`` was not said of ``sa`` yet; from now on it was."""
        said = self._said.setdefault(sa.cookies, set())
        if what in said:
            return False
        said.add(what)
        return True

    def may_acknowledge(self, sa: IkeSa, now: float) -> bool:
        """Whether the peer of ``sa`` gets one more answer to dead peer detection in this second."""
        second, count = self._acknowledged.get(sa.cookies, (0, 0))
        count = count + 1 if second == int(now) else 1
        self._acknowledged[sa.cookies] = int(now), count
        return count <= _MOST_ACKNOWLEDGEMENTS

    def is_late(self, cookies: bytes) -> bool:
        """Whether a message for an SA that is not known means nothing: one of these cookies was up, and this is one of
        the first messages after its end. Both sides may delete an SA at once, and what they sent is still under way.
        """
        left = self._ended.get(cookies, 0)
        if left:
            self._ended[cookies] = left - 1
        return left > 0

    def note_end(self, cookies: bytes) -> None:
        """Remembers for a while that an SA of these cookies was up, and ended."""
        while len(self._ended) >= _MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        self._ended[cookies] = _LATE_MESSAGES

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


def _forget(index: dict[str, dict[bytes, None]], key: str, cookies: bytes) -> None:
    members = index[key]
    del members[cookies]
    if not members:
        del index[key]


def same_peer(one: IkeSa, other: IkeSa) -> bool:
    """Whether two SAs are with the same peer, so that the pairs of the one may take the place of the other's: the same
    identity, proved to the same connection, wherever it is now.
    """
    return one.connection == other.connection and one.peer_id_body == other.peer_id_body


def _same_place(one: IkeSa, other: IkeSa) -> bool:
    """Whether two SAs of one identity are with a peer at one place: behind a NAT its port says so, too."""
    return one.peer is not None and one.peer == other.peer and one.path.remote_host == other.path.remote_host


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
    for at in (sa.rekey_at, sa.expires_at, sa.probe.resend_at if sa.probe is not None else 0.0):
        if 0.0 < at < earliest:
            earliest = at
    return earliest
