"""Which datagram belongs to which conversation, when many speak at once (RFC 2408 §3.1: the cookies name the SA)."""

from __future__ import annotations

from itertools import islice

from ikev1.capture.keys.ring import KeyRing
from ikev1.capture.records.message_record import MessageRecord, read_envelope
from ikev1.capture.records.packets import Datagram
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.model import Role
from ikev1.wire.header import NO_COOKIE, Header
from ikev1.wire.registry import ExchangeType

MOST_DIALOGUES = 10_000
MOST_OCTETS = 24 << 20
"""What is kept of one capture, of which a report takes some twenty times as much: a flood of messages must not fill the
memory of who looks at it.
"""

_EACH = 256  # octets that a message counts for beside its own, for the smallest takes memory, too
_MOMENT = 0.05  # seconds
_MOST_OPENERS = 4  # first messages that are taken over into a conversation with another answer

Opening = tuple[bytes, frozenset[str]]  # CKY-I, and the two addresses


class Tracker:
    """The conversations of a capture, in the order in which they began. ``left_out`` counts messages beyond what is
    kept.
    """

    def __init__(self, ring: KeyRing) -> None:
        self.all: list[TrackedConversation] = []
        self.left_out = 0
        self._ring = ring
        self._octets = 0
        self._by_cookies: dict[bytes, TrackedConversation] = {}
        self._by_opening: dict[Opening, TrackedConversation] = {}
        self._newest: tuple[bytes, float, TrackedConversation] | None = (
            None  # the last first message: octets, time, conversation
        )

    def take(self, datagram: Datagram) -> tuple[TrackedConversation, MessageRecord | None] | None:
        """The conversation that a datagram belongs to and, where it is or completes a message, the message."""
        header = read_envelope(datagram.payload).header
        dialogue = self._find(datagram, header)
        if dialogue is None or self._octets > MOST_OCTETS:
            self.left_out += 1
            return None
        return dialogue, self._give(dialogue, datagram)

    def _give(self, dialogue: TrackedConversation, datagram: Datagram) -> MessageRecord | None:
        self._octets += len(datagram.payload) + _EACH
        return dialogue.take(datagram)

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
            return known  # a refusal in the clear may have any cookie
        if known is not None and known.CKY_R in (NO_COOKIE, header.CKY_R):
            self._by_cookies[cookies] = known
            return known
        return self._another(opening, known, datagram, cookies)

    def _translated(self, opening: Opening, datagram: Datagram) -> TrackedConversation | None:
        """The conversation of the same first message a moment ago: a NAT box lies between two places of the capture."""
        if self._newest is None:
            return None
        payload, time, dialogue = self._newest
        if payload != datagram.payload or abs(datagram.time - time) > _MOMENT:
            return None
        self._by_opening[opening] = dialogue
        return dialogue

    def _another(
        self, opening: Opening, known: TrackedConversation | None, datagram: Datagram, cookies: bytes
    ) -> TrackedConversation | None:
        """A responder that answers the repetition of a first message anew: what opened the other opened this one."""
        openers = [] if known is None else _openers(known)
        dialogue = self._new(opening, openers[0] if openers else datagram)
        if dialogue is not None:
            for each in openers:
                self._give(dialogue, each)
            self._by_cookies[cookies] = dialogue
        return dialogue

    def _new(self, opening: Opening, datagram: Datagram) -> TrackedConversation | None:
        if len(self.all) == MOST_DIALOGUES:
            return None
        dialogue = TrackedConversation(datagram, self._ring)
        self.all.append(dialogue)
        self._by_opening[opening] = dialogue
        return dialogue

    def by_hosts(self) -> dict[frozenset[str], TrackedConversation]:
        """By two addresses, the newest conversation between them."""
        return {
            frozenset((one, other)): dialogue
            for dialogue in self.all
            for one in dialogue.ends.hosts(Role.INITIATOR)
            for other in dialogue.ends.hosts(Role.RESPONDER)
        }


def _openers(dialogue: TrackedConversation) -> list[Datagram]:
    found = (
        seen.datagram
        for seen in dialogue.messages
        if seen.header.CKY_R == NO_COOKIE and seen.header.exchange != ExchangeType.INFORMATIONAL
    )
    return list(islice(found, _MOST_OPENERS))
