"""Assignment of datagrams to conversations, by cookies and addresses (RFC 2408 §3.1)."""

from __future__ import annotations

from itertools import islice

from ikev1.capture.keys.key_ring import KeyRing
from ikev1.capture.records.message_record import MessageRecord, read_envelope
from ikev1.capture.records.packets import Datagram
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.exchange import Role
from ikev1.wire.header import NO_COOKIE, Header
from ikev1.wire.registry import ExchangeType

MOST_CONVERSATIONS = 10_000
MOST_OCTETS = 24 << 20
"""Octets kept per capture. A report needs some twenty times as much memory; the limit bounds it in a flood."""

_EACH = 256  # octets of overhead that each message counts in addition to its own
_MOMENT = 0.05  # seconds
_MOST_FIRST_MESSAGES = 4  # first messages that are copied into a conversation with another response

Opening = tuple[bytes, frozenset[str]]  # CKY-I, and the two addresses


class Tracker:
    """The conversations of a capture, in order of their first message. ``left_out`` counts the dropped messages."""

    def __init__(self, key_ring: KeyRing) -> None:
        self.all: list[TrackedConversation] = []
        self.left_out = 0
        self._key_ring = key_ring
        self._octets = 0
        self._by_cookies: dict[bytes, TrackedConversation] = {}
        self._by_opening: dict[Opening, TrackedConversation] = {}
        # The most recent first message: octets, time, conversation
        self._newest: tuple[bytes, float, TrackedConversation] | None = None

    def add(self, datagram: Datagram) -> tuple[TrackedConversation, MessageRecord | None] | None:
        """Add a datagram; return its conversation and the message it completes, if any. None if it was dropped."""
        header = read_envelope(datagram.payload).header
        conversation = self._find(datagram, header)
        if conversation is None or self._octets > MOST_OCTETS:
            self.left_out += 1
            return None
        return conversation, self._add_to(conversation, datagram)

    def _add_to(self, conversation: TrackedConversation, datagram: Datagram) -> MessageRecord | None:
        self._octets += len(datagram.payload) + _EACH
        return conversation.add(datagram)

    def _find(self, datagram: Datagram, header: Header) -> TrackedConversation | None:
        cookies = header.CKY_I + header.CKY_R
        opening = (header.CKY_I, frozenset((datagram.source, datagram.destination)))
        known = self._by_opening.get(opening)
        if header.CKY_R == NO_COOKIE:
            found = known or self._translated(opening, datagram) or self._new(opening, datagram)
            if found is not None:
                self._newest = datagram.payload, datagram.time, found
            return found
        if cookies in self._by_cookies:
            return self._by_cookies[cookies]
        if known is not None and header.exchange == ExchangeType.INFORMATIONAL:
            return known  # an error notification in the clear may have any cookie
        if known is not None and known.CKY_R in (NO_COOKIE, header.CKY_R):
            self._by_cookies[cookies] = known
            return known
        return self._another(opening, known, datagram, cookies)

    def _translated(self, opening: Opening, datagram: Datagram) -> TrackedConversation | None:
        """The conversation of an identical first message just before: the capture has both sides of a NAT device."""
        if self._newest is None:
            return None
        payload, time, conversation = self._newest
        if payload != datagram.payload or abs(datagram.time - time) > _MOMENT:
            return None
        self._by_opening[opening] = conversation
        return conversation

    def _another(
        self, opening: Opening, known: TrackedConversation | None, datagram: Datagram, cookies: bytes
    ) -> TrackedConversation | None:
        """A new conversation for another responder cookie in response to the same first messages, which it copies."""
        first_messages = [] if known is None else _first_messages(known)
        conversation = self._new(opening, first_messages[0] if first_messages else datagram)
        if conversation is not None:
            for each in first_messages:
                self._add_to(conversation, each)
            self._by_cookies[cookies] = conversation
        return conversation

    def _new(self, opening: Opening, datagram: Datagram) -> TrackedConversation | None:
        if len(self.all) == MOST_CONVERSATIONS:
            return None
        conversation = TrackedConversation(datagram, self._key_ring)
        self.all.append(conversation)
        self._by_opening[opening] = conversation
        return conversation

    def by_hosts(self) -> dict[frozenset[str], TrackedConversation]:
        """For each pair of addresses, the newest conversation between them."""
        return {
            frozenset((one, other)): conversation
            for conversation in self.all
            for one in conversation.endpoints.hosts(Role.INITIATOR)
            for other in conversation.endpoints.hosts(Role.RESPONDER)
        }


def _first_messages(conversation: TrackedConversation) -> list[Datagram]:
    found = (
        record.datagram
        for record in conversation.messages
        if record.header.CKY_R == NO_COOKIE and record.header.exchange != ExchangeType.INFORMATIONAL
    )
    return list(islice(found, _MOST_FIRST_MESSAGES))
