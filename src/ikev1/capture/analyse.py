"""The analyst: takes the packets of a capture one by one, and says what happened."""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.capture.describe.answers import seen_proposals
from ikev1.capture.describe.conversation_report import conversation_of
from ikev1.capture.describe.messages import message_of
from ikev1.capture.keys.key_ring import KeyRing
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.packets import Datagram, Packet
from ikev1.capture.records.report import Message, Report
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.capture.track.esp_tracker import MOST_FLOWS, EspTracker
from ikev1.capture.track.tracker import MOST_CONVERSATIONS, Tracker
from ikev1.wire.header import HEADER_SIZE
from ikev1.wire.registry import ExchangeType

_KEEPALIVE = b"\xff"  # RFC 3948 §2.3
_VERSION_OCTET = 17  # of the header (RFC 2408 §3.1)


class Analyst:
    """Understands packets in the order of a capture, with the keys of ``keys`` as far as there are any.

    ESP takes memory by SPIs, not by packets; ISAKMP messages are kept up to limits that `Report.notes` tells of when
    they are reached.
    """

    def __init__(self, keys: KeyRing = KeyRing()) -> None:  # noqa: B008  # immutable
        self._tracker = Tracker(keys)
        self._esp = EspTracker(keys)
        self._version_2 = 0  # messages

    def add(self, packet: Packet) -> None:
        """Takes a packet."""
        self._add(packet)

    def describe(self, packet: Packet) -> Message | None:
        """Takes a packet, and tells the message that it is or completes; None if it is ESP or a keepalive."""
        found = self._add(packet)
        return None if found is None else message_of(*found, with_secrets=False)

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
        """All that is known so far. ``frames`` is how many were read, ``notes`` what the reader has to say;
        ``with_secrets`` is whether the report may hold key material (in `Message.formulas`, and nowhere else),
        ``with_fields`` whether the fields of messages are wanted, which are most of its size.
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
            yield f"{self._version_2} messages of IKEv2 were left out: only IKEv1 is explained here"
        for number, conversation in enumerate(self._tracker.all, 1):
            if conversation.left_out:
                yield f"conversation {number}: {conversation.left_out} messages more than are kept were left out"
            for text in conversation.fragments.missing():
                yield f"conversation {number}: {text}"
        if self._tracker.left_out:
            yield (
                f"{self._tracker.left_out} ISAKMP messages were left out: more than {MOST_CONVERSATIONS} "
                "conversations, or more octets, than are kept"
            )
        if self._esp.left_out:
            yield f"{self._esp.left_out} ESP packets were left out: more than {MOST_FLOWS} SPIs"
