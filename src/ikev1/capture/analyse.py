"""Analysis of a capture, packet by packet, up to the report."""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.capture.describe.answers import seen_proposals
from ikev1.capture.describe.conversation_report import conversation_of
from ikev1.capture.describe.messages import message_of
from ikev1.capture.keys.key_ring import KeyRing
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.packets import Datagram, Packet
from ikev1.capture.records.report import Message, Report
from ikev1.capture.track.conversation import MOST_MESSAGES, TrackedConversation
from ikev1.capture.track.esp_tracker import MOST_FLOWS, EspTracker
from ikev1.capture.track.tracker import MOST_CONVERSATIONS, Tracker
from ikev1.wire.header import HEADER_SIZE
from ikev1.wire.registry import ExchangeType

_KEEPALIVE = b"\xff"  # RFC 3948 §2.3
_VERSION_OCTET = 17  # of the header (RFC 2408 §3.1)


class Analyst:
    """Analyses packets in the order of the capture; ``keys`` decrypt what they fit.

    Memory grows with the number of SPIs, not of ESP packets. ISAKMP messages are kept up to limits; `Report.notes`
    states when a limit was reached.
    """

    def __init__(self, keys: KeyRing = KeyRing()) -> None:  # noqa: B008  # immutable
        self._tracker = Tracker(keys)
        self._esp = EspTracker(keys)
        self._version_2 = 0  # messages

    def add(self, packet: Packet) -> None:
        """Add the next packet."""
        self._add(packet)

    def describe(self, packet: Packet) -> Message | None:
        """Add the next packet, and return the report of the message that it completes; None for ESP and keepalives."""
        found = self._add(packet)
        return None if found is None else message_of(*found, with_secrets=False)

    @property
    def conversations(self) -> tuple[TrackedConversation, ...]:
        """The conversations so far, in order of their first message."""
        return tuple(self._tracker.all)

    def _add(self, packet: Packet) -> tuple[TrackedConversation, MessageRecord] | None:
        if not isinstance(packet, Datagram):
            self._esp.add(packet)
            return None
        octets = packet.payload
        if octets == _KEEPALIVE:
            return None
        if len(octets) >= HEADER_SIZE and octets[_VERSION_OCTET] >> 4 == 2:
            self._version_2 += 1
            return None
        found = self._tracker.add(packet)
        if found is None or found[1] is None:
            return None
        conversation, record = found
        assert record is not None
        if record.header.exchange == ExchangeType.QUICK_MODE and record.repeats is None:
            self._esp.add_quick_mode(conversation, conversation.quick_modes[record.header.message_id])
        return conversation, record

    def report(
        self, source: str, frames: int, notes: Iterable[str] = (), with_secrets: bool = False, with_fields: bool = True
    ) -> Report:
        """Build the report of all packets added so far.

        ``frames`` is the number of frames read and ``notes`` are the reader's. ``with_secrets`` includes key material
        (only in `Message.formulas`), ``with_fields`` the fields of messages, which are most of the report's size.
        """
        owned, foreign = self._esp.flows_of(self._tracker)
        proposals = seen_proposals(self._tracker.all)
        return Report(
            source=source,
            frames=frames,
            conversations=tuple(
                conversation_of(conversation, place + 1, owned.get(place, []), proposals, with_secrets, with_fields)
                for place, conversation in enumerate(self._tracker.all)
            ),
            esp=tuple(flow.report() for flow in foreign),
            notes=(*notes, *self._notes()),
        )

    def _notes(self) -> Iterable[str]:
        if self._version_2:
            yield f"{self._version_2} IKEv2 messages were skipped: only IKEv1 is supported"
        for number, conversation in enumerate(self._tracker.all, 1):
            if conversation.left_out:
                yield (
                    f"conversation {number}: {conversation.left_out} messages were dropped: the limit per conversation "
                    f"is {MOST_MESSAGES}"
                )
            for text in conversation.missing_fragments():
                yield f"conversation {number}: {text}"
        if self._tracker.left_out:
            yield (
                f"{self._tracker.left_out} ISAKMP messages were dropped: the limit of {MOST_CONVERSATIONS} "
                "conversations, or the memory limit, was reached"
            )
        if self._esp.left_out:
            yield f"{self._esp.left_out} ESP packets were not analysed: the limit is {MOST_FLOWS} SPIs"
