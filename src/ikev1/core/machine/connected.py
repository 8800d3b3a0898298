"""CONNECTED: the end of a Quick Mode in which the peer set the Commit bit (RFC 2408 §3.1).

"If set(1), the entity which did not set the Commit Bit MUST wait for an Informational Exchange containing a Notify
payload (with the CONNECTED Notify Message)". This gateway does not wait: it accepts packets before it sends the message
that completes the exchange, and the peer that is not ready loses at most the first packets.

It never sets the bit: "It is used to ensure that encrypted material is not received prior to completion of the SA
establishment", and here the inbound SA is installed before the message leaves after which the peer may send: as
responder before message 2, as initiator before message 3. As responder, the bit would also have the initiator wait with
its packets until this gateway has seen message 3, but no packet is lost without that. As initiator, the bit tells
nothing about the responder, because the one that sets it is waited for. And peers that do not know CONNECTED would
refuse the Quick Mode.

Peers send CONNECTED in an Informational exchange with the message ID of the Quick Mode, or as a fourth message of the
Quick Mode itself.
"""

from __future__ import annotations

from ikev1.core.exchanges.protection import open_proved, phase2_iv
from ikev1.core.exchanges.quick_mode import QUICK_MODE
from ikev1.core.exchanges.registry import script_of
from ikev1.core.machine.engine_state import Arrival
from ikev1.core.machine.transaction import SaRef
from ikev1.core.records.events import Code
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Unproved
from ikev1.wire.errors import WireError
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import NotifyType


def take_connected(ref: SaRef, arrival: Arrival) -> bool:
    """Report CONNECTED for one of our completed Quick Modes, once; return whether the message is that, and authentic.

    The IV is that of the Quick Mode's next message, or that of a new exchange with its message ID.
    """
    sa, (header, datagram, _, _) = ref.sa, arrival
    exchange = next((each for each in sa.exchanges if each.message_id == header.message_id), None)
    if exchange is None or exchange.script != QUICK_MODE.name or not script_of(exchange).is_over(exchange):
        return False
    for iv in (exchange.iv, phase2_iv(sa, header.message_id)):
        try:
            message, _ = open_proved(sa, replace(exchange, iv=iv), 1, header, datagram)
        except (Unproved, WireError):
            continue
        if any(notify.type == NotifyType.CONNECTED for notify in message.all(Notification)):
            ref.note_once(Code.NOTIFY, "received notification CONNECTED: the peer set the Commit bit in Quick Mode")
            return True
    return False
