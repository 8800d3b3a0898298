"""IKE fragmentation: one message in several datagrams, put together again (MS-IKEE §2.2.3.1, §3.1.5).

Fragments are not authenticated: only the whole message is. So anybody can send some in a peer's name, and all that is
kept is bounded: what a peer sends displaces nothing but its own fragments, unless too many peers send some at once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, NamedTuple, TypeVar

from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import parse_message
from ikev1.wire.payloads import Fragment
from ikev1.wire.registry import PayloadType

MOST_OCTETS = 1 << 16
"""Octets of one message in fragments: no UDP datagram could carry more whole."""

P = TypeVar("P", bound=Hashable)
T = TypeVar("T")


def fragment_of(header: Header, octets: bytes) -> Fragment | None:
    """The fragment in a datagram; None if ``octets``, its header included, are a message of their own.

    Raises:
        WireError: a Fragment payload comes first, and is malformed or not alone.
    """
    if header.next_payload != PayloadType.FRAGMENT or header.encrypted:
        return None
    return parse_message(header, octets[HEADER_SIZE:]).one(Fragment)


class Whole(NamedTuple, Generic[T]):
    """A message that was in fragments, its header included, and what came with each of them, in their order."""

    octets: bytes
    parts: tuple[T, ...]


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
        self._waiting: dict[P, dict[int, dict[int, tuple[bytes, bool, T]]]] = {}  # by peer, message and number

    def take(self, peer: P, fragment: Fragment, part: T) -> Whole[T] | None:
        """Takes a fragment from ``peer``.

        Returns:
            The whole message, once this is its last missing fragment.
        """
        messages = self._waiting.pop(peer, {})
        self._waiting[peer] = messages  # the last of the dictionary is the one heard from last
        pieces = messages.setdefault(fragment.id, {})
        pieces[fragment.number] = fragment.data, fragment.last, part
        last = max((number for number, (_, is_last, _) in pieces.items() if is_last), default=0)
        whole = None
        if sum(len(data) for data, _, _ in pieces.values()) > MOST_OCTETS:
            del messages[fragment.id]
        elif last and all(number in pieces for number in range(1, last + 1)):
            del messages[fragment.id]
            found = [pieces[number] for number in range(1, last + 1)]
            whole = Whole(b"".join([data for data, _, _ in found]), tuple(part for _, _, part in found))
        elif len(messages) > self._messages:
            del messages[next(iter(messages))]
        if not messages:
            del self._waiting[peer]
        elif len(self._waiting) > self._peers:
            del self._waiting[next(iter(self._waiting))]
        return whole

    def forget(self, peer: P) -> None:
        """Drops all fragments of ``peer``."""
        self._waiting.pop(peer, None)

    def incomplete(self) -> Iterator[tuple[P, dict[int, T]]]:
        """The incomplete messages: whose each is, and what came with its fragments, by number, as they came."""
        for peer, messages in self._waiting.items():
            for pieces in messages.values():
                yield peer, {number: part for number, (_, _, part) in pieces.items()}
