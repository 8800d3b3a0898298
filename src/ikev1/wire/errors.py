"""What is wrong with octets of a peer: the notify that answers them, and the place where the fault is.

Which fault calls for which notify is RFC 2408 §5.
"""

from __future__ import annotations

from ikev1.errors import RemoteError
from ikev1.wire.registry import NotifyType


class WireError(RemoteError):
    """A peer sent octets that the standard does not allow.

    ``notify`` answers it. ``expected`` and ``found`` say what is wrong. ``payload`` has the names of the payloads
    around the fault, outermost first. ``offset`` is its octet, counted from the start of what was parsed: the message,
    or the body of a single payload.
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
        """Adds that all this happened in ``payload``, whose octets begin at ``offset`` of what is around it."""
        self.payload = (payload, *self.payload)
        self.offset += offset

    def __str__(self) -> str:
        where = f"{' > '.join(self.payload)}, " if self.payload else ""
        return f"{where}octet {self.offset}: expected {self.expected}, found {self.found} ({self.notify.name})"
