"""How much of a large capture a page shows, so that a browser can open it."""

from __future__ import annotations

from collections.abc import Sequence

from ikev1.capture.records.report import Conversation, Field, Message

PAGE = 8_000_000
"""Octets of HTML, roughly, that all messages of a page may take."""

CONVERSATIONS = 200
"""Conversations on a page."""

FLOWS = 200
"""Flows of ESP in one table."""

_MESSAGE = 1_800  # octets of HTML that a message takes besides its fields and octets
_FIELD = 260
_OCTET = 3


def shown_messages(conversations: Sequence[Conversation], room: int = PAGE) -> list[int]:
    """How many messages of each conversation are shown, from its first on: all of them while there is room.

    Short conversations go first: a few long ones, with hours of keepalives in them, do not push out the others.
    """
    shown = [0] * len(conversations)
    for index in sorted(range(len(conversations)), key=lambda index: len(conversations[index].messages)):
        for message in conversations[index].messages:
            room -= _weight(message)
            if room < 0:
                return shown
            shown[index] += 1
    return shown


def _weight(message: Message) -> int:
    octets = (len(message.octets) + len(message.plaintext)) // 2
    return _MESSAGE + _FIELD * sum(map(_count, message.fields)) + _OCTET * octets


def _count(field: Field) -> int:
    return 1 + sum(map(_count, field.fields))
