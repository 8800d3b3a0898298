"""One conversation: all messages under one pair of cookies, in the order of the capture."""

from __future__ import annotations

from hashlib import blake2s

from ikev1.capture.decrypt.encrypted_payloads import hidden_bodies, method_offered
from ikev1.capture.decrypt.message_decryption import Opener
from ikev1.capture.decrypt.phase1_values import Phase1
from ikev1.capture.decrypt.quick_mode_values import QuickMode
from ikev1.capture.keys.ring import KeyRing
from ikev1.capture.records.endpoints import Endpoints, other
from ikev1.capture.records.labels import Turns, label_of
from ikev1.capture.records.message_record import Envelope, MessageRecord, read_envelope
from ikev1.capture.records.packets import Datagram
from ikev1.core.records.model import Role
from ikev1.wire.errors import WireError
from ikev1.wire.fragmentation import Reassembly, Whole, fragment_of
from ikev1.wire.header import HEADER_SIZE, NO_COOKIE, Header
from ikev1.wire.message import Message, parse_message
from ikev1.wire.registry import ExchangeType, PayloadType

MOST_MESSAGES = 4096
"""Messages of one conversation that are kept: a day of dead peer detection, or whatever somebody floods with."""


_WITH_TURNS = frozenset({ExchangeType.QUICK_MODE, ExchangeType.NEW_GROUP_MODE})
_COPY = 0.05  # seconds; nobody repeats a message so soon
_MOST_CLOSED = 16  # messages of one exchange that are tried again
_MOST_ATTEMPTS = 1000  # of that in one conversation
_MOST_FRAGMENTING = 16  # ends that send IKE fragments in one conversation
_MOST_INCOMPLETE = 16  # messages in fragments of one end


class TrackedConversation:
    """What is known of a conversation. ``left_out`` counts the messages that were too many to keep."""

    def __init__(self, opening: Datagram, ring: KeyRing) -> None:
        header = read_envelope(opening.payload).header
        self.ring = ring
        self.CKY_I = header.CKY_I
        self.CKY_R = header.CKY_R
        self.ends = Endpoints(opening, _opener(header))
        self.messages: list[MessageRecord] = []
        self.phase1 = Phase1()
        self.quick_modes: dict[int, QuickMode] = {}
        self.opener = Opener(ring)
        self.fragments: Reassembly[tuple[str, int], Datagram] = Reassembly(_MOST_FRAGMENTING, _MOST_INCOMPLETE)
        self.translated: set[Role] = set()  # who was seen under two addresses in one and the same message
        self.left_out = 0
        self.last_time = opening.time
        self._turns: dict[tuple[int, int], Turns] = {}  # by exchange and message ID
        self._closed: dict[int, list[MessageRecord]] = {}  # by message ID: what could not be opened, or not all of it
        self._attempts = 0  # to open these again
        self._known: dict[bytes, int] = {}  # a digest of each message's octets, and its index

    def take(self, datagram: Datagram) -> MessageRecord | None:
        """Takes a datagram of this conversation: a message, or a fragment that completes one."""
        envelope = read_envelope(datagram.payload)
        problem = ""
        try:
            fragment = None if envelope.problem else fragment_of(envelope.header, datagram.payload)
        except WireError as error:
            fragment, problem = None, str(error)
        if fragment is not None:
            whole = self.fragments.take((datagram.source, datagram.source_port), fragment, datagram)
            if whole is None:
                return None
            datagram, envelope = _joined(whole), read_envelope(whole.octets)
        return self._take_message(datagram, envelope, problem)

    def _take_message(self, datagram: Datagram, envelope: Envelope, problem: str) -> MessageRecord | None:
        if len(self.messages) == MOST_MESSAGES:
            self.left_out += 1
            return None
        header = envelope.header
        if self.CKY_R == NO_COOKIE and header.exchange != ExchangeType.INFORMATIONAL:
            self.CKY_R = header.CKY_R
        self.last_time = max(self.last_time, datagram.time)
        seen = MessageRecord(datagram, datagram.payload, header, self.ends.sender_of(datagram), len(self.messages))
        seen.problems += [text for text in (envelope.problem, problem) if text]
        self.messages.append(seen)
        digest = blake2s(datagram.payload).digest()
        if digest in self._known:
            self._repeated(seen, self.messages[self._known[digest]])
        else:
            self._known[digest] = seen.index
            self._read(seen, problem)
        return seen

    def _repeated(self, seen: MessageRecord, first: MessageRecord) -> None:
        _repeat(seen, first)
        before = self.messages[seen.index - 1]
        same = before.index == first.index or before.repeats == first.index
        timed = seen.datagram.time != 0  # some captures have zeros for times
        seen.copied = same and timed and abs(seen.datagram.time - before.datagram.time) < _COPY
        if seen.datagram.source != first.datagram.source:
            self.translated.add(seen.sender)
        if seen.datagram.destination != first.datagram.destination:
            self.translated.add(other(seen.sender))

    def _read(self, seen: MessageRecord, problem: str) -> None:
        if seen.encrypted:
            self._decrypt(seen)
        else:
            seen.plaintext = seen.octets
            if not problem:
                seen.message = self._parsed(seen)
        if seen.header.exchange in _WITH_TURNS:
            self._take_turn(seen)
        else:
            seen.label = label_of(seen)
        self.phase1.absorb(seen)
        if self._attempts < _MOST_ATTEMPTS and (seen.in_phase_1 or seen.header.message_id in self._closed):
            self._open_again(seen)

    def _decrypt(self, seen: MessageRecord) -> None:
        self._open(seen)
        self.opener.remember(seen.header, seen.octets)
        if not seen.decrypted or seen.beginning_lost:
            closed = self._closed.setdefault(seen.header.message_id, [])
            if len(closed) < _MOST_CLOSED:
                closed.append(seen)

    def _open_again(self, news: MessageRecord) -> None:
        """Captures have messages in another order than they were sent: what comes late may open what came early."""
        for message_id in list(self._closed) if news.in_phase_1 else [news.header.message_id]:
            waiting = [seen for seen in self._closed.pop(message_id) if seen is not news]
            self._attempts += len(waiting)
            for seen in waiting:
                self._open(seen)
                self.phase1.absorb(seen)
                if (turns := self._turns.get((seen.header.exchange, message_id))) is not None:
                    turns.label()
            left = [seen for seen in waiting if not seen.decrypted or seen.beginning_lost]
            if news.header.message_id == message_id and (not news.decrypted or news.beginning_lost):
                left.append(news)
            if left:
                self._closed[message_id] = left

    def _open(self, seen: MessageRecord) -> None:
        opened = self.opener.open(seen.header, seen.octets, self.phase1)
        if opened is None:
            return
        seen.decrypted = True
        seen.plaintext = seen.octets[:HEADER_SIZE] + opened.plaintext
        seen.message = opened.message
        seen.after = opened.after
        if opened.problem:
            seen.problems.append(opened.problem)

    def _parsed(self, seen: MessageRecord) -> Message | None:
        if seen.in_phase_1:
            seen.hidden = hidden_bodies(self.phase1.method or method_offered(seen.header, seen.octets))
        try:
            return parse_message(seen.header, seen.octets[HEADER_SIZE:], seen.hidden)
        except WireError as error:
            text = str(error)
            if text not in seen.problems:
                seen.problems.append(text)
            return None

    def _take_turn(self, seen: MessageRecord) -> None:
        exchange = (seen.header.exchange, seen.header.message_id)
        if exchange not in self._turns:
            self._turns[exchange] = Turns(seen.header.exchange)
            if seen.header.exchange == ExchangeType.QUICK_MODE:
                self.quick_modes[seen.header.message_id] = QuickMode(seen.header.message_id, self._turns[exchange])
        self._turns[exchange].add(seen)

    # --- questions

    def missing_fragments(self) -> list[str]:
        """Which fragments of a message never came, in words."""
        return [
            f"of a message in IKE fragments from {host} only {', '.join(map(str, sorted(parts)))} are there "
            f"(frames {', '.join(str(datagram.frames[0]) for datagram in parts.values())})"
            for (host, _), parts in self.fragments.incomplete()
        ]

    def first(self, label: str) -> MessageRecord | None:
        """The first message with that label."""
        return next((seen for seen in self.messages if seen.label == label), None)

    def settle(self) -> None:
        """Tells repetitions what was found out about the messages that they repeat."""
        for seen in self.messages:
            if seen.repeats is not None:
                _repeat(seen, self.messages[seen.repeats])

    def repetitions(self) -> dict[int, list[MessageRecord]]:
        """By the index of a message, the messages that repeat it."""
        found: dict[int, list[MessageRecord]] = {}
        for seen in self.messages:
            if seen.repeats is not None:
                found.setdefault(seen.repeats, []).append(seen)
        return found


def _joined(whole: Whole[Datagram]) -> Datagram:
    """The datagram that would have carried the message whole."""
    frames = sorted({frame for datagram in whole.parts for frame in datagram.frames})
    newest = max(whole.parts, key=lambda datagram: datagram.time)
    return newest._replace(frames=tuple(frames), payload=whole.octets)


def _opener(header: Header) -> Role:
    """Who sent the first message that is in the capture: the initiator, unless it is an answer to a proposal."""
    in_phase_1 = header.exchange in (ExchangeType.IDENTITY_PROTECTION, ExchangeType.AGGRESSIVE)
    answers = header.next_payload == PayloadType.SECURITY_ASSOCIATION and header.CKY_R != NO_COOKIE
    return Role.RESPONDER if in_phase_1 and answers else Role.INITIATOR


def _repeat(seen: MessageRecord, first: MessageRecord) -> None:
    """The same octets have the same meaning."""
    seen.repeats = first.index
    seen.label, seen.plaintext, seen.message = first.label, first.plaintext, first.message
    seen.hidden, seen.decrypted, seen.after = first.hidden, first.decrypted, first.after
    seen.problems = list(first.problems)
