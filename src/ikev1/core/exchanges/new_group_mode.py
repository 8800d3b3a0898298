"""New Group Mode (RFC 2409 §5.6): refused, since only registered groups are supported.

The safety of a private group would have to be proved before its use, which is not practical during a negotiation.
"""

from __future__ import annotations

from typing import NoReturn

from ikev1.core.exchanges.interpreter import Row, Script
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code
from ikev1.core.records.refusal import Refusal
from ikev1.wire.message import Message
from ikev1.wire.registry import ExchangeType, NotifyType


def _refuse(context: ExchangeContext, message: Message | None) -> NoReturn:
    raise Refusal(
        Code.WRONG_MODE,
        "the peer proposes a private Diffie-Hellman group (New Group Mode); only registered groups are supported",
        notify=NotifyType.UNSUPPORTED_EXCHANGE_TYPE,
    )


NEW_GROUP_MODE = Script(
    "NG",
    ExchangeType.NEW_GROUP_MODE,
    (
        #   from  RFC 2409 §5.6          build    check
        Row("i", "HDR*, HASH(1), SA", _refuse, _refuse),
    ),
)
