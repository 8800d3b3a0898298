"""A message, or a wish of ours, that the protocol does not allow."""

from __future__ import annotations

from ikev1.core.records.events import Code
from ikev1.errors import RemoteError
from ikev1.wire.registry import NotifyType


class Refusal(RemoteError):
    """Why a message was not accepted: a stable code and a sentence for people, a notify for the peer.

    ``notify`` is None where the peer is told nothing. ``ends`` tells that the exchange cannot succeed any more:
    it is given up, and with it the ISAKMP SA if the exchange was to establish it. Otherwise the refused message
    leaves no trace, for it may not be the peer who sent it.
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
    """Nothing shows that a message under the cookies of an ISAKMP SA that is up is the peer's.

    Anybody who saw the cookies can send it, so it is answered by nothing, and changes and costs next to nothing.
    """

    def __init__(self, text: str) -> None:
        super().__init__(Code.UNPROVED, text)
