"""How times, sizes and octets are written, in pages and on the terminal."""

from __future__ import annotations

from datetime import UTC, datetime

from ikev1.capture.records.report import Check, Conversation, Message

_MARKS = {True: "right", False: "wrong", None: "unknown"}
_OF_ADDRESSES = "NAT-D"
SIGNS = {"right": "✓", "wrong": "✗", "differs": "≠", "unknown": "?"}
"""What stands for each `mark_of`."""

_KILO = 1000.0
_YEAR_10000 = 253_402_300_800


def moment(time: float) -> str:
    """Seconds since the epoch as ``2023-11-14 22:13:20 UTC``. A capture may claim any time, also one without a date."""
    if not 0 <= time < _YEAR_10000:
        return f"{time:.0f} s after 1970"
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"


def timeless(conversation: Conversation) -> bool:
    """Whether the capture has no times: some tools write zeros in their place."""
    return conversation.first_time == conversation.last_time == 0


def began(conversation: Conversation) -> str:
    """When a conversation began, and how long it took."""
    if timeless(conversation):
        return "not known: the capture has no times"
    return f"{moment(conversation.first_time)}, and took {after(conversation.last_time - conversation.first_time)}"


def when(message: Message, conversation: Conversation) -> str:
    """When a message came, counted from the first one; empty where the capture has no times."""
    return "" if timeless(conversation) else after(message.time - conversation.first_time)


def after(seconds: float) -> str:
    """Time since the conversation began: ``0.000 s``, ``61.5 s``, ``2 h 03 min``."""
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
    """Hexadecimal octets with a space between each two."""
    return " ".join(octets[at : at + 2] for at in range(0, len(octets), 2))


def frames_text(frames: tuple[int, ...]) -> str:
    """``frame 3``, ``frames 3, 4``; only the first of many."""
    shown = ", ".join(map(str, frames[:12])) + (" ..." if len(frames) > 12 else "")
    return f"frame{'s' if len(frames) > 1 else ''} {shown}" if frames else ""


def kind_of(message: Message) -> str:
    """Who can read it: ``clear`` everybody, ``sealed`` we could, ``shut`` nobody here."""
    if not message.encrypted:
        return "clear"
    return "sealed" if message.decrypted else "shut"


def mark_of(check: Check) -> str:
    """``right``, ``wrong`` or ``unknown``; ``differs`` for the hash of an address that a NAT changed: nobody lied."""
    if check.right is False and check.name.startswith(_OF_ADDRESSES):
        return "differs"
    return _MARKS[check.right]


def ends_of(address_and_port: str) -> tuple[str, str]:
    """``192.0.2.1[500]`` as address and port; the port is empty where there is none."""
    address, _, port = address_and_port.partition("[")
    return address, port.rstrip("]")
