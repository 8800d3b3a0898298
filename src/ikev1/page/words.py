"""Times, sizes and octets in words, for pages and the terminal."""

from __future__ import annotations

from datetime import UTC, datetime

from ikev1.capture.records.report import Check, Conversation, Message

_MARKS = {True: "right", False: "wrong", None: "unknown"}
_OF_ADDRESSES = "NAT-D"
SIGNS = {"right": "✓", "wrong": "✗", "differs": "≠", "unknown": "?"}
"""The symbol of each result of `mark_of`."""

_KILO = 1000.0
_YEAR_10000 = 253_402_300_800


def moment(time: float) -> str:
    """Seconds since the epoch as ``2023-11-14 22:13:20 UTC``. A capture may contain any number."""
    if not 0 <= time < _YEAR_10000:
        return f"{time:.0f} s after 1970"
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"


def timeless(conversation: Conversation) -> bool:
    """Whether the capture has no timestamps: some tools write zeros."""
    return conversation.first_time == conversation.last_time == 0


def began(conversation: Conversation) -> str:
    """The start and the duration of a conversation."""
    if timeless(conversation):
        return "unknown: the capture has no timestamps"
    return f"{moment(conversation.first_time)}, duration {after(conversation.last_time - conversation.first_time)}"


def when(message: Message, conversation: Conversation) -> str:
    """The time of a message since the first one; empty without timestamps."""
    return "" if timeless(conversation) else after(message.time - conversation.first_time)


def after(seconds: float) -> str:
    """A time since the start of the conversation: ``0.000 s``, ``61.5 s``, ``2 h 03 min``."""
    if seconds < 0:
        return f"-{after(-seconds)}"
    if seconds < 60:
        return f"{seconds:.3f} s"
    if seconds < 3600:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 3600)} h {int(seconds // 60 % 60):02} min"


def size(octets: int) -> str:
    """A number of octets: ``68 octets``, ``1.5 MB``."""
    if octets < _KILO:
        return f"{octets} octet{'s' if octets != 1 else ''}"
    for unit, scale in (("kB", _KILO), ("MB", _KILO**2)):
        if octets < scale * _KILO:
            return f"{octets / scale:.1f} {unit}"
    return f"{octets / _KILO**3:.1f} GB"


def spaced(octets: str) -> str:
    """Hexadecimal octets separated by spaces."""
    return " ".join(octets[at : at + 2] for at in range(0, len(octets), 2))


def frames_text(frames: tuple[int, ...]) -> str:
    """``frame 3``, ``frames 3, 4``; of many, the first twelve."""
    shown = ", ".join(map(str, frames[:12])) + (" ..." if len(frames) > 12 else "")
    return f"frame{'s' if len(frames) > 1 else ''} {shown}" if frames else ""


def kind_of(message: Message) -> str:
    """``clear`` for an unencrypted message, ``sealed`` for a decrypted one, ``shut`` for one that stays encrypted."""
    if not message.encrypted:
        return "clear"
    return "sealed" if message.decrypted else "shut"


def mark_of(check: Check) -> str:
    """``right``, ``wrong`` or ``unknown``; ``differs`` for a NAT-D hash that a NAT has changed."""
    if check.right is False and check.name.startswith(_OF_ADDRESSES):
        return "differs"
    return _MARKS[check.right]


def ends_of(address_and_port: str) -> tuple[str, str]:
    """Split ``192.0.2.1[500]`` into address and port; the port may be empty."""
    address, _, port = address_and_port.partition("[")
    return address, port.rstrip("]")
