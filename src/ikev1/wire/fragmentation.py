"""IKE fragmentation: one message in several datagrams (MS-IKEE §2.2.3.1, §3.3).

A fragment is not authenticated, only the whole message is: anybody who knows the cookies can send fragments in a peer's
name. `Pieces` therefore keeps different fragments with the same number beside one another, and `Pieces.add` returns
every message that they make, up to a limit: a forged fragment does not displace the genuine one. Everything is bounded.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import islice, product
from typing import Generic, NamedTuple, TypeVar
from zlib import crc32

from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import build_message, parse_message
from ikev1.wire.payloads import Fragment
from ikev1.wire.registry import Flags, PayloadType

MOST_OCTETS = 1 << 16
"""Octets of one message in fragments: no UDP datagram could carry more whole."""

OVERHEAD = HEADER_SIZE + 8
"""Octets of a datagram with a fragment besides the data: the ISAKMP header, and the header of the payload."""

_MOST_PIECES = 300  # of one message: 255 have a number, the others are alternatives
_MOST_ENDS = 4  # different last fragments that are tried
_MOST_TRIES = 8  # messages that one more fragment completes
_COOKIES, _NEXT_PAYLOAD, _FRAGMENT_ID = slice(0, 16), 16, slice(HEADER_SIZE + 4, HEADER_SIZE + 6)
_LENGTH = slice(24, HEADER_SIZE)  # of the message, in its header

P = TypeVar("P", bound=Hashable)
T = TypeVar("T")


def fragment_of(header: Header, octets: bytes) -> Fragment | None:
    """The fragment in a datagram; None if ``octets``, its header included, are a message of their own.

    A fragment is never encrypted, but some peers leave the encryption flag of the whole message set in the header.

    Raises:
        WireError: a Fragment payload comes first, and is malformed or not alone.
    """
    if header.next_payload != PayloadType.FRAGMENT:
        return None
    clear = header._replace(flags=header.flags & ~Flags.ENCRYPTION)
    return parse_message(clear, octets[HEADER_SIZE:]).one(Fragment)


def in_fragments(message: bytes, size: int) -> tuple[bytes, ...]:
    """The datagrams that carry ``message``, its header included, in fragments of at most ``size`` octets each, the
    ISAKMP header included; ``message`` alone if it is not longer, or would need more than 255 fragments.

    "The ISAKMP header of the original IKE message has the Next Payload field set to the Fragment payload and the
    Encrypted flag cleared" (MS-IKEE §3.3.6.1). All datagrams of a message, and its repetitions, have the same fragment
    ID; another message has another one, so that peers do not mix them up.
    """
    room = size - OVERHEAD
    if len(message) <= size or room <= 0 or len(message) > 255 * room:
        return (message,)
    header = Header.parse(message)
    header = header._replace(flags=header.flags & ~Flags.ENCRYPTION)
    fragment_id = crc32(message) % 65535 + 1
    starts = range(0, len(message), room)
    return tuple(
        build_message(header, [Fragment(fragment_id, number, number == len(starts), message[start : start + room])])
        for number, start in enumerate(starts, 1)
    )


def are_of_one_message(datagram: bytes, other: bytes) -> bool:
    """Whether two datagrams that `in_fragments` made carry fragments of the same message."""
    return (
        datagram[_NEXT_PAYLOAD] == other[_NEXT_PAYLOAD] == PayloadType.FRAGMENT
        and datagram[_COOKIES] == other[_COOKIES]
        and datagram[_FRAGMENT_ID] == other[_FRAGMENT_ID]
    )


class Whole(NamedTuple, Generic[T]):
    """A message that was in fragments, its header included, and what came with each of them, in their order."""

    octets: bytes
    parts: tuple[T, ...]


class _Piece(NamedTuple, Generic[T]):
    fragment: Fragment
    part: T


class Pieces(Generic[T]):
    """The fragments of one message.

    Args:
        octets: how many octets are kept; beyond that, and beyond 300 fragments, the oldest fragment is dropped.

    Attributes:
        octets: of the data of all fragments that are kept.
        in_conflict: whether different fragments with the same number are kept.
    """

    def __init__(self, octets: int = MOST_OCTETS) -> None:
        self._limit = octets
        self._kept: list[_Piece[T]] = []  # the newest last
        self._again: set[int] = set()  # the numbers that came since the message was complete last
        self.octets = 0
        self.in_conflict = False

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """The fragments that are kept, the newest last."""
        return tuple([piece.fragment for piece in self._kept])

    @property
    def parts(self) -> dict[int, T]:
        """What came with the fragments, by number."""
        return {piece.fragment.number: piece.part for piece in self._kept}

    def add(self, fragment: Fragment, part: T) -> list[Whole[T]]:
        """Add a fragment.

        Returns:
            The messages that it completes, at most 8, the most probable first: those with the newest fragments, and
            of these the ones as long as their header says. A repeated fragment completes a message again once all
            other fragments of the message were repeated as well.
        """
        if fragment.number == 0 or not 0 < len(fragment.data) <= self._limit:
            return []
        known = next((piece for piece in self._kept if piece.fragment == fragment), None)
        self._again.add(fragment.number)
        if known is None:
            self._keep(_Piece(fragment, part))
        found = self._complete(None if known else fragment)
        if found:
            self._again.clear()
        return found

    def _keep(self, piece: _Piece[T]) -> None:
        self.in_conflict |= any(each.fragment.number == piece.fragment.number for each in self._kept)
        self._kept.append(piece)
        self.octets += len(piece.fragment.data)
        while self.octets > self._limit or len(self._kept) > _MOST_PIECES:
            self.octets -= len(self._kept.pop(0).fragment.data)

    def _complete(self, new: Fragment | None) -> list[Whole[T]]:
        """The messages that contain ``new``; all, if it is None and each number came again."""
        inner: dict[int, list[_Piece[T]]] = {}
        ends: list[_Piece[T]] = []
        for piece in reversed(self._kept):
            if piece.fragment.last:
                ends.append(piece)
            else:
                inner.setdefault(piece.fragment.number, []).append(piece)
        found: list[Whole[T]] = []
        for end in ends[:_MOST_ENDS] if new is None or not new.last else ends[:1]:
            last = end.fragment.number
            numbers = range(1, last)
            if any(number not in inner for number in numbers):
                continue
            if new is None and not self._again.issuperset(range(1, last + 1)):
                continue
            columns = [inner[number] for number in numbers]
            if new is not None and not new.last:
                if new.number >= last:
                    continue
                columns[new.number - 1] = columns[new.number - 1][:1]
            found += [_joined((*chosen, end)) for chosen in _choices(columns)]
        found.sort(key=lambda whole: int.from_bytes(whole.octets[_LENGTH]) != len(whole.octets))
        return found[:_MOST_TRIES]


def _choices(columns: list[list[_Piece[T]]]) -> list[tuple[_Piece[T], ...]]:
    """One piece of each column, in up to `_MOST_TRIES` ways: all the newest, all the oldest, then others."""
    newest = tuple([column[0] for column in columns])
    oldest = tuple([column[-1] for column in columns])
    if newest == oldest:
        return [newest]
    others = (each for each in islice(product(*columns), _MOST_TRIES) if each not in (newest, oldest))
    return [newest, oldest, *others]


def _joined(pieces: tuple[_Piece[T], ...]) -> Whole[T]:
    return Whole(b"".join([piece.fragment.data for piece in pieces]), tuple([piece.part for piece in pieces]))


class Reassembly(Generic[P, T]):
    """The messages of which fragments are still missing. Nothing expires by the clock.

    ``P`` names a peer, ``T`` is whatever the caller keeps with a fragment.

    Args:
        peers: of how many peers fragments are kept at a time; those of the peer that was silent longest go first.
        messages: how many messages of one peer may be incomplete at a time; the oldest goes first.
    """

    def __init__(self, peers: int, messages: int) -> None:
        self._peers = peers
        self._messages = messages
        self._waiting: dict[P, dict[int, Pieces[T]]] = {}  # by peer and message

    def take(self, peer: P, fragment: Fragment, part: T) -> Whole[T] | None:
        """Takes a fragment from ``peer``.

        Returns:
            The whole message, once this is its last missing fragment.
        """
        messages = self._waiting.pop(peer, {})
        self._waiting[peer] = messages  # the last of the dictionary is the one heard from last
        found = messages.setdefault(fragment.id, Pieces()).add(fragment, part)
        if found or not len(messages[fragment.id]):
            del messages[fragment.id]
        elif len(messages) > self._messages:
            del messages[next(iter(messages))]
        if not messages:
            del self._waiting[peer]
        elif len(self._waiting) > self._peers:
            del self._waiting[next(iter(self._waiting))]
        return found[0] if found else None

    def forget(self, peer: P) -> None:
        """Drops all fragments of ``peer``."""
        self._waiting.pop(peer, None)

    def incomplete(self) -> Iterator[tuple[P, dict[int, T]]]:
        """The incomplete messages: whose each is, and what came with its fragments, by number, as they came."""
        for peer, messages in self._waiting.items():
            for pieces in messages.values():
                yield peer, pieces.parts
