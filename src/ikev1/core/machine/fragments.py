"""IKE fragments of peers, until a message is complete (MS-IKEE §3.3.5.3).

Only the whole message is authenticated. A fragment therefore changes nothing but what is kept here, is never answered,
and is kept within limits: for each message, for each peer, and in total. A peer is an ISAKMP SA together with the
address that the fragment came from, or, before there is one, an address alone. If a limit is reached, the oldest
message gives way; the fragments of an honest peer arrive within milliseconds, so a flood would have to fill the whole
space in that time.

A forged fragment with the right cookies does not displace the genuine one (`ikev1.wire.fragmentation.Pieces`), and a
message that is not accepted remains, until its time is over, for a fragment that completes it in another way. How many
other ways are tried is limited per second, for each peer and in total.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ikev1.core.machine.admission import Budget
from ikev1.core.records.path import UdpPath
from ikev1.wire.errors import WireError
from ikev1.wire.fragmentation import MOST_OCTETS, Pieces, fragment_of
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.payloads import Fragment

PATIENCE = 30.0  # seconds after the first fragment of a message; MS-IKEE §3.3.2: "the delay MUST NOT exceed 90 seconds"

_PIECE = 300  # octets of memory that a fragment takes besides its data
_COOKIES = slice(0, 16)
_MESSAGES = 8  # incomplete messages of one peer, if they are as long as possible
_FIRST_OCTETS = 16_384  # of the fragments of one first message: twice the longest one, so that alternatives fit
_FIRST_TRIES = 2  # first messages that one fragment completes: each counts as one more message of an unproved address
_OTHER_TRIES = 8
_ALTERNATIVES = 100  # messages per second and peer that are tried besides the most probable one of a fragment
_ALTERNATIVES_OF_ALL = 400  # some 0.25 ms of CPU each
_MOST_FIRST = 4 << 20  # octets of memory for first messages, of all addresses
_MOST_OTHERS = 16 << 20  # octets of memory for messages of ISAKMP SAs


class MessageKey(NamedTuple):
    """What the fragments of one message have in common."""

    path: UdpPath
    cookies: bytes
    exchange: int
    message_id: int
    fragment_id: int

    @property
    def peer(self) -> tuple[str, bytes]:
        """Whose message this is; the cookie of a first message is arbitrary."""
        return self.path.remote_host, b"" if self.is_first else self.cookies

    @property
    def is_first(self) -> bool:
        """Whether the responder has not chosen its cookie yet."""
        return not any(self.cookies[8:])


class _Incomplete(NamedTuple):
    since: float
    pieces: Pieces[None]


class DumpedFragments(NamedTuple):
    """The fragments of one incomplete message, the newest last, and the time of the first."""

    key: MessageKey
    since: float
    fragments: tuple[Fragment, ...]


class _OfPeer:
    """The incomplete messages of one peer, the oldest first, their memory in octets, and a budget for alternatives."""

    __slots__ = ("alternatives", "keys", "memory")

    def __init__(self) -> None:
        self.keys: dict[MessageKey, None] = {}
        self.memory = 0
        self.alternatives = Budget(_ALTERNATIVES)


class FragmentPool:
    """The incomplete messages of one kind of peers.

    Args:
        limit: octets of memory for all messages.
        octets: octets of the fragments of one message.
        tries: how many messages one fragment completes at most.
    """

    def __init__(self, limit: int, octets: int, tries: int = _OTHER_TRIES) -> None:
        self._limit = limit
        self._octets = octets
        self._tries = tries
        self._kept: dict[MessageKey, _Incomplete] = {}  # the oldest first
        self._of_peer: dict[tuple[str, bytes], _OfPeer] = {}
        self._memory = 0
        self._alternatives = Budget(_ALTERNATIVES_OF_ALL)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def memory(self) -> int:
        """Octets of memory in use, approximately."""
        return self._memory

    def add(self, key: MessageKey, header: Header, datagram: bytes, now: float) -> tuple[list[bytes], bool]:
        """Add the fragment in ``datagram``.

        Returns:
            The messages that it completes, and whether it is the first that contradicts another one.

        Raises:
            WireError: the fragment is malformed.
        """
        fragment = fragment_of(header, datagram)
        if fragment is None:
            raise WireError("a Fragment payload", "another one", 16, ("HEADER",))
        self._expire(now)
        of_peer = self._of_peer.setdefault(key.peer, _OfPeer())
        found, contradicts = self._add(key, fragment, now)
        return self._affordable(found, of_peer, now), contradicts

    def _affordable(self, found: list[bytes], of_peer: _OfPeer, now: float) -> list[bytes]:
        """The first of the messages in ``found``, and the others if the budgets allow them: each costs as much as a
        whole message, and a forged fragment can complete several.
        """
        if len(found) > 1:
            budgets = of_peer.alternatives, self._alternatives
            if not all(budget.is_open(now) for budget in budgets):
                return found[:1]
            for budget in budgets:
                budget.spend(len(found) - 1)
        return found

    def _add(self, key: MessageKey, fragment: Fragment, now: float) -> tuple[list[bytes], bool]:
        of_peer = self._of_peer.setdefault(key.peer, _OfPeer())
        if key not in self._kept:
            self._kept[key] = _Incomplete(now, Pieces(self._octets, self._tries))
            of_peer.keys[key] = None
            self._count(of_peer, _PIECE)
        pieces = self._kept[key].pieces
        before, in_conflict = _memory(pieces), pieces.in_conflict
        found = pieces.add(fragment, None)
        self._count(of_peer, _memory(pieces) - before)
        while of_peer.memory > _MESSAGES * self._octets:
            self.drop(next(iter(of_peer.keys)))
        while self._memory > self._limit:
            self.drop(next(iter(self._kept)))
        return [whole.octets for whole in found], pieces.in_conflict and not in_conflict

    def dump(self) -> Iterator[DumpedFragments]:
        """Yield the incomplete messages, the oldest first."""
        for key, (since, pieces) in self._kept.items():
            yield DumpedFragments(key, since, pieces.fragments)

    def restore(self, dumped: DumpedFragments) -> None:
        """Restore an incomplete message."""
        for fragment in dumped.fragments:
            self._add(dumped.key, fragment, dumped.since)

    def drop(self, key: MessageKey) -> None:
        """Drop the fragments of a message."""
        dropped = self._kept.pop(key, None)
        if dropped is None:
            return
        left = self._of_peer[key.peer]
        self._count(left, -_memory(dropped.pieces))
        del left.keys[key]
        if not left.keys:
            del self._of_peer[key.peer]

    def _count(self, of_peer: _OfPeer, octets: int) -> None:
        of_peer.memory += octets
        self._memory += octets

    def _expire(self, now: float) -> None:
        while self._kept:
            oldest, incomplete = next(iter(self._kept.items()))
            if 0.0 <= now - incomplete.since < PATIENCE:
                return
            self.drop(oldest)


class Fragments:
    """The incomplete messages of all peers."""

    def __init__(self) -> None:
        self.first = FragmentPool(_MOST_FIRST, _FIRST_OCTETS, _FIRST_TRIES)
        self.others = FragmentPool(_MOST_OTHERS, MOST_OCTETS)

    def add(self, header: Header, datagram: bytes, path: UdpPath, now: float) -> tuple[MessageKey, list[bytes], bool]:
        """Add the fragment in ``datagram``, whose ``header`` the caller has examined.

        Returns:
            The key for `drop`, the messages that the fragment completes, the most probable first, and whether it is the
            first that contradicts another one.

        Raises:
            WireError: the fragment is malformed, or completes only octets that are no message with its cookies.
        """
        fragment_id = int.from_bytes(datagram[HEADER_SIZE + 4 : HEADER_SIZE + 6])
        key = MessageKey(path, datagram[_COOKIES], header.exchange, header.message_id, fragment_id)
        found, in_conflict = self._pool(key).add(key, header, datagram, now)
        good = [whole for whole in found if _is_message(whole, header)]
        if found and not good:
            raise WireError("a message with the cookies of its fragments", "something else")
        return key, good, in_conflict

    def drop(self, key: MessageKey) -> None:
        """Drop the fragments of a message that was processed."""
        self._pool(key).drop(key)

    def dump(self) -> tuple[DumpedFragments, ...]:
        """Return all incomplete messages, for `restore` in another process."""
        return (*self.first.dump(), *self.others.dump())

    def restore(self, dumped: tuple[DumpedFragments, ...]) -> None:
        """Restore the messages that `dump` returned."""
        for each in dumped:
            self._pool(each.key).restore(each)

    def _pool(self, key: MessageKey) -> FragmentPool:
        return self.first if key.is_first else self.others


def _memory(pieces: Pieces[None]) -> int:
    return pieces.octets + _PIECE * (1 + len(pieces))


def _is_message(octets: bytes, header: Header) -> bool:
    """Whether a message that was put together has the cookies of its fragments, and is not a fragment itself."""
    same = octets[_COOKIES] == header.CKY_I + header.CKY_R
    return len(octets) >= HEADER_SIZE and same and octets[16] != header.next_payload
