"""Errors in received octets: each has the notify type to respond with, and the position of the error.

Which fault calls for which notify is RFC 2408 §5.
"""

from __future__ import annotations

from ikev1.errors import RemoteError
from ikev1.wire.registry import NotifyType


class WireError(RemoteError):
    """Received octets violate the standard.

    ``notify`` is the notify type to respond with. ``expected`` and ``found`` describe the error. ``payload`` are the
    names of the enclosing payloads, outermost first. ``offset`` is in octets from the start of the message or, if a
    single payload body was parsed, of that body.
    """

    code = "malformed"
    notify: NotifyType

    def __init__(
        self,
        expected: str,
        found: object,
        offset: int = 0,
        payload: tuple[str, ...] = (),
        *,
        notify: NotifyType = NotifyType.PAYLOAD_MALFORMED,
    ) -> None:
        super().__init__(expected, found, offset, payload)
        self.expected = expected
        self.found = str(found)
        self.offset = offset
        self.payload = payload
        self.notify = notify

    def within(self, payload: str, offset: int) -> None:
        """Add the enclosing ``payload``, whose octets begin at ``offset`` of its container."""
        self.payload = (payload, *self.payload)
        self.offset += offset

    def __str__(self) -> str:
        where = f"{' > '.join(self.payload)}, " if self.payload else ""
        return f"{where}octet {self.offset}: expected {self.expected}, found {self.found} ({self.notify.name})"
