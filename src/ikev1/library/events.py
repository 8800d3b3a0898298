"""What `ikev1.Ike.next_event` returns."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.core.records import events
from ikev1.core.records.actions import CheckCertificate
from ikev1.core.records.events import EventOfSa, Failure, Note
from ikev1.core.records.ike_sa import IkeSa
from ikev1.library.message import Message


class MessageSeen(NamedTuple):
    """An ISAKMP message was sent, or received and understood.

    Attributes:
        sa: the ISAKMP SA after the message.
        sent: whether it was sent; else it was received.
        label: its place in the exchange: ``MM1`` to ``MM6``, ``AM1`` to ``AM3``, ``QM1`` to ``QM3``, ``INFO``.
        state: what the endpoint waits for next, in Cisco's words, such as ``MM_WAIT_MSG4``.
        message: in the clear, even if it was encrypted on the wire.
    """

    sa: IkeSa
    sent: bool
    label: str
    state: str
    message: Message


Event = EventOfSa | MessageSeen | CheckCertificate | Failure | Note


def public(event: events.Event) -> Event:
    """An event of the core as the library shows it."""
    if isinstance(event, events.MessageSeen):
        message = Message(event.message.header, event.message.payloads)
        return MessageSeen(event.sa, event.sent, event.label, event.state, message)
    return event
