"""Limits for pages of large captures, so that a browser can open them."""

from __future__ import annotations

from collections.abc import Sequence

from ikev1.capture.records.report import Conversation, Field, Message

PAGE = 8_000_000
"""The approximate limit for all messages of a page, in octets of HTML."""

CONVERSATIONS = 200
"""The maximum number of conversations on a page."""

FLOWS = 200
"""The maximum number of ESP flows in a table."""

_MESSAGE = 1_800  # octets of HTML of a message without its fields and octets
_FIELD = 260
_OCTET = 3


def shown_messages(conversations: Sequence[Conversation], room: int = PAGE) -> list[int]:
    """The number of messages shown of each conversation, starting with the first; all of them if there is room.

    Short conversations are considered first, so that long ones with hours of keepalives do not displace them.
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
