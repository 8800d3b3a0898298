"""One conversation: all messages under one pair of cookies, in the order of the capture."""

from __future__ import annotations

from hashlib import blake2s

from ikev1.capture.decrypt.encrypted_payloads import hidden_bodies, method_offered
from ikev1.capture.decrypt.message_decryption import MessageDecryptor
from ikev1.capture.decrypt.phase1_values import Phase1
from ikev1.capture.decrypt.quick_mode_values import QuickMode
from ikev1.capture.keys.key_ring import KeyRing
from ikev1.capture.records.endpoints import Endpoints, other
from ikev1.capture.records.labels import Phase2Exchange, label_of
from ikev1.capture.records.message_record import Envelope, MessageRecord, read_envelope
from ikev1.capture.records.packets import Datagram
from ikev1.core.records.exchange import Role
from ikev1.wire.errors import WireError
from ikev1.wire.fragmentation import Reassembly, Whole, fragment_of
from ikev1.wire.header import HEADER_SIZE, NO_COOKIE, Header
from ikev1.wire.message import Message, parse_message
from ikev1.wire.registry import ExchangeType, PayloadType

MOST_MESSAGES = 4096
"""Messages kept per conversation: enough for a day of dead peer detection, and a bound for floods."""


_PHASE_2_EXCHANGES = frozenset({ExchangeType.QUICK_MODE, ExchangeType.NEW_GROUP_MODE})
_COPY = 0.05  # seconds; no implementation retransmits so soon
_MOST_UNDECRYPTED = 16  # messages of one exchange whose decryption is retried
_MOST_ATTEMPTS = 1000  # retries in one conversation
_MOST_FRAGMENTING = 16  # addresses that send IKE fragments in one conversation
_MOST_INCOMPLETE = 16  # incomplete messages of one address


class TrackedConversation:
    """The state of one conversation. ``left_out`` counts the messages beyond `MOST_MESSAGES`."""

    def __init__(self, opening: Datagram, key_ring: KeyRing) -> None:
        header = read_envelope(opening.payload).header
        self.key_ring = key_ring
        self.CKY_I = header.CKY_I
        self.CKY_R = header.CKY_R
        self.endpoints = Endpoints(opening, _first_sender(header))
        self.messages: list[MessageRecord] = []
        self.phase1 = Phase1()
        self.quick_modes: dict[int, QuickMode] = {}
        self.decryptor = MessageDecryptor(key_ring)
        self.fragments: Reassembly[tuple[str, int], Datagram] = Reassembly(_MOST_FRAGMENTING, _MOST_INCOMPLETE)
        self.translated: set[Role] = set()  # peers whose address differs between two copies of a message
        self.left_out = 0
        self.last_time = opening.time
        self._phase2: dict[tuple[int, int], Phase2Exchange] = {}  # by exchange and message ID
        self._undecrypted: dict[int, list[MessageRecord]] = {}  # by message ID: not decrypted, or not completely
        self._attempts = 0  # at decrypting these again
        self._known: dict[bytes, int] = {}  # digest of the octets: index of the message

    def add(self, datagram: Datagram) -> MessageRecord | None:
        """Add a datagram; return its message, or the message that it completes as the last fragment, else None."""
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
        return self._add_message(datagram, envelope, problem)

    def _add_message(self, datagram: Datagram, envelope: Envelope, problem: str) -> MessageRecord | None:
        if len(self.messages) == MOST_MESSAGES:
            self.left_out += 1
            return None
        header = envelope.header
        if self.CKY_R == NO_COOKIE and header.exchange != ExchangeType.INFORMATIONAL:
            self.CKY_R = header.CKY_R
        self.last_time = max(self.last_time, datagram.time)
        record = MessageRecord(
            datagram, datagram.payload, header, self.endpoints.sender_of(datagram), len(self.messages)
        )
        record.problems += [text for text in (envelope.problem, problem) if text]
        self.messages.append(record)
        digest = blake2s(datagram.payload).digest()
        if digest in self._known:
            self._repeated(record, self.messages[self._known[digest]])
        else:
            self._known[digest] = record.index
            self._read(record, problem)
        return record

    def _repeated(self, record: MessageRecord, first: MessageRecord) -> None:
        _repeat(record, first)
        before = self.messages[record.index - 1]
        same = before.index == first.index or before.repeats == first.index
        timed = record.datagram.time != 0  # some captures have zeros for times
        record.copied = same and timed and abs(record.datagram.time - before.datagram.time) < _COPY
        if record.datagram.source != first.datagram.source:
            self.translated.add(record.sender)
        if record.datagram.destination != first.datagram.destination:
            self.translated.add(other(record.sender))

    def _read(self, record: MessageRecord, problem: str) -> None:
        if record.encrypted:
            self._decrypt(record)
        else:
            record.plaintext = record.octets
            if not problem:
                record.message = self._parsed(record)
        if record.header.exchange in _PHASE_2_EXCHANGES:
            self._add_to_exchange(record)
        else:
            record.label = label_of(record)
        self.phase1.add(record)
        if self._attempts < _MOST_ATTEMPTS and (record.in_phase_1 or record.header.message_id in self._undecrypted):
            self._retry_decryption(record)

    def _decrypt(self, record: MessageRecord) -> None:
        self._try_keys(record)
        self.decryptor.remember(record.header, record.octets)
        if not record.decrypted or record.first_block_lost:
            undecrypted = self._undecrypted.setdefault(record.header.message_id, [])
            if len(undecrypted) < _MOST_UNDECRYPTED:
                undecrypted.append(record)

    def _retry_decryption(self, news: MessageRecord) -> None:
        """Retry earlier messages: a capture may be out of order, so a later message can supply their keys or IVs."""
        for message_id in list(self._undecrypted) if news.in_phase_1 else [news.header.message_id]:
            waiting = [record for record in self._undecrypted.pop(message_id) if record is not news]
            self._attempts += len(waiting)
            for record in waiting:
                self._try_keys(record)
                self.phase1.add(record)
                if (exchange := self._phase2.get((record.header.exchange, message_id))) is not None:
                    exchange.label()
            left = [record for record in waiting if not record.decrypted or record.first_block_lost]
            if news.header.message_id == message_id and (not news.decrypted or news.first_block_lost):
                left.append(news)
            if left:
                self._undecrypted[message_id] = left

    def _try_keys(self, record: MessageRecord) -> None:
        opened = self.decryptor.decrypt(record.header, record.octets, self.phase1)
        if opened is None:
            return
        record.decrypted = True
        record.plaintext = record.octets[:HEADER_SIZE] + opened.plaintext
        record.message = opened.message
        record.after = opened.after
        if opened.problem:
            record.problems.append(opened.problem)

    def _parsed(self, record: MessageRecord) -> Message | None:
        if record.in_phase_1:
            record.hidden = hidden_bodies(self.phase1.method or method_offered(record.header, record.octets))
        try:
            return parse_message(record.header, record.octets[HEADER_SIZE:], record.hidden)
        except WireError as error:
            text = str(error)
            if text not in record.problems:
                record.problems.append(text)
            return None

    def _add_to_exchange(self, record: MessageRecord) -> None:
        exchange = (record.header.exchange, record.header.message_id)
        if exchange not in self._phase2:
            self._phase2[exchange] = Phase2Exchange(record.header.exchange)
            if record.header.exchange == ExchangeType.QUICK_MODE:
                self.quick_modes[record.header.message_id] = QuickMode(record.header.message_id, self._phase2[exchange])
        self._phase2[exchange].add(record)

    # --- queries

    def missing_fragments(self) -> list[str]:
        """A sentence for each message of which fragments are missing."""
        return [
            f"incomplete message from {host}: only fragments {', '.join(map(str, sorted(parts)))} were captured "
            f"(frames {', '.join(str(datagram.frames[0]) for datagram in parts.values())})"
            for (host, _), parts in self.fragments.incomplete()
        ]

    def first(self, label: str) -> MessageRecord | None:
        """The first message with this label."""
        return next((record for record in self.messages if record.label == label), None)

    def update_retransmissions(self) -> None:
        """Copy to retransmissions what was learned later about the originals."""
        for record in self.messages:
            if record.repeats is not None:
                _repeat(record, self.messages[record.repeats])

    def repetitions(self) -> dict[int, list[MessageRecord]]:
        """For the index of each retransmitted message, its retransmissions."""
        found: dict[int, list[MessageRecord]] = {}
        for record in self.messages:
            if record.repeats is not None:
                found.setdefault(record.repeats, []).append(record)
        return found


def _joined(whole: Whole[Datagram]) -> Datagram:
    """The datagram that would have carried the message without fragmentation."""
    frames = sorted({frame for datagram in whole.parts for frame in datagram.frames})
    newest = max(whole.parts, key=lambda datagram: datagram.time)
    return newest._replace(frames=tuple(frames), payload=whole.octets)


def _first_sender(header: Header) -> Role:
    """The sender of the first captured message: the initiator, unless the message responds to a proposal."""
    in_phase_1 = header.exchange in (ExchangeType.IDENTITY_PROTECTION, ExchangeType.AGGRESSIVE)
    answers = header.next_payload == PayloadType.SECURITY_ASSOCIATION and header.CKY_R != NO_COOKIE
    return Role.RESPONDER if in_phase_1 and answers else Role.INITIATOR


def _repeat(record: MessageRecord, first: MessageRecord) -> None:
    """Copy the interpretation of ``first`` to ``record``, which has the same octets."""
    record.repeats = first.index
    record.label, record.plaintext, record.message = first.label, first.plaintext, first.message
    record.hidden, record.decrypted, record.after = first.hidden, first.decrypted, first.after
    record.problems = list(first.problems)
