"""Why a message or a command is not accepted."""

from __future__ import annotations

from ikev1.core.records.events import Code
from ikev1.errors import RemoteError
from ikev1.wire.registry import NotifyType


class Refusal(RemoteError):
    """A message is not accepted: a stable code, ``text`` for people, and a notification for the peer.

    ``notify`` is None if no notification is sent. With ``ends``, the exchange cannot succeed any more: it ends, and so
    does the ISAKMP SA if the exchange was to establish it. Otherwise the refused message changes nothing, since it may
    not be from the peer.
    """

    code: Code
    notify: NotifyType | None

    def __init__(self, code: Code, text: str, *, notify: NotifyType | None = None, ends: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.notify = notify
        self.ends = ends


class Unproved(Refusal):
    """A message with the cookies of an established ISAKMP SA is not authentic.

    Anyone who saw the cookies can send such a message, so it is not answered, changes nothing and costs little.
    """

    def __init__(self, text: str) -> None:
        super().__init__(Code.UNPROVED, text)
